"""A patient small enough to walk in seconds, and the peers that stand around the gateway."""

import pytest

from benchmarks.phantom import Patient, make_patient
from benchmarks.scanner import write_study
from benchmarks.small_emr import SmallEmr
from benchmarks.small_phone import SmallPhone

SMALL = {"matrix": 128, "slices": 12, "frames": 30, "frame_step_s": 2.0}
"""128 x 128 x 12 over a minute: the smallest on which the analysis still finds the arteries."""


@pytest.fixture(scope="session")
def a_phantom():
    return make_patient(Patient(**SMALL))


@pytest.fixture
def a_study(a_phantom, tmp_path):
    """The study as a scanner writes it, with UIDs of its own."""
    return write_study(a_phantom, tmp_path / "scanner", "siemens")


@pytest.fixture
def a_phone():
    with SmallPhone() as phone:
        yield phone


@pytest.fixture
def an_emr():
    with SmallEmr() as emr:
        yield emr


@pytest.fixture
def peers(a_phone, an_emr):
    """Configuration that sends alerts to the phone and results to the EMR."""
    return {
        "alerts": {
            "levels": [{"name": "team", "webhooks": [{"url": a_phone.url, "secret": a_phone.secret}]}]
        },
        "emr": {"destinations": [{"name": "emr", "host": "127.0.0.1", "port": an_emr.port}]},
        "intake": {"quiet_s": 4},
        "dicom": {"free_bytes_floor": 0},
    }


def everybody_has_it(case) -> bool:
    """Alert, EMR and archive are served, and every image is in the archive."""
    times, images = case["times"], case["images"]
    served = all(times[name] for name in ("alert_sent_at", "emr_accepted_at", "published_at"))
    settled = all(d["state"] in {"delivered", "superseded"} for d in case["deliveries"])
    return served and settled and images["received"] == images.get("forwarded")


@pytest.fixture(scope="session")
def done():
    return everybody_has_it
