"""The process that takes messages: killed while it works, and ended in order; started as the supervisor starts it."""

from pathlib import Path

from benchmarks.hl7 import kept
from benchmarks.hospital.messages import orm
from benchmarks.hospital.process import Mllp, running, send_until_killed
from benchmarks.hospital.sender import Sender
from gateway.cli import main
from gateway.config import Config
from gateway.supervisor import children_of


def test_what_was_acknowledged_is_there_after_kills(tmp_path: Path) -> None:
    mllp = Mllp(tmp_path)
    acknowledged = set.union(*(send_until_killed(mllp, number, 0.4) for number in range(2)))
    assert acknowledged
    assert acknowledged <= kept(mllp)


def test_the_process_ends_in_order_and_the_command_line_shows_what_came(
    tmp_path: Path, capsys: object
) -> None:
    with running(tmp_path) as mllp, Sender(mllp.port) as sender:
        assert "MSA|AE" in sender.send(orm(control="CA"))
        assert mllp.stop() == 0
    site = ["--data-dir", str(tmp_path)]
    assert main(["orders", "list", *site, "--refused"]) == 0
    assert main(["orders", "show", "1", *site]) == 0
    assert main(["orders", "replay", "1", *site]) == 2
    assert main(["orders", "show", "99", *site]) == 2
    told = capsys.readouterr()  # type: ignore[attr-defined]
    assert "refused 204\tORM^O01\tHIS|BVTW\tthere is no such order here" in told.out
    assert "PID|1||12345^^^BVTW^MR||NGUYỄN^VĂN A" in told.out
    assert "there is no message 99" in told.err


def test_it_runs_where_a_port_is_configured(tmp_path: Path) -> None:
    def names(**orders: int) -> list[str]:
        config = Config.model_validate(
            {"site": {"data_dir": tmp_path}, "orthanc": {"url": "http://127.0.0.1:1"}, "orders": orders}
        )
        return [child.name for child in children_of(config)]

    assert names() == ["listener", "worker", "api"]
    assert names(port=2575) == ["listener", "hl7", "worker", "api"]
