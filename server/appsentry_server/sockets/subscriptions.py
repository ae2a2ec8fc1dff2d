"""Who follows which stream, and the exact cut between what is replayed to a reader and what it then hears live."""

import asyncio
from collections import defaultdict
from collections.abc import Mapping
from typing import Any, Protocol

import orjson

from appsentry_contract.errors import AppSentryError
from appsentry_contract.events import RUN_ENDS, run_stream
from appsentry_contract.instants import to_wire
from appsentry_contract.requests import Since, Subscribe, Unsubscribe
from appsentry_contract.vocabulary import ENDED_RUN_STATES
from appsentry_server.clock import Clock
from appsentry_server.runs.registry import Runs, UnknownRun
from appsentry_server.runs.views import run_view, test_view, tests_from
from appsentry_server.sockets.readers import MOST_SUBSCRIPTIONS, Reader
from appsentry_server.store import reading
from appsentry_server.store.history import History
from appsentry_server.store.rows import RunRow
from appsentry_server.streams.journal import Event, Journal
from appsentry_server.streams.published import Published

STANDING = ("applications", "metrics", "runs")
"""The streams every socket hears from the start."""

PAGE = 500
_HEADS_S = 15.0

Ack = dict[str, Any]


class UnknownStream(AppSentryError, LookupError):
    """No stream has this name."""


class TooManySubscriptions(AppSentryError, ValueError):
    """A socket follows as much as it may."""


class Rooms(Protocol):
    """What the transport offers: rooms of sockets, and sending to a room or to one socket."""

    async def enter(self, sid: str, room: str) -> None: ...
    async def leave(self, sid: str, room: str) -> None: ...
    async def emit(self, name: str, payload: Mapping[str, Any], to: str) -> None: ...


class Subscriptions:
    """Moves readers in and out of rooms, and hands every published event to the rooms that hear it."""

    def __init__(
        self, rooms: Rooms, journal: Journal, published: Published, history: History, runs: Runs, clock: Clock
    ) -> None:
        self._rooms = rooms
        self._journal = journal
        self._published = published
        self._history = history
        self._runs = runs
        self._clock = clock
        self._gathering: defaultdict[str, list[tuple[str, Mapping[str, Any]]]] = defaultdict(list)
        self._gathered = asyncio.Event()
        self._batched: defaultdict[str, int] = defaultdict(int)
        self._replays: set[asyncio.Task[None]] = set()

    async def join_standing(self, reader: Reader) -> None:
        """Let a new socket hear the standing streams."""
        for stream in STANDING:
            await self._follow(reader, stream, batch=False)

    async def follow_from_now(self, reader: Reader, run_id: str) -> None:
        """Join a run that has said nothing yet."""
        await self._follow(reader, run_stream(run_id), batch=False)

    async def subscribe(self, reader: Reader, request: Subscribe) -> Ack:
        """Answer a `subscribe`. Raises `UnknownRun`, `UnknownStream` or `TooManySubscriptions`."""
        stream = request.stream or run_stream(request.test_run_id or "")
        run = await self._known(stream)
        if stream not in reader.follows and len(reader.follows) >= MOST_SUBSCRIPTIONS:
            raise TooManySubscriptions(f"a socket follows at most {MOST_SUBSCRIPTIONS} streams: unsubscribe from some")
        if request.resumes:
            await self._follow(reader, stream, batch=request.batch)
            return await self._resume(stream, request.since, min(request.limit or PAGE, PAGE))
        if run is None:
            await self._follow(reader, stream, batch=request.batch)
        else:
            await self._replay(reader, stream, run, batch=request.batch)
        return {"ok": True, **self._place(stream)}

    async def unsubscribe(self, reader: Reader, request: Unsubscribe) -> Ack:
        """Answer an `unsubscribe`; of what is not followed as of what is."""
        await self._unfollow(reader, request.stream or run_stream(request.test_run_id or ""))
        return {"ok": True}

    async def drop(self, reader: Reader) -> None:
        """Forget a socket that is gone."""
        reader.gone = True
        for stream in list(reader.follows):
            await self._unfollow(reader, stream)

    async def deliver(self, event: Event) -> None:
        """Hand a published event to those who follow its stream."""
        if event.name in RUN_ENDS:
            # Whoever follows the run in batches hears its tests before its end.
            await self._flush(run_stream(event.payload["testRunId"]))
        # Gathered before anything is waited for: one who joins from now on has this event from the journal.
        if self._batched.get(event.stream):
            self._gathering[event.stream].append((event.name, event.payload))
            self._gathered.set()
        await self._rooms.emit(event.name, event.payload, to=event.stream)

    async def send_batches(self) -> None:
        """Send what was gathered for readers of batches, for ever: a batch is what one commit made true."""
        while True:
            await self._gathered.wait()
            self._gathered.clear()
            for stream in list(self._gathering):
                await self._flush(stream)

    async def send_heads(self) -> None:
        """Tell every stream's head now and then, so that a reader notices what it missed; for ever."""
        while True:
            await self._clock.sleep(_HEADS_S)
            active = [run_stream(run.run_id) for run in self._runs.in_progress]
            for stream in (*STANDING, *active):
                await self.deliver(
                    Event(stream=stream, name="streamHead", seq=None, payload={"stream": stream, **self._place(stream)})
                )

    async def _known(self, stream: str) -> RunRow | None:
        """The run of a run's stream, None for a standing one."""
        if stream in STANDING:
            return None
        kind, _, run_id = stream.partition(":")
        if kind != "run":
            raise UnknownStream(f"no stream is called {stream!r}; there are {', '.join(STANDING)} and run:<testRunId>")
        active = self._runs.active(run_id)
        row = active.row() if active else await self._history.read(reading.run(run_id))
        if row is None:
            raise UnknownRun(f"no run is called {run_id!r}")
        return row

    def _place(self, stream: str) -> dict[str, Any]:
        return {"epoch": self._journal.epoch, "head": self._journal.head(stream)}

    async def _follow(self, reader: Reader, stream: str, *, batch: bool) -> None:
        room = f"{stream}|batch" if batch else stream
        if reader.follows.get(stream) == room:
            return
        await self._unfollow(reader, stream)
        if reader.gone:
            return
        reader.follows[stream] = room
        if batch:
            self._batched[stream] += 1
        await self._rooms.enter(reader.sid, room)

    async def _unfollow(self, reader: Reader, stream: str) -> None:
        reader.catching_up.pop(stream, None)
        room = reader.follows.pop(stream, None)
        if room is None:
            return
        if room != stream:
            await self._flush(stream)
            self._batched[stream] -= 1
            if not self._batched[stream]:
                del self._batched[stream]
        await self._rooms.leave(reader.sid, room)

    async def _flush(self, stream: str) -> None:
        events = self._gathering.pop(stream, [])
        # In pages: after a commit that had to wait for long, one message could be more than a socket may have waiting.
        for start in range(0, len(events), PAGE):
            await self._rooms.emit("eventBatch", {"events": events[start : start + PAGE]}, to=f"{stream}|batch")

    async def _resume(self, stream: str, since: Since | None, page: int) -> Ack:
        """What follows a reader's place, or a snapshot when that cannot be had. The reader already hears the stream."""
        place = self._place(stream)
        if since is None:
            return {"ok": True, "snapshot": await self._snapshot(stream), **place}
        reason = self._unreachable(stream, since)
        if reason:
            return {"ok": True, "reset": True, "reason": reason, "snapshot": await self._snapshot(stream), **place}
        events = await self._journal.after(stream, since.seq, page)
        reached = events[-1].seq if events else since.seq
        return {
            "ok": True,
            **place,
            "more": (reached or 0) < place["head"],
            "events": [[event.name, event.payload] for event in events],
        }

    def _unreachable(self, stream: str, since: Since) -> str | None:
        if since.epoch != self._journal.epoch:
            return "epoch"
        if since.seq > self._journal.head(stream):
            return "ahead"
        if since.seq + 1 < self._journal.floor(stream):
            return "trimmed"
        return None

    async def _snapshot(self, stream: str) -> dict[str, Any]:
        if stream == "applications":
            return {"applications": list(self._published.applications.values())}
        if stream == "runs":
            return {"runs": [dict(run) for run in self._published.runs.values()]}
        if stream == "metrics":
            return {}
        run_id = stream.partition(":")[2]
        run = self._published.runs.get(run_id)
        if run is not None and run["state"] not in ENDED_RUN_STATES:
            events = await self._journal.after(stream, 0, 1_000_000)
            return {"run": dict(run), "tests": tests_from(events)}
        row = await self._history.read(reading.run(run_id))
        if row is None:
            # It has only just begun, and nothing of it is told yet.
            active = self._runs.active(run_id)
            assert active is not None, "the stream was found to exist"
            return {"run": run_view(active.row(), {}), "tests": []}
        counts = await self._history.read(reading.counts_of([run_id]))
        tests = await self._history.read(reading.tests_of([run_id]))
        return {"run": run_view(row, counts[run_id]), "tests": [test_view(test) for test in tests]}

    async def _replay(self, reader: Reader, stream: str, run: RunRow, *, batch: bool) -> None:
        """Send the run's events so far once the acknowledgement is out, then let the reader hear the rest live."""
        await self._unfollow(reader, stream)
        # The place is taken, but no room: what happens meanwhile is found in the journal.
        reader.follows[stream] = None
        reader.catching_up[stream] = mark = object()
        task = asyncio.create_task(self._catch_up(reader, stream, run, mark, batch=batch))
        self._replays.add(task)
        task.add_done_callback(self._replays.discard)

    async def _catch_up(self, reader: Reader, stream: str, run: RunRow, mark: object, *, batch: bool) -> None:
        seq = 0
        while True:
            for event in await self._journal.after(stream, seq, PAGE):
                if reader.catching_up.get(stream) is not mark:
                    return
                await self._rooms.emit(event.name, event.payload, to=reader.sid)
                seq = event.seq or seq
            if seq >= self._journal.head(stream):
                break
        if reader.catching_up.get(stream) is not mark:
            return
        await self._follow(reader, stream, batch=batch)
        await self._tell_state(reader, run.run_id, after=seq)

    async def _tell_state(self, reader: Reader, run_id: str, after: int) -> None:
        """Send the run's current progress, or its end event again."""
        end = await self._history.read(reading.run_end(run_id))
        if end is not None:
            await self._rooms.emit(end.name, orjson.loads(end.payload), to=reader.sid)
            return
        active, told = self._runs.active(run_id), self._published.runs.get(run_id)
        if active is None or told is None or told["state"] in ENDED_RUN_STATES:
            return
        at = to_wire(self._clock.now_ms())
        place = {"stream": run_stream(run_id), "epoch": self._journal.epoch, "after": after, "at": at}
        progress = {**active.progress(), "completed": told["completed"]}
        await self._rooms.emit("progressUpdate", {**place, **progress}, to=reader.sid)
