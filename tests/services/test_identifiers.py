"""Small datasets beside pydicom's reading of them, and what strangers may send instead."""

import io
import random
from contextlib import suppress

import pytest
from pydicom.dataset import Dataset
from pydicom.filebase import DicomBytesIO
from pydicom.filereader import read_dataset
from pydicom.filewriter import write_dataset

from dicom_scp import dimse
from dicom_scp.commitment import Failure, Reference, Verdict, event_type, read_request, report
from dicom_scp.identifiers import Attribute, encode, parse
from dicom_scp.queries import STUDY_ROOT, answer, read_query, wanted_uids
from dicom_scp.uids import EXPLICIT_VR, IMPLICIT_VR
from triage.errors import InputError

CT = "1.2.840.10008.5.1.4.1.1.2"
SYNTAXES = pytest.mark.parametrize("syntax", [EXPLICIT_VR, IMPLICIT_VR])


def written(data: Dataset, syntax: str) -> bytes:
    stream = DicomBytesIO()
    stream.is_little_endian, stream.is_implicit_VR = True, syntax == IMPLICIT_VR
    write_dataset(stream, data)
    return stream.getvalue()


def reread(raw: bytes, syntax: str) -> Dataset:
    return read_dataset(io.BytesIO(raw), syntax == IMPLICIT_VR, is_little_endian=True)


def a_request(*, undefined: bool) -> Dataset:
    data = Dataset()
    data.TransactionUID = "1.2.3"
    items = []
    for number in range(3):
        item = Dataset()
        item.ReferencedSOPClassUID, item.ReferencedSOPInstanceUID = CT, f"1.2.{number}"
        item.is_undefined_length_sequence_item = undefined
        items.append(item)
    data.ReferencedSOPSequence = items
    data["ReferencedSOPSequence"].is_undefined_length = undefined
    return data


@SYNTAXES
@pytest.mark.parametrize("undefined", [True, False])
def test_a_request_is_read_as_pydicom_wrote_it(syntax, undefined):
    request = read_request(written(a_request(undefined=undefined), syntax), syntax)
    assert request.transaction_uid == "1.2.3"
    assert request.references == tuple(Reference(CT, f"1.2.{number}") for number in range(3))


@SYNTAXES
def test_a_report_reads_as_the_standard_says(syntax):
    verdicts = [Verdict(Reference(CT, "1.2.1")), Verdict(Reference(CT, "1.2.33"), Failure.NO_SUCH_OBJECT)]
    data = reread(report("1.2.3", verdicts, syntax), syntax)
    assert event_type(verdicts) == 2
    assert event_type(verdicts[:1]) == 1
    assert data.TransactionUID == "1.2.3"
    assert data.ReferencedSOPSequence[0].ReferencedSOPInstanceUID == "1.2.1"
    assert data.FailedSOPSequence[0].FailureReason == 0x0112
    assert "FailedSOPSequence" not in reread(report("1.2.3", verdicts[:1], syntax), syntax)


@SYNTAXES
def test_what_was_parsed_is_encoded_again(syntax):
    raw = written(a_request(undefined=False), syntax)
    assert encode(parse(raw, syntax), syntax) == raw


@SYNTAXES
def test_an_answer_reads_as_it_was_asked(syntax):
    asked = Dataset()
    asked.SpecificCharacterSet, asked.QueryRetrieveLevel = "ISO_IR 192", "STUDY"
    asked.PatientName, asked.Rows, asked.StudyInstanceUID = "Nguyễn*", None, ""
    asked.InstanceAvailability = ""
    query = read_query(written(asked, syntax), syntax, STUDY_ROOT + "1")
    assert query.conditions == {0x00100010: "Nguyễn*"}
    found = {0x00100010: "Nguyễn^Văn", 0x00280010: "512", 0x0020000D: "1.2", 0x00100020: "not asked"}
    raw = answer(query, found, "GW")
    assert parse(raw, syntax)[0x0020000D].value == b"1.2\0"
    data = reread(raw, syntax)
    assert (str(data.PatientName), data.Rows, data.StudyInstanceUID) == ("Nguyễn^Văn", 512, "1.2")
    assert (data.RetrieveAETitle, data.InstanceAvailability) == ("GW", "ONLINE")
    assert "PatientID" not in data


@pytest.mark.parametrize(
    ("declared", "codec"), [("ISO_IR 100", "latin_1"), ("", "utf-8"), ("GB18030", "gb18030")]
)
def test_a_query_is_read_in_its_character_set(declared, codec):
    name = {"gb18030": "王"}.get(codec, "Müller")
    raw = encode(
        {
            0x00080005: Attribute("CS", declared.encode()),
            0x00080052: Attribute("CS", b"STUDY"),
            0x00100010: Attribute("PN", name.encode(codec)),
        },
        EXPLICIT_VR,
    )
    assert read_query(raw, EXPLICIT_VR, STUDY_ROOT + "1").keys[0x00100010] == name


@SYNTAXES
def test_nonsense_is_refused_and_nothing_else_happens(syntax):
    dice = random.Random(7)
    for undefined in (True, False):
        whole = written(a_request(undefined=undefined), syntax)
        for _ in range(3000):
            raw = bytearray(whole[: dice.randrange(len(whole) + 1)])
            for _ in range(dice.randrange(4)):
                if raw:
                    raw[dice.randrange(len(raw))] = dice.choice((0, 0xFF, dice.randrange(256)))
            for read in (read_request, moved, found):
                with suppress(InputError):
                    read(bytes(raw), syntax)


def moved(raw, syntax):
    return wanted_uids(read_query(raw, syntax, STUDY_ROOT + "2"))


def found(raw, syntax):
    asked = {0x00080052: Attribute("CS", b"STUDY")}
    query = read_query(raw + encode(asked, syntax), syntax, STUDY_ROOT + "1")
    return answer(query, dict.fromkeys(query.keys, "1"), "GW")


def test_sequences_without_end_are_refused():
    item = b"\xfe\xff\x00\xe0\xff\xff\xff\xff"
    raw = b"\x08\x00\x99\x11SQ\0\0\xff\xff\xff\xff" + item
    with pytest.raises(InputError, match="too deeply"):
        parse(raw * 500, EXPLICIT_VR)


@pytest.mark.parametrize("sizes", [(0,), (1,), (10, 0, 10), (99, 100, 101), (1000,), ()])
@pytest.mark.parametrize("maximum", [0, 20, 106])
def test_pieces_go_out_as_the_whole_would(sizes, maximum):
    whole = bytes(range(256)) * 5
    pieces, at = [], 0
    for size in sizes:
        pieces.append(whole[at : at + size])
        at += size
    units = list(dimse.pdus(1, iter(pieces), 0, maximum))
    assert b"".join(unit[12:] for unit in units) == whole[:at]
    assert [unit[11] & dimse.LAST for unit in units] == [0] * (len(units) - 1) + [dimse.LAST]
    assert all(len(unit) <= (maximum or 1 << 17) + 6 for unit in units)
