"""A report that went to another patient's record is taken back there, before it is filed where it belongs."""

import json
from contextlib import contextmanager

import httpx
import pytest

from benchmarks.hospital.messages import Somebody, adt, orm
from benchmarks.outage import Played
from benchmarks.small_phone import SmallPhone
from gateway.emr import corrections
from gateway.emr.bundle import bundle
from gateway.emr.composing import report_for
from gateway.emr.mdm import mdm_t02
from gateway.emr.oru import oru_r01
from gateway.emr.settings import FhirDestination, MdmDestination, OruDestination, WebhookDestination
from gateway.ledger.ledger import Ledger
from gateway.ledger.letter import Accepted, Cause
from gateway.ledger.records import DeliveryState
from gateway.orders.match import Certainty, Match
from gateway.orders.office import Incoming, Office
from gateway.orders.order import OrderPriority
from gateway.orders.registrar import Registrar
from tests.emr.conftest import Site
from tests.emr.test_peers import strictly_read
from tests.peers.node import a_peer
from tests.viewer_bridge.drawn import PATIENT_ID, PATIENT_NAME

NEW, OTHER = "HN-9001", "HN-4711"


def who(number, **changed):
    plain = {"numbers": f"{number}^^^BVDK^MR", "name": PATIENT_NAME, "born": "19520311", "sex": "M"}
    return Somebody(**{**plain, **changed})


def tell(site, raw):
    """Give the gateway a message of the hospital, and let the registrar look."""
    (answer,) = Office(site.desk.ledger.engine, site.desk.config.orders).take([Incoming(raw, Played.moment)])
    assert b"MSA|AA" in answer, answer
    Registrar(site.desk).look(Played.moment)


def stamp():
    return f"{Played.moment:%Y%m%d%H%M%S}+0000"


def moved(site, study, number):
    """A person says that the study is somebody else's; what was sent is corrected by `resend`."""
    tell(site, adt("A04", f"REG-{number}", who(number, name="LÊ^THỊ B", born="19610101", sex="F"), stamp()))
    (key,) = site.desk.ledger.orders.patients_of_number(number)
    chosen = Match(Certainty.CERTAIN, identity_key=key, confirmed_by="a person")
    site.desk.ledger.orders.matches.decide(study, chosen, {}, OrderPriority.ROUTINE, number, Played.moment)


def told(text):
    """Status of the order, number, filler number, and the statuses of all observations with whether one has a value."""
    lines = [line.split("|") for line in text.split("\r")]
    by_name = {line[0]: line for line in lines}
    values = [line for line in lines if line[0] == "OBX"]
    return {
        "number": by_name["PID"][3].split("^")[0],
        "status": by_name["OBR"][25],
        "filler": by_name["OBR"][3],
        "marks": {line[11] for line in values},
        "has_values": any(line[5] for line in values),
        "control": by_name["MSH"][9],
    }


@pytest.fixture
def heard(site):
    """Every message that the record took, as text."""
    texts, answer = [], site.record._answer

    def kept(text):
        said = answer(text)
        if b"MSA|AA" in said:
            texts.append(text)
        return said

    site.record._answer = kept
    return texts


def test_a_merge_takes_the_report_back_from_the_retired_record_first(site, heard):
    site.conclude("1.2.1")
    tell(site, adt("A04", "1", who(PATIENT_ID), stamp()))
    with site.record.open():
        site.play(2)
        tell(site, adt("A40", "2", who(NEW), stamp(), who(PATIENT_ID).numbers))
        site.play(10)
        Registrar(site.desk).look(Played.moment)
        site.play(10)
    first, back, corrected = map(told, heard)
    assert (first["number"], first["status"]) == (PATIENT_ID, "P")
    assert (back["number"], back["status"], back["marks"]) == (PATIENT_ID, "C", {"W"})
    assert not back["has_values"], "a reader that does not know W must not keep the figures either"
    assert back["filler"] == first["filler"]
    assert (corrected["number"], corrected["status"]) == (NEW, "C")
    assert corrected["has_values"]
    assert len({first["control"], back["control"], corrected["control"]}) == 3
    assert f"(message {first['control']}) is not about this patient" in heard[1]
    assert first["control"] not in heard[2], "the new record has no such message"
    strictly_read(heard[1])


def test_a_corrected_name_is_a_correction_alone(site, heard):
    site.conclude("1.2.1")
    tell(site, adt("A04", "1", who(PATIENT_ID), stamp()))
    with site.record.open():
        site.play(2)
        tell(site, adt("A08", "2", who(PATIENT_ID, name="NGUYEN^VAN DUC"), stamp()))
        site.play(10)
    assert [told(text)["status"] for text in heard] == ["P", "C"]
    assert "W" not in told(heard[1])["marks"]
    assert "NGUYEN^VAN DUC" in heard[1]


def test_an_order_that_becomes_known_later_leaves_the_number_that_the_report_is_filed_under(site, heard):
    site.conclude("1.2.1")
    with site.record.open():
        site.play(1)
        tell(site, orm("1", who(PATIENT_ID), placer="PL-9", accession="ACC-77", at=stamp()))
        site.play(5)
    first, later = (text.split("\rOBR|")[1].split("|") for text in heard)
    assert (first[1], later[1]) == ("", "PL-9^BVTW")
    assert first[2] == later[2] != ""
    assert "W" not in told(heard[1])["marks"]


@pytest.mark.parametrize("asked", [True, False], ids=["asked", "found while writing"])
def test_a_kill_between_sending_and_noting_loses_no_withdrawal(site, heard, asked):
    site.conclude("1.2.1")
    send = site.courier._outlet.send

    def killed(report):
        send(report)
        raise KeyboardInterrupt

    site.courier._outlet.send = killed
    with site.record.open():
        with pytest.raises(KeyboardInterrupt):
            site.play(1)
        moved(site, "1.2.1", OTHER)
        if asked:
            assert corrections.resend(site.desk, "1.2.1", "a person has looked") == 1
        site.begin()
        site.play(20)
    assert [(one["number"], one["status"]) for one in map(told, heard)] == [
        (PATIENT_ID, "P"), (PATIENT_ID, "C"), (OTHER, "C")
    ]  # fmt: skip
    assert told(heard[1])["marks"] == {"W"}


def test_what_nobody_got_is_not_taken_back(site, heard):
    site.conclude("1.2.1")
    site.play(60)
    moved(site, "1.2.1", OTHER)
    assert corrections.resend(site.desk, "1.2.1", "a person has looked") == 0
    with site.record.open():
        site.play(60)
    assert [(one["number"], one["status"]) for one in map(told, heard)] == [(OTHER, "P")]


def test_the_new_record_waits_for_the_withdrawal_but_not_for_one_that_is_refused(site, heard):
    case = site.conclude("1.2.1")
    with site.record.open():
        site.play(1)
        site.record.refuses = PATIENT_ID
        moved(site, "1.2.1", OTHER)
        corrections.resend(site.desk, "1.2.1", "a person has looked")
        site.play(120, 1)
        assert len(heard) == 1, "strictly one after the other"
        (back,) = (one for one in site.letters.of_case(case, "his") if one.cause is Cause.WITHDRAWN)
        assert back.state is DeliveryState.RETRYING
        site.letters.end(back, DeliveryState.FAILED, Played.moment, "AR", tried=True)
        site.play(10)
    assert told(heard[1])["number"] == OTHER
    dead = site.desk.ledger.deliveries.dead_letters()
    assert [one.id for one in dead] == [back.id], "and a person sees that it is still there"


def test_twice_another_patient_and_back_again(site, heard):
    site.conclude("1.2.1")
    with site.record.open():
        site.play(1)
        for number in (OTHER, NEW):
            moved(site, "1.2.1", number)
            corrections.resend(site.desk, "1.2.1", "a person has looked")
            site.play(10)
        site.desk.ledger.orders.matches.decide(
            "1.2.1",
            Match(Certainty.NONE, confirmed_by="a person"), {}, OrderPriority.ROUTINE, "", Played.moment,
        )  # fmt: skip
        corrections.resend(site.desk, "1.2.1", "a person has looked again")
        site.play(10)
    sent = [(one["number"], one["marks"] == {"W"}) for one in map(told, heard)]
    people = [PATIENT_ID, OTHER, NEW]
    assert sent == [
        (PATIENT_ID, False), *((who, is_back) for former, now in zip(people, [*people[1:], PATIENT_ID], strict=True)
                               for who, is_back in ((former, True), (now, False)))
    ]  # fmt: skip


def test_nothing_of_a_person_is_in_the_logs_of_a_withdrawal(site, heard, capsys):
    site.conclude("1.2.1")
    with site.record.open():
        site.play(1)
        moved(site, "1.2.1", OTHER)
        corrections.resend(site.desk, "1.2.1", "a person has looked")
        site.play(10)
    assert len(heard) == 3
    said = "".join(capsys.readouterr())
    assert "letters queued" in said, "the control: something was logged"
    assert not [one for one in (PATIENT_ID, OTHER, "NGUY", "THỊ") if one in said]


@contextmanager
def moving(tmp_path, site, destination):
    """A site whose letters go to `destination`: a report, and the study moved to another patient."""
    site.courier.close()
    other = Site(site.desk, site.record, site.result, destination)
    case = other.conclude("1.2.1")
    other.play(2)
    moved(other, "1.2.1", OTHER)
    corrections.resend(other.desk, "1.2.1", "a person has looked")
    other.play(10)
    yield other, case
    other.courier.close()


def test_a_webhook_hears_of_the_withdrawal_and_then_of_the_new_patient(tmp_path, site):
    with SmallPhone() as phone:
        where = WebhookDestination(name="his", kind="webhook", url=phone.url, secret=phone.secret)
        with moving(tmp_path, site, where):
            first, back, corrected = phone.alerts
    assert [one["status"] for one in (first, back, corrected)] == [
        "preliminary",
        "entered-in-error",
        "amended",
    ]
    assert [one["patient"]["identifiers"][0]["value"] for one in (first, back, corrected)] == [
        PATIENT_ID, PATIENT_ID, OTHER
    ]  # fmt: skip
    assert back["replaces"] == first["control_id"]
    assert (back["observations"], back["link"]) == ([], "")
    assert corrected["replaces"] is None
    assert corrected["observations"]
    assert [one["edition"] for one in (first, back, corrected)] == [1, 2, 3]
    assert phone.requests == 3


def test_a_fhir_server_has_the_report_in_one_record_only(tmp_path, site):
    with a_peer("fhir_server.cjs", "@medplum/fhir-router") as peer, httpx.Client(timeout=60) as client:
        url = f"http://127.0.0.1:{peer.port}/"

        def entries(kind):
            return [one["resource"] for one in client.get(f"{url}{kind}?_count=1000").json()["entry"]]

        where = FhirDestination(name="his", kind="fhir", url=url, include_pdf=False)
        with moving(tmp_path, site, where) as (other, case):
            patients = {f"Patient/{one['id']}": one["identifier"][0]["value"] for one in entries("Patient")}
            assert sorted(patients.values()) == sorted([PATIENT_ID, OTHER])
            found = {
                kind: sorted((patients[one["subject"]["reference"]], one["status"]) for one in entries(kind))
                for kind in ("DiagnosticReport", "ImagingStudy")
            }
            observed = {
                (patients[one["subject"]["reference"]], one["status"]) for one in entries("Observation")
            }
            withdrawal = other.letters.of_case(case, "his")[1]
            report = report_for(other.desk, other.desk.case(case), withdrawal, where)
            wanted = bundle(report, where.model_copy(update={"include_pdf": True}))
            for entry in wanted["entry"]:
                faults = client.post(f"{url}validate", content=json.dumps(entry["resource"])).json()
                assert faults == [], entry["resource"]["resourceType"]
    of_both = {(PATIENT_ID, "entered-in-error"), (OTHER, "amended")}
    assert set(found["DiagnosticReport"]) == of_both
    assert len(found["DiagnosticReport"]) == 2
    assert observed - {(OTHER, "cancelled")} == of_both
    assert found["ImagingStudy"] == [(OTHER, "available")], "the study follows the patient"


def test_a_document_is_deleted_by_its_own_event(site):
    case = site.conclude("1.2.1")
    with site.record.open():
        site.play(1)
        moved(site, "1.2.1", OTHER)
        corrections.resend(site.desk, "1.2.1", "a person has looked")
        site.play(10)
    withdrawal = site.letters.of_case(case, "his")[1]
    where = MdmDestination(name="his", kind="mdm", host="h", port=1)
    report = report_for(site.desk, site.desk.case(case), withdrawal, where)
    text = mdm_t02(report, where)
    strictly_read(text)
    document = text.split("\rTXA|")[1].split("\r")[0].split("|")
    assert document[19 - 1] == "CA"
    assert document[13 - 1] == report.former_control_id
    assert told(text)["marks"] == {"W"}
    assert not told(text)["has_values"]
    again = oru_r01(report, OruDestination(name="his", host="h", port=1, include_pdf=True))
    assert not told(again)["has_values"]


def test_addressees_on_postgresql(a_postgres_url):
    ledger, now = Ledger.open(a_postgres_url), Played.moment
    letters, case = ledger.letters, ledger.cases.open("1.2.pg.9", now).id
    letters.queue(case, 1, "his", Cause.RESULT, "", now)
    (first,) = letters.waiting("his", 5)
    assert letters.addressees.claim([first]) == {}
    letters.addressees.address([(first, 1, {"under": ["A", ""]})])
    letters.delivered([Accepted(first, now, "AA")])
    letters.queue(case, 1, "his", Cause.CORRECTED, "another", now)
    (later,) = letters.waiting("his", 5)
    (former,) = letters.addressees.of_case(case, "his")
    assert letters.addressees.withdraw(later, former, "wrong", now)
    assert not letters.addressees.withdraw(later, former, "wrong", now), "once"
    found = [(one.edition, one.cause) for one in letters.of_case(case, "his")]
    assert found == [(1, Cause.RESULT), (2, Cause.WITHDRAWN), (3, Cause.CORRECTED)]
    assert letters.addressees.withdrawn_by(f"{first.id}:w").recipient == {"under": ["A", ""]}
    ledger.engine.dispose()
