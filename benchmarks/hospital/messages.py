"""Messages as hospitals write them, for the tests of orders."""

from dataclasses import dataclass

SEGMENT = "\r"


@dataclass(frozen=True)
class Somebody:
    """A patient as a message names one: PID-3 as written, PID-5, PID-7, PID-8."""

    numbers: str = "12345^^^BVTW^MR"
    name: str = "NGUYỄN^VĂN A"
    born: str = "19500102"
    sex: str = "M"

    def segment(self) -> str:
        """Write the PID."""
        return f"PID|1||{self.numbers}||{self.name}||{self.born}|{self.sex}"


def header(
    kind: str, control_id: str, at: str = "20261122100000+0700", charset: str = "UNICODE UTF-8"
) -> str:
    return f"MSH|^~\\&|HIS|BVTW|GW|STROKE|{at}||{kind}|{control_id}|P|2.5.1||||||{charset}"


def message(*segments: str) -> bytes:
    return (SEGMENT.join(segments) + SEGMENT).encode()


def orm(
    control_id: str = "1",
    who: Somebody = Somebody(),
    *,
    control: str = "NW",
    placer: str = "P1",
    accession: str = "A1",
    at: str = "20261122100000+0700",
    planned: str = "20261122103000",
    priority: str = "R",
    study_uid: str = "",
    procedure: str = "CTP^CT perfusion head^L",
    status: str = "",
) -> bytes:
    return message(
        header("ORM^O01", control_id, at),
        who.segment(),
        "PV1|1|E",
        f"ORC|{control}|{placer}|||{status}||^^^{planned}^^{priority}||{at}",
        f"OBR|1|{placer}||{procedure}||||||||||||||{accession}|RP1|SPS1||||CT|||^^^{planned}^^{priority}",
        *([f"ZDS|{study_uid}^100^Application^DICOM"] if study_uid else []),
    )


def omi(control_id: str, who: Somebody, accession: str, study_uid: str, priority: str = "R") -> bytes:
    return message(
        header("OMI^O23^OMI_O23", control_id),
        who.segment(),
        "PV1|1|E",
        "ORC|NW|P9^RIS|F9^RIS",
        f"TQ1|1||||||20261122103000||{priority}",
        "OBR|1|P9^RIS|F9^RIS|CTP^CT perfusion head^L",
        f"IPC|{accession}^RIS|RP9|{study_uid}|SPS9|CT|CTP^CT perfusion^L|||CT1",
    )


def adt(
    event: str, control_id: str, who: Somebody, at: str = "20261122100000+0700", prior: str = ""
) -> bytes:
    return message(
        header(f"ADT^{event}", control_id, at),
        f"EVN|{event}|{at}",
        who.segment(),
        *([f"MRG|{prior}"] if prior else ["PV1|1|E"]),
    )
