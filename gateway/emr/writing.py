"""Letters written just before they are sent: what they say, whom they are for, and what has to be taken back first.

For whom a letter is, is durable before the first byte leaves. So a report can be withdrawn from a record where it does not
belong, whatever was killed in between; and it is withdrawn there before it is filed anywhere else.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from gateway.desk import Desk
from gateway.emr.composing import NotReadyError, report_for
from gateway.emr.filing import misfiled, plain
from gateway.emr.report import Report
from gateway.emr.settings import EmrDestination
from gateway.ledger.letter import UNFINISHED, Cause, Letter
from gateway.ledger.records import Case

WRONG_PATIENT = "The study belongs to another patient."
"""Why a report is withdrawn, for its receiver."""


@dataclass(frozen=True, slots=True)
class Written:
    """A letter and what it says; `is_new` when no earlier try may have reached the receiver."""

    letter: Letter
    report: Report
    is_new: bool


class Writer:
    """Writes the letters of one destination."""

    def __init__(self, desk: Desk, destination: EmrDestination) -> None:
        self._desk, self._destination = desk, destination
        self._addressees = desk.ledger.letters.addressees

    def write(
        self,
        letters: Sequence[Letter],
        may_go: Callable[[Letter, Case], bool],
        note: Callable[[Letter, Exception], None],
    ) -> list[Written]:
        """Write letters and note whom they are for; what cannot be written is told to `note`.

        Parameters
        ----------
        may_go
            Whether a letter is still wanted.
        """
        known = self._addressees.claim([one for one in letters if one.cause is not Cause.WITHDRAWN])
        cases = self._desk.ledger.cases.of_ids([one.case_id for one in letters])  # once claimed, not before
        written, spare = [], []
        for letter in letters:
            is_new = letter.id not in known
            try:
                case = cases.get(letter.case_id) or self._desk.case(letter.case_id)
                if may_go(letter, case):
                    written.append(Written(letter, self._report(letter, case), is_new))
                    continue
            except Exception as exc:  # noqa: BLE001 - one letter that cannot be written must not hold up the others
                note(letter, exc)
            if is_new:
                spare.append(letter.id)
        self._addressees.release(spare)
        self._addressees.address(
            [_addressed(one) for one in written if one.letter.cause is not Cause.WITHDRAWN]
        )
        return written

    def not_sent(self, unsent: Sequence[Written]) -> None:
        """These did not reach the receiver, or it has said that it did not take them."""
        self._addressees.release([one.letter.id for one in unsent if one.is_new])

    def _report(self, letter: Letter, case: Case) -> Report:
        report = report_for(self._desk, case, letter, self._destination)
        may_have_former = letter.is_written or letter.edition > 1 or letter.revision > 1
        if may_have_former and letter.cause is not Cause.WITHDRAWN:
            self._take_back(letter, report)
        return report

    def _take_back(self, letter: Letter, report: Report) -> None:
        """See to it that nothing stays in another patient's record.

        Raises
        ------
        NotReadyError
            Something has to be withdrawn first.
        """
        letters, now = self._desk.ledger.letters, self._desk.now()
        wrong = misfiled(self._addressees.of_case(letter.case_id, letter.destination), report.recipient)
        if any(former.delivery_id == letter.id for former in wrong):
            # Under its control id somebody else may have it already: it cannot say anything else any more.
            letters.queue(
                letter.case_id, letter.revision, letter.destination, Cause.CORRECTED, WRONG_PATIENT, now
            )
            raise NotReadyError("a corrected letter takes its place")
        for former in wrong[:1]:
            self._addressees.withdraw(letter, former, WRONG_PATIENT, now)
        known = letters.of_case(letter.case_id, letter.destination)
        if any(one.cause is Cause.WITHDRAWN and one.state.value in UNFINISHED for one in known):
            raise NotReadyError("the report is withdrawn from another record first")


def _addressed(one: Written) -> tuple[Letter, int, dict[str, object]]:
    return one.letter, one.report.filing.number, plain(one.report.recipient, one.report.number)
