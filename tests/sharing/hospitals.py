"""Two hospitals on loopback: real ledgers, spools and APIs; whoever carries between them is driven by hand or killed."""

import os
import signal
import time
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import httpx

from benchmarks.running import free_port
from dicom_scp.arrival import Arrival
from dicom_scp.file_meta import FileMeta
from dicom_scp.headers import ImageHeader
from dicom_scp.spool import Spool
from gateway.access import Access
from gateway.config import Config
from gateway.desk import Desk
from gateway.jobs.orders import OBJECTS
from gateway.ledger.ledger import Ledger
from gateway.ledger.sharing_answers import Word
from gateway.sharing import asking
from gateway.sharing.courier import Courier
from gateway.sharing.settings import Partner
from tests.api.staging import Site, a_result, serving
from tests.gateway.shelf import CT, EXPLICIT, dataset, element
from viewer_bridge.objects.uids import Role, result_uid

SECRET = "a secret of two hospitals"
STUDY = "1.2.826.9"
LOWER, UPPER = "lower", "upper"
RESULTS = (Role.PAGES, Role.MEASUREMENTS, Role.REPORT, Role.KEY_OBJECTS)
MAPS = (Role.REFERENCE, Role.SEGMENTATION, Role.COLOUR_TMAX, Role.COLOUR_CBF)


def pixels(count: int, seed: int) -> bytes:
    return element(
        0x7FE0,
        0x0010,
        b"OW",
        bytes((seed + n * n) % 251 for n in range(min(count, 1000))) * (count // 1000 or 1),
    )


@dataclass
class Hospital:
    """One site, and what its scanner and its worker do."""

    site: Site
    partner: Partner

    @property
    def ledger(self) -> Ledger:
        return self.site.ledger

    @property
    def desk(self) -> Desk:
        return Desk(self.site.config, self.ledger, self.site.client, orthanc=None, analysts=None)

    def receive(self, study: str = STUDY, images: int = 12, size: int = 20_000) -> None:
        """A perfusion series and a short series beside it."""
        spool = Spool(self.site.config.spool_dir)
        for number in range(images + 2):
            series = f"{study}.1" if number < images else f"{study}.2"
            uid = f"{series}.{number + 1}"
            stored = spool.store(
                dataset(uid, study=study, series=series, more=pixels(size, number)),
                FileMeta(CT, uid, EXPLICIT),
            )
            header = ImageHeader(sop_instance_uid=uid, sop_class_uid=CT, study_uid=study, series_uid=series)
            now = datetime.now(UTC)
            arrival = Arrival(
                header, stored.path, stored.digest, stored.size_bytes, EXPLICIT, now, "CT01", "GW", "a-1"
            )
            self.ledger.arrivals.record(arrival)
        spool.close()
        case = self.ledger.cases.open(study, datetime.now(UTC))
        self.ledger.cases.saw(case.id, self.ledger.arrivals.images(study)[-1].arrival_id, datetime.now(UTC))

    def conclude(self, study: str = STUDY, size: int = 5_000, **numbers) -> str:
        """A result in the ledger and its objects on disk, as analysis and drawing leave them."""
        cases, case = self.ledger.cases, self.site.get(study)
        cases.complete(case.id, case.revision, f"{study}.1", "whole", datetime.now(UTC))
        cases.conclude(case.id, case.revision, a_result(study, **numbers).to_json(), datetime.now(UTC))
        folder = self.site.config.cases_dir / case.id / f"r{case.revision}" / OBJECTS
        folder.mkdir(parents=True)
        for index, role in enumerate((*RESULTS, *MAPS)):
            series = result_uid(f"{study}.1", role, case.revision)
            uid = result_uid(f"{study}.1", role, case.revision, 1)
            head = FileMeta(CT, uid, EXPLICIT).encode()
            raw = dataset(uid, study=study, series=series, more=pixels(size, index))
            (folder / f"{index:02d}.dcm").write_bytes(head + raw)
        return case.id

    def share(self, study: str = STUDY, by: str = "Dr Lê") -> None:
        settings, case = self.site.config.sharing, self.site.get(study)
        asking.share(self.ledger, settings, case, self.partner.name, by, datetime.now(UTC))

    def answer(self, word: str, remark: str = "", study: str = STUDY, by: str = "Dr Trần") -> None:
        case, now = self.site.get(study), datetime.now(UTC)
        asking.answer(self.ledger, case, self.partner.name, Word(word), remark, by, now)

    def post(self, study: str, verb: str, **body):
        with serving(self.site) as url, httpx.Client(base_url=url, trust_env=False) as client:
            path = f"/api/v1/cases/{self.site.get(study).id}/{verb}"
            return client.post(path, json=body, headers=self.site.bearer)

    def exchange(self, study: str = STUDY):
        case_id = self.site.get(study).id
        return asking.exchange_of(self.ledger, self.site.config.sharing, [case_id])[case_id]

    def courier(self) -> Courier:
        return Courier(self.desk, self.partner)

    def carry(self, most: int = 400) -> int:
        """Turns until there is nothing to do; returns how many."""
        courier = self.courier()
        try:
            for turn in range(most):
                pause_s = courier.turn()
                if self.is_done():
                    return turn
                time.sleep(min(pause_s, 0.02))
        finally:
            courier.close()
        raise AssertionError("it does not come to an end")

    def is_done(self) -> bool:
        """Whether nothing waits for the partner."""
        sharing, name = self.ledger.sharing, self.partner.name
        return not (sharing.open_of(name) or sharing.answers.untold(name))

    def objects(self) -> list[tuple[str, str]]:
        """Every arrival by its UID and the digest of what lies in its file."""
        found = self.ledger.holdings.after(0, 10_000)
        return sorted((one.sop_instance_uid, one.digest) for one in found)


@contextmanager
def two_hospitals(folder, *, lower=None, upper=None, **both):
    """Keywords go into the tables of the partners as each hospital has them."""
    ports = (free_port(), free_port())
    here = {"url": f"http://127.0.0.1:{ports[1]}", "secret": SECRET}
    there = {"url": f"http://127.0.0.1:{ports[0]}", "secret": SECRET}
    partners = (
        {"name": UPPER, "may_receive": True, **here, **both, **(lower or {})},
        {"name": LOWER, "may_send": True, **there, **both, **(upper or {})},
    )
    names = (LOWER, UPPER)
    sites = [
        a_site(folder / name, name, partner, port)
        for name, partner, port in zip(names, partners, ports, strict=True)
    ]
    try:
        yield [Hospital(site, site.config.sharing.partners[0]) for site in sites]
    finally:
        for site in sites:
            site.ledger.engine.dispose()


class NoRuns:
    """No engine: nobody here has runs."""

    def jobs(self, *_limit, **_wanted):
        return []


def a_site(folder: Path, name: str, partner, port: int) -> Site:
    tables = {
        "site": {"data_dir": folder},
        "dicom": {"free_bytes_floor": 0},
        "http": {"port": port},
        "sharing": {"name": name, "partners": [partner], "requests_per_s": 10_000},
    }
    config = Config.model_validate(tables)
    return Site(config, Ledger.open(config.ledger_url), NoRuns(), Access.open(folder))


@contextmanager
def serving_at(hospital: Hospital):
    """The hospital's API where its partner expects it."""
    with serving(hospital.site, hospital.site.config.http.port) as url:
        yield url


@contextmanager
def forked(work):
    """A process of its own that does `work` until it is killed."""
    child = os.fork()
    if child == 0:
        try:
            work()
        finally:
            os._exit(0)
    try:
        yield child
    finally:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
