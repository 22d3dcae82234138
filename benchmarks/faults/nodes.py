"""Files and folders as they are now, and as a power cut would leave them."""

import itertools
import random
import time
from dataclasses import dataclass, field

PAGE_BYTES = 4096
_numbers = itertools.count(2)


@dataclass(eq=False)
class File:
    """Bytes as programs see them, as they would be found after a power cut, and the pages in which they differ."""

    mode: int
    data: bytearray = field(default_factory=bytearray)
    durable: bytearray = field(default_factory=bytearray)
    dirty: set[int] = field(default_factory=set)
    number: int = field(default_factory=lambda: next(_numbers))
    changed_at: float = field(default_factory=time.time)
    names: int = 1

    def write(self, piece: bytes, offset: int) -> None:
        """Change some bytes."""
        if offset > len(self.data):
            self.resize(offset)
        self.data[offset : offset + len(piece)] = piece
        self._touch(offset, offset + len(piece))

    def resize(self, size: int) -> None:
        """Cut off, or fill with zeros."""
        before = len(self.data)
        del self.data[size:]
        self.data.extend(bytes(size - len(self.data)))
        self._touch(min(before, size), max(before, size))

    def _touch(self, start: int, end: int) -> None:
        self.dirty.update(range(start // PAGE_BYTES, -(-end // PAGE_BYTES)))
        self.changed_at = time.time()

    def sync(self, pages: set[int] | None = None) -> None:
        """Make `pages`, or everything, durable."""
        for page in self.dirty if pages is None else pages:
            start = page * PAGE_BYTES
            piece = self.data[start : start + PAGE_BYTES]
            self.durable.extend(bytes(max(start + len(piece) - len(self.durable), 0)))
            self.durable[start : start + len(piece)] = piece
        if pages is None:
            del self.durable[len(self.data) :]
        self.dirty.clear()

    def cut(self, chance: random.Random | None) -> None:
        """Forget what was not durable, except for what `chance` spares."""
        if chance:
            self.sync({page for page in self.dirty if chance.random() < 0.5})
        self.data, self.dirty = bytearray(self.durable), set()

    def lose_dirty_pages(self) -> None:
        """What Linux does after a failed sync: the pages count as clean, and no later sync will write them."""
        self.dirty.clear()


@dataclass(eq=False)
class Folder:
    """Names as programs see them, and as they would be found after a power cut."""

    mode: int
    names: dict[str, "File | Folder"] = field(default_factory=dict)
    durable: dict[str, "File | Folder"] = field(default_factory=dict)
    number: int = field(default_factory=lambda: next(_numbers))
    changed_at: float = field(default_factory=time.time)

    def sync(self) -> None:
        """Make the names durable."""
        self.durable = dict(self.names)

    def cut(self, chance: random.Random | None) -> None:
        """Forget names that were not durable, and remember those whose removal was not; `chance` spares some changes."""
        changed = {n for n in {*self.names, *self.durable} if self.names.get(n) is not self.durable.get(n)}
        for name in sorted(changed):
            if chance and chance.random() < 0.5:
                _put(self.durable, name, self.names.get(name))
        self.names = dict(self.durable)


def _put(names: dict[str, "File | Folder"], name: str, node: "File | Folder | None") -> None:
    if node is None:
        names.pop(name, None)
    else:
        names[name] = node


def everything_below(node: File | Folder) -> list[File | Folder]:
    """Everything that programs or a power cut can still reach."""
    seen, queue = {node}, [node]
    for one in queue:
        below = {*one.names.values(), *one.durable.values()} - seen if isinstance(one, Folder) else set()
        seen |= below
        queue += below
    return sorted(queue, key=lambda one: one.number)
