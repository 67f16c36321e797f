"""Django: external_id_set as a field of a model, its look-ups, and its index."""
from django.db import models
from django.db.models import Lookup

from external_id_lists import to_list, to_text


class ExternalIdSetField(models.Field):
    """A list of strings, such as ["crm:42"]; also takes the API's parsed objects."""
    description = "external IDs"

    def __init__(self, *args, **kwargs):
        kwargs.setdefault("default", list)
        super().__init__(*args, **kwargs)

    def db_type(self, connection):
        return "external_id_set"

    def get_prep_value(self, value):
        return to_text(value)

    def get_placeholder(self, value, compiler, connection):
        return "%s::external_id_set"  # in an expression the parameter needs a type

    def from_db_value(self, value, expression, connection):
        return to_list(value)

    def value_to_string(self, obj):
        """What dumpdata writes; loaddata reads it by to_python."""
        return to_text(self.value_from_object(obj))

    def to_python(self, value):
        return to_list(value) if isinstance(value, str) else value


class SetLookup(Lookup):
    """external_ids__holds="crm:42" and the like: the column, an operator, a parameter of one type."""

    def as_sql(self, compiler, connection):
        left, left_params = self.process_lhs(compiler, connection)
        return f"{left} {self.operator} %s::{self.type}", [*left_params, self.rhs]


@ExternalIdSetField.register_lookup
class Holds(SetLookup):
    """All of these external IDs, or the one."""
    lookup_name, operator, type = "holds", "@>", "external_id_set"


@ExternalIdSetField.register_lookup
class HoldsAny(SetLookup):
    lookup_name, operator, type = "holds_any", "&&", "external_id_set"


@ExternalIdSetField.register_lookup
class HoldsValue(SetLookup):
    """This value, under any label."""
    lookup_name, operator, type = "holds_value", "@=", "text"
    prepare_rhs = False


class UniqueMembersIndex(models.Index):
    """No two rows hold the same external ID: fields are the set, then the scope."""

    def create_sql(self, model, schema_editor, using="", **kwargs):
        return super().create_sql(model, schema_editor, using=" USING unique_members", **kwargs)
