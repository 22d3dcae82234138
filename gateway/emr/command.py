"""``stroke-gateway emr``: how the destinations fare, pause and resume, and what one would be sent.

A preview of a case is of nobody unless ``--with-patient`` asks for the person, and then it is written to a terminal only, never
into a file or a pipe.
"""

import getpass
import sys
from argparse import Namespace
from datetime import UTC, datetime

from gateway.analysts import Analysts
from gateway.config import Config
from gateway.desk import Desk
from gateway.emr import acts, preview
from gateway.emr.composing import report_for
from gateway.emr.report import Report
from gateway.emr.settings import EmrDestination
from gateway.engine import Client
from gateway.ledger.ledger import Ledger
from gateway.ledger.letter import Cause, Letter, Standing
from gateway.ledger.records import DeliveryState, utc_text
from triage.errors import ConfigError, InputError, TemporaryError
from viewer_bridge.archive.orthanc import Orthanc

REFUSED_EXIT = 2
AWAY_EXIT = 1


def run(config: Config, arguments: Namespace) -> int:
    """Do what was asked; returns the exit code: 1 when the database is away, 2 for what cannot be done."""
    ledger = Ledger.open(config.ledger_url)
    try:
        sys.stdout.write(f"{_act(config, ledger, arguments)}\n")
    except (InputError, ConfigError) as exc:
        return _refused(str(exc), REFUSED_EXIT)
    except TemporaryError as exc:
        return _refused(str(exc), AWAY_EXIT)
    finally:
        ledger.engine.dispose()
    return 0


def _act(config: Config, ledger: Ledger, arguments: Namespace) -> str:
    now, by = datetime.now(UTC), f"{getpass.getuser()} on the command line"
    if arguments.verb == "list":
        return "\n".join(listed(config, ledger)) or "no destination is configured"
    name = arguments.destination
    if arguments.verb == "pause":
        return f"{name}: {acts.pause(config, ledger, name, by, now)}"
    if arguments.verb == "resume":
        return f"{name}: {acts.resume(config, ledger, name, by)}"
    return previewed(config, name, arguments.case, with_patient=arguments.with_patient)


def listed(config: Config, ledger: Ledger) -> list[str]:
    """Destinations as lines, tabs between their fields."""
    kinds = {destination.name: destination.kind for destination in config.emr.destinations}
    return [
        "\t".join([one.name, kinds[one.name], state_of(one), f"{one.waiting} waiting", f"{one.failed} dead"])
        for one in ledger.letters.standings(list(kinds))
    ]


def state_of(standing: Standing) -> str:
    """How a destination fares, in words.

    >>> state_of(Standing("his")), state_of(Standing("his", paused_at="2026", paused_by="me"))
    ('there', 'paused since 2026 by me')
    """
    if standing.paused_at:
        return f"paused since {standing.paused_at} by {standing.paused_by}"
    if standing.away_since:
        return f"away since {standing.away_since}: {standing.trouble}"
    return "there"


def previewed(config: Config, name: str, case_id: str | None, *, with_patient: bool) -> str:
    """What a destination would be sent.

    Raises
    ------
    InputError
        There is no such destination or case, the case has no result, or the person may not be written here.
    """
    found = [destination for destination in config.emr.destinations if destination.name == name]
    if not found:
        raise InputError(f"there is no destination {name!r} in the configuration")
    if case_id is None:
        return preview.shown(preview.sample_report(config), found[0])
    if with_patient and not sys.stdout.isatty():
        raise InputError("--with-patient writes to a terminal only: a file or a pipe would keep the person")
    report = _of_case(config, found[0], case_id)
    return preview.shown(report if with_patient else preview.anonymous(report), found[0])


def _desk(config: Config) -> Desk:
    """What composing a letter works with; archive and analysts are never asked for anything."""
    orthanc = Orthanc(config.orthanc.url or "http://127.0.0.1", "", "")
    return Desk(config, Ledger.open(config.ledger_url), Client(config.engine_url), orthanc, Analysts(1))


def _of_case(config: Config, destination: EmrDestination, case_id: str) -> Report:
    desk = _desk(config)
    case = desk.case(case_id)
    if not case.result:
        raise InputError(f"case {case_id} has no result yet")
    known = desk.ledger.letters.of_case(case.id, destination.name)
    fresh = Letter(
        id=f"emr:{case.id}:r{case.revision}:{destination.name}",
        destination=destination.name,
        case_id=case.id,
        revision=case.revision,
        edition=1,
        cause=Cause.RESULT,
        reason="",
        state=DeliveryState.QUEUED,
        attempts=0,
        queued_at=utc_text(desk.now()),
        due_at=None,
        newest=1,
    )
    return report_for(desk, case, known[-1] if known else fresh, destination)


def _refused(reason: str, code: int) -> int:
    sys.stderr.write(f"stroke-gateway: {reason}\n")
    return code
