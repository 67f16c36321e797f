"""docs/recipes/django_accounts."""
import os
import sys

sys.path.insert(0, "../../docs/recipes")
import django
from django.conf import settings
from django.core.management import call_command
from django.db import connection, models

settings.configure(
    DATABASES={"default": {"ENGINE": "django.db.backends.postgresql", "NAME": os.environ["PGDATABASE"]}},
    INSTALLED_APPS=["django_accounts"], DEFAULT_AUTO_FIELD="django.db.models.BigAutoField", USE_TZ=True)
django.setup()

from django_accounts.models import Account
from tap import check, end, is_

API = [{"external_id": "42", "label": "crm"}, {"external_id": 'a "b\\c, {d}', "label": None}]


@check("the migration, after which makemigrations has nothing to say")
def _():
    with connection.cursor() as cursor:
        cursor.execute("DROP TABLE accounts")
        call_command("migrate", verbosity=0)
        call_command("makemigrations", check=True, dry_run=True, verbosity=0)
        cursor.execute("SELECT indexdef FROM pg_indexes WHERE indexname = 'accounts_external_ids_key'")
        assert "USING unique_members (external_ids, org_id)" in cursor.fetchone()[0]
        cursor.execute("SELECT is_nullable FROM information_schema.columns WHERE table_name = 'accounts' AND column_name = 'external_ids'")
        is_(cursor.fetchone()[0], "NO")
        call_command("sqlmigrate", "django_accounts", "0001", stdout=open(os.devnull, "w"))


@check("set, read, find")
def _():
    account = Account.objects.create(org_id=1, name="Acme", external_ids=["stripe:cus_1"])
    is_(Account.objects.create(org_id=1, name="none").external_ids, [])
    account.external_ids = API
    account.save()
    account.refresh_from_db()
    is_(account.external_ids, ['a "b\\c, {d}', "crm:42"])
    find = Account.objects.filter(org_id=1)
    is_(find.get(external_ids__holds="crm:42"), account)
    is_(list(find.filter(external_ids__holds=["crm:42", "crm:43"])), [])
    is_(find.get(external_ids__holds_any=["crm:42", "crm:43"]), account)
    is_(find.get(external_ids__holds_value="42"), account)
    is_(list(find.filter(external_ids__holds_value="crm:42")), [])
    is_(find.get(external_ids=["crm:42", 'a "b\\c, {d}']), account)
    is_(Account.objects.filter(org_id=2, external_ids__holds="crm:42").first(), None)


@check("a conflict")
def _():
    other = Account.objects.create(org_id=1, name="b", external_ids=["crm:7"])
    is_(other.claim(["crm:8", "crm:42"]), "Key (external_ids, org_id)=({crm:42}, 1) already exists.")
    other.refresh_from_db()
    is_(other.external_ids, ["crm:7"])
    is_(other.claim(["crm:8"]), None)


@check("one integration's label")
def _():
    accounts = Account.objects.filter(org_id=1, external_ids__holds="crm:42")
    pk = accounts.get().pk
    is_(accounts.replace_label("crm", ["crm:43", {"external_id": "44", "label": "crm"}]), 1)
    is_(Account.objects.get(pk=pk).external_ids, ['a "b\\c, {d}', "crm:43", "crm:44"])


@check("dumpdata and loaddata")
def _():
    before = list(Account.objects.order_by("pk").values_list("pk", "external_ids"))
    file = os.path.join(os.environ.get("TMPDIR", "/tmp"), f"recipe_django_{os.getpid()}.json")
    call_command("dumpdata", "django_accounts", output=file, verbosity=0)
    Account.objects.all().delete()
    call_command("loaddata", file, verbosity=0)
    os.remove(file)
    is_(list(Account.objects.order_by("pk").values_list("pk", "external_ids")), before)


end()
