"""The board as it stands, for places where nothing moves: exported notebooks (HTML) and terminals (text)."""

from collections.abc import Collection
from datetime import UTC, datetime
from html import escape
from typing import get_args

from appsentry_contract.plain import plain
from appsentry_kernel.picture.board import Board, Card, Entry, PartName, RunLine

_GLYPHS = {
    "healthy": "✔", "passed": "✔", "up": "✔", "met": "✅", "completed": "✔", "success": "✔",
    "degraded": "▲", "at_risk": "⚠️", "warning": "▲",
    "down": "✖", "failed": "✖", "error": "✖", "breached": "❌",
    "maintenance": "◆", "paused": "‖", "running": "▶", "info": "•", "cancelled": "■", "interrupted": "■",
}  # fmt: skip
_WORST_FIRST = ("down", "degraded", "unknown", "maintenance", "paused", "healthy")
_CONNECTIONS = {"live": "🟢 Live Updates", "connecting": "🟡 Connecting…", "disconnected": "🔴 Disconnected"}
_CARDS_SHOWN = 200
ALL: tuple[PartName, ...] = get_args(PartName)

_STYLE = """
.appsentry-still { font: 13px/1.5 system-ui, sans-serif; }
.appsentry-still table { border-collapse: collapse; margin: 6px 0; }
.appsentry-still th, .appsentry-still td { text-align: left; padding: 3px 14px 3px 0; border-bottom: 1px solid #8884; }
.appsentry-still td.number { text-align: right; font-variant-numeric: tabular-nums; }
.appsentry-still caption { text-align: left; font-weight: 600; padding: 6px 0 2px; }
""".strip()


def as_text(board: Board, parts: Collection[str] = ALL) -> str:
    """The board for a terminal or a log: a line for the whole, the newest run, the worst cards, the newest entries."""
    lines = [_headline(board)]
    if "progress" in parts:
        lines += [_run(line) for line in _newest_run(board)] or ["No test run yet"]
    if "cards" in parts:
        lines += ["  ".join(_cells(card)) for card in _worst_first(board)] + _left_out(board)
    if "feed" in parts and "cards" not in parts:
        lines += ["  ".join(word for word in _entry(entry) if word) for entry in board["feed"]]
    # Names and messages are others' words, and a terminal would obey some of them.
    return "\n".join(map(plain, [*lines, *_dropped(board)]))


def as_html(board: Board, parts: Collection[str] = ALL) -> str:
    """The board for an exported notebook: no script, and every name and message escaped."""
    said = [f"<p><strong>{escape(_headline(board))}</strong></p>"]
    if "progress" in parts:
        said += [f"<p>{escape(_run(line))}</p>" for line in _newest_run(board)] or ["<p>No test run yet</p>"]
    if "cards" in parts:
        said.append(_table("Applications", ("", "Application", "Response", "Uptime", "SLA", "Checks"), _rows(board)))
        said += [f"<p>{escape(note)}</p>" for note in _left_out(board)]
    if "feed" in parts:
        entries = [_entry(entry) for entry in board["feed"]]
        said.append(_table("Activity (UTC)", ("Time", "", "What", ""), entries))
    said += [f"<p>{escape(note)}</p>" for note in _dropped(board)]
    return f'<div class="appsentry-still"><style>{_STYLE}</style>{"".join(said)}</div>'


def _headline(board: Board) -> str:
    as_of = board["asOf"]
    at = (
        f"{datetime.fromtimestamp(as_of / 1000, UTC):%Y-%m-%d %H:%M:%S} UTC"
        if as_of is not None
        else "nothing heard yet"
    )
    return f"AppSentry, as of {at}{_statuses(board)} ({_connection(board)})"


def _connection(board: Board) -> str:
    state, detail = board["connection"]["state"], board["connection"]["detail"]
    return f"⏵ {detail}" if state == "replay" else _CONNECTIONS[state]


def _statuses(board: Board) -> str:
    """How many applications are how; a simulated status counts nowhere. Nothing where only names are known."""
    cards = [card for card in board["cards"].values() if "status" in card]
    statuses = [card["status"] for card in cards if not card["simulated"]]
    tally = [f"{statuses.count(word)} {word}" for word in _WORST_FIRST if word in statuses]
    simulated = len(cards) - len(statuses)
    return f": {', '.join([*tally, *([f'{simulated} simulated'] if simulated else [])])}" if cards else ""


def _newest_run(board: Board) -> list[RunLine]:
    return list(board["runs"].values())[-1:]


def _run(line: RunLine) -> str:
    tally = [f"{count} {word}" for word, count in _tally(line) if count]
    took = f" in {line['duration'] / 1000:.1f} s" if line["duration"] is not None else ""
    said = f": {', '.join(tally)}" if tally else ""
    run = "Simulated test run" if line["simulated"] else "Test run"
    return f"{run} {line['state']}, {line['completed']} of {line['total']} tests{took}{said}"


def _tally(line: RunLine) -> list[tuple[str, int]]:
    return [
        ("passed", line["passed"]),
        ("degraded", line["degraded"]),
        ("failed", line["failed"]),
        ("unknown", line["unknown"]),
    ]


def _worst_first(board: Board) -> list[Card]:
    def rank(card: Card) -> tuple[int, str]:
        return (_WORST_FIRST.index(card["status"]) if card["status"] in _WORST_FIRST else 0, card["name"].lower())

    return sorted(board["cards"].values(), key=rank)[:_CARDS_SHOWN]


def _left_out(board: Board) -> list[str]:
    more = len(board["cards"]) - _CARDS_SHOWN
    return [f"and {more:,} more applications"] if more > 0 else []


def _dropped(board: Board) -> list[str]:
    dropped = ", ".join(f"{count} {cause}" for cause, count in sorted(board["counts"].items()) if count)
    return [f"events that were not used: {dropped}"] if dropped else []


def _cells(card: Card) -> tuple[str, ...]:
    simulated = " (simulated)" if card["simulated"] else ""
    return (
        f"{_GLYPHS.get(card['status'], '?')} {card['status']}",
        f"{card['name']}{simulated}",
        _ms(card["response"]),
        f"{card['uptime']:.3f} %" if card["uptime"] is not None else "–",
        _sla(card),
        "; ".join(_check_words(card)),
    )


def _check_words(card: Card) -> list[str]:
    words = []
    for check in card["checks"]:
        message = f" ({check['message']})" if check["message"] else ""
        words.append(f"{_GLYPHS.get(check['status'], '?')} {check['check']} {check['status']}{message}")
    return words


def _sla(card: Card) -> str:
    sla = card["sla"]
    if sla["target"] is None:
        return "no target"
    left = f", {sla['budget']:.0%} of budget left" if sla["budget"] is not None else ""
    return f"{_GLYPHS.get(sla['status'], '?')} {sla['target']:g} %{left}"


def _ms(value: float | None) -> str:
    return f"{value:.0f} ms" if value is not None else "–"


def _rows(board: Board) -> list[tuple[str, ...]]:
    return [_cells(card) for card in _worst_first(board)]


def _entry(entry: Entry) -> tuple[str, ...]:
    simulated = "(simulated)" if entry["simulated"] else None
    subject = " ".join(word for word in (entry["name"], entry["type"], simulated) if word)
    at = f"{datetime.fromtimestamp(entry['at'] / 1000, UTC):%H:%M:%S}"
    took = f"{_ms(entry['duration'])}" if entry["duration"] is not None else ""
    words = ": ".join(word for word in (subject, entry["message"]) if word)
    return (at, f"{_GLYPHS.get(entry['status'], '?')} {entry['status']}", words, took)


def _table(caption: str, headings: tuple[str, ...], rows: list[tuple[str, ...]]) -> str:
    head = "".join(f"<th>{escape(heading)}</th>" for heading in headings)
    body = "".join(f"<tr>{''.join(f'<td>{escape(cell)}</td>' for cell in row)}</tr>" for row in rows)
    return f"<table><caption>{escape(caption)}</caption><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
