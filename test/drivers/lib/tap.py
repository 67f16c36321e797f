"""TAP for the tests in Python: a line for each function that check() decorates."""
import traceback

done = 0


def check(name):
    def run(body):
        global done
        done += 1
        try:
            body()
            print(f"ok {done} - {name}", flush=True)
        except Exception:
            print(f"not ok {done} - {name}")
            print("# " + traceback.format_exc().replace("\n", "\n# "), flush=True)
    return run


def is_(got, want):
    assert got == want, f"got {got!r}, not {want!r}"


def end():
    print(f"1..{done}")
