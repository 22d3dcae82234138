"""A worker process that delivers and does nothing else: ``a_publisher.py CONFIG``."""

import sys
import time
from pathlib import Path

from gateway import logs, pipeline
from gateway.config import load
from gateway.engine import Worker
from gateway.lanes import Queue
from gateway.worker import open_desk


def main() -> None:
    """Work until killed."""
    config = load(Path(sys.argv[1]), {})
    logs.configure("info", "worker")
    pipeline.register(open_desk(config))
    Worker(config.engine_url, "slot-a", (Queue.DELIVER,))
    time.sleep(300)


if __name__ == "__main__":
    main()
