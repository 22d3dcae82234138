"""Modality Worklist: what a scanner asks, whether an entry fits, and how the answer is written (PS3.4 annex K).

Where entries come from is not known here: an `Entry` is texts by tag, sequences within.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from dicom_scp.identifiers import Attribute, Dataset, encode, parse
from dicom_scp.matching import Rule, fits, holds_moment, is_universal, span_of
from dicom_scp.texts import (
    ASCII_SETS,
    BINARY_VRS,
    CHARACTER_SET,
    CODECS,
    UTF_8,
    can_carry,
    codec_of,
    declared,
    decoded,
    encoded,
)
from dicom_scp.values import is_uid
from dicom_scp.worklist_keys import KEYS, START_DATE, START_TIME, Key
from triage.errors import InputError

FIND = "1.2.840.10008.5.1.4.31"
"""SOP class (PS3.4 section K.6.1.4)."""

Entry = Mapping[int, "str | tuple[Entry, ...]"]
"""One scheduled step, or one item within it."""

LOST_LETTERS = "Letters without their marks; the order has the right ones"
"""The remark on answers in a character set that lacks letters."""

REMARKS = (0x00400400, 0x00401400, 0x00104000)
"""Where a scanner shows remarks to a person: on the step, on the procedure, on the patient."""


@dataclass(frozen=True, slots=True)
class Query:
    """What a scanner asks."""

    asked: Dataset = field(repr=False)
    codec: str
    character_set: str
    """As declared; empty for none."""
    transfer_syntax_uid: str

    @property
    def has_unknown_keys(self) -> bool:
        """Whether something is asked for that no entry ever has."""
        return _has_unknown(self.asked, KEYS)


@dataclass(frozen=True, slots=True)
class Answer:
    """One match as it is sent, and whether letters were lost on the way."""

    dataset: bytes = field(repr=False)
    lost_letters: bool


def read_query(raw: bytes, transfer_syntax_uid: str) -> Query:
    """Read an identifier, and see that every date and time in it is one.

    Raises
    ------
    InputError
        It is malformed.
    """
    asked = parse(raw, transfer_syntax_uid)
    query = Query(asked, codec_of(asked), declared(asked), transfer_syntax_uid)
    _check(asked, KEYS, query.codec)
    return query


def _check(asked: Dataset, keys: Mapping[int, Key], codec: str) -> None:
    for tag, key, attribute in _known(asked, keys):
        text = decoded(attribute, codec)
        if key.rule in {Rule.DATE, Rule.TIME} and not is_universal(text):
            span_of(key.rule, text)
        for item in _items(attribute):
            _check(item, key.items, codec)
        if isinstance(attribute.value, tuple) != (key.vr == "SQ") and attribute.value:
            raise InputError(
                f"the key {tag:08X} is a sequence where it should be none, or none where it should"
            )


def _known(asked: Dataset, keys: Mapping[int, Key]) -> Iterator[tuple[int, Key, Attribute]]:
    return ((tag, keys[tag], attribute) for tag, attribute in asked.items() if tag in keys)


def _has_unknown(asked: Dataset, keys: Mapping[int, Key]) -> bool:
    unknown = any(tag not in keys for tag in asked if tag != CHARACTER_SET and tag & 0xFFFF)
    return unknown or any(
        _has_unknown(item, key.items)
        for _, key, attribute in _known(asked, keys)
        for item in _items(attribute)
    )


def _items(attribute: Attribute) -> tuple[Dataset, ...]:
    return attribute.value if isinstance(attribute.value, tuple) else ()


def matches(query: Query, entry: Entry) -> bool:
    """Whether an entry fits every key with a rule."""
    return _fits_all(query.asked, KEYS, entry, query.codec)


def _fits_all(asked: Dataset, keys: Mapping[int, Key], entry: Entry, codec: str) -> bool:
    wanted = {tag: decoded(attribute, codec) for tag, _, attribute in _known(asked, keys)}
    wanted = {tag: text for tag, text in wanted.items() if keys[tag].rule and not is_universal(text)}
    if _is_one_span(wanted):
        days, times = span_of(Rule.DATE, wanted.pop(START_DATE)), span_of(Rule.TIME, wanted.pop(START_TIME))
        if not holds_moment(days, times, _value(entry, START_DATE), _value(entry, START_TIME)):
            return False
    if not all(fits(keys[tag].rule, text, _value(entry, tag)) for tag, text in wanted.items()):
        return False
    return all(
        any(_fits_all(item, key.items, candidate, codec) for candidate in _entries(entry, tag))
        for tag, key, attribute in _known(asked, keys)
        for item in _items(attribute)
        if _restricts(item, key.items, codec)
    )


def _is_one_span(wanted: Mapping[int, str]) -> bool:
    """Whether start date and time are both ranges: then they are the ends of one (PS3.4 table K.6-1)."""
    return all("-" in wanted.get(tag, "") for tag in (START_DATE, START_TIME))


def _restricts(asked: Dataset, keys: Mapping[int, Key], codec: str) -> bool:
    return any(
        (key.rule and not is_universal(decoded(attribute, codec)))
        or any(_restricts(item, key.items, codec) for item in _items(attribute))
        for _, key, attribute in _known(asked, keys)
    )


def _value(entry: Entry, tag: int) -> str:
    value = entry.get(tag, "")
    return value if isinstance(value, str) else ""


def _entries(entry: Entry, tag: int) -> tuple[Entry, ...]:
    value = entry.get(tag, ())
    return value if isinstance(value, tuple) else ()


def answer(query: Query, entry: Entry, only: str | None = None) -> Answer:
    """An entry as the answer to a query: the keys that were asked for, in a character set that has every letter.

    That is the query's own where it has them all, else UTF-8. The set of a query says how the query is written, not what
    the scanner can read (PS3.4 section K.4.1.1.3), so this is as the standard has it. A scanner that is known to read
    `only` one set gets that: what it lacks is written without marks, and the answer says so where a person reads it. The
    original goes into no other component group: these are for ideographic and phonetic spelling (PS3.5 section 6.2.1.2),
    and UTF-8 cannot be joined to another set within a dataset (PS3.3 section C.12.1.1.2).
    """
    chosen = _chosen(query.asked, KEYS, entry)
    texts = list(_texts(chosen))
    term = only if only is not None else _character_set(query, texts)
    lost = not can_carry(term, texts)
    if lost:
        chosen |= {tag: _remarked(entry, tag) for tag in REMARKS if tag in query.asked}
    dataset = dict(_written(query.asked, KEYS, chosen, term))
    if term not in ASCII_SETS and not can_carry("", texts):
        dataset[CHARACTER_SET] = Attribute("CS", term.encode("ascii"))
    return Answer(encode(dataset, query.transfer_syntax_uid), lost)


def _character_set(query: Query, texts: list[str]) -> str:
    asked = query.character_set
    return asked if asked in CODECS and can_carry(asked, texts) else UTF_8


def _remarked(entry: Entry, tag: int) -> str:
    said = _value(entry, tag)
    return f"{said}; {LOST_LETTERS}" if said else LOST_LETTERS


def _chosen(asked: Dataset, keys: Mapping[int, Key], entry: Entry) -> dict[int, "str | tuple[Entry, ...]"]:
    """What an entry has of what is asked; of a sequence without keys all (PS3.4 section C.2.2.2.6)."""
    found: dict[int, str | tuple[Entry, ...]] = {}
    for tag, key, attribute in _known(asked, keys):
        if key.vr != "SQ":
            found[tag] = _cleaned(_value(entry, tag), key.vr)
            continue
        within = next((item for item in _items(attribute) if item), None)
        wanted = within if within is not None else _everything(key.items)
        found[tag] = tuple(_chosen(wanted, key.items, item) for item in _entries(entry, tag))
    return found


def _everything(keys: Mapping[int, Key]) -> Dataset:
    return {tag: Attribute(key.vr, () if key.vr == "SQ" else b"") for tag, key in keys.items()}


def _cleaned(text: str, vr: str) -> str:
    """A value that its representation allows. It is never cut: half a number is another number."""
    allowed = text if vr in {"AE", "UI"} else text.replace("\\", "/")
    printable = "".join(
        c if c.isprintable() or (vr in {"LT", "ST"} and c in "\r\n") else " " for c in allowed
    )
    if vr == "UI":
        return printable if is_uid(printable) else ""
    return printable.strip()


def _texts(entry: Entry) -> Iterator[str]:
    for value in entry.values():
        if isinstance(value, str):
            yield value
        else:
            for item in value:
                yield from _texts(item)


def _written(
    asked: Dataset, keys: Mapping[int, Key], chosen: Entry, term: str
) -> Iterator[tuple[int, Attribute]]:
    """Every key that was asked for, empty where there is nothing."""
    for tag, attribute in asked.items():
        if tag == CHARACTER_SET or not tag & 0xFFFF:
            continue
        key = keys.get(tag, Key(attribute.vr))
        value = chosen.get(tag, "")
        if isinstance(value, tuple) or key.vr == "SQ":
            yield tag, Attribute("SQ", tuple(_item(attribute, key, item, term) for item in value or ()))
        else:
            yield tag, Attribute(key.vr, b"" if key.vr in BINARY_VRS else encoded(value, term))


def _item(attribute: Attribute, key: Key, chosen: "str | Entry", term: str) -> Dataset:
    within = next((item for item in _items(attribute) if item), None)
    asked = within if within is not None else _everything(key.items)
    return dict(_written(asked, key.items, chosen, term)) if not isinstance(chosen, str) else {}
