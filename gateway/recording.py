"""Arrivals into the ledger, several to a commit.

Every arrival is committed before its sender is told so. While one commit is under way, the arrivals of other
associations gather and go together in the next.

On SQLite these commits are not synced: the dataset itself is, under the name of its digest, and `gateway.recovery` makes
the rows again that a power cut takes. A second sync for every image would cost a quarter of the listener's speed. Whatever
else is committed, by whomever, is synced and takes the rows before it along, so nothing durable ever rests on a row that
is not. PostgreSQL may fail without us, and syncs.
"""

import json
import threading
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Engine, PoolProxiedConnection
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import SQLAlchemyError

from dicom_scp.arrival import Arrival
from gateway.ledger.arrivals import row_of
from gateway.ledger.schema import arrivals
from triage.errors import TemporaryError


@dataclass(slots=True, eq=False)
class Batch:
    """Rows that are committed together, and what came of it."""

    rows: list[dict[str, Any]] = field(default_factory=list)
    is_done: threading.Event = field(default_factory=threading.Event)
    fault: TemporaryError | None = None


class ArrivalRecorder:
    """Makes arrivals durable in the ledger; may be called from many threads at once."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._statement = _statement(engine)
        self._begin = "BEGIN IMMEDIATE" if engine.dialect.name == "sqlite" else ""
        self._driver_errors = (engine.dialect.loaded_dbapi.Error,)
        self._connection: PoolProxiedConnection | None = None
        self._gathering = Batch()
        self._gate = threading.Lock()
        self._turn = threading.Lock()

    def record(self, arrival: Arrival) -> None:
        """Return once the arrival is committed; the same bytes under the same UID stay one row.

        Raises
        ------
        TemporaryError
            The database is away, locked or full.
        """
        row = row_of(arrival)
        row["header"] = json.dumps(row["header"])  # what the toolkit does for a JSON column
        with self._gate:
            batch = self._gathering
            batch.rows.append(row)
            leads = len(batch.rows) == 1
        if leads:
            self._lead(batch)
        else:
            batch.is_done.wait()
        if batch.fault is not None and len(batch.rows) > 1:
            with self._turn:
                self._commit([row])  # whatever was wrong with the others is not this one's fault
        elif batch.fault is not None:
            raise TemporaryError(str(batch.fault)) from batch.fault

    def close(self) -> None:
        """Close the connection: nobody else may have one that does not sync."""
        if self._connection is not None:
            self._connection.invalidate()
            self._connection = None

    def _lead(self, batch: Batch) -> None:
        """Wait for the commit under way, then commit everything that has gathered behind it."""
        with self._turn:
            with self._gate:
                self._gathering = Batch()
            try:
                self._commit(batch.rows)
            except TemporaryError as exc:
                batch.fault = exc
            except Exception as exc:
                batch.fault = TemporaryError(f"the ledger failed: {type(exc).__name__}")
                raise
            finally:
                batch.is_done.set()

    def _commit(self, rows: Sequence[dict[str, Any]]) -> None:
        kept = self._connection
        try:
            try:
                self._insert(kept or self._connected(), rows)
            except self._driver_errors:
                if kept is None or self._begin:
                    raise
                self._insert(self._connected(), rows)  # its server was restarted meanwhile
        except (SQLAlchemyError, *self._driver_errors) as exc:
            cause = type(getattr(exc, "orig", exc)).__name__
            raise TemporaryError(f"the ledger's database refused: {cause}") from exc

    def _connected(self) -> PoolProxiedConnection:
        connection = self._engine.raw_connection()
        if self._begin:
            connection.cursor().execute("PRAGMA synchronous=NORMAL")
        return connection

    def _insert(self, connection: PoolProxiedConnection, rows: Sequence[dict[str, Any]]) -> None:
        """Insert through the driver on a connection that is kept: the toolkit's own way costs 0.4 ms an arrival."""
        self._connection = None
        try:
            cursor = connection.cursor()
            if self._begin:
                cursor.execute(self._begin)
            cursor.executemany(self._statement, rows)
            connection.commit()
        except self._driver_errors:
            with suppress(*self._driver_errors):
                connection.rollback()  # SQLite would keep its lock until the cursor is forgotten
            connection.invalidate()
            raise
        self._connection = connection


COLUMNS = (
    "study_uid", "series_uid", "sop_instance_uid", "digest", "path", "size_bytes", "transfer_syntax_uid",
    "received_at", "calling_ae", "called_ae", "association_id", "header", "forward_state",
)  # fmt: skip
"""Of the table of arrivals, as they are written."""


def _statement(engine: Engine) -> str:
    """The insertion as text with named parameters."""
    insert: sqlite.Insert | postgresql.Insert
    is_postgresql = engine.dialect.name == "postgresql"
    insert = postgresql.insert(arrivals) if is_postgresql else sqlite.insert(arrivals)
    dialect = engine.dialect if is_postgresql else sqlite.dialect(paramstyle="named")
    chosen = insert.on_conflict_do_nothing().inline()
    return str(chosen.compile(dialect=dialect, column_keys=list(COLUMNS)))
