"""What the conformance statement says of worklist, procedure steps and notifications, from the tables that serve them."""

from collections.abc import Iterable, Iterator, Mapping

from dicom_scp import availability, mpps, worklist
from dicom_scp.worklist_keys import KEYS, Key
from gateway.markdown import statuses, table

SOP_CLASSES = (
    (worklist.FIND, "no", "option"),
    (mpps.MPPS, "no", "option"),
    (availability.NOTIFICATION, "option", "no"),
)
"""SOP class, whether as user, whether as provider."""


def chapters(first: int) -> Iterator[str]:
    """Sections of chapter 2, the first of which has this number."""
    yield f"### 2.{first} Modality Worklist"
    yield (
        "Off unless `ris.worklist` is set, for peers with `worklist` in `may` alone; answered from the orders that came "
        "by HL7. Stroke codes come first, with priority STAT and a remark. An order that names no scanner is for whoever "
        "asks, one without a time for now. Names fit without regard to case and marks: `nguyen*` finds NGUYỄN. Ranges of "
        "start date and time together are one span. A key that is not listed is answered empty, with status FF01.\n\n"
        + table(("key", "VR", "matching"), _keys(KEYS))
    )
    yield (
        "Answers are written in the query's character set where that has every letter, else in `ISO_IR 192`. A scanner of "
        "`ris.scanners` gets its one set; what that lacks is written without marks, and then the answer says "
        f'"{worklist.LOST_LETTERS}" in every comment that is asked for ({_tags(worklist.REMARKS)}).'
    )
    yield f"### 2.{first + 1} Modality Performed Procedure Step"
    yield (
        "Off unless `ris.performed_steps` is set, for peers with `perform` in `may` alone. Success is answered for what is "
        f"durable. Required of an N-CREATE: {_paths(mpps.REQUIRED_AT_FIRST)}; of every series: "
        f"{_paths(mpps.REQUIRED_IN_SERIES)}; at the end: "
        + "; ".join(
            f"{status.value}: {_tags(tags)}"
            for status, tags in mpps.REQUIRED_AT_LAST.items()
            if status.is_final
        )
        + ". Attributes of type 2 that are left out count as empty, and an N-SET of what may not change any more, such as "
        f"the patient, is passed over. A final step is answered with status 0110, Error ID {mpps.FINAL_ERROR_ID:04X}. "
        "The images that a step names take part in the proof that a series is complete. Statuses:\n\n"
        + statuses(mpps.Answer)
    )
    yield f"### 2.{first + 2} Instance Availability Notification"
    yield (
        "One N-CREATE to each node of `ris.availability` when a study is at rest and all of it is in the archive, and "
        "another when more has come; its UID is the same when it is repeated. Statuses "
        f"{_codes(availability.TAKEN)} end the delivery well, {_codes(availability.LATER)} are tried again, with growing "
        "pauses, others end it with the reason."
    )


def _keys(keys: Mapping[int, Key], depth: int = 0) -> Iterator[tuple[str, str, str]]:
    for tag, key in keys.items():
        yield ">" * depth + _tag(tag), key.vr, key.rule.value or ("" if key.items else "returned only")
        yield from _keys(key.items, depth + 1)


def _tag(tag: int) -> str:
    return f"({tag >> 16:04X},{tag & 0xFFFF:04X})"


def _tags(tags: Iterable[int]) -> str:
    return ", ".join(map(_tag, tags))


def _paths(paths: Iterable[mpps.Path]) -> str:
    return ", ".join(">".join(map(_tag, path)) for path in paths)


def _codes(codes: Iterable[int]) -> str:
    return ", ".join(f"{code:04X}" for code in sorted(codes))
