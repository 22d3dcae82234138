"""The series that we add to a study, all in one table, in the order in which a viewer lists them.

Viewers sort by series number: the pages come first, then what is looked at, then what machines read. Ours stand behind
the scanner's, and those of a later revision before those that they supersede.
"""

from dataclasses import dataclass

from viewer_bridge.objects.uids import Role

RESEARCH = "research, not for primary diagnosis"
"""Stands in the description of every series; with it and a name of 18 letters, LO's 64 characters suffice up to revision 99."""

LAST_SERIES_NUMBER = 99000
SERIES_PER_REVISION = 100
"""Series are 99001.. for the first revision, 98901.. for the next: the newest of our series stand first."""


@dataclass(frozen=True, slots=True)
class SeriesKind:
    """One of our series: its role in UIDs, its place, and what a reader sees in the series list."""

    role: Role
    place: int
    modality: str
    name: str

    @property
    def description(self) -> str:
        """What a reader sees: the name, and that it is research."""
        return f"{self.name} - {RESEARCH}"

    def described(self, revision: int) -> str:
        """The description in a revision: a later one says first that it is one."""
        return self.description if revision == 1 else f"REV {revision}: {self.description}"

    def number(self, revision: int) -> int:
        """Series number in the study.

        Examples
        --------
        >>> SERIES[Role.PAGES].number(1), SERIES[Role.PAGES].number(2), SERIES[Role.REFERENCE].number(1)
        (99001, 98901, 99003)
        """
        return LAST_SERIES_NUMBER - SERIES_PER_REVISION * (revision - 1) + self.place


SERIES = {
    kind.role: kind
    for kind in (
        SeriesKind(Role.PAGES, 1, "OT", "CTP results"),
        SeriesKind(Role.SEGMENTATION, 2, "SEG", "Core and penumbra"),
        SeriesKind(Role.REFERENCE, 3, "CT", "CTP mean"),
        SeriesKind(Role.COLOUR_TMAX, 11, "OT", "Tmax in colour"),
        SeriesKind(Role.COLOUR_CBF, 12, "OT", "CBF in colour"),
        SeriesKind(Role.COLOUR_CBV, 13, "OT", "CBV in colour"),
        SeriesKind(Role.COLOUR_MTT, 14, "OT", "MTT in colour"),
        SeriesKind(Role.COLOUR_TTP, 15, "OT", "TTP in colour"),
        SeriesKind(Role.REPORT, 21, "DOC", "CTP report"),
        SeriesKind(Role.SIGNED_REPORT, 22, "DOC", "Signed CTP report"),
        SeriesKind(Role.MEASUREMENTS, 31, "SR", "Measurements"),
        SeriesKind(Role.VERIFIED, 33, "SR", "Verified numbers"),
        SeriesKind(Role.KEY_OBJECTS, 32, "KO", "Key images"),
        SeriesKind(Role.REGIONS, 41, "SEG", "Further regions"),
        SeriesKind(Role.MAP_TMAX, 51, "OT", "Tmax values"),
        SeriesKind(Role.MAP_CBF, 52, "OT", "CBF values"),
        SeriesKind(Role.MAP_CBV, 53, "OT", "CBV values"),
        SeriesKind(Role.MAP_MTT, 54, "OT", "MTT values"),
        SeriesKind(Role.MAP_TTP, 55, "OT", "TTP values"),
        SeriesKind(Role.PROJECTION, 61, "CT", "Maximum over time"),
        SeriesKind(Role.ALIGNED, 62, "CT", "CTP aligned"),
        SeriesKind(Role.SUPERSEDED, 99, "KO", "Superseded results"),
    )
}
"""Every series of ours by its role."""
