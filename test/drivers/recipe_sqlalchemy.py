"""docs/recipes/sqlalchemy_accounts.py, and the lists that it shares with Django's recipe."""
import sys

sys.path.insert(0, "../../docs/recipes")
import warnings

import alembic.autogenerate
import sqlalchemy as sa
from alembic.migration import MigrationContext
from alembic.operations import Operations
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

import sqlalchemy_accounts as recipe
from external_id_lists import to_list, to_text
from sqlalchemy_accounts import Account
from tap import check, end, is_

engine = sa.create_engine("postgresql+psycopg2://")
API = [{"external_id": "42", "label": "crm"}, {"external_id": 'a "b\\c, {d}', "label": None}]


@check("lists: every literal that the server takes comes back through both functions")
def _():
    with engine.connect() as conn:
        texts = conn.execute(sa.text(
            "SELECT means FROM literals WHERE type = 'external_id_set' AND means NOT LIKE 'ERROR %'")).scalars().all()
        assert len(texts) > 40
        for text in texts:
            again = conn.execute(sa.text("SELECT CAST(:ids AS external_id_set)::text, CAST(:ids AS external_id_set)::text::text[]"),
                                 {"ids": to_text(to_list(text))}).one()
            is_(again, (text, to_list(text)))


@check("a migration with Alembic, after which autogenerate has nothing to say")
def _():
    with engine.begin() as conn:
        conn.execute(sa.text("DROP TABLE accounts"))
        conn.execute(sa.text("DROP TABLE literals"))
        conn.execute(sa.text("CREATE TABLE accounts (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, org_id int NOT NULL, name text NOT NULL)"))
    with warnings.catch_warnings(), engine.begin() as conn:
        warnings.simplefilter("error")
        context = MigrationContext.configure(conn)
        is_([d[0] for d in alembic.autogenerate.compare_metadata(context, recipe.Base.metadata)], ["add_column", "add_index"])
        recipe.upgrade(Operations(context))
        is_(alembic.autogenerate.compare_metadata(context, recipe.Base.metadata), [])
    with engine.begin() as conn:
        index = "SELECT indexdef FROM pg_indexes WHERE indexname = 'accounts_external_ids_key'"
        migrated = conn.execute(sa.text(index)).scalar()
        recipe.Base.metadata.drop_all(conn)
        recipe.Base.metadata.create_all(conn)
        is_(conn.execute(sa.text(index)).scalar(), migrated)
        assert "USING unique_members (external_ids, org_id)" in migrated


@check("set, read, find")
def _():
    with Session(engine) as session:
        account = Account(org_id=1, name="Acme", external_ids=["stripe:cus_1"])
        session.add_all([account, Account(org_id=1, name="none")])
        session.commit()
        is_(session.query(Account).filter_by(name="none").one().external_ids, [])
        account.external_ids = API
        session.commit()
        is_(account.external_ids, ['a "b\\c, {d}', "crm:42"])
        is_(recipe.find(session, 1, "crm:42").id, account.id)
        is_(recipe.find(session, 2, "crm:42"), None)
        is_(recipe.find_by_value(session, 1, "42").id, account.id)
        is_(recipe.find_by_value(session, 1, "crm:42"), None)
        any_of = session.query(Account).filter(Account.external_ids.op("&&")(["crm:0", "crm:42"]))
        is_([a.id for a in any_of], [account.id])


@check("a conflict")
def _():
    with Session(engine) as session:
        session.add(Account(org_id=1, name="b", external_ids=["crm:42"]))
        try:
            session.commit()
            raise AssertionError("no error")
        except IntegrityError as e:
            is_(recipe.conflict(e), "Key (external_ids, org_id)=({crm:42}, 1) already exists.")
        session.rollback()
        session.add(Account(org_id=1))
        try:
            session.commit()
            raise AssertionError("no error")
        except IntegrityError as e:
            is_(recipe.conflict(e), None)


@check("one integration's label")
def _():
    with Session(engine) as session:
        account = recipe.find(session, 1, "crm:42")
        recipe.replace_label(session, account, "crm", ["crm:43", {"external_id": "44", "label": "crm"}])
        session.commit()
        is_(account.external_ids, ['a "b\\c, {d}', "crm:43", "crm:44"])


end()
