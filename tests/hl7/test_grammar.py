"""Messages as they really come: own delimiters, every escape, wrong declarations, nothing where something should be."""

from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.hospital import texts
from gateway.hl7.acknowledging import Answer, acknowledgement
from gateway.hl7.escapes import Delimiters, unescaped
from gateway.hl7.grammar import MOST_FIELDS, MOST_SEGMENTS, Message, MessageError, read
from gateway.hl7.letters import CODECS, read_letters
from tests.orders.conftest import NOW

NAME = "NGUYỄN^VĂN Đức"


def raw(text: str, charset: str, codec: str) -> bytes:
    return f"MSH|^~\\&|HIS|BV|GW|X|2026||ADT^A08|1|P|2.5.1||||||{charset}\rPID|1||7||{text}\r".encode(codec)


@pytest.mark.parametrize(
    ("text", "charset", "codec", "remark"),
    [
        (NAME, "UNICODE UTF-8", "utf-8", ""),
        (NAME, "", "utf-8", "nothing"),
        (NAME, "8859/1", "utf-8", "8859/1"),
        (NAME, "Klingon", "utf-8", "Klingon"),
        (NAME, "UNICODE UTF-8", "utf-8-sig", ""),
        (NAME, "8859/1", "utf-8-sig", "byte order mark"),
        (NAME, "UNICODE UTF-16", "utf-16", ""),
        (NAME, "ASCII", "utf-16-le", "zero bytes"),
        ("Müller", "8859/1", "latin-1", ""),
        ("Müller^Jürgen", "8859/15", "iso8859-15", ""),
        ("Müller", "windows-1252", "cp1252", ""),
        ("李^小龙", "GB 18030-2000", "gb18030", ""),
        ("鈴木^一郎", "ISO IR87", "iso2022_jp_2", ""),
        ("김^희중", "KS X 1001", "euc_kr", ""),
        ("陳^大文", "BIG-5", "big5", ""),
        ("Müller", "UNICODE UTF-8", "cp1252", "UNICODE UTF-8"),
        ("Müller", "", "cp1252", "nothing"),
    ],
)
def test_letters_are_decided_by_evidence(text: str, charset: str, codec: str, remark: str) -> None:
    message = read(raw(text, charset, codec))
    found = message.first("PID").whole(5)
    if codec != "cp1252" or charset.startswith("windows"):
        assert found == text
    if remark:
        assert remark in " ".join(message.remarks)
    else:
        assert message.remarks == ()


def test_letters_that_nobody_can_know_are_told_as_a_doubt() -> None:
    assert read(raw("Müller", "UNICODE UTF-8", "cp1252")).letters.in_doubt
    assert read_letters(raw("M\u01b0\u01a1ng", "", "cp1258"), "windows-1258").text.endswith("Mương\r")


def test_every_codec_of_the_table_is_there() -> None:
    assert all("abc".encode(codec) for codec in CODECS.values())


def test_a_message_brings_its_own_delimiters() -> None:
    message = read(b"MSH$%~?*$A$B$$$2026$$ORM%O01$1$P$2.3\nPID$1$$12%%%BV*1.2*ISO~13$$A?S?B?F?C")
    pid = message.first("PID")
    assert [part.text(1) for part in pid.repetitions(3)] == ["12", "13"]
    assert (pid.repetitions(3)[0].text(4, 1), pid.repetitions(3)[0].text(4, 2)) == ("BV", "1.2")
    assert pid.text(5) == "A%B$C"
    assert message.type == "ORM^O01"
    assert "line feeds" in message.remarks[0]


@pytest.mark.parametrize(
    ("written", "text"),
    [
        ("\\F\\\\S\\\\T\\\\R\\\\E\\", "|^&~\\"),
        ("\\E\\F\\E\\", "\\F\\"),
        ("a\\.br\\b\\.sp+2\\c", "a\nb\nc"),
        ("\\H\\bold\\N\\", "bold"),
        ("\\XE1BB85\\\\X0D0A\\", "ễ\r\n"),
        ("\\XFF\\", "ÿ"),
        ("\\Zlocal\\ \\", "\\Zlocal\\ \\"),
        ("C:\\temp\\new", "C:\\temp\\new"),
        ("\\X0\\ \\XZZ\\", "\\X0\\ \\XZZ\\"),
        ("\\P\\", "#"),
    ],
)
def test_every_escape_is_resolved_and_the_rest_left(written: str, text: str) -> None:
    assert unescaped(written, Delimiters()) == text


def test_missing_repeated_and_broken_segments_are_read() -> None:
    message = read(b"\r\nMSH|^~\\&|A\rNTE|1||one\nand\rmore\r\rNTE|2||two\rQQ\rZZ1")
    assert [note.whole(3) for note in message.all("NTE")] == ["one\nand\nmore", "two\nQQ"]
    assert not message.first("PID").present
    assert message.first("PID").text(5) == ""
    assert message.first("ZZ1").present
    assert "line breaks" in message.remarks[0]


@pytest.mark.parametrize(
    "hostile",
    [
        b"MSH|^~\\&|A\r" + b"NTE|1\r" * (MOST_SEGMENTS + 1),
        b"MSH|^~\\&|A\rNTE" + b"|" * (MOST_FIELDS + 1),
        b"MSH|^~\\&|A\rMSH|^~\\&|B",
        b"MSHA~\\&|A",
        b"MSH||||",
        b"PID|1",
        b"",
    ],
)
def test_what_has_no_bounds_is_refused_with_a_condition(hostile: bytes) -> None:
    with pytest.raises(MessageError) as refused:
        read(hostile)
    assert refused.value.condition in {"100", "102"}


@given(
    st.binary(max_size=400) | st.text(alphabet="MSHPIDORC|^~\\&\r\n\x0b\0X01 ễ", max_size=300).map(str.encode)
)
@settings(max_examples=300, deadline=None)
def test_nothing_crashes_reader_or_answer(tail: bytes) -> None:
    for whole in (tail, b"MSH|^~\\&|" + tail, b"MSH" + tail):
        message = read_or_none(whole)
        assert acknowledgement(None, Answer("100", "MSH^1", "no"), NOW)
        for segment in message.segments if message else ():
            for place in range(1, len(segment.fields)):
                segment.field(place)
                segment.whole(place)
        answer = acknowledgement(message, Answer("204", "ORC^1^2", "no"), NOW)
        assert answer or (message and message.first("MSH").text(15))


def read_or_none(raw: bytes) -> Message | None:
    with suppress(MessageError):
        return read(raw)
    return None


def test_enhanced_mode_is_answered_as_asked() -> None:
    def answered(accept: str, application: str, condition: str) -> str:
        asked = f"MSH|^~\\&|A|B|||2026||ORM^O01|17|P|2.5.1|||{accept}|{application}\r".encode()
        answer = acknowledgement(read(asked), Answer(condition), NOW).decode()
        return answer.partition("MSA|")[2][:5]

    assert answered("AL", "NE", "0") == "CA|17"
    assert answered("NE", "AL", "204") == "AE|17"
    assert answered("ER", "NE", "0") == ""
    assert answered("ER", "NE", "100") == "CR|17"


def test_five_hundred_texts_in_twenty_fields_come_back_unchanged() -> None:
    rows = texts.random_rows(500, seed=3)
    written = [texts.composed(row, number) for number, row in enumerate(rows)]
    assert texts.changed(rows, [texts.read_by_hl7(each) for each in written]) == 0
    assert texts.changed(rows, [texts.read_by_us(each) for each in written]) == 0


def test_node_reads_and_writes_the_same_texts() -> None:
    if not texts.has_node():
        pytest.skip("npm's node-hl7-client is not installed: make npm-peers")
    rows = texts.random_rows(500, seed=4)
    written = [texts.composed(row, number) for number, row in enumerate(rows)]
    assert texts.changed(rows, texts.run_node(texts.READER, written)) == 0
    plain = texts.without_line_ends(rows)
    assert texts.changed(plain, [texts.read_by_us(each) for each in texts.run_node(texts.WRITER, plain)]) == 0
