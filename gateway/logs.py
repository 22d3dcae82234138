"""Structured logs on stderr: JSON, one object a line, without a person in them.

Every record is a constant event name with fields. Control characters of foreign text are escaped by JSON, so a
sender's identifiers cannot forge a line. Libraries' own records pass through the same renderer at WARNING.
"""

import logging
import sys
from typing import Any

import structlog

_OURS = ("gateway", "dicom_scp", "viewer_bridge", "models")


def configure(level: str, process: str) -> None:
    """Send our records from `level` upwards, and others' from WARNING, to stderr as JSON."""

    def name_process(
        _logger: Any, _method: str, event: structlog.types.EventDict
    ) -> structlog.types.EventDict:
        return {**event, "process": process}

    shared: tuple[structlog.types.Processor, ...] = (
        structlog.contextvars.merge_contextvars,
        name_process,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
    )
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            structlog.stdlib.add_logger_name,
            *shared,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=True,
    )
    formatter = structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=shared,
        processors=[
            structlog.stdlib.ProcessorFormatter.remove_processors_meta,
            structlog.processors.JSONRenderer(ensure_ascii=False),
        ],
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(formatter)
    logging.basicConfig(level=logging.WARNING, handlers=[handler], force=True)
    for name in _OURS:
        logging.getLogger(name).setLevel(level.upper())
