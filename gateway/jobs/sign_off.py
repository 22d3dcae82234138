"""``python -m gateway.jobs.sign_off``: the objects of a sign-off, around one signature that is made once."""

import json
import sys
from datetime import datetime
from pathlib import Path

from pydicom import Dataset, dcmread

from gateway import casefolder
from gateway.jobs.orders import OBJECTS, SIGNED, TRY_AGAIN, SignOffOrder
from gateway.ledger.signoffs import Identity
from gateway.signing import asking, documents
from gateway.signing.documents import PUBLISHED, SIGNED_OFF
from triage.errors import ConfigError, InputError, TemporaryError
from viewer_bridge.objects.origin import in_zone_of
from viewer_bridge.objects.results import file_bytes
from viewer_bridge.objects.signed_off import Verifier, signed_off_objects

KNOWN_BY = {
    Identity.STATED: "Who that is was stated at the sign-off, with the site's access token.",
    Identity.ACCOUNT: "The signer had logged in with an account of their own.",
}


def run(order: SignOffOrder) -> None:
    """Sign the report unless that was done, then build the objects that carry it.

    Raises
    ------
    InputError
        The revision has no report.
    ConfigError, TemporaryError
        The key cannot be used now.
    """
    folder = Path(order.folder)
    published = [dcmread(path) for path in sorted((folder / OBJECTS).glob("*.dcm"))]
    if not published:
        raise InputError("the revision has no objects: there is nothing to sign off")
    made = signed_off_objects(
        published,
        _signed(order, folder, published[0]),
        _verifier(order),
        source_series_uid=order.source_series_uid,
        revision=order.revision,
    )
    with casefolder.appearing(folder / SIGNED) as scratch:
        for number, dataset in enumerate(made):
            (scratch / f"{number:03d}.dcm").write_bytes(file_bytes(dataset))


def _signed(order: SignOffOrder, folder: Path, header: Dataset) -> bytes:
    """The signed bytes: those that are kept, or new ones, which are kept before anybody sees them."""
    known = documents.issue(folder, SIGNED_OFF)
    if known is None:
        published = documents.issue(folder, PUBLISHED)
        if published is None:
            raise InputError("the revision has no report: it was published by an older release")
        at = in_zone_of(header, datetime.fromisoformat(order.signed_at)).replace(microsecond=0)
        approval = asking.Approval(
            order.physician, order.role, order.remark, at.isoformat(), order.language, order.identity
        )
        known = documents.keep(folder, SIGNED_OFF, *asking.approved(published.pdf, order.signing, approval))
    return known.pdf


def _verifier(order: SignOffOrder) -> Verifier:
    return Verifier(
        order.physician,
        order.role,
        order.remark,
        identity=KNOWN_BY[Identity(order.identity)],
        organization=order.organization,
        signed_at=datetime.fromisoformat(order.signed_at),
    )


if __name__ == "__main__":
    try:
        run(SignOffOrder(**json.load(sys.stdin)))
    except (ConfigError, TemporaryError) as exc:  # a person mends the key, and it goes on
        sys.stdout.write(str(exc))
        sys.exit(TRY_AGAIN)
