"""The site's side of all channels: settings, keys, and connections that are kept open."""

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any, Self, TypeVar

from gateway.channels.post import Post
from gateway.channels.settings import Channels
from gateway.channels.web import Web

Kept = TypeVar("Kept")


def _nobody(_device_id: str) -> None:
    """Without a ledger there is nothing to drop."""


class ChannelSite:
    """What every sender works with; one per process, for all of its threads.

    Parameters
    ----------
    settings
        The table ``[channels]``.
    data_dir
        The site's; keys and tokens lie below it, for the owner alone.
    gone
        Called with the id of a device whose push service says that it is no more.
    """

    def __init__(self, settings: Channels, data_dir: Path, gone: Callable[[str], None] = _nobody) -> None:
        self.settings = settings
        self.folder = data_dir / "channels"
        self.gone = gone
        self.web = Web(settings.proxy)
        self.post = Post(settings.smtp)
        self._made: dict[str, Any] = {}
        self._lock = threading.Lock()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def once(self, name: str, make: Callable[[], Kept]) -> Kept:
        """Something that is made at first use and kept."""
        with self._lock:
            if name not in self._made:
                self._made[name] = make()
            kept: Kept = self._made[name]
            return kept

    def close(self) -> None:
        """Hang up everywhere."""
        self.web.close()
        self.post.close()
