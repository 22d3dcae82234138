"""What the access log says of a request that was answered; written after the answer, so that nobody waits for it."""

import re
import time
from collections import OrderedDict
from http import HTTPStatus

import structlog
from anyio import to_thread
from sqlalchemy.exc import SQLAlchemyError
from starlette.requests import Request

from gateway.api.lookup import READING, case_of, row_of
from gateway.api.needs import Need
from gateway.api.reception import Reception
from gateway.ledger.accesses import Action
from gateway.ledger.records import case_id_of
from gateway.team.people import Actor
from triage.errors import TemporaryError

log = structlog.get_logger()

ONCE_PER_S = 600.0
"""Somebody who looks at a case for a while is noted no more often: a page that draws itself anew is no second look."""
MOST_REMEMBERED = 10_000
_STUDY = re.compile(r"/dicom-web/studies/([0-9.]+)")


class Notes:
    """Writes down who did what; who looks at the same again is noted once in a while."""

    def __init__(self, reception: Reception) -> None:
        self._reception = reception
        self._latest: OrderedDict[tuple[object, ...], float] = OrderedDict()

    async def after(self, request: Request, need: Need, status: int) -> None:
        """Note what was done, or that somebody tried what is not theirs to do."""
        refused: Actor | None = getattr(request.state, "refused", None)
        actor: Actor | None = refused or getattr(request.state, "actor", None)
        action = Action.REFUSED if refused else need.noted
        done = refused or 0 < status < HTTPStatus.BAD_REQUEST
        if actor is None or action is None or not done or self._is_repeated(request, actor, action):
            return
        await to_thread.run_sync(self._write, request, actor, action)

    def _is_repeated(self, request: Request, actor: Actor, action: Action) -> bool:
        if request.method not in READING:
            return False
        who = actor.session_id or actor.call_id or actor.kind
        key = (who, action, _case(request), row_of(request.method, request.url.path))
        now = time.monotonic()
        since = self._latest.pop(key, None)
        again = since is not None and now - since < ONCE_PER_S
        self._latest[key] = since if again and since is not None else now
        if len(self._latest) > MOST_REMEMBERED:
            self._latest.popitem(last=False)
        return again

    def _write(self, request: Request, actor: Actor, action: Action) -> None:
        row = row_of(request.method, request.url.path)
        detail = " ".join(row) if row else request.method
        try:
            self._reception.ledger.accesses.note(actor, action, _case(request), detail, self._reception.now())
        except (TemporaryError, SQLAlchemyError):
            log.exception("an access was not noted", action=action.value)


def _case(request: Request) -> str | None:
    """The case that a request is about, also where the address names its study."""
    path = request.url.path
    study = _STUDY.match(path)
    return case_id_of(study[1]) if study else case_of(request.method, path, request.url.query)
