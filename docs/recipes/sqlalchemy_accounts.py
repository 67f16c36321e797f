"""SQLAlchemy 1.4 and later, with Alembic: a model whose external_ids is a list of strings."""
from sqlalchemy import BigInteger, Column, Identity, Index, Integer, Text, cast, func, text
from sqlalchemy.dialects.postgresql.base import ischema_names
from sqlalchemy.orm import declarative_base
from sqlalchemy.types import Text as TextType, UserDefinedType

from external_id_lists import to_list, to_text

Base = declarative_base()


class ExternalIdSet(UserDefinedType):
    """The column's type. Operators: column.op("@>")("crm:42"), op("&&")(list); for op("@=") see find_by_value."""
    cache_ok = True

    def get_col_spec(self, **kw):
        return "external_id_set"

    def bind_processor(self, dialect):
        return to_text

    def bind_expression(self, bound):
        return cast(bound, self)

    def result_processor(self, dialect, coltype):
        return to_list


# Reflection, and so `alembic revision --autogenerate`, knows the type from here on.
ischema_names["external_id_set"] = ExternalIdSet


class Account(Base):
    __tablename__ = "accounts"
    id = Column(BigInteger, Identity(always=True), primary_key=True)
    org_id = Column(Integer, nullable=False)
    name = Column(Text, nullable=False)
    external_ids = Column(ExternalIdSet, nullable=False, server_default=text("'{}'"))
    __table_args__ = (
        Index("accounts_external_ids_key", external_ids, org_id, postgresql_using="unique_members"),
    )


def upgrade(op):
    """The migration that adds the column to a table that is there: upgrade() of an Alembic revision."""
    op.execute("CREATE EXTENSION IF NOT EXISTS external_ids")
    op.add_column("accounts", Column("external_ids", ExternalIdSet, nullable=False, server_default=text("'{}'")))
    # On a table in use: postgresql_concurrently=True, inside `with op.get_context().autocommit_block():`.
    op.create_index("accounts_external_ids_key", "accounts", ["external_ids", "org_id"], postgresql_using="unique_members")


def find(session, org_id, external_id):
    """The account that holds this external ID, or None."""
    return session.query(Account).filter(
        Account.external_ids.op("@>")(external_id), Account.org_id == org_id).one_or_none()


def find_by_value(session, org_id, value):
    """The account that holds this value, under any label: the right side is plain text."""
    return session.query(Account).filter(
        Account.external_ids.op("@=")(cast(value, TextType)), Account.org_id == org_id).one_or_none()


def replace_label(session, account, label, ids):
    """Replaces what one integration has given, and leaves the others'."""
    column = Account.external_ids
    account.external_ids = column.op("-")(func.external_ids_under(column, label)).op("+")(cast(ids, ExternalIdSet))
    session.flush()
    session.refresh(account, ["external_ids"])


def conflict(error):
    """What an IntegrityError on the external IDs says, to answer a request with 409; None for any other error."""
    if error.orig.pgcode == "23505" and error.orig.diag.constraint_name == "accounts_external_ids_key":
        return error.orig.diag.message_detail
    return None
