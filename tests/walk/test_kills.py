"""Every process killed at every stage: nothing acknowledged is lost, and the team gets one alert."""

import os
import signal
import subprocess
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest
from pydicom import dcmread

from benchmarks.running import NO_NAGLE, RunningGateway, running_gateway
from benchmarks.small_emr import SmallEmr
from benchmarks.small_phone import SmallPhone
from tests.walk.peers import everybody_has_it, tables

STORESCU = "/usr/bin/storescu"

TIMEOUT_S = 180


@dataclass(frozen=True)
class Kill:
    """Whom to kill, and when: at the n-th image, or when a case has reached a stage."""

    process: str
    at_image: int | None = None
    at_stage: str | None = None


PROCESSES = ("listener", "worker", "orthanc", "api")
KILLS = [
    *(Kill(process, at_image=100) for process in PROCESSES),
    *(Kill(process, at_stage="complete_at") for process in PROCESSES),
    *(Kill(process, at_stage="analysed_at") for process in PROCESSES),
    Kill("worker", at_stage="alert_sent_at"),
]
"""While images arrive, while they are analysed, while the result is handed over, and after the alert."""


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


@dataclass(frozen=True)
class Site:
    """One gateway that survives all the kills of this module, and its peers."""

    gateway: RunningGateway
    phone: SmallPhone
    emr: SmallEmr

    def restarts(self) -> int:
        return sum('"process died and is restarted"' in line for line in list(self.gateway.log))

    def alerts(self, case_id: str) -> int:
        return sum(alert["case_id"] == case_id for alert in self.phone.alerts)

    def messages(self, study_uid: str) -> int:
        return sum(study_uid in message for message in self.emr.messages)


@pytest.fixture(scope="module")
def a_site(tmp_path_factory):
    folder = tmp_path_factory.mktemp("site")
    with SmallPhone() as phone, SmallEmr() as emr, running_gateway(folder, tables(phone, emr)) as gateway:
        yield Site(gateway, phone, emr)


@pytest.mark.parametrize("kill", KILLS, ids=lambda k: f"{k.process}-{k.at_image or k.at_stage}")
def test_a_killed_process_loses_nothing_and_alerts_once(a_site, a_study, kill):
    gateway, restarts = a_site.gateway, a_site.restarts()
    victim = gateway.children()[kill.process]

    def after_image(count: int) -> None:
        if count == kill.at_image:
            os.kill(victim, signal.SIGKILL)

    scanner = Scanner(gateway, a_study.paths)
    scanner.send(after_image)
    if kill.at_stage:
        gateway.wait_for(a_study.study_uid, lambda c: c["times"][kill.at_stage], TIMEOUT_S)
        os.kill(victim, signal.SIGKILL)
    case = gateway.wait_for(a_study.study_uid, everybody_has_it, TIMEOUT_S)
    assert a_site.restarts() == restarts + 1, "the kill must have hit"

    assert case["state"] == "analysed"
    assert case["revision"] == 1
    assert a_site.alerts(case["id"]) == 1
    assert a_site.messages(a_study.study_uid) == 1
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
            f"/dicom-web/studies/{study_uid}/instances", headers={"Accept": "application/dicom+json"}
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
        time.sleep(1)
        assert not any(runs(pid) for pid in children.values())
    with running_gateway(tmp_path / "gateway", peers) as gateway:
        case = gateway.wait_for(a_study.study_uid, everybody_has_it, TIMEOUT_S)
        assert case["state"] == "analysed"
        assert len(a_phone.alerts) == len(an_emr.messages) == 1
        assert archived(gateway, a_study.study_uid) >= scanner.acknowledged
