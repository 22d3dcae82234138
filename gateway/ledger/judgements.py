"""What radiologists have said of results; the latest word on a revision stands."""

from collections.abc import Collection, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime

from sqlalchemy import Engine, RowMapping, func, select

from gateway.feedback.classes import AlertClass
from gateway.feedback.judgement import Judgement, Reason, Verdict
from gateway.ledger.edits import Edits
from gateway.ledger.judgements_tables import judgements
from gateway.ledger.records import utc_text
from gateway.ledger.statements import insert_once, rows


@dataclass(frozen=True, slots=True)
class Tally:
    """Of so many cases that were judged, so many were confirmed."""

    judged: int
    confirmed: int


class Judgements:
    """Judgements of all cases, nothing of which is ever changed; `edits` are the segmentations behind some of them."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self.edits = Edits(engine)

    def add(self, new: Judgement) -> bool:
        """Write a judgement down; returns False where the same segmentation has brought it before."""
        values = asdict(new)
        del values["id"]
        return insert_once(self._engine, judgements, values)

    def of_cases(self, case_ids: Collection[str]) -> dict[str, list[Judgement]]:
        """Every judgement of each case, oldest first."""
        query = select(judgements).where(judgements.c.case_id.in_(case_ids)).order_by(judgements.c.id)
        found: dict[str, list[Judgement]] = {case_id: [] for case_id in case_ids}
        for row in rows(self._engine, query):
            found[row["case_id"]].append(judgement_of(row))
        return found

    def of_case(self, case_id: str) -> list[Judgement]:
        """Every judgement of a case, oldest first."""
        return self.of_cases([case_id])[case_id]

    def marks(self, case_ids: Sequence[str]) -> dict[str, str]:
        """What changes whenever somebody has judged a case, or a segmentation of it came back; a case without is missing."""
        query = select(judgements.c.case_id, func.max(judgements.c.id).label("latest"))
        grouped = query.where(judgements.c.case_id.in_(case_ids)).group_by(judgements.c.case_id)
        latest = {row["case_id"]: row["latest"] for row in rows(self._engine, grouped)}
        came = self.edits.counts(case_ids)
        return {case_id: f"{latest.get(case_id, 0)} {came.get(case_id, 0)}" for case_id in {*latest, *came}}

    def tally(self, said: AlertClass, since: datetime, until: datetime) -> Tally:
        """How the alerts of a class turned out that were judged between two times: one word a case, the last on its latest judged revision."""
        mine = judgements.c.said == said.value, judgements.c.confirms.is_not(None)
        query = select(judgements.c.case_id, judgements.c.revision, judgements.c.id, judgements.c.confirms)
        between = judgements.c.at >= utc_text(since), judgements.c.at <= utc_text(until)
        last = {
            row["case_id"]: bool(row["confirms"])
            for row in rows(
                self._engine,
                query.where(*mine, *between).order_by(judgements.c.revision, judgements.c.id),
            )
        }
        return Tally(len(last), sum(last.values()))


def standing(known: Sequence[Judgement], revision: int | None = None) -> Judgement | None:
    """The word that stands on a revision, or on the latest that was judged, of words from the oldest on; None without any."""
    mine = [each for each in known if revision is None or each.revision == revision]
    return max(reversed(mine), key=lambda each: each.revision, default=None)


def judgement_of(row: RowMapping) -> Judgement:
    """A row as a value."""
    return Judgement(
        **{
            **row,
            "verdict": Verdict(row["verdict"]),
            "reason": Reason(row["reason"]) if row["reason"] else None,
            "said": AlertClass(row["said"]),
        }
    )
