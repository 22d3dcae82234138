"""Foreign text never breaks a message, and arrives as it was."""

from datetime import datetime

import hl7
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.hl7.building import escaped, escaped_lines, person_name, timestamp
from triage.errors import InputError

ENCODABLE = st.text(st.characters(exclude_categories=("Cs",)), max_size=60)


@settings(max_examples=300, deadline=None)
@given(ENCODABLE)
def test_escaped_text_holds_no_delimiter_and_no_control_character_and_reads_back_as_it_was(text):
    written = escaped(text)
    assert not set("|^~&\r\n\x0b\x1c\x00\x7f") & set(written)
    message = hl7.parse(f"MSH|^~\\&|A\rNTE|1|L|{written}|end\r")
    assert message.segment("NTE").extract_field(1, 3) == text


@settings(max_examples=100, deadline=None)
@given(st.text(max_size=40))
def test_whatever_python_can_hold_can_be_sent(text):
    escaped(text).encode("utf-8")


def test_half_a_surrogate_pair_becomes_a_replacement_character():
    assert escaped("a\ud800b") == "a\N{REPLACEMENT CHARACTER}b"


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("|", "\\F\\"),
        ("^", "\\S\\"),
        ("~", "\\R\\"),
        ("&", "\\T\\"),
        ("\\", "\\E\\"),
        ("\\F\\", "\\E\\F\\E\\"),
        ("\x0b\x1c\r", "\\X0B\\\\X1C\\\\X0D\\"),
        ("Trần Thị Ưu Đức", "Trần Thị Ưu Đức"),
        ("脳 ☎ 🧠", "脳 ☎ 🧠"),
    ],
)
def test_each_delimiter_has_its_own_sequence_and_letters_stay(text, written):
    assert escaped(text) == written


@pytest.mark.parametrize("end", ["\n", "\r", "\r\n"])
def test_lines_of_a_text_value_are_broken_the_hl7_way(end):
    assert escaped_lines(f"a|b{end}c") == "a\\F\\b\\.br\\c"


@pytest.mark.parametrize(
    ("name", "written"),
    [
        ("NGUYỄN^VĂN A", "NGUYỄN^VĂN A^^^^^L^A"),
        ("Doe^Jane^Q^Dr^PhD", "Doe^Jane^Q^PhD^Dr^^L^A"),
        (
            "Yamada^Tarou=山田^太郎=やまだ^たろう",
            "Yamada^Tarou^^^^^L^A~山田^太郎^^^^^L^I~やまだ^たろう^^^^^L^P",
        ),
        ("=山田^太郎", "山田^太郎^^^^^L^I"),
        ("O|Brien&Co^A~B", "O\\F\\Brien\\T\\Co^A\\R\\B^^^^^L^A"),
        ("^^^^", "^^^^^^U"),
        ("", "^^^^^^U"),
        (" ^ ", "^^^^^^U"),
        ("a^b^c^d^e^f^g=h=i=j", "a^b^c^e^d^^L^A~h^^^^^^L^I~i^^^^^^L^P"),
    ],
)
def test_a_dicom_name_becomes_an_hl7_name(name, written):
    assert person_name(name) == written


def test_times_carry_their_zone():
    assert timestamp(datetime.fromisoformat("2026-03-01T10:07:20.005+07:00")) == "20260301100720.005+0700"
    with pytest.raises(InputError, match="time zone"):
        timestamp(datetime(2026, 3, 1))  # noqa: DTZ001 - the mistake under test
