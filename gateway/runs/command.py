"""``stroke-gateway runs``: what is under way, dead or stuck, and what a person does about it."""

import getpass
import sys
from argparse import Namespace
from datetime import UTC, datetime

from gateway.config import Config
from gateway.engine import Client
from gateway.ledger.ledger import Ledger
from gateway.runs import acts
from gateway.runs.findings import Trouble
from gateway.runs.watch import Watch
from triage.errors import InputError, TemporaryError

LISTED = 200
REFUSED_EXIT = 2
AWAY_EXIT = 1


def run(config: Config, arguments: Namespace) -> int:
    """Do what was asked; returns the exit code: 1 when the database is away, 2 for what cannot be done."""
    client, ledger = Client(config.engine_url), Ledger.open(config.ledger_url)
    try:
        return _act(client, ledger, config, arguments)
    except InputError as exc:
        return _refused(str(exc), REFUSED_EXIT)
    except TemporaryError as exc:
        return _refused(f"{exc}; has a worker been started, and is its database there?", AWAY_EXIT)
    finally:
        client.close()
        ledger.engine.dispose()


def _act(client: Client, ledger: Ledger, config: Config, arguments: Namespace) -> int:
    now, by = datetime.now(UTC), f"{getpass.getuser()} on the command line"
    if arguments.verb == "replay":
        done = acts.replay(client, ledger, arguments.key, now, by, arguments.from_step)
    elif arguments.verb == "cancel":
        done = acts.cancel(client, ledger, arguments.key, now, by)
    else:
        sys.stdout.writelines(f"{line}\n" for line in listed(client, ledger, config, arguments.kind))
        return 0
    sys.stdout.write(f"{arguments.key}: {done}\n")
    return 0


def listed(client: Client, ledger: Ledger, config: Config, kind: str | None) -> list[str]:
    """Runs as lines, tabs between their fields."""
    if kind is None:
        return [
            "\t".join([job.key, job.workflow, job.status.lower(), job.queue or ""])
            for job in client.jobs(LISTED)
        ]
    found = Watch(client, ledger, config.runs).look()
    return [line(trouble) for trouble in found.troubles if trouble.kind == kind]


def line(trouble: Trouble) -> str:
    """One trouble: key, workflow, attempts, since when, why."""
    since = trouble.since.isoformat(timespec="seconds")
    return "\t".join([trouble.key, trouble.workflow, f"{trouble.attempts} attempts", since, trouble.reason])


def _refused(reason: str, code: int) -> int:
    sys.stderr.write(f"stroke-gateway: {reason}\n")
    return code
