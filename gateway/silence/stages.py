"""How far the phantom has come, and where it stands when it does not come through, in words."""

from dataclasses import dataclass
from enum import StrEnum

from gateway.ledger.records import CaseState
from gateway.silence.truth import IMAGES


class Stage(StrEnum):
    """What the phantom waits for, in the order of its way."""

    SENDING = "sending"
    RECEIVING = "receiving"
    INTAKE = "intake"
    PROOF = "proof"
    QUEUE = "queue"
    COMPUTING = "computing"
    ARCHIVE = "archive"
    OVER = "over"


WORDS = {
    Stage.SENDING: "the listener did not take its images: is it running, and does it let our own phantom in?",
    Stage.RECEIVING: "its images were accepted but are not in the ledger: look at the listener's log",
    Stage.INTAKE: "no case was opened for it: is a worker running?",
    Stage.PROOF: "the study was never taken to be complete: look at the worker's log",
    Stage.QUEUE: "no worker began to compute it: is a worker running, and is an analysis stuck on the page of the runs?",
    Stage.COMPUTING: "its analysis did not end: look at the worker's log",
    Stage.ARCHIVE: "it was analysed, but the archive did not take its images: is Orthanc running, and is its disk full?",
    Stage.OVER: "",
}
"""Where it stopped, and what to look at."""


@dataclass(frozen=True, slots=True)
class Progress:
    """What is known of a phantom on its way."""

    is_sent: bool
    received: int
    state: CaseState | None
    has_begun: bool
    """Whether its computation has."""
    pending: int
    """Images that the archive is still to take."""

    @property
    def stage(self) -> Stage:
        """What it waits for now.

        >>> Progress(is_sent=True, received=72, state=CaseState.RECEIVING, has_begun=False, pending=0).stage.value
        'proof'
        """
        if self.state in {CaseState.ANALYSED, CaseState.NOT_ANALYSED, CaseState.NO_PERFUSION}:
            return Stage.ARCHIVE if self.pending else Stage.OVER
        if not self.is_sent:
            return Stage.SENDING
        if self.received < IMAGES:
            return Stage.RECEIVING
        if self.state is None:
            return Stage.INTAKE
        if self.state is CaseState.RECEIVING:
            return Stage.PROOF
        return Stage.COMPUTING if self.has_begun else Stage.QUEUE
