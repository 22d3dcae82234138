"""What stands around the gateway in these tests, and when all of it is served."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.running import RunningGateway, running_gateway
from benchmarks.small_emr import SmallEmr
from benchmarks.small_phone import SmallPhone


@dataclass(frozen=True)
class Site:
    """One gateway that outlives the studies of a module, and its peers; each test asks for its own study only."""

    gateway: RunningGateway
    phone: SmallPhone
    emr: SmallEmr

    def restarts(self) -> int:
        return sum('"process died and is restarted"' in line for line in list(self.gateway.log))

    def alerts(self, case_id: str) -> list[dict[str, Any]]:
        return [alert for alert in self.phone.alerts if alert["case_id"] == case_id]

    def messages(self, study_uid: str) -> list[str]:
        return [message for message in self.emr.messages if study_uid in message]


@contextmanager
def opened(folder: Path, changes: Mapping[str, Any] | None = None) -> Iterator[Site]:
    """A gateway with one phone and one EMR."""
    with (
        SmallPhone() as phone,
        SmallEmr() as emr,
        running_gateway(folder, tables(phone, emr) | (changes or {})) as gateway,
    ):
        yield Site(gateway, phone, emr)


def tables(phone: SmallPhone, emr: SmallEmr) -> dict[str, dict[str, Any]]:
    """Configuration that sends alerts to the phone and results to the EMR."""
    return {
        "alerts": {
            "language": "en",
            "levels": [{"name": "team", "webhooks": [{"url": phone.url, "secret": phone.secret}]}],
        },
        "emr": {"destinations": [{"name": "emr", "host": "127.0.0.1", "port": emr.port, "timeout_s": 3}]},
        "intake": {"quiet_s": 4},
        "dicom": {"free_bytes_floor": 0},
    }


def everybody_has_it(case: dict[str, Any]) -> bool:
    """Alert, EMR and archive are served, and every image is in the archive."""
    times, images = case["times"], case["images"]
    served = all(times[name] for name in ("alert_sent_at", "emr_accepted_at", "published_at"))
    settled = all(d["state"] in {"delivered", "superseded"} for d in case["deliveries"])
    return served and settled and images["received"] == images.get("forwarded")
