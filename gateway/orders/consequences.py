"""What follows for results that were sent, when patient or order turn out to be others."""

from gateway.desk import Desk
from gateway.emr import corrections


def correct_results(desk: Desk, study_uid: str, reason: str) -> int:
    """Have every medical record that got a result of this study get a corrected one; returns how many will.

    Patient and order are read from the ledger when the message is written (`Orders.identity_of`, `Orders.order_of`).
    """
    return corrections.resend(desk, study_uid, reason)
