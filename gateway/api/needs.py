"""What an address may ask of whoever comes: the words of the table in `gateway.api.rights`."""

from dataclasses import dataclass

from gateway.ledger.accesses import Action
from gateway.team.people import Right


@dataclass(frozen=True, slots=True)
class Need:
    """What an address asks of whoever comes.

    Attributes
    ----------
    right
        What one must be allowed to do; None lets everybody pass, who need not even have come in.
    link
        Whether the link of an alert opens it as well, for the link's own case.
    noted
        What the access log says of it when it was done; None where the route notes it itself, or nobody needs to know.
    """

    right: Right | None
    link: bool = False
    noted: Action | None = None


EVERYBODY = Need(None)
READ, READ_BY_LINK = Need(Right.READ), Need(Right.READ, link=True)
NAMES = Need(Right.NAMES)
SEE_CASE = Need(Right.READ, noted=Action.OPENED)
SEE_PATIENT = Need(Right.NAMES, noted=Action.OPENED)
EXPORT = Need(Right.NAMES, noted=Action.EXPORTED)
COUNT = Need(Right.READ, noted=Action.EXPORTED)
ANSWER = Need(Right.ANSWER, link=True, noted=Action.ANSWERED)
ANSWER_LOGGED_IN = Need(Right.ANSWER, noted=Action.ANSWERED)
"""What comes back tells which study it is, or the page may name the patient: no answer by an alert's link."""
SHARE = Need(Right.NAMES, noted=Action.SHARED)
JUDGE = Need(Right.JUDGE, noted=Action.JUDGED)
SIGN = Need(Right.SIGN, noted=Action.SIGNED)
OPERATE = Need(Right.OPERATE, noted=Action.OPERATED)
REVOKE = Need(Right.NAMES, noted=Action.REVOKED)
ARRANGE = Need(Right.ARRANGE)
ADMINISTER = Need(Right.ADMINISTER)
AUDIT = Need(Right.AUDIT)
