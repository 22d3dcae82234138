"""Signatures and verdicts from a child of their own: it takes the crash of a token's library and of a hostile file.

Whoever asks stays light: it imports nothing that signs. A question is one line of JSON with a file behind it, and so is
the answer. The question holds paths of secrets, never a secret.
"""

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import IO, Any

import structlog

from gateway.processes import dying_with_parent, last_words
from gateway.signing.documents import Level, Seal
from gateway.signing.settings import Signing
from triage.errors import AnalysisError, ConfigError, GatewayError, InputError, TemporaryError

log = structlog.get_logger()

SIGNER, VERIFIER = "gateway.jobs.sign", "gateway.jobs.verify"

SIGN_TIMEOUT_S = 45.0
"""A time stamp and a few revocation answers, each with the site's own limit; a token that asks for a finger may hang."""

VERIFY_TIMEOUT_S, VERIFY_CPU_S, VERIFY_MEMORY_BYTES = 30.0, 20, 1024**3
"""What a file from anybody may cost; a report of ours takes a second and a tenth of the memory."""

ERRORS: Mapping[str, type[GatewayError]] = {
    kind.__name__: kind for kind in (InputError, TemporaryError, ConfigError, AnalysisError)
}


class Task(StrEnum):
    """What the signer is asked for."""

    PROVE = "prove"
    """Whether the key can be used, without signing anything."""
    SEAL = "seal"
    APPROVE = "approve"


@dataclass(frozen=True, slots=True)
class Approval:
    """A physician's sign-off as the file shows it."""

    physician: str = field(repr=False)
    role: str = field(repr=False)
    remark: str = field(repr=False)
    signed_at: str
    """In the study's clock, ISO 8601."""
    language: str
    identity: str = "stated"
    """How it is known who signs; see `gateway.ledger.signoffs.Identity`."""


def require_key(settings: Signing) -> None:
    """Stop a start whose key can never work; a token that is away now is waited for by whoever signs.

    Raises
    ------
    ConfigError
        The key cannot be used until a person mends the configuration.
    """
    if not settings.enabled:
        return
    try:
        prove(settings.model_dump(mode="json"))
    except TemporaryError as exc:
        log.warning("the signing key does not answer yet", reason=str(exc))


def prove(signing: Mapping[str, Any]) -> None:
    """Find out whether the site's key can be used.

    Raises
    ------
    ConfigError
        It cannot, until a person mends the configuration; the message says what.
    TemporaryError
        The token is away.
    """
    ask(SIGNER, {"task": Task.PROVE, "signing": dict(signing)}, b"", SIGN_TIMEOUT_S)


def sealed(pdf: bytes, signing: Mapping[str, Any]) -> tuple[bytes, Seal]:
    """Return the report with the site's seal; without one when that is impossible: nobody waits for a signature."""
    try:
        answer, made = ask(SIGNER, {"task": Task.SEAL, "signing": dict(signing)}, pdf, SIGN_TIMEOUT_S)
    except GatewayError as exc:
        return pdf, Seal(Level.NONE, remarks=(f"not sealed: {exc}",))
    return made, Seal.from_json(answer)


def approved(pdf: bytes, signing: Mapping[str, Any], approval: Approval) -> tuple[bytes, Seal]:
    """Return the report with a physician's sign-off behind its end.

    Raises
    ------
    ConfigError, TemporaryError
        The key cannot be used now.
    InputError
        The file is no report of ours.
    """
    question = {"task": Task.APPROVE, "signing": dict(signing), "approval": asdict(approval)}
    answer, made = ask(SIGNER, question, pdf, SIGN_TIMEOUT_S)
    return made, Seal.from_json(answer)


def signatures(pdf: bytes, signing: Mapping[str, Any]) -> list[dict[str, Any]]:
    """What the signatures of a file prove; see `gateway.signing.verifying.Signature`.

    Raises
    ------
    InputError
        It cannot be read as a PDF.
    ConfigError
        The authorities cannot be read.
    TemporaryError
        Reading it took too much time or memory.
    """
    answer, _ = ask(VERIFIER, {"signing": dict(signing)}, pdf, VERIFY_TIMEOUT_S)
    found: list[dict[str, Any]] = answer["signatures"]
    return found


def ask(
    module: str, question: Mapping[str, Any], content: bytes, timeout_s: float
) -> tuple[dict[str, Any], bytes]:
    """Have a child answer; its errors are raised here as they were there.

    Raises
    ------
    TemporaryError
        It took too long, or died.
    """
    command = dying_with_parent([sys.executable, "-m", module])
    line = json.dumps(question).encode() + b"\n"
    try:
        done = subprocess.run(
            command, input=line + content, capture_output=True, check=True, timeout=timeout_s, env=os.environ
        )
    except subprocess.TimeoutExpired as exc:
        raise TemporaryError(f"no answer within {timeout_s:.0f} s") from exc
    except subprocess.CalledProcessError as exc:
        where = last_words(exc.stderr) or f"code {exc.returncode}"
        raise TemporaryError(f"{module.rpartition('.')[2]} died: {where}") from exc
    head, _, body = done.stdout.partition(b"\n")
    answer = json.loads(head)
    if "error" in answer:
        raise ERRORS[answer["error"]](answer["message"])
    return answer, body


def questioned(source: IO[bytes]) -> tuple[dict[str, Any], bytes]:
    """The child's side: read the question and the file."""
    line = source.readline()
    return json.loads(line), source.read()


def answered(target: IO[bytes], answer: Mapping[str, Any], content: bytes = b"") -> None:
    """The child's side: say the answer."""
    target.write(json.dumps(answer).encode() + b"\n" + content)
    target.flush()


def refusal(error: GatewayError) -> dict[str, str]:
    """The child's side: an error as an answer."""
    kind = next((name for name, kind in ERRORS.items() if isinstance(error, kind)), AnalysisError.__name__)
    return {"error": kind, "message": str(error)}
