"""Whatever is lost, repeated or shuffled on the way, whatever becomes of the server: a reader has what the history has.

The server is a whole one, but for its transport, whose rooms are lists here. The reader is the notebook's own `Feed`.
"""

import json
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule, run_state_machine_as_test

from appsentry_contract.events import run_stream
from appsentry_kernel.feed import Feed
from appsentry_server.sockets import subscriptions
from appsentry_server.store import retention

STANDING = ("applications", "metrics", "runs")
APPLICATIONS = [
    {"id": name, "checks": [{"type": "health", "url": f"http://127.0.0.1/{name}", "interval": "2s"}]} for name in "abc"
]
PICK = st.integers(0, 50)
Event = tuple[str, Mapping[str, Any]]


class Wire:
    """The transport's rooms; what is emitted lies in the inboxes of those who are in them."""

    def __init__(self) -> None:
        self._rooms: defaultdict[str, set[str]] = defaultdict(set)
        self.inboxes: defaultdict[str, list[tuple[str, Any]]] = defaultdict(list)

    async def enter(self, sid: str, room: str) -> None:
        self._rooms[room].add(sid)

    async def leave(self, sid: str, room: str) -> None:
        self._rooms[room].discard(sid)

    async def emit(self, name: str, payload: Mapping[str, Any], to: str) -> None:
        for sid in self._rooms[to] | ({to} & self.inboxes.keys()):
            self.inboxes[sid].append((name, json.loads(json.dumps(payload))))


class Client:
    """A reader that applies what is in order, and asks again for what is missing."""

    def __init__(self, world: Any, number: int) -> None:
        self._world = world
        self._number = number
        self._connections = 0
        self.feed = Feed()
        self.applied: dict[str, list[Event]] = {}
        self.base: dict[str, int] = {}
        """By stream: the number of the snapshot after which `applied` begins."""
        self.batched: dict[str, bool] = {}
        self.healed: Counter[str] = Counter()
        self.socket: Any = None
        for stream in STANDING:
            self.follow(stream)

    def follow(self, stream: str, *, from_the_start_of: str | None = None) -> None:
        """Keep a place in a stream; of a run that has just begun, before its first event."""
        self.batched.setdefault(stream, False)
        cursor = self.feed.cursor(stream)
        if from_the_start_of is not None and not cursor.started:
            self.base[stream], self.applied[stream] = 0, []
            self._apply(self.feed.start(stream, from_the_start_of, 0))

    def forget(self, stream: str) -> None:
        self.feed.forget(stream)
        for places in (self.applied, self.base, self.batched):
            places.pop(stream, None)

    def connect(self, wire: Wire) -> None:
        """A new line follows nothing yet: go on in every stream from the place reached."""
        self.hang_up()
        self._connections += 1
        self._wire = wire
        self.socket = self._world.reader(f"socket-{self._number}-{self._connections}")
        wire.inboxes[self.socket.sid] = []
        self._world.do(self._world.server._subscriptions.join_standing(self.socket))
        for stream in self.feed.followed:
            self.resume(stream)

    def hang_up(self) -> None:
        """The line is cut: what lies on it is lost."""
        if self.socket is not None:
            del self._wire.inboxes[self.socket.sid]
            if self._world.server is not None:
                self._world.do(self._world.server._subscriptions.drop(self.socket))
            self.socket = None

    @property
    def inbox(self) -> list[tuple[str, Any]]:
        return [] if self.socket is None else self._wire.inboxes[self.socket.sid]

    def hear(self, most: int = 1_000_000) -> None:
        """Take what lies on the line, the first of it first."""
        inbox = self.inbox
        taken, inbox[:most] = inbox[:most], []
        for message in taken:
            self._apply(self.feed.receive(*message))

    def ask(self, name: str, argument: dict[str, Any]) -> Any:
        answer = self._world.ask(name, argument, self.socket)
        while answer.get("code") == "rate_limited":
            self._world.do(self._world.clock.advance(1))
            answer = self._world.ask(name, argument, self.socket)
        return answer

    def heal(self) -> None:
        """What a reader does when it hears of a head that it has not reached."""
        self.hear()
        while behind := self.behind:
            self.healed["holes"] += len(behind)
            for stream in behind:
                self.resume(stream)
            self.hear()

    @property
    def behind(self) -> list[str]:
        """The streams in which something is missing, now that every head is told."""
        journal = self._world.services.journal
        for stream in self.feed.followed:
            self.feed.receive("streamHead", {"stream": stream, "epoch": journal.epoch, "head": journal.head(stream)})
        return self.feed.behind

    def resume(self, stream: str) -> None:
        while True:
            since = self.feed.cursor(stream).since
            answer = self.ask("subscribe", {"stream": stream, "since": since, "batch": self.batched[stream]})
            if not answer["ok"]:
                assert answer["code"] == "unknown_run", answer
                self.forget(stream)
                return
            if "snapshot" in answer:
                self.healed[answer.get("reason", "from a snapshot")] += 1
                self.base[stream], self.applied[stream] = answer["head"], []
                self._apply(self.feed.start(stream, answer["epoch"], answer["head"]))
                return
            self.healed["pages"] += bool(answer["events"])
            self._apply(self.feed.receive("eventBatch", {"events": json.loads(json.dumps(answer["events"]))}))
            self.hear(3)
            if not answer["more"]:
                return

    def _apply(self, events: list[Event]) -> None:
        for name, payload in events:
            if "seq" in payload:
                self.applied[payload["stream"]].append((name, payload))
            if name == "testRunStarted":
                self.follow(run_stream(payload["testRunId"]), from_the_start_of=payload["epoch"])


class SubscriptionMachine(RuleBasedStateMachine):
    """Two readers on lines that lose, repeat and shuffle, of a server that is trimmed, stopped, killed and replaced."""

    make_world: Callable[..., Any]
    seen: Counter[str]

    def __init__(self) -> None:
        super().__init__()
        self.world = type(self).make_world(scripted=False)
        self.world.on_start = self._wired
        self.clients = [Client(self.world, number) for number in range(2)]

    def _wired(self, server: Any) -> None:
        self.wire = Wire()
        transport = server.services.transport
        transport.enter, transport.leave, transport.emit = self.wire.enter, self.wire.leave, self.wire.emit

    def _holds(self) -> None:
        """Each stream was applied from its snapshot on, each number once and in its order, whatever was lost."""
        for client in self.clients:
            assert client.feed.malformed == 0
            for stream, applied in client.applied.items():
                base = client.base[stream]
                assert [payload["seq"] for _, payload in applied] == list(range(base + 1, base + 1 + len(applied)))
                assert len({payload["epoch"] for _, payload in applied}) <= 1

    def _agrees(self, client: Client) -> None:
        """A reader that was healed has all that the history has since its snapshot, and nothing else."""
        journal = self.world.services.journal
        assert client.feed.behind == []
        for stream, applied in client.applied.items():
            if journal.floor(stream) > journal.head(stream) + 1:
                continue  # a run that ended so long ago that its events are forgotten
            assert client.base[stream] + len(applied) == journal.head(stream), stream
            floor = max(client.base[stream], journal.floor(stream) - 1)
            kept = self.world.do(journal.after(stream, floor, 1_000_000))
            told = applied[floor - client.base[stream] :]
            assert [(name, payload["seq"], payload["at"]) for name, payload in told] == [
                (event.name, event.seq, event.payload["at"]) for event in kept
            ]
            assert all(payload["epoch"] == journal.epoch for _, payload in applied)

    @initialize()
    def begin(self) -> None:
        self.world.start(APPLICATIONS)

    @rule(seconds=st.integers(0, 4))
    def let_checks_be_made(self, seconds: int) -> None:
        self.world.do(self.world.clock.advance(seconds))
        self._holds()

    @rule(number=st.integers(1, 5))
    def say_something(self, number: int) -> None:
        for count in range(number):
            self.world.server._intake.announce("info", f"number {count}")
        self.world.settle()

    @rule(pick=PICK, who=st.integers(0, 1))
    def start_a_run(self, pick: int, who: int) -> None:
        client = self.clients[who]
        if client.socket is None:
            return
        answer = client.ask("startTestRun", {"applicationIds": ["abc"[pick % 3], "abc"[pick % 2]]})
        assert answer["ok"]
        client.follow(run_stream(answer["testRunId"]), from_the_start_of=self.world.services.journal.epoch)

    @rule(who=st.integers(0, 1))
    def connect_and_heal(self, who: int) -> None:
        self.clients[who].connect(self.wire)
        self.heal(who)

    @rule(who=st.integers(0, 1))
    def cut_the_line(self, who: int) -> None:
        self.clients[who].hang_up()

    @rule(who=st.integers(0, 1), most=st.integers(1, 10))
    def hear(self, who: int, most: int) -> None:
        self.clients[who].hear(most)
        self._holds()

    @rule(who=st.integers(0, 1), what=st.sampled_from(("lose", "repeat", "exchange")), pick=PICK, other=PICK)
    def do_harm_to_the_line(self, who: int, what: str, pick: int, other: int) -> None:
        client = self.clients[who]
        if client.socket is None:
            client.connect(self.wire)
        self.world.do(self.world.clock.advance(2))
        inbox = client.inbox
        if not inbox:
            return
        here, there = pick % len(inbox), other % len(inbox)
        if what == "lose":
            del inbox[here : here + 1 + other % 5]
        elif what == "repeat":
            inbox.insert(there, inbox[here])
        else:
            inbox[here], inbox[there] = inbox[there], inbox[here]

    @rule(who=st.integers(0, 1))
    def heal(self, who: int) -> None:
        client = self.clients[who]
        if client.socket is not None:
            client.heal()
            self._holds()
            self._agrees(client)

    @rule(
        who=st.integers(0, 1),
        pick=PICK,
        way=st.sampled_from(("unsubscribe", "forget", "plain", "batch", "lost answer")),
    )
    def change_a_subscription(self, who: int, pick: int, way: str) -> None:
        client = self.clients[who]
        if client.socket is None:
            return
        stream = client.feed.followed[pick % len(client.feed.followed)]
        place = {"stream": stream}
        match way:
            case "unsubscribe":
                assert client.ask("unsubscribe", place)["ok"]
            case "forget":
                assert client.ask("unsubscribe", place)["ok"]
                client.forget(stream)
                client.follow(stream)
            case "plain":
                # Of a run: everything of it again, as ordinary events.
                assert client.ask("subscribe", place).get("code", "unknown_run") == "unknown_run"
            case "batch":
                client.batched[stream] = not client.batched[stream]
                client.resume(stream)
            case _:
                client.ask("subscribe", {**place, "since": client.feed.cursor(stream).since, "batch": pick % 2 == 0})
        self._holds()

    @rule(keep_s=st.sampled_from((0, 1, 5)))
    def trim(self, keep_s: int) -> None:
        """As the server does once a minute, but of what is only seconds old."""
        history, journal = self.world.services.history, self.world.services.journal
        before_ms = self.world.clock.now_ms() - 1000 * keep_s
        for statement in (retention.trim_results(before_ms), retention.trim_events(before_ms)):
            self.world.do(history.write(statement))
        journal.raise_floors(self.world.do(history.read(retention.floors(before_ms))))

    @rule(way=st.sampled_from(("stop", "kill", "another history")), turns=st.integers(0, 100))
    def start_again(self, way: str, turns: int) -> None:
        if way == "stop":
            self.world.stop()
        else:
            self.world.kill(after=turns)
        for client in self.clients:
            client.hang_up()
        if way == "another history":
            self.world.lose_the_history()
        self.world.start(APPLICATIONS)
        self._holds()

    def teardown(self) -> None:
        if self.world.server is not None:
            for who, client in enumerate(self.clients):
                if client.socket is None:
                    client.connect(self.wire)
                self.heal(who)
                self.seen += client.healed
                self.seen["applied"] += sum(map(len, client.applied.values()))


def test_any_loss_is_healed_and_what_was_applied_is_the_history(
    world: Callable[..., Any],
    generated: Callable[..., settings],
    show: Callable[[str], None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(subscriptions, "PAGE", 3)
    seen: Counter[str] = Counter()
    machine = type("Machine", (SubscriptionMachine,), {"make_world": staticmethod(world), "seen": seen})
    run_state_machine_as_test(machine, settings=generated(12, 2_000, stateful_step_count=25))
    assert {"holes", "pages", "trimmed", "epoch", "from a snapshot"} <= seen.keys()
    show(str(dict(seen)))
