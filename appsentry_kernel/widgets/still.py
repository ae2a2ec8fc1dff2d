"""The board as it stands, for places where nothing moves: exported notebooks (HTML) and terminals (text)."""

from datetime import UTC, datetime
from html import escape

from appsentry_kernel.picture.board import Board, Card, Entry, RunLine

_GLYPHS = {
    "healthy": "✔", "passed": "✔", "up": "✔", "met": "✅", "completed": "✔", "success": "✔",
    "degraded": "▲", "at_risk": "⚠️", "warning": "▲",
    "down": "✖", "failed": "✖", "error": "✖", "breached": "❌",
    "maintenance": "◆", "paused": "‖", "running": "▶", "info": "•", "cancelled": "■", "interrupted": "■",
}  # fmt: skip
_WORST_FIRST = ("down", "degraded", "unknown", "maintenance", "paused", "healthy")
_CONNECTIONS = {"live": "🟢 Live Updates", "connecting": "🟡 Connecting…", "disconnected": "🔴 Disconnected"}
_CARDS_SHOWN = 200

_STYLE = """
.appsentry-still { font: 13px/1.5 system-ui, sans-serif; }
.appsentry-still table { border-collapse: collapse; margin: 6px 0; }
.appsentry-still th, .appsentry-still td { text-align: left; padding: 3px 14px 3px 0; border-bottom: 1px solid #8884; }
.appsentry-still td.number { text-align: right; font-variant-numeric: tabular-nums; }
.appsentry-still caption { text-align: left; font-weight: 600; padding: 6px 0 2px; }
""".strip()


def as_text(board: Board) -> str:
    """The board for a terminal or a log: a line for the whole, one for each of the worst cards, and the newest run."""
    lines = [_headline(board), *(_run(line) for line in list(board["runs"].values())[-1:])]
    lines += ["  ".join(_cells(card)) for card in _worst_first(board)]
    return "\n".join([*lines, *_left_out(board)])


def as_html(board: Board) -> str:
    """The board for an exported notebook: no script, and every name and message escaped."""
    runs = [f"<p>{escape(_run(line))}</p>" for line in list(board["runs"].values())[-1:]]
    cards = _table("Applications", ("", "Application", "Response", "Uptime", "SLA", "Checks"), _rows(board))
    feed = _table("Activity (UTC)", ("Time", "", "What", ""), [_entry(entry) for entry in board["feed"]])
    notes = [f"<p>{escape(note)}</p>" for note in _left_out(board)]
    parts = [f"<style>{_STYLE}</style><p><strong>{escape(_headline(board))}</strong></p>", *runs, cards, *notes, feed]
    return f'<div class="appsentry-still">{"".join(parts)}</div>'


def _headline(board: Board) -> str:
    as_of = board["asOf"]
    at = (
        f"{datetime.fromtimestamp(as_of / 1000, UTC):%Y-%m-%d %H:%M:%S} UTC"
        if as_of is not None
        else "nothing heard yet"
    )
    statuses = [card["status"] for card in board["cards"].values()]
    tally = ", ".join(f"{statuses.count(word)} {word}" for word in _WORST_FIRST if word in statuses)
    return f"AppSentry, as of {at}: {tally or 'no applications'} ({_CONNECTIONS[board['connection']['state']]})"


def _run(line: RunLine) -> str:
    tally = [f"{count} {word}" for word, count in _tally(line) if count]
    took = f" in {line['duration'] / 1000:.1f} s" if line["duration"] is not None else ""
    said = f": {', '.join(tally)}" if tally else ""
    return f"Test run {line['state']}, {line['completed']} of {line['total']} tests{took}{said}"


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
    dropped = ", ".join(f"{count} {cause}" for cause, count in sorted(board["counts"].items()) if count)
    notes = [f"and {more:,} more applications"] if more > 0 else []
    return [*notes, f"events that were not used: {dropped}"] if dropped else notes


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
    subject = " ".join(word for word in (entry["name"], entry["type"]) if word)
    at = f"{datetime.fromtimestamp(entry['at'] / 1000, UTC):%H:%M:%S}"
    took = f"{_ms(entry['duration'])}" if entry["duration"] is not None else ""
    words = ": ".join(word for word in (subject, entry["message"]) if word)
    return (at, f"{_GLYPHS.get(entry['status'], '?')} {entry['status']}", words, took)


def _table(caption: str, headings: tuple[str, ...], rows: list[tuple[str, ...]]) -> str:
    head = "".join(f"<th>{escape(heading)}</th>" for heading in headings)
    body = "".join(f"<tr>{''.join(f'<td>{escape(cell)}</td>' for cell in row)}</tr>" for row in rows)
    return f"<table><caption>{escape(caption)}</caption><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
