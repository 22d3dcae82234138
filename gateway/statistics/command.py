"""``stroke-gateway statistics``: figures of a month, and rows of cases, on stdout."""

import json
import sys
from argparse import Namespace
from collections.abc import Callable, Mapping
from datetime import UTC, datetime

from gateway.access import Access
from gateway.config import Config
from gateway.ledger.ledger import Ledger
from gateway.statistics.edition import Edition
from gateway.statistics.figures import Month
from gateway.statistics.measure_report import bundle
from gateway.statistics.months import CalendarMonth, days
from gateway.statistics.reading import counted, records_of
from gateway.statistics.registry import described, orders_of, registry_table
from gateway.statistics.suppression import suppressed
from gateway.statistics.table import month_table
from triage.errors import InputError, TemporaryError

REFUSED_EXIT = 2
AWAY_EXIT = 1


def run(config: Config, arguments: Namespace) -> int:
    """Write what was asked for; returns the exit code: 1 when the database is away, 2 for what cannot be done."""
    ledger = Ledger.open(config.ledger_url)
    try:
        text = VERBS[arguments.verb](ledger, config, arguments)
    except InputError as exc:
        return _refused(str(exc), REFUSED_EXIT)
    except TemporaryError as exc:
        return _refused(str(exc), AWAY_EXIT)
    finally:
        ledger.engine.dispose()
    sys.stdout.buffer.write(text.encode())
    sys.stdout.buffer.flush()
    return 0


def _month(ledger: Ledger, config: Config, arguments: Namespace) -> str:
    edition = Edition.of(config, datetime.now(UTC))
    below = arguments.suppress_below
    month = counted(ledger.engine, CalendarMonth.parse(arguments.month), edition.zone)
    shown = suppressed(month, config.statistics.suppress_below if below is None else below)
    return FORMS[arguments.form or "csv"](shown, edition, arguments.bom)


def _as_csv(month: Month, edition: Edition, bom: bool) -> str:  # noqa: FBT001 - a row of the table below
    return month_table([month], edition, bom=bom)


def _as_fhir(month: Month, edition: Edition, _bom: bool) -> str:  # noqa: FBT001 - the same
    return json.dumps(bundle(month, edition), ensure_ascii=False, indent=1) + "\n"


FORMS: Mapping[str, Callable[[Month, Edition, bool], str]] = {"csv": _as_csv, "fhir": _as_fhir}


def _registry(ledger: Ledger, config: Config, arguments: Namespace) -> str:
    edition = Edition.of(config, datetime.now(UTC))
    records = records_of(ledger.engine, days(arguments.first, arguments.last, edition.zone))
    orders = orders_of(ledger, records) if arguments.with_orders else None
    access = Access.open(config.site.data_dir)
    return registry_table(records, access, edition, orders, bom=arguments.bom)


def _columns(_ledger: Ledger, _config: Config, _arguments: Namespace) -> str:
    return described()


VERBS: Mapping[str, Callable[[Ledger, Config, Namespace], str]] = {
    "month": _month,
    "registry": _registry,
    "columns": _columns,
}


def _refused(reason: str, code: int) -> int:
    sys.stderr.write(f"stroke-gateway: {reason}\n")
    return code
