"""``python -m gateway.jobs.verify``: judge the signatures of a file that may come from anybody, within narrow limits."""

import logging
import resource
import sys
import warnings

from gateway.signing import asking, verifying
from gateway.signing.asking import VERIFY_CPU_S, VERIFY_MEMORY_BYTES
from gateway.signing.settings import Signing
from triage.errors import GatewayError, InputError


def main() -> None:
    """Answer one question; a file that is none is an answer too."""
    resource.setrlimit(resource.RLIMIT_AS, (VERIFY_MEMORY_BYTES, VERIFY_MEMORY_BYTES))
    resource.setrlimit(resource.RLIMIT_CPU, (VERIFY_CPU_S, VERIFY_CPU_S))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    logging.disable(logging.CRITICAL)  # libraries would quote the file
    warnings.simplefilter("ignore")
    question, pdf = asking.questioned(sys.stdin.buffer)
    try:
        found = verifying.signatures(pdf, Signing(**question["signing"]))
    except GatewayError as exc:
        asking.answered(sys.stdout.buffer, asking.refusal(exc))
    except Exception as exc:  # noqa: BLE001 - whatever a hostile file does to its readers ends here, named by its kind
        refusal = InputError(f"the file cannot be read as a PDF ({type(exc).__name__})")
        asking.answered(sys.stdout.buffer, asking.refusal(refusal))
    else:
        asking.answered(sys.stdout.buffer, {"signatures": verifying.as_json(found)})


if __name__ == "__main__":
    main()
