"""Every process killed at every stage: nothing acknowledged is lost, and the team gets one alert."""

import os
import signal
import time
from dataclasses import dataclass
from pathlib import Path

import pytest
from pydicom import dcmread
from pydicom.uid import CTImageStorage
from pynetdicom import AE

from benchmarks.running import RunningGateway, running_gateway

TIMEOUT_S = 180


@dataclass(frozen=True)
class Kill:
    """Whom to kill, and when: at the n-th image, or when a case has reached a stage."""

    process: str
    at_image: int | None = None
    at_stage: str | None = None


KILLS = [
    Kill("listener", at_image=100),
    Kill("worker", at_image=200),
    Kill("orthanc", at_image=300),
    Kill("worker", at_stage="complete_at"),
    Kill("api", at_stage="complete_at"),
    Kill("worker", at_stage="analysed_at"),
    Kill("orthanc", at_stage="analysed_at"),
    Kill("worker", at_stage="alert_sent_at"),
]


class Scanner:
    """A sender that knows which images were acknowledged and sends the others again."""

    def __init__(self, gateway: RunningGateway, paths) -> None:
        self._gateway = gateway
        self._waiting = list(paths)
        self.acknowledged: set[str] = set()

    def send(self, after_image=lambda _count: None) -> None:
        deadline = time.monotonic() + TIMEOUT_S
        while self._waiting and time.monotonic() < deadline:
            self._send_once(after_image)
            time.sleep(0.2)
        assert not self._waiting, "the listener did not come back"

    def _send_once(self, after_image) -> None:
        ae = AE(ae_title="CT01")
        ae.add_requested_context(CTImageStorage, "1.2.840.10008.1.2.1")
        association = ae.associate("127.0.0.1", self._gateway.dicom_port, ae_title="STROKEGW")
        while self._waiting and association.is_established:
            dataset = dcmread(self._waiting[0])
            try:
                status = association.send_c_store(dataset)
            except RuntimeError:
                break
            if status and status.Status == 0:
                self.acknowledged.add(str(dataset.SOPInstanceUID))
                self._waiting.pop(0)
                after_image(len(self.acknowledged))
        if association.is_established:
            association.release()
        if association.dul.socket:
            association.dul.socket.close()  # an association that broke leaves its socket to us


@pytest.mark.parametrize("kill", KILLS, ids=lambda k: f"{k.process}-{k.at_image or k.at_stage}")
def test_a_killed_process_loses_nothing_and_alerts_once(
    tmp_path, a_study, a_phone, an_emr, peers, done, kill
):
    with running_gateway(tmp_path / "gateway", peers) as gateway:
        victim = gateway.children()[kill.process]

        def after_image(count: int) -> None:
            if count == kill.at_image:
                os.kill(victim, signal.SIGKILL)

        scanner = Scanner(gateway, a_study.paths)
        scanner.send(after_image)
        if kill.at_stage:
            gateway.wait_for(a_study.study_uid, lambda c: c["times"][kill.at_stage], TIMEOUT_S)
            os.kill(victim, signal.SIGKILL)
        case = gateway.wait_for(a_study.study_uid, done, TIMEOUT_S)
        assert any('"process died and is restarted"' in line for line in gateway.log), (
            "the kill must have hit"
        )

        assert case["state"] == "analysed"
        assert case["revision"] == 1
        assert len(a_phone.alerts) == 1
        assert len(an_emr.messages) == 1
        assert archived(gateway, a_study.study_uid) >= scanner.acknowledged


def archived(gateway: RunningGateway, study_uid: str) -> set[str]:
    """SOP instance UIDs of a study that the archive shows."""
    with gateway.api as api:
        found = api.get(
            f"/dicom-web/studies/{study_uid}/instances", headers={"Accept": "application/dicom+json"}
        )
    return {item["00080018"]["Value"][0] for item in found.json()}


def test_a_killed_supervisor_takes_its_processes_along_and_a_new_one_goes_on(
    tmp_path, a_study, a_phone, an_emr, peers, done
):
    with running_gateway(tmp_path / "gateway", peers) as gateway:
        scanner = Scanner(gateway, a_study.paths)
        scanner.send()
        children = gateway.children()
        gateway.wait_for(a_study.study_uid, lambda c: c["times"]["complete_at"], TIMEOUT_S)
        gateway.process.kill()
        gateway.process.wait()
        time.sleep(1)
        assert not any(Path(f"/proc/{pid}").exists() for pid in children.values())
    with running_gateway(tmp_path / "gateway", peers) as gateway:
        case = gateway.wait_for(a_study.study_uid, done, TIMEOUT_S)
        assert case["state"] == "analysed"
        assert len(a_phone.alerts) == len(an_emr.messages) == 1
        assert archived(gateway, a_study.study_uid) >= scanner.acknowledged
