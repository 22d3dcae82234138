"""``python -m gateway.jobs.analyse``: one series to numbers and arrays on disk."""

import json
import sys
from pathlib import Path

from gateway import casefolder
from gateway.analysis import analyse_files
from gateway.jobs.orders import AnalyseOrder


def run(order: AnalyseOrder) -> None:
    """Analyse and save; the folder appears when everything is in it."""
    paths = [Path(path) for path in order.paths]
    analysis = analyse_files(paths, order.study_uid, order.series_uid, order.threads)
    with casefolder.appearing(Path(order.folder)) as scratch:
        casefolder.save(analysis, scratch)


if __name__ == "__main__":
    run(AnalyseOrder(**json.load(sys.stdin)))
