"""external_id_set as a Python list of strings, for any driver that binds and gives text.

SQLAlchemy's and Django's recipes use it. A list may also hold the API's parsed
objects: [{"external_id": "42", "label": "crm"}].
"""
import json
import re

ELEMENT = re.compile(r'"((?:[^"\\]|\\.)*)"|([^{},"]+)')


def to_text(ids):
    """The list in PostgreSQL's array syntax; None stays None, a string is text already."""
    if ids is None or isinstance(ids, str):
        return ids
    texts = (i if isinstance(i, str) else json.dumps(i) for i in ids)
    return "{" + ",".join('"' + re.sub(r'(["\\])', r"\\\1", text) + '"' for text in texts) + "}"


def to_list(text):
    """What the server sends, as a list: 'crm:42', or 'x' for a value without a label."""
    if text is None:
        return None
    return [re.sub(r"\\(.)", r"\1", quoted) if not plain else plain
            for quoted, plain in ELEMENT.findall(text)]
