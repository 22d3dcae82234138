"""``python -m gateway.jobs.sign``: the only process that opens the site's key, for one signature."""

import logging
import sys
from collections.abc import Callable, Mapping
from typing import Any

from gateway.signing import approving, asking, keys, sealing
from gateway.signing.asking import Approval, Task
from gateway.signing.documents import Level, Seal
from gateway.signing.settings import Signing
from triage.errors import GatewayError

Answer = tuple[bytes, Seal]


def prove(_pdf: bytes, _question: Mapping[str, Any], settings: Signing) -> Answer:
    """Open everything that a signature needs."""
    keys.authorities_of(settings)
    keys.crls_of(settings)
    with keys.opened(settings):
        return b"", Seal(Level.NONE)


def seal(pdf: bytes, _question: Mapping[str, Any], settings: Signing) -> Answer:
    """The gateway's seal."""
    return sealing.seal(pdf, settings)


def approve(pdf: bytes, question: Mapping[str, Any], settings: Signing) -> Answer:
    """A physician's sign-off."""
    return approving.approve(pdf, Approval(**question["approval"]), settings)


TASKS: Mapping[Task, Callable[[bytes, Mapping[str, Any], Signing], Answer]] = {
    Task.PROVE: prove,
    Task.SEAL: seal,
    Task.APPROVE: approve,
}


def main() -> None:
    """Answer one question."""
    logging.disable(logging.CRITICAL)  # libraries would quote what they are given
    question, pdf = asking.questioned(sys.stdin.buffer)
    try:
        made, worth = TASKS[Task(question["task"])](pdf, question, Signing(**question["signing"]))
    except GatewayError as exc:
        asking.answered(sys.stdout.buffer, asking.refusal(exc))
    else:
        asking.answered(sys.stdout.buffer, worth.to_json(), made)


if __name__ == "__main__":
    main()
