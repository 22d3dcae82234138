"""A medical record that is away for eight hours, and one that refuses: ``python -m benchmarks.outage``.

The queue, its courier and the connection are the real ones, the record is a real MLLP server on loopback; the clock alone is
played, so that eight hours take seconds. Prints a table of bound, found and met, and exits with 1 where a bound is not met.
"""

import logging
import socket
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

import structlog

from benchmarks.running import free_port
from dicom_scp.arrival import Arrival
from dicom_scp.headers import read_header
from gateway.config import Config
from gateway.desk import Desk
from gateway.emr.courier import Courier
from gateway.ledger.ledger import Ledger
from gateway.ledger.letter import Cause
from gateway.ledger.records import case_id_of
from tests.viewer_bridge.drawn import make_analysis, make_source
from triage.types import TriageResult

RESULTS, OUTAGE_H, FIRST_S, RATE = 500, 8.0, 60.0, 200.0
"""The bounds: results that wait, hours away, seconds to the first, messages a second."""

STEP_S = 5.0
"""While nothing is to be measured the clock jumps so far, where a worker looks twice a second."""

NAKED = "AE"
START, END = b"\x0b", b"\x1c\r"


class Record:
    """A record that acknowledges as fast as it can; what it refuses, it refuses by name."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.seen: list[str] = []
        self.refused: Counter[str] = Counter()
        self.refuses: str = ""
        self._listener: socket.socket | None = None

    @contextmanager
    def open(self) -> Iterator[None]:
        """Take calls for the length of a with-block."""
        self._listener = socket.create_server(("127.0.0.1", self.port))
        thread = threading.Thread(target=self._accept, args=(self._listener,), daemon=True)
        thread.start()
        try:
            yield
        finally:
            self._listener.shutdown(socket.SHUT_RDWR)
            self._listener.close()
            thread.join()

    def _accept(self, listener: socket.socket) -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        received = b""
        with connection:
            while chunk := connection.recv(1 << 16):
                received += chunk
                while END in received:
                    block, received = received.split(END, 1)
                    connection.sendall(self._answer(block.lstrip(START).decode()))

    def _answer(self, message: str) -> bytes:
        control_id = message.split("|")[9]
        condition, code = "", "AA"
        if self.refuses and self.refuses in message:
            condition, code = "ERR||PID^1|206|E\r", NAKED
            self.refused[control_id] += 1
        else:
            self.seen.append(control_id)
        told = f"MSH|^~\\&|EMR||||1||ACK|A|P|2.5.1\rMSA|{code}|{control_id}\r{condition}"
        return START + told.encode() + END


class Played(Desk):
    """A desk whose clock stands until somebody moves it."""

    moment = datetime(2026, 1, 1, tzinfo=UTC)

    def now(self) -> datetime:
        """The played clock."""
        return Played.moment


@contextmanager
def a_desk(folder: Path, port: int) -> Iterator[Played]:
    """A worker's desk with one destination."""
    destination = {"name": "his", "host": "127.0.0.1", "port": port, "timeout_s": 5}
    tables = {"site": {"data_dir": folder}, "emr": {"destinations": [destination]}}
    config = Config.model_validate(tables)
    ledger = Ledger.open(config.ledger_url)
    try:
        yield Played(config, ledger, client=None, orthanc=None, analysts=None)
    finally:
        ledger.engine.dispose()


def conclude(desk: Desk, study: str, result: TriageResult) -> str:
    """A case with a result, as the pipeline leaves it, and its letter; returns the case's id."""
    source = make_source(
        StudyInstanceUID=study, SeriesInstanceUID=f"{study}.4", SOPInstanceUID=f"{study}.4.1"
    )
    source.file_meta.MediaStorageSOPClassUID = source.SOPClassUID
    source.file_meta.MediaStorageSOPInstanceUID = source.SOPInstanceUID
    path = desk.spooled(f"{study}.dcm")
    path.parent.mkdir(parents=True, exist_ok=True)
    source.save_as(path, enforce_file_format=True)
    arrival = Arrival(read_header(path), path.name, "0" * 64, 10, "1.2", desk.now(), "CT01", "GW", "a")
    desk.ledger.arrivals.record(arrival)
    case_id = case_id_of(study)
    desk.ledger.cases.open(study, desk.now())
    desk.ledger.cases.complete(case_id, 1, f"{study}.4", "whole", desk.now())
    desk.ledger.cases.conclude(case_id, 1, result.to_json(), desk.now())
    desk.ledger.letters.queue(case_id, 1, "his", Cause.RESULT, "", desk.now())
    return case_id


@dataclass(frozen=True, slots=True)
class Line:
    """One bound and what was found."""

    what: str
    bound: str
    found: str
    met: bool


def outage(result: TriageResult) -> list[Line]:
    """Results that wait for a record that is away."""
    with TemporaryDirectory() as folder:
        record = Record(free_port())
        with a_desk(Path(folder), record.port) as desk:
            courier = Courier(desk, desk.config.emr.destinations[0])
            began = Played.moment
            returns = began + timedelta(hours=OUTAGE_H)
            made = 0
            while Played.moment < returns:
                due = RESULTS * (Played.moment - began) / (returns - began)
                while made <= due and made < RESULTS:
                    conclude(desk, f"1.2.3.{made}", result)
                    made += 1
                Played.moment += timedelta(seconds=max(courier.turn(), STEP_S))
            with record.open():
                first_s, back, spent_cpu_s = 0.0, time.perf_counter(), 0.0
                while len(record.seen) < RESULTS and time.perf_counter() - back < 120:
                    rest_s = courier.turn()
                    Played.moment += timedelta(seconds=rest_s)
                    if record.seen and not first_s:
                        first_s, back = (Played.moment - returns).total_seconds(), time.perf_counter()
                        spent_cpu_s = time.process_time()
                spent_s = time.perf_counter() - back
                spent_cpu_s = time.process_time() - spent_cpu_s
                courier.close()
    rate, by_cpu = (len(record.seen) - 1) / spent_s, (len(record.seen) - 1) / spent_cpu_s
    distinct = len(set(record.seen))
    return [
        Line(
            f"results delivered after {OUTAGE_H:.0f} h away", str(RESULTS), str(distinct), distinct == RESULTS
        ),
        Line("messages repeated", "0", str(len(record.seen) - distinct), len(record.seen) == distinct),
        Line("first after the return", f"<= {FIRST_S:.0f} s", f"{first_s:.1f} s", 0 < first_s <= FIRST_S),
        Line("sent and noted", f">= {RATE:.0f}/s", f"{rate:.0f}/s", rate >= RATE),
        Line("sent and noted, by processor time of both sides", "", f"{by_cpu:.0f}/s", by_cpu >= RATE),
    ]


def fairness(result: TriageResult) -> list[Line]:
    """One letter that is refused for now, and a hundred behind it."""
    with TemporaryDirectory() as folder:
        record = Record(free_port())
        with a_desk(Path(folder), record.port) as desk, record.open():
            bad = conclude(desk, "9.9.9", result)
            record.refuses = bad
            for number in range(100):
                conclude(desk, f"1.2.4.{number}", result)
            courier, before = Courier(desk, desk.config.emr.destinations[0]), 0
            while len(record.seen) < 100:
                rest_s = courier.turn()
                Played.moment += timedelta(seconds=rest_s)
                before = max(before, record.refused.total()) if len(record.seen) < 100 else before
            refused = record.refused.total()
            hours = timedelta(hours=8)
            until = Played.moment + hours
            while Played.moment < until:
                Played.moment += timedelta(seconds=max(courier.turn(), STEP_S))
            tries = record.refused.total()
            courier.close()
    return [
        Line("tries of a refused letter while 100 others pass", "<= 1", str(refused), refused <= 1),
        Line("its tries in the next 8 h", ">= 8, <= 40", str(tries), 8 <= tries <= 40),
    ]


def main() -> int:
    """Measure and print; returns the exit code."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    result = make_analysis((4, 64, 64)).result
    lines = [*outage(result), *fairness(result)]
    width = max(len(line.what) for line in lines)
    for line in lines:
        print(f"{line.what:<{width}}  {line.bound:>12}  {line.found:>10}  {'met' if line.met else 'NOT MET'}")
    return 0 if all(line.met for line in lines) else 1


if __name__ == "__main__":
    sys.exit(main())
