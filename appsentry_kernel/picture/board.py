"""The board as JSON: what a view shows, what a delta changes in it, and how the one is folded into the other.

A delta holds only what changed. Folding one twice, or one that a snapshot already contains, changes nothing: runs are
replaced whole, feed entries and beats are numbered. `widgets/board.js` folds by the same rules in the browser. Cards
are changed in place: a thousand results a frame would be as many copies.
"""

from collections.abc import Sequence
from typing import Any, Literal, TypedDict, cast

ConnectionState = Literal["connecting", "live", "disconnected", "replay"]

PartName = Literal["connection", "progress", "cards", "feed"]
"""What a board can be shown in pieces of."""

FEED_LENGTH = 20
RUNS_LENGTH = 20
BEATS_LENGTH = 30

VERDICTS = ("up", "degraded", "down", "unknown", "maintenance")
"""What the second number of a beat stands for."""

Beat = tuple[float | None, int]
"""Milliseconds (None when there was no response) and the place of one result's verdict in `VERDICTS`."""


class Retry(TypedDict):
    """How it is tried again: the attempt's number of how many (None for the slow ones after those), in `wait` s."""

    attempt: int | None
    of: int
    wait: int


class Connection(TypedDict):
    """Whether what is shown is fed; `detail` says why not, `retry` what is done about it. Of a replay, `detail` says of
    when."""

    state: ConnectionState
    detail: str | None
    retry: Retry | None


class CheckLine(TypedDict):
    """One check of an application as a card shows it; `message` says what is wrong."""

    check: str
    type: str
    status: str
    response: float | None
    message: str | None


class SlaLine(TypedDict):
    """Percents, and the share of the error budget that is left (a fraction, may be negative)."""

    status: str
    target: float | None
    actual: float | None
    budget: float | None


class Card(TypedDict, total=False):
    """One application. `beats` are the newest results of its first check, `heard` how many there ever were.

    Milliseconds, percents and fractions have as many digits as are shown: what nobody sees is not sent.
    """

    id: str
    name: str
    group: str | None
    tags: list[str]
    types: list[str]
    status: str
    response: float | None
    uptime: float | None
    sla: SlaLine
    checked: int | None
    simulated: bool
    checks: list[CheckLine]
    heard: int
    beats: list[Beat]


class RunLine(TypedDict):
    """One test run. Instants are milliseconds since 1970; `duration` and `idle`, spent in pauses, milliseconds."""

    run: str
    state: str
    simulated: bool
    applications: int
    total: int
    completed: int
    current: str | None
    passed: int
    degraded: int
    failed: int
    unknown: int
    started: int
    duration: float | None
    paused: int | None
    idle: int
    reason: str | None


class Entry(TypedDict):
    """One line of the activity feed: `what` is test, run, status or notice; `type` the check's kind."""

    number: int
    at: int
    what: Literal["test", "run", "status", "notice"]
    status: str
    application: str | None
    name: str | None
    type: str | None
    message: str | None
    duration: float | None
    simulated: bool


class Problem(TypedDict):
    """The newest thing that people should be told; a later one has a higher number."""

    number: int
    message: str


class Board(TypedDict):
    """Everything that is shown. `asOf` is the instant of the newest event, `feed` has the newest entry first.

    `dev` says whether the server simulates on demand.
    """

    asOf: int | None
    dev: bool
    connection: Connection
    counts: dict[str, int]
    problem: Problem | None
    runs: dict[str, RunLine]
    feed: list[Entry]
    cards: dict[str, Card]


class Delta(TypedDict, total=False):
    """What changed; what is gone goes first, so that an application that left and came back starts anew.

    With `whole`, everything that is not in it is gone. New feed entries come oldest first. Most of what is sent is
    beats: those of a card replace its line, when it is new or its past was found; later ones come as one flat list, how
    many there ever were and then each.
    """

    whole: bool
    asOf: int | None
    dev: bool
    connection: Connection
    counts: dict[str, int]
    problem: Problem | None
    runs: dict[str, RunLine]
    runsGone: list[str]
    feed: list[Entry]
    cards: dict[str, Card]
    cardsGone: list[str]
    beats: dict[str, list[float | None]]


SMALL: tuple[Literal["asOf", "dev", "connection", "counts", "problem"], ...] = (
    "asOf", "dev", "connection", "counts", "problem",
)  # fmt: skip
"""What a delta replaces whole, and what every part of a board is told."""


def empty_board() -> Board:
    """The board before anything was heard."""
    return {
        "asOf": None,
        "dev": False,
        "connection": {"state": "connecting", "detail": None, "retry": None},
        "counts": {},
        "problem": None,
        "runs": {},
        "feed": [],
        "cards": {},
    }


def fold(board: Board, delta: Delta) -> Board:
    """The board after the delta. The board that was given may be changed; the delta never is."""
    if delta.get("whole"):
        board = empty_board()
    for name in SMALL:
        if name in delta:
            board[name] = delta[name]
    board["runs"].update(delta.get("runs", {}))
    for run in delta.get("runsGone", ()):
        board["runs"].pop(run, None)
    newest = board["feed"][0]["number"] if board["feed"] else 0
    fresh = [entry for entry in delta.get("feed", ()) if entry["number"] > newest]
    board["feed"] = [*reversed(fresh), *board["feed"]][:FEED_LENGTH]
    cards = board["cards"]
    for card_id in delta.get("cardsGone", ()):
        cards.pop(card_id, None)
    for card_id, change in delta.get("cards", {}).items():
        cards[card_id] = _changed(cards.get(card_id), change)
    for card_id, told in delta.get("beats", {}).items():
        if (card := cards.get(card_id)) is not None:
            _go_on(card, told)
    return board


def copied(card: Card) -> Card:
    """A card that folding leaves alone."""
    return {**card, "beats": list(card["beats"])} if "beats" in card else {**card}


def _changed(card: Card | None, change: Card) -> Card:
    if card is None:
        return copied(change)
    if change.get("heard", 0) < card.get("heard", 0):
        change = cast(Card, {field: value for field, value in change.items() if field not in ("heard", "beats")})
    card.update(copied(change))
    return card


def _go_on(card: Card, told: Sequence[Any]) -> None:
    missing = told[0] - card["heard"]
    if missing <= 0:
        return
    fresh = told[1:][-2 * missing :]
    beats = card["beats"]
    beats += zip(fresh[::2], fresh[1::2], strict=True)
    if len(beats) > BEATS_LENGTH:
        del beats[:-BEATS_LENGTH]
    card["heard"] = told[0]
