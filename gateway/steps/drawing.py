"""Children that write objects into a case's folder; how each ended decides whether it is asked again."""

import subprocess
from pathlib import Path

import structlog

from gateway.jobs.orders import TRY_AGAIN, Order, command
from gateway.processes import last_words, run_to_end
from triage.errors import AnalysisError, TemporaryError

log = structlog.get_logger()


def carry_out(order: Order, case_id: str, timeout_s: float) -> None:
    """Have an order carried out, and wait for it.

    Raises
    ------
    TemporaryError
        It took too long, or was killed.
    AnalysisError
        It failed, and would again.
    """
    arguments, text = command(order)
    what = order.module.rpartition(".")[2]
    try:
        run_to_end(arguments, text, timeout_s, Path(order.folder))
    except subprocess.TimeoutExpired as exc:
        raise TemporaryError(f"the job {what} took longer than {timeout_s:.0f} s") from exc
    except subprocess.CalledProcessError as exc:
        if exc.returncode == TRY_AGAIN:
            raise TemporaryError(exc.stdout.decode(errors="replace")) from exc
        log.exception(
            "job died", job=what, case_id=case_id, code=exc.returncode, where=last_words(exc.stderr)
        )
        if exc.returncode < 0:
            raise TemporaryError(f"the job {what} was killed by signal {-exc.returncode}") from exc
        raise AnalysisError(f"the job {what} failed; the worker's log says why") from exc
