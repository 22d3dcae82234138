"""Every process killed at every stage: nothing acknowledged is lost, and the team gets one alert."""

import os
import signal
import subprocess
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

import pytest
from pydicom import dcmread

from benchmarks.running import NO_NAGLE, RunningGateway, running_gateway
from tests.walk.peers import everybody_has_it, opened

STORESCU = "/usr/bin/storescu"

TIMEOUT_S = 180
DEAD_S = 10


@dataclass(frozen=True)
class Kill:
    """Whom to kill, and when: at the n-th image, or when a case has reached a stage."""

    process: str
    at_image: int | None = None
    at_stage: str | None = None


PROCESSES = ("listener", "worker", "orthanc", "api")
KILLS = {
    *(Kill(process, at_image=100) for process in PROCESSES),
    *(Kill(process, at_stage="complete_at") for process in PROCESSES),
    *(Kill(process, at_stage="analysed_at") for process in PROCESSES),
    Kill("worker", at_stage="alert_sent_at"),
}
"""While images arrive, while they are analysed, while the result is handed over, and after the alert."""
STUDIES = (
    (
        Kill("listener", at_image=100),
        Kill("worker", at_stage="complete_at"),
        Kill("orthanc", at_stage="analysed_at"),
    ),
    (
        Kill("worker", at_image=100),
        Kill("orthanc", at_stage="complete_at"),
        Kill("api", at_stage="analysed_at"),
    ),
    (
        Kill("orthanc", at_image=100),
        Kill("api", at_stage="complete_at"),
        Kill("listener", at_stage="analysed_at"),
        Kill("worker", at_stage="alert_sent_at"),
    ),
    (
        Kill("api", at_image=100),
        Kill("listener", at_stage="complete_at"),
        Kill("worker", at_stage="analysed_at"),
    ),
)
"""The kills dealt out to four studies, so that no process dies twice in one and each stage is met by every process."""


class Scanner:
    """dcmtk's storescu, which says what was acknowledged, started again for what was not."""

    def __init__(self, gateway: RunningGateway, paths: Sequence[Path]) -> None:
        self._port = gateway.dicom_port
        self._paths = list(paths)
        self._sent = 0

    @property
    def acknowledged(self) -> set[str]:
        """SOP instance UIDs that were answered with success."""
        return {
            str(dcmread(p, specific_tags=["SOPInstanceUID"]).SOPInstanceUID)
            for p in self._paths[: self._sent]
        }

    def send(self, after_image: Callable[[int], None] = lambda _count: None) -> None:
        deadline = time.monotonic() + TIMEOUT_S
        while self._sent < len(self._paths) and time.monotonic() < deadline:
            self._send_once(after_image)
            time.sleep(0.2)
        assert self._sent == len(self._paths), "the listener did not come back"

    def _send_once(self, after_image: Callable[[int], None]) -> None:
        command = [
            STORESCU,
            "-v",
            "-aec",
            "STROKEGW",
            "127.0.0.1",
            str(self._port),
            *map(str, self._paths[self._sent :]),
        ]
        with subprocess.Popen(
            command,
            env={**os.environ, **NO_NAGLE},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        ) as sender:
            for line in sender.stdout:
                if "Received Store Response (Success)" in line:
                    self._sent += 1
                    after_image(self._sent)


@pytest.fixture(scope="module")
def a_site(tmp_path_factory):
    """A study whose listener died is not taken as complete before the scanner has come back, however busy the machine."""
    patient = {"intake": {"quiet_s": 15}}
    with opened(tmp_path_factory.mktemp("site") / "gateway", patient) as site:
        yield site


def test_every_process_is_killed_at_every_stage():
    assert sorted(map(str, chain(*STUDIES))) == sorted(map(str, KILLS))


@pytest.mark.parametrize("kills", STUDIES, ids=lambda kills: "-".join(kill.process for kill in kills))
def test_killed_processes_lose_nothing_and_alert_once(a_site, a_study, kills):
    gateway, restarts = a_site.gateway, a_site.restarts()
    victims = gateway.children()

    def after_image(count: int) -> None:
        for kill in kills:
            if count == kill.at_image:
                os.kill(victims[kill.process], signal.SIGKILL)

    scanner = Scanner(gateway, a_study.paths)
    scanner.send(after_image)
    for kill in kills:
        if kill.at_stage:
            gateway.wait_for(a_study.study_uid, lambda c, stage=kill.at_stage: c["times"][stage], TIMEOUT_S)
            os.kill(victims[kill.process], signal.SIGKILL)
    case = gateway.wait_for(a_study.study_uid, everybody_has_it, TIMEOUT_S)
    assert a_site.restarts() == restarts + len(kills), "the kills must have hit"

    assert case["state"] == "analysed"
    assert case["revision"] == 1
    assert len(a_site.alerts(case["id"])) == 1
    assert len(a_site.messages(a_study.study_uid)) == 1
    assert archived(gateway, a_study.study_uid) >= scanner.acknowledged


def runs(pid: int) -> bool:
    """Whether a process lives; one that died stays listed until somebody asks for its exit code."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def archived(gateway: RunningGateway, study_uid: str) -> set[str]:
    """SOP instance UIDs of a study that the archive shows."""
    with gateway.api as api:
        found = api.get(
            f"/dicom-web/studies/{study_uid}/instances",
            headers={"Accept": "application/dicom+json"},
            timeout=60,
        )
    return {item["00080018"]["Value"][0] for item in found.json()}


def test_a_killed_supervisor_takes_its_processes_along_and_a_new_one_goes_on(
    tmp_path, a_study, a_phone, an_emr, peers
):
    with running_gateway(tmp_path / "gateway", peers) as gateway:
        scanner = Scanner(gateway, a_study.paths)
        scanner.send()
        children = gateway.children()
        gateway.wait_for(a_study.study_uid, lambda c: c["times"]["complete_at"], TIMEOUT_S)
        gateway.process.kill()
        gateway.process.wait()
        deadline = time.monotonic() + DEAD_S
        while any(runs(pid) for pid in children.values()):
            assert time.monotonic() < deadline
            time.sleep(0.05)
    with running_gateway(tmp_path / "gateway", peers) as gateway:
        case = gateway.wait_for(a_study.study_uid, everybody_has_it, TIMEOUT_S)
        assert case["state"] == "analysed"
        assert len(a_phone.alerts) == len(an_emr.messages) == 1
        assert archived(gateway, a_study.study_uid) >= scanner.acknowledged
