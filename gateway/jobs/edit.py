"""``python -m gateway.jobs.edit``: measure the core in a segmentation that may come from anybody, within narrow limits."""

import logging
import resource
import sys
import warnings
from dataclasses import asdict
from pathlib import Path

from gateway.feedback import comparing
from gateway.feedback.edit import CPU_S, MEMORY_BYTES, Question
from gateway.signing import asking
from triage.errors import GatewayError, InputError


def main() -> None:
    """Answer one question; an object that cannot be read is an answer too."""
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    resource.setrlimit(resource.RLIMIT_CPU, (CPU_S, CPU_S))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    logging.disable(logging.CRITICAL)  # libraries would quote the object
    warnings.simplefilter("ignore")
    plain, _ = asking.questioned(sys.stdin.buffer)
    question = Question.of(plain)
    try:
        found = comparing.finding(question, Path(question.path))
    except GatewayError as exc:
        asking.answered(sys.stdout.buffer, asking.refusal(exc))
    except Exception as exc:  # noqa: BLE001 - whatever a hostile object does to its readers ends here, named by its kind
        refusal = InputError(f"it cannot be read as a segmentation ({type(exc).__name__})")
        asking.answered(sys.stdout.buffer, asking.refusal(refusal))
    else:
        asking.answered(sys.stdout.buffer, asdict(found))


if __name__ == "__main__":
    main()
