from django.db import IntegrityError, models, transaction
from django.db.models import Func, Value
from django.db.models.expressions import CombinedExpression

from .fields import ExternalIdSetField, UniqueMembersIndex


class AccountQuerySet(models.QuerySet):
    def replace_label(self, label, ids):
        """Replaces what one integration has given, and leaves the others'."""
        field = self.model._meta.get_field("external_ids")
        under = Func("external_ids", Value(label), function="external_ids_under", output_field=field)
        rest = CombinedExpression(models.F("external_ids"), "-", under, output_field=field)
        return self.update(external_ids=CombinedExpression(rest, "+", Value(ids, output_field=field), output_field=field))


class Account(models.Model):
    org_id = models.IntegerField()
    name = models.TextField()
    external_ids = ExternalIdSetField()

    objects = AccountQuerySet.as_manager()

    class Meta:
        db_table = "accounts"
        indexes = [UniqueMembersIndex(fields=["external_ids", "org_id"], name="accounts_external_ids_key")]

    def claim(self, ids):
        """Saves the account with these external IDs; None, or the server's words on who holds one of them."""
        self.external_ids = ids
        try:
            with transaction.atomic():
                self.save()
        except IntegrityError as e:
            # The driver's own error is the cause: SQLSTATE, constraint and DETAIL.
            error = e.__cause__
            if error.pgcode != "23505" or error.diag.constraint_name != "accounts_external_ids_key":
                raise
            return error.diag.message_detail
