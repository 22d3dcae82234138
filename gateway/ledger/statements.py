"""The few statements every table shares: read without a lock, insert at most once."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Connection, Engine, Executable, RowMapping, Table
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.dialects.postgresql import Insert as PostgresInsert
from sqlalchemy.dialects.sqlite import Insert
from sqlalchemy.exc import DBAPIError

from triage.errors import TemporaryError


@contextmanager
def translated() -> Iterator[None]:
    """Turn the database's own errors into ours; the statement and its values stay out of the message."""
    try:
        yield
    except DBAPIError as exc:
        raise TemporaryError(f"the ledger's database refused: {type(exc.orig).__name__}") from exc


def rows(engine: Engine, statement: Executable) -> list[RowMapping]:
    """Rows of a query, read in autocommit so that no writer waits."""
    with translated(), engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        return list(connection.execute(statement).mappings())


def run(engine: Engine, statement: Executable) -> int:
    """Execute one statement in a durable transaction of its own; returns the number of rows it touched.

    Raises
    ------
    TemporaryError
        The database is away, locked or full.
    """
    with translated(), engine.begin() as connection:
        return int(getattr(connection.execute(statement), "rowcount", 0))


def insert_once(engine: Engine, table: Table, values: Mapping[str, Any]) -> bool:
    """Insert a row unless its key exists; returns whether it was new."""
    with translated(), engine.begin() as connection:
        return insert_within(connection, table, values)


def insert_within(connection: Connection, table: Table, values: Mapping[str, Any]) -> bool:
    """As `insert_once`, within the caller's transaction."""
    insert: Insert | PostgresInsert
    if connection.dialect.name == "postgresql":
        insert = postgresql.insert(table).on_conflict_do_nothing()
    else:
        insert = sqlite.insert(table).on_conflict_do_nothing()
    return connection.execute(insert.returning(*table.primary_key), values).first() is not None


def put(engine: Engine, table: Table, values: Sequence[Mapping[str, Any]]) -> None:
    """Insert rows, all naming the same columns, or change those whose key exists; one durable transaction."""
    if not values:
        return
    insert = postgresql.insert(table) if engine.dialect.name == "postgresql" else sqlite.insert(table)
    keys = [column.name for column in table.primary_key]
    named = {name: insert.excluded[name] for name in values[0] if name not in keys}
    chosen = (
        insert.on_conflict_do_update(index_elements=keys, set_=named)
        if named
        else insert.on_conflict_do_nothing()
    )
    with translated(), engine.begin() as connection:
        connection.execute(chosen, list(values))
