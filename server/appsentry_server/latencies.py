"""Response times by check and hour, as sketches that can be merged over any days later."""

from collections.abc import Mapping

from appsentry_contract.accounting.sketch import Sketch
from appsentry_contract.vocabulary import PASSED, Verdict

Key = tuple[str, str]
HOUR_MS = 3_600_000


class Latencies:
    """The hours that may still grow, and which of them have grown since they were last kept."""

    def __init__(self, sketches: Mapping[tuple[Key, int], Sketch]) -> None:
        self._sketches = dict(sketches)
        self._grown: set[tuple[Key, int]] = set()

    def add(self, key: Key, due_ms: int, verdict: Verdict, response_ms: float | None) -> None:
        """Count a result's response time in the hour in which it was due, if it is of one that worked and has one."""
        if verdict not in PASSED or response_ms is None:
            return
        place = (key, due_ms - due_ms % HOUR_MS)
        sketch = self._sketches.get(place)
        if sketch is None:
            sketch = self._sketches[place] = Sketch()
        sketch.add(response_ms)
        self._grown.add(place)

    def grown(self) -> dict[tuple[Key, int], Sketch]:
        """Copies of those that have grown since they were last `kept`."""
        return {place: Sketch.merged([self._sketches[place]]) for place in self._grown}

    def kept(self, sketches: Mapping[tuple[Key, int], Sketch]) -> None:
        """Take note that these are kept elsewhere; one that has grown since stays noted as grown."""
        self._grown -= {place for place, sketch in sketches.items() if len(sketch) == len(self._sketches[place])}

    def forget(self, before_ms: int) -> None:
        """Let go of hours that begin before this instant and are kept elsewhere."""
        old = [place for place in self._sketches if place[1] < before_ms and place not in self._grown]
        for place in old:
            del self._sketches[place]
