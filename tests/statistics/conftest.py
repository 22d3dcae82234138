"""One site with a month of cases for everybody who reads."""

import pytest

from gateway.feedback.classes import AlertClass
from gateway.feedback.judgement import Reason, Verdict
from gateway.ledger.records import CaseState, DeliveryKind, DeliveryState
from gateway.team.contacts import ChannelKind
from tests.api.staging import CONTRADICTING, DIFFERING, a_result, a_time_to_peak_result, close_site, open_site
from tests.statistics.counting import SEVERE, a_call, a_delivery, a_judgement, a_record, keep

PUSH, EMAIL = ChannelKind.PUSH, ChannelKind.EMAIL


@pytest.fixture(scope="session")
def march():
    """Nine cases of one March, every figure of which is known."""
    late = {
        1: {"first_image_at": 0.0, "last_image_at": 40.0, "alert_sent_at": 140.0, "emr_accepted_at": 50.0}
    }
    twice = {
        1: {"first_image_at": 0.0, "last_image_at": 40.0, "alert_sent_at": 41.0},
        2: {
            "last_image_at": 300.0,
            "alert_sent_at": 900.0,
            "acknowledged_at": 1000.0,
            "emr_accepted_at": 310.0,
        },
    }
    emr = a_delivery("1.2.1", DeliveryKind.EMR, "his", DeliveryState.DELIVERED)
    sms = a_delivery("1.2.1", DeliveryKind.ALERT, "sms", DeliveryState.FAILED)
    console = a_delivery("1.2.1", DeliveryKind.ALERT, "console", DeliveryState.DELIVERED)
    rang = (
        a_call("1.2.1", PUSH, sent_at=44.1, delivered_at=45.0, opened_at=54.0, acknowledged_at=104.0),
        a_call("1.2.1", PUSH, sent_at=44.1, delivered_at=47.0),
        a_call("1.2.1", EMAIL, failed_at=46.0),
        a_call("1.2.1", PUSH, step=1, sent_at=80.0, opened_at=83.0),
    )
    lesion = AlertClass.NO_TARGET_MISMATCH
    said = (
        a_judgement("1.2.1", Verdict.REJECT, Reason.ARTEFACT, holds=False),
        a_judgement("1.2.1", Verdict.AGREE),
    )
    redrawn = a_judgement("1.2.2", Verdict.EDIT, None, lesion, holds=True, core_ml=88.0, overlap=0.81)
    wrong = a_judgement("1.2.3", Verdict.REJECT, Reason.OLD_INFARCT, holds=False)
    return [
        a_record("1.2.1", a_result("1.2.1"), handed=(emr, sms, console), called=rang, judgements=said),
        a_record("1.2.2", a_result("1.2.2", core_ml=96.0, met=False), after_s=late, judgements=(redrawn,)),
        a_record(
            "1.2.3",
            a_result("1.2.3", networks=(CONTRADICTING,), opinions=(DIFFERING,)),
            after_s=twice,
            judgements=(wrong,),
        ),
        a_record("1.2.4", a_result("1.2.4", SEVERE)),
        a_record("1.2.5", a_time_to_peak_result("1.2.5")),
        a_record("1.2.6", None, CaseState.NOT_ANALYSED, reason="only 8 frames: at least 10 are needed"),
        a_record("1.2.7", None, CaseState.NOT_ANALYSED, reason=f"the moon was full over {'x' * 9}"),
        a_record("1.2.8", None, CaseState.NO_PERFUSION, after_s={}, reason="no perfusion series"),
        a_record("1.2.9", None, CaseState.RECEIVING, after_s={}),
    ]


@pytest.fixture(scope="session")
def a_kept_march(tmp_path_factory, march):
    """A site in Vietnam whose ledger holds the month."""
    folder = tmp_path_factory.mktemp("march")
    ours = {"data_dir": folder, "name": "=Bệnh viện <A>", "time_zone": "Asia/Ho_Chi_Minh"}
    site = open_site(folder, site=ours)
    for record in march:
        keep(site.ledger, record)
    yield site
    close_site(site)
