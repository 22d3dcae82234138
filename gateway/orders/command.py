"""``stroke-gateway orders``: the messages that came, and what a person does about one."""

import sys
from argparse import Namespace
from datetime import UTC, datetime

from gateway.config import Config
from gateway.hl7.letters import read_letters
from gateway.ledger.ledger import Ledger
from gateway.ledger.orders_inbox import InboxState, Outcome, Received
from gateway.orders.office import Office
from triage.errors import InputError, TemporaryError

LISTED = 200
REFUSED_EXIT = 2
AWAY_EXIT = 1


def run(config: Config, arguments: Namespace) -> int:
    """Do what was asked; returns the exit code: 1 when the database is away, 2 for what cannot be done."""
    ledger = Ledger.open(config.ledger_url)
    try:
        return _act(ledger, config, arguments)
    except InputError as exc:
        return _refused(str(exc), REFUSED_EXIT)
    except TemporaryError as exc:
        return _refused(str(exc), AWAY_EXIT)
    finally:
        ledger.engine.dispose()


def replay(ledger: Ledger, config: Config, number: int, now: datetime) -> Outcome:
    """Apply a kept message again.

    Raises
    ------
    InputError
        There is none of that number.
    TemporaryError
        The database is away.
    """
    kept = message_of(ledger, number)
    return Office(ledger.engine, config.orders).replay(kept.id, kept.raw, now)


def message_of(ledger: Ledger, number: int) -> Received:
    """Return a kept message; raises `InputError` where there is none of that number."""
    kept = ledger.orders.inbox.get(number)
    if kept is None:
        raise InputError(f"there is no message {number}; `stroke-gateway orders list` shows the latest")
    return kept


def text_of(kept: Received, config: Config) -> str:
    """A message with one segment a line."""
    text = read_letters(kept.raw, config.orders.undeclared_letters).text
    return text.replace("\r\n", "\n").replace("\r", "\n").strip()


def line(kept: Received) -> str:
    """One message of the list."""
    state = f"{kept.state.value} {kept.condition or ''}".strip()
    fields = (str(kept.id), kept.received_at, state, kept.type or "?", kept.sender, kept.reason or "")
    return "\t".join(fields)


def _act(ledger: Ledger, config: Config, arguments: Namespace) -> int:
    if arguments.verb == "list":
        state = InboxState.REFUSED if arguments.refused else None
        sys.stdout.writelines(f"{line(kept)}\n" for kept in ledger.orders.inbox.latest(LISTED, state))
        return 0
    if arguments.verb == "show":
        kept = message_of(ledger, arguments.number)
        remarks = [*filter(None, [kept.reason]), *kept.remarks]
        sys.stdout.writelines(f"{text}\n" for text in (line(kept), *remarks, "", text_of(kept, config)))
        return 0
    outcome = replay(ledger, config, arguments.number, datetime.now(UTC))
    sys.stdout.write(f"{arguments.number}: {outcome.state.value} {outcome.reason}".rstrip() + "\n")
    return 0 if outcome.state is InboxState.APPLIED else REFUSED_EXIT


def _refused(reason: str, code: int) -> int:
    sys.stderr.write(f"stroke-gateway: {reason}\n")
    return code
