"""The rounds of the silence watch, in one worker at a time."""

from threading import Event

from gateway.desk import Desk
from gateway.rounds import begin_round
from gateway.silence.walking import Walker
from gateway.silence.watch import SilenceWatch


def begin(desk: Desk, stop: Event) -> None:
    """Begin what the site has not turned off; the phantom has a round of its own, because others may wait for peers."""
    settings, url = desk.config.silence, desk.config.engine_url
    if settings.enabled:
        begin_round(url, "silence", lambda: SilenceWatch(desk), stop)
    if settings.phantom.enabled:
        begin_round(url, "phantom", lambda: Walker(desk, desk.now()), stop)
