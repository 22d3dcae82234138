"""What stands around the gateway in these tests, and when all of it is served."""

from typing import Any

from benchmarks.small_emr import SmallEmr
from benchmarks.small_phone import SmallPhone


def tables(phone: SmallPhone, emr: SmallEmr) -> dict[str, dict[str, Any]]:
    """Configuration that sends alerts to the phone and results to the EMR."""
    return {
        "alerts": {"levels": [{"name": "team", "webhooks": [{"url": phone.url, "secret": phone.secret}]}]},
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
