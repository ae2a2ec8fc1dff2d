"""What waits for its commit: in order, and with a bound that new results stop at."""

from dataclasses import dataclass
from typing import Generic, NamedTuple, TypeVar

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Room:
    """How much may wait before new results are given up."""

    entries: int = 100_000
    size: int = 64 * 1024 * 1024
    """Bytes, as what waits would be as JSON; in memory it is some four times as much."""


class _Placed(NamedTuple, Generic[T]):
    entry: T
    size: int
    begins: bool


class Waiting(Generic[T]):
    """A queue that knows its size. It refuses nothing itself: whoever puts something in asks whether it is `full`."""

    def __init__(self, room: Room) -> None:
        self._room = room
        self._placed: list[_Placed[T]] = []
        self.size = 0
        """Bytes, as JSON."""

    def __len__(self) -> int:
        return len(self._placed)

    @property
    def full(self) -> bool:
        """Whether no more than must be kept may be put in."""
        return len(self._placed) >= self._room.entries or self.size >= self._room.size

    @property
    def newest(self) -> T | None:
        """What was put in last and not taken yet."""
        return self._placed[-1].entry if self._placed else None

    def put(self, entry: T, size: int, *, begins: bool = False) -> None:
        """Put something in. What follows one that `begins` belongs to it, and is taken together with it."""
        self._placed.append(_Placed(entry, size, begins))
        self.size += size

    def take(self, most: int) -> list[T]:
        """Take the oldest entries out: `most` of them, and what belongs to the last."""
        end = next((place for place in range(most, len(self)) if self._placed[place].begins), len(self))
        taken = self._placed[:end]
        del self._placed[:end]
        self.size -= sum(placed.size for placed in taken)
        return [placed.entry for placed in taken]

    def count(self, kind: type) -> int:
        """How many entries of this kind wait."""
        return sum(isinstance(placed.entry, kind) for placed in self._placed)
