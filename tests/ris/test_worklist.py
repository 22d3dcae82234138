"""The worklist: the same answers as dcmtk's own server, every letter, and what scanners get wrong."""

import os
import random
import subprocess
import time
from dataclasses import replace
from datetime import timedelta

import pytest
import urllib3
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian

from benchmarks.running import NO_NAGLE, free_port
from dicom_scp.identifiers import Attribute, encode, parse
from dicom_scp.listener import serve
from dicom_scp.matching import Rule, fits, span_of
from dicom_scp.mpps import MPPS
from dicom_scp.spool import Spool
from dicom_scp.uids import EXPLICIT_VR, IMPLICIT_VR
from dicom_scp.worklist import FIND, LOST_LETTERS, answer, matches, read_query
from gateway.config import Config
from gateway.ledger.ledger import Ledger
from gateway.listener import services_of_site, settings_of
from gateway.orders.order import OrderPriority, OrderStatus, Procedure, made_uid
from gateway.orders.person import Identifier, PatientIdentity
from gateway.ris.services import services_of
from gateway.ris.worklist import WorklistProvider, entry_of
from tests.ris.conftest import NAME, NOW, SCANNER, ZONE, a_house, an_order, as_dataset, associated, placed
from tests.services.conftest import orthanc  # noqa: F401 - a fixture
from triage.errors import ConfigError, InputError, TemporaryError

ALPHABET = "AĂÂBCDĐEÊGHIKLMNOÔƠPQRSTUƯVXY ÀẢÃÁẠẰẲẴẮẶẦẨẪẤẬÈẺẼÉẸỀỂỄẾỆÌỈĨÍỊÒỎÕÓỌỒỔỖỐỘỜỞỠỚỢÙỦŨÚỤỪỬỮỨỰỲỶỸÝỴ"
TOP = ("AccessionNumber", "PatientName", "PatientID", "RequestedProcedureID", "RequestedProcedureDescription")
STEP = (
    "Modality",
    "ScheduledStationAETitle",
    "ScheduledProcedureStepStartDate",
    "ScheduledProcedureStepStartTime",
    "ScheduledPerformingPhysicianName",
    "ScheduledProcedureStepDescription",
)
NAMES = ("NGUYEN^VAN A", "NGUYEN^THI B", "TRAN^BINH", "LE^HOANG ANH", "PHAM^C")


def question(**keys: str) -> Dataset:
    """A query with the usual keys, empty unless named."""
    data, step = Dataset(), Dataset()
    for names, place in ((TOP, data), (STEP, step)):
        for name in names:
            setattr(place, name, keys.pop(name, ""))
    assert not keys
    data.ScheduledProcedureStepSequence = [step]
    return data


def asked(association, data: Dataset) -> tuple[int, list[Dataset]]:
    """How a query ended, and its matches."""
    *found, (last, _) = association.send_c_find(data, FIND)
    assert {status.Status for status, _ in found} <= {0xFF00, 0xFF01}
    return last.Status, [match for _, match in found]


def the_same_orders(rng: random.Random):
    for number in range(40):
        order = an_order(number)
        numbers = (Identifier(f"P{number % 17}"),)
        person = replace(order.patient, name=rng.choice(NAMES), identifiers=numbers)
        yield replace(
            order,
            patient=person,
            scheduled_at=NOW + timedelta(minutes=rng.randrange(-4000, 4000)),
            modality=rng.choice(["CT", "MR"]),
            station_ae=rng.choice(["CT01", "CT02"]),
            procedure=Procedure("CTP", rng.choice(["Perfusion", "Head"]), "LOCAL"),
            referring_physician="TRAN^BINH",
        )


def random_question(rng: random.Random) -> dict[str, str]:
    """Keys as scanners send them, of the kinds that both servers match.

    Two ranges of date and time are closed, or open at the same end: of others dcmtk 3.6.7 makes two conditions in place
    of one span.
    """
    day, other = sorted(f"202603{rng.randrange(1, 5):02d}" for _ in range(2))
    hour, later = sorted(f"{rng.randrange(24):02d}{rng.randrange(60):02d}00" for _ in range(2))
    kinds = {
        "PatientName": ["NGUYEN*", "*BINH", "?RAN^*", "NGUYEN^VAN A", "*^*N*", "X*"],
        "PatientID": [f"P{rng.randrange(20)}"],
        "AccessionNumber": [f"A{rng.randrange(45)}", "A1*", "A?"],
        "RequestedProcedureID": [f"RP{rng.randrange(45)}"],
        "Modality": ["CT", "MR", "US"],
        "ScheduledStationAETitle": ["CT01", "CT02"],
        "ScheduledProcedureStepStartDate": [day, f"{day}-{other}"],
        "ScheduledProcedureStepStartTime": [f"{hour}-{later}"],
    }
    names = rng.sample(sorted(kinds), rng.choice([1, 1, 2, 3]))
    chosen = {name: rng.choice(kinds[name]) for name in names}
    if rng.random() < 0.2:
        ends = rng.choice([f"{day}- {hour}-", f"-{day} -{hour}"]).split()
        chosen |= dict(
            zip(("ScheduledProcedureStepStartDate", "ScheduledProcedureStepStartTime"), ends, strict=True)
        )
    return chosen


@pytest.fixture(scope="module")
def wlmscpfs(tmp_path_factory):
    """dcmtk's worklist server with the same entries; its port, and the orders they were made of."""
    folder = tmp_path_factory.mktemp("wl")
    place = folder / "STROKEGW"
    place.mkdir()
    (place / "lockfile").touch()
    orders = list(the_same_orders(random.Random(3)))
    for number, order in enumerate(orders):
        data = as_dataset(entry_of(order, SCANNER, NOW, ZONE))
        data.file_meta = FileMetaDataset()
        data.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
        data.file_meta.MediaStorageSOPClassUID = FIND
        data.file_meta.MediaStorageSOPInstanceUID = f"1.2.{number + 1}"
        data.save_as(place / f"{number:03}.wl", enforce_file_format=True)
    port = free_port()
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, "env": {**os.environ, **NO_NAGLE}}
    server = subprocess.Popen(["/usr/bin/wlmscpfs", "-s", "-dhl", "-dfp", str(folder), str(port)], **quiet)
    time.sleep(0.5)
    yield port, orders
    server.kill()
    server.wait(10)


def test_the_answers_are_those_of_an_independent_server(house, wlmscpfs):
    """200 random queries; both give the same entries with the same values, and neither gives always all or none."""
    port, house.orders = wlmscpfs
    rng, sizes = random.Random(11), set()
    with associated(house.port, FIND) as ours, associated(port, FIND) as theirs:
        for _ in range(200):
            keys = random_question(rng)
            mine, other = (asked(peer, question(**keys)) for peer in (ours, theirs))
            found = [sorted((m.to_json() for m in matches), key=str) for _, matches in (mine, other)]
            assert (mine[0], found[0]) == (other[0], found[1]), keys
            sizes.add(len(found[0]))
    assert {0, 1} < sizes
    assert len(sizes) > 10


def test_findscu_gets_the_entry_whole_and_every_letter(house, tmp_path):
    name, other = f"{ALPHABET[:30]}^{ALPHABET[30:60]}", f"{ALPHABET[60:]}^{ALPHABET[60:].lower()}"
    order = an_order(1, referring_physician=other)
    house.orders = [replace(order, patient=replace(order.patient, name=name))]
    keys = (
        *("PatientName", "PatientID", "IssuerOfPatientID", "OtherPatientIDsSequence", "PatientBirthDate"),
        *("PatientSex", "AccessionNumber", "ReferringPhysicianName", "StudyInstanceUID"),
        *("RequestedProcedureID", "RequestedProcedureCodeSequence", "RequestedProcedurePriority"),
        *(
            "ScheduledProcedureStepSequence[0].Modality",
            "ScheduledProcedureStepSequence[0].ScheduledProcedureStepID",
        ),
    )
    (found,), said = house.find(*keys, folder=tmp_path)
    assert "Received Find Response 1 (Pending)" in said
    assert found.SpecificCharacterSet == "ISO_IR 192"
    assert str(found.PatientName) == name
    assert str(found.ReferringPhysicianName) == other
    assert (found.PatientID, found.IssuerOfPatientID) == ("P1", "BV")
    assert [item.PatientID for item in found.OtherPatientIDsSequence] == ["000000000001"]
    (step,), (code,) = found.ScheduledProcedureStepSequence, found.RequestedProcedureCodeSequence
    assert (step.Modality, step.ScheduledProcedureStepID, len(step)) == ("CT", "S1", 2)
    assert (code.CodeValue, code.CodeMeaning) == ("CTP", "Chụp tưới máu não")
    assert found.StudyInstanceUID == made_uid(order.key)
    assert "PatientComments" not in found


def test_a_stroke_code_stands_first_and_says_so(house):
    house.orders = [
        an_order(1),
        an_order(2, priority=OrderPriority.URGENT),
        an_order(3, priority=OrderPriority.STROKE, status=OrderStatus.IN_PROGRESS),
    ]
    data = question()
    data.RequestedProcedurePriority = ""
    data.ScheduledProcedureStepSequence[0].ScheduledProcedureStepStatus = ""
    data.ScheduledProcedureStepSequence[0].CommentsOnTheScheduledProcedureStep = ""
    with associated(house.port, FIND) as peer:
        _, found = asked(peer, data)
    assert [each.RequestedProcedurePriority for each in found] == ["STAT", "HIGH", "ROUTINE"]
    step = found[0].ScheduledProcedureStepSequence[0]
    assert (step.CommentsOnTheScheduledProcedureStep, step.ScheduledProcedureStepStatus) == (
        "STROKE CODE",
        "STARTED",
    )


def test_an_order_without_scanner_or_time_is_for_whoever_asks_now(house):
    house.orders = [an_order(1, station_ae="", scheduled_at=None, modality="")]
    today = NOW.astimezone(ZONE).strftime("%Y%m%d")
    keys = {"ScheduledStationAETitle": SCANNER, "ScheduledProcedureStepStartDate": today, "Modality": "CT"}
    with associated(house.port, FIND) as peer:
        assert len(asked(peer, question(**keys))[1]) == 1
        assert asked(peer, question(**{**keys, "ScheduledStationAETitle": "CT02"}))[1] == []


@pytest.mark.parametrize(
    ("name", "fit"),
    [
        *(
            (name, True)
            for name in ("nguyen*", "NGUYEN^THI HONG", "Nguyễn^Thị Hồng^^", "nguyen^thi h?ng", "*", "")
        ),
        *((name, False) for name in ("NGUYEN", "NGUYEN THI HONG", "n?uyen")),
    ],
)
def test_names_fit_without_case_and_marks(name, fit):
    query = read_query(encode({0x00100010: Attribute("PN", name.encode())}, EXPLICIT_VR), EXPLICIT_VR)
    assert matches(query, entry_of(an_order(), SCANNER, NOW, ZONE)) is fit


@pytest.mark.parametrize(
    ("rule", "key", "value", "fit"),
    [
        (Rule.DATE, "20260301", "20260301", True),
        (Rule.DATE, "2026.03.01", "20260301", True),
        (Rule.DATE, "20260301-", "20260228", False),
        (Rule.DATE, "-20260301", "20260301", True),
        (Rule.DATE, "20260301-20260302", "", False),
        (Rule.TIME, "10", "103000", True),
        (Rule.TIME, "1000-1030", "103059.9", True),
        (Rule.TIME, "1000-1030", "103100", False),
        (Rule.TIME, "10:00-10:30", "100000", True),
        (Rule.TIME, "-0930", "093001", True),
        (Rule.TEXT, "CT", "MR\\CT", True),
        (Rule.TEXT, "ct", "CT", False),
        (Rule.TEXT, "A.1", "AX1", False),
        (Rule.UID, "1.2\\1.3", "1.3", True),
        (Rule.UID, "1.2*", "1.2.3", False),
    ],
)
def test_a_value_fits_as_the_standard_says(rule, key, value, fit):
    assert fits(rule, key, value) is fit


@pytest.mark.parametrize("key", ["today", "20260301-x", "-", "2026-03-01", "9999999"])
def test_what_is_no_date_is_no_query(house, key):
    with pytest.raises(InputError):
        span_of(Rule.DATE, key)
    data = question()
    data.ScheduledProcedureStepSequence[0]["ScheduledProcedureStepStartDate"]._value = key
    with associated(house.port, FIND) as peer:
        assert asked(peer, data) == (0xA900, [])


def test_a_sequence_without_keys_comes_whole(house):
    house.orders = [an_order()]
    data = Dataset()
    data.PatientName = ""
    data.ScheduledProcedureStepSequence, data.RequestedProcedureCodeSequence = [], [Dataset()]
    with associated(house.port, FIND) as peer:
        (found,) = asked(peer, data)[1]
    assert found.ScheduledProcedureStepSequence[0].ScheduledStationAETitle == SCANNER
    assert found.RequestedProcedureCodeSequence[0].CodingSchemeDesignator == "LOCAL"


def test_a_key_that_nobody_has_is_answered_empty_with_a_warning(house):
    house.orders = [an_order()]
    data = question()
    data.ScheduledProcedureStepSequence[0].add_new(0x00090010, "LO", "PRIVATE")
    data.EthnicGroup = ""
    with associated(house.port, FIND) as peer:
        *found, (last, _) = peer.send_c_find(data, FIND)
    assert [status.Status for status, _ in found] == [0xFF01]
    assert (last.Status, found[0][1].EthnicGroup) == (0, "")


def test_whoever_asks_may_stop_listening(house):
    house.orders = [an_order(number) for number in range(200)]
    with associated(house.port, FIND) as peer:
        answers = peer.send_c_find(question(), FIND, msg_id=7)
        next(answers)
        context = next(c.context_id for c in peer.accepted_contexts)
        peer.send_c_cancel(7, context)
        statuses = [status.Status for status, _ in answers]
    assert statuses[-1] in {0xFE00, 0}
    assert set(statuses[:-1]) <= {0xFF00}


def raw_answer(term: str, order, only=None, syntax=EXPLICIT_VR) -> tuple[dict, bool]:
    """Elements of the answer to a query in a character set."""
    keys = {tag: Attribute("LO", b"") for tag in (0x00100010, 0x00104000)}
    declared = {0x00080005: Attribute("CS", term.encode())} if term else {}
    told = answer(
        read_query(encode(declared | keys, syntax), syntax), entry_of(order, SCANNER, NOW, ZONE), only
    )
    return {
        tag: each.value.rstrip(b" ") for tag, each in parse(told.dataset, syntax).items()
    }, told.lost_letters


def named(name: str):
    order = an_order()
    return replace(order, patient=replace(order.patient, name=name))


@pytest.mark.parametrize(
    ("term", "name", "written", "said"),
    [
        ("", "LE^A", b"LE^A", None),
        ("ISO_IR 100", "LE^A", b"LE^A", None),
        ("ISO_IR 100", "GIÁP^BÌNH", "GIÁP^BÌNH".encode("latin_1"), b"ISO_IR 100"),
        ("ISO_IR 100", NAME, NAME.encode(), b"ISO_IR 192"),
        ("", NAME, NAME.encode(), b"ISO_IR 192"),
        ("GB18030", NAME, NAME.encode("gb18030"), b"GB18030"),
        ("ISO_IR 192", NAME, NAME.encode(), b"ISO_IR 192"),
        ("NONSENSE", NAME, NAME.encode(), b"ISO_IR 192"),
    ],
)
@pytest.mark.parametrize("syntax", [EXPLICIT_VR, IMPLICIT_VR])
def test_the_set_of_the_query_is_used_where_it_has_every_letter(term, name, written, said, syntax):
    found, lost = raw_answer(term, named(name), syntax=syntax)
    assert (found[0x00100010], found.get(0x00080005), lost) == (written, said, False)


def test_a_scanner_that_reads_one_set_only_gets_that_and_a_person_is_told(tmp_path):
    """Mutants: without the remark, or without the setting, this fails."""
    found, lost = raw_answer("ISO_IR 192", named(NAME), only="ISO_IR 100")
    assert found[0x00100010] == b"NGUYEN^TH\xcc HONG".replace(b"\xcc", b"I")
    assert (found[0x00104000].decode(), lost) == (LOST_LETTERS, True)
    assert raw_answer("", named("GIÁP^BÌNH"), only="ISO_IR 100")[1] is False
    with a_house(tmp_path, only_sets={SCANNER: "ISO_IR 6"}) as house:
        house.orders = [an_order()]
        (match,), _ = house.find("PatientName", "RequestedProcedureComments", folder=tmp_path / "out")
    assert (str(match.PatientName), match.RequestedProcedureComments) == ("NGUYEN^THI HONG", LOST_LETTERS)
    assert "SpecificCharacterSet" not in match


def test_what_an_order_says_cannot_break_an_answer():
    order = an_order(1, procedure=Procedure("C", "a\\b\x1b\x00c" + "x" * 80, "L"), study_uid="no uid")
    syntax = EXPLICIT_VR
    keys = {tag: Attribute("LO", b"") for tag in (0x00321060, 0x0020000D, 0x00100010)}
    told = answer(read_query(encode(keys, syntax), syntax), entry_of(order, SCANNER, NOW, ZONE))
    found = parse(told.dataset, syntax)
    text = found[0x00321060].value.decode().strip()
    assert text.startswith("a/b  c")
    assert len(text) <= 64
    assert found[0x0020000D].value == b""


def test_an_unknown_patient_has_an_entry(house):
    house.orders = [an_order(1, patient=PatientIdentity())]
    with associated(house.port, FIND) as peer:
        assert [match.PatientID for match in asked(peer, question())[1]] == [""]


def test_orders_that_cannot_be_read_are_no_empty_worklist(tmp_path):
    def away(_query):
        raise TemporaryError("the ledger is away")

    with a_house(tmp_path) as house:
        provider = WorklistProvider(away, ZONE)
        request = type("Request", (), {})()
        request.dataset, request.context, request.peer = b"", type("C", (), {})(), type("P", (), {})()
        request.context.transfer_syntax, request.peer.calling_ae = EXPLICIT_VR, SCANNER
        assert [response.status for response in provider.find(request)] == [0xA700]
        assert house.orders == []


def test_nobody_sees_patients_without_leave(house, tmp_path):
    _, said = house.find("PatientName", title="NOBODY", folder=tmp_path)
    assert "No Acceptable Presentation Contexts" in said
    config = Config.model_validate({"site": {"data_dir": tmp_path}, "ris": {"worklist": True}})
    with pytest.raises(ConfigError, match="nobody may"):
        services_of(config, Ledger.open(config.ledger_url))


def test_the_configuration_switches_the_services_on(tmp_path):
    """Orders of the ledger itself; the query that the ledger answers has no limit that hides a stroke code."""
    peer = {"ae_title": SCANNER, "may": ["worklist", "perform"]}
    tables = {
        "site": {"data_dir": tmp_path},
        "dicom": {"host": "127.0.0.1", "port": 0, "peers": [peer], "free_bytes_floor": 0},
        "ris": {"worklist": True, "performed_steps": True},
    }
    config = Config.model_validate(tables)
    ledger, spool = Ledger.open(config.ledger_url), Spool(config.spool_dir)
    for number in range(3):
        priority = OrderPriority.STROKE if number == 2 else OrderPriority.ROUTINE
        placed(ledger, an_order(number, priority=priority))
    seen = {"on_arrival": ledger.arrivals.record, "on_association": ledger.arrivals.record_association}
    listener = serve(settings_of(config), spool, services=services_of_site(config, ledger), **seen)
    try:
        with associated(listener.port, FIND) as peer:
            found = [match.AccessionNumber for match in asked(peer, question())[1]]
            assert (found[0], sorted(found)) == ("A2", ["A0", "A1", "A2"])
        with associated(listener.port, MPPS):
            pass
    finally:
        listener.shutdown()
        spool.close()
        ledger.engine.dispose()


def test_orthanc_asks_and_keeps_the_letters(house, orthanc):  # noqa: F811 - a fixture
    house.orders = [an_order(1, station_ae="")]
    http, base = urllib3.PoolManager(), orthanc.settings.url
    modality = {"AET": "STROKEGW", "Host": "127.0.0.1", "Port": house.port, "LocalAet": SCANNER}
    assert http.request("PUT", f"{base}/modalities/gw", json=modality).status == 200
    assert http.request("PUT", f"{base}/tools/default-encoding", body="Utf8").status == 200
    query = {"PatientName": "nguyen*", "ScheduledProcedureStepSequence": [{"Modality": "CT"}]}
    (found,) = http.request("POST", f"{base}/modalities/gw/find-worklist", json=query).json()
    assert found["PatientName"] == NAME
    assert found["ScheduledProcedureStepSequence"][0]["Modality"] == "CT"
