"""Tables of the ledger, and how a connection to it behaves."""

from pathlib import Path
from typing import Any

from sqlalchemy import (
    JSON,
    BigInteger,
    Column,
    Connection,
    Engine,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
    create_engine,
    event,
    inspect,
    make_url,
)
from sqlalchemy.schema import CreateColumn

from dicom_scp.directories import make_directory

BUSY_TIMEOUT_S = 30.0
"""How long a writer waits for another process's transaction on SQLite."""

metadata = MetaData()

row_id = BigInteger().with_variant(Integer, "sqlite")
"""SQLite counts rows only in a column that is exactly INTEGER."""

arrivals = Table(
    "arrivals",
    metadata,
    Column("id", row_id, primary_key=True, autoincrement=True),
    Column("study_uid", String(64), nullable=False, index=True),
    Column("series_uid", String(64), nullable=False),
    Column("sop_instance_uid", String(64), nullable=False),
    Column("digest", String(64), nullable=False),
    Column("path", Text, nullable=False),
    Column("size_bytes", BigInteger, nullable=False),
    Column("transfer_syntax_uid", String(64), nullable=False),
    Column("received_at", String(32), nullable=False),
    Column("calling_ae", String(16), nullable=False),
    Column("called_ae", String(16), nullable=False),
    Column("association_id", String(36), nullable=False),
    Column("header", JSON, nullable=False),
    Column("forward_state", String(16), nullable=False, default="pending", index=True),
    Column("forward_reason", Text),
    Column("forwarded_at", String(32)),
    UniqueConstraint("sop_instance_uid", "digest"),
)

associations = Table(
    "associations",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("calling_ae", String(16), nullable=False),
    Column("opened_at", String(32), nullable=False),
    Column("closed_at", String(32)),
    Column("outcome", String(16)),
)

holdings = Table(
    "holdings",
    metadata,
    Column("arrival_id", row_id, primary_key=True, autoincrement=False),
    Column("archive_id", String(64)),
    Column("first_seen_at", String(32)),
    Column("seen_again_at", String(32)),
    Column("removed_at", String(32)),
    Column("archive_deaths", Integer, nullable=False, default=0),
    Column("cause", String(16)),
)
"""What became of an arrival's bytes, here and in the archive; a table of its own, so that older ledgers just get it."""

conflicts = Table(
    "conflicts",
    metadata,
    Column("study_uid", String(64), primary_key=True),
    Column("sop_instance_uid", String(64), primary_key=True),
)
"""SOP instances of a study under whose UID different images arrived."""

rounds = Table(
    "rounds",
    metadata,
    Column("name", String(16), primary_key=True),
    Column("position", BigInteger, nullable=False, default=0),
    Column("checked_bytes", BigInteger, nullable=False, default=0),
    Column("damaged", Integer, nullable=False, default=0),
    Column("mended", Integer, nullable=False, default=0),
    Column("started_at", String(32)),
    Column("finished_at", String(32)),
)
"""How far a slow walk over all arrivals has come; `finished_at` is the end of the last whole one."""

TIMES = (
    "first_image_at",
    "last_perfusion_image_at",
    "last_image_at",
    "complete_at",
    "compute_queued_at",
    "compute_started_at",
    "compute_ended_at",
    "analysed_at",
    "alert_sent_at",
    "alert_delivered_at",
    "alert_opened_at",
    "acknowledged_at",
    "published_at",
    "emr_accepted_at",
)
"""The times of a case, in the order in which they usually happen; each happens once per revision.

The alert is sent when the first receiver has it, which is the console; delivered when the first channel beyond the
console has accepted it. `last_image_at` alone goes on: images beside the perfusion series may follow the alert.
"""

cases = Table(
    "cases",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("study_uid", String(64), nullable=False, unique=True),
    Column("state", String(16), nullable=False, index=True),
    Column("revision", Integer, nullable=False, default=1),
    Column("reason", Text),
    Column("proof", Text),
    Column("perfusion_series_uid", String(64)),
    Column("seen_arrival_id", BigInteger, nullable=False, default=0),
    Column("forward_runs", Integer, nullable=False, default=0),
    Column("acknowledged_by", String(64)),
    Column("result", JSON),
    *(Column(name, String(32)) for name in TIMES),
)

moments = Table(
    "moments",
    metadata,
    Column("id", row_id, primary_key=True, autoincrement=True),
    Column("case_id", String(36), nullable=False),
    Column("revision", Integer, nullable=False),
    Column("name", String(32), nullable=False),
    Column("at", String(32), nullable=False, index=True),
    UniqueConstraint("case_id", "revision", "name"),
)
"""The times of every revision, in the order in which they became known; never changed, so that they can be counted."""

deliveries = Table(
    "deliveries",
    metadata,
    Column("id", String(160), primary_key=True),
    Column("case_id", String(36), nullable=False, index=True),
    Column("revision", Integer, nullable=False),
    Column("kind", String(16), nullable=False),
    Column("target", String(80), nullable=False),
    Column("state", String(16), nullable=False),
    Column("attempts", Integer, nullable=False, default=0),
    Column("detail", Text),
    Column("queued_at", String(32), nullable=False),
    Column("updated_at", String(32), nullable=False),
    Column("done_at", String(32)),
)


def _configure_sqlite(engine: Engine) -> None:
    """Make every commit durable and every transaction take the write lock at its start."""

    def on_connect(connection: Any, _record: Any) -> None:
        connection.isolation_level = None
        for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON"):
            connection.execute(f"PRAGMA {pragma}")

    def on_begin(connection: Connection) -> None:
        if connection.get_execution_options().get("isolation_level") != "AUTOCOMMIT":
            connection.exec_driver_sql("BEGIN IMMEDIATE")

    event.listen(engine, "connect", on_connect)
    event.listen(engine, "begin", on_begin)


def _add_new_times(engine: Engine) -> None:
    """Give the cases of an older ledger the times that it has no columns for."""
    with engine.begin() as connection:
        known = {column["name"] for column in inspect(connection).get_columns(cases.name)}
        for name in TIMES:
            if name not in known:
                column = CreateColumn(cases.c[name]).compile(dialect=engine.dialect)
                connection.exec_driver_sql(f"ALTER TABLE {cases.name} ADD COLUMN {column}")


def open_engine(url: str) -> Engine:
    """Open the ledger's database, creating folder and tables where they do not exist."""
    parsed = make_url(url)
    if parsed.get_backend_name() != "sqlite":
        engine = create_engine(parsed.set(drivername="postgresql+psycopg"), pool_pre_ping=True)
    else:
        make_directory(Path(parsed.database or "").parent)
        engine = create_engine(parsed, connect_args={"timeout": BUSY_TIMEOUT_S, "check_same_thread": False})
        _configure_sqlite(engine)
    metadata.create_all(engine)
    _add_new_times(engine)
    return engine
