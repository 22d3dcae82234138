"""``python -m gateway.jobs.phantom < ORDER.json``: draws the made-up patient and sends the study to our own listener.

A process of its own, because whoever watches loads no numerical library, and because it can be ended at any moment when
a patient comes. Answers one line: ``{"sent": IMAGES}``, or ``{"failure": WORDS}``.
"""

import json
import os
import sys
from datetime import UTC, datetime
from pathlib import Path

from pydicom.uid import CTImageStorage

from dicom_scp.dimse import Element, Field, ui, us
from dicom_scp.requestor import Callee, Proposal, Requestor, associated
from dicom_scp.tls import TlsSettings, client_context
from dicom_scp.uids import EXPLICIT_VR
from gateway.silence.encoding import Image, images_of
from gateway.silence.order import PhantomOrder
from gateway.silence.phantom import draw
from triage.errors import GatewayError, InputError

NICENESS = 10
"""Patients' processes come first."""


def callee_of(order: PhantomOrder) -> Callee:
    """Whom to call; our own certificate also names us to ourselves.

    Raises
    ------
    ConfigError
        The files of TLS cannot be used.
    """
    tls = None
    if order.tls:
        certificate, key, authorities = map(Path, order.tls)
        settings = TlsSettings(certificate, key, authorities)
        tls = client_context(settings, datetime.now(UTC), check_host=False)
    return Callee(order.called_ae, order.host, order.port, order.calling_ae, tls)


def send(order: PhantomOrder) -> int:
    """Draw and send; returns how many images were accepted.

    Raises
    ------
    GatewayError
        The listener is away, refuses the association, or refuses an image.
    """
    images = images_of(draw(), order.study_uid, datetime.fromisoformat(order.begun_at))
    with associated(callee_of(order), [Proposal(CTImageStorage, (EXPLICIT_VR,))]) as outlet:
        return sum(_store(outlet, image) for image in images)


def _store(outlet: Requestor, image: Image) -> int:
    """One C-STORE (PS3.7 section 9.1.1)."""
    context = outlet.context_for(CTImageStorage, (EXPLICIT_VR,))
    if context is None:
        raise InputError("the listener takes no CT images")
    values: dict[int, bytes] = {
        Element.COMMAND_FIELD: us(Field.C_STORE),
        Element.PRIORITY: us(0),
        Element.AFFECTED_SOP_CLASS_UID: ui(CTImageStorage),
        Element.AFFECTED_SOP_INSTANCE_UID: ui(image.uid),
    }
    status = outlet.request(context.context_id, values, image.dataset).number(Element.STATUS)
    if status:
        raise InputError(f"the listener refused an image with status {status:04X}")
    return 1


def main() -> None:
    """Send what standard input orders."""
    os.nice(NICENESS)
    try:
        answer: dict[str, object] = {"sent": send(PhantomOrder.from_json(sys.stdin.read()))}
    except GatewayError as exc:
        answer = {"failure": str(exc)}
    sys.stdout.write(json.dumps(answer) + "\n")


if __name__ == "__main__":
    main()
