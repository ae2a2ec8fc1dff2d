"""The newest results of one card's first check, and how many of them were told already."""

from collections.abc import Sequence

from appsentry_contract.vocabulary import Verdict
from appsentry_kernel.picture.board import BEATS_LENGTH, VERDICTS, Beat

_CODES = {verdict: code for code, verdict in enumerate(VERDICTS)}
_NUMBERS = 2 * BEATS_LENGTH


class Beats:
    """A bounded line of beats, flat as it is sent: milliseconds and verdict in turn.

    Thousands of results a second come here, so that adding one only appends two numbers.
    """

    __slots__ = ("_flat", "_told", "check", "heard")

    def __init__(self) -> None:
        self.check: str | None = None
        """Whose results these are; None as long as the application has no check."""
        self.heard = 0
        """How many results there ever were."""
        self._told = 0
        self._flat: list[float | None] = []

    def takes(self, check: str) -> bool:
        """Whether results of this check belong here."""
        return self.check == check or self.check is None

    def add(self, response_ms: float | None, status: Verdict) -> None:
        """Take in the newest result."""
        self._flat += (short(response_ms), _CODES[status])
        self.heard += 1
        if len(self._flat) > 2 * _NUMBERS:
            del self._flat[:-_NUMBERS]

    def put_before(self, results: Sequence[tuple[float | None, Verdict]]) -> None:
        """Take in results, oldest first, that are all older than those that are here."""
        room = BEATS_LENGTH - min(self.heard, BEATS_LENGTH)
        older = [number for ms, status in results[-room:] for number in (short(ms), _CODES[status])] if room else []
        self._flat[:0] = older
        self.heard += len(older) // 2

    def tell(self) -> list[float | None]:
        """How many there ever were, then each that was not told, at most a line of them."""
        untold = min(self.heard - self._told, BEATS_LENGTH)
        self._told = self.heard
        return [self.heard, *self._flat[-2 * untold :]] if untold else [self.heard]

    def line(self) -> list[Beat]:
        """All that are shown, oldest first."""
        newest = self._flat[-_NUMBERS:]
        return [(ms, int(code or 0)) for ms, code in zip(newest[::2], newest[1::2], strict=True)]


def short(ms: float | None) -> float | None:
    """Milliseconds with as many digits as are shown: what nobody sees is not sent."""
    return ms if ms is None else round(ms) if ms >= 10 else round(ms, 1)
