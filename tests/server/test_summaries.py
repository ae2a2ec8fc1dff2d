"""What is kept besides the results is the same as what the results say."""

import asyncio

from appsentry_contract.accounting.sketch import Sketch
from appsentry_contract.accounting.spans import Spans
from appsentry_server.latencies import HOUR_MS, Latencies
from appsentry_server.store import summaries
from appsentry_server.store.history import History
from appsentry_server.store.summaries import Summaries

KEY = ("shop", "health")
OTHER = ("shop", "login")


def _spans(verdicts, start_ms=0):
    spans = Spans()
    for place, verdict in enumerate(verdicts):
        spans.add(start_ms + place * 1000, verdict, 1000)
    return spans


def test_spans_and_sketches_come_back_as_they_were_kept(tmp_path):
    async def scenario():
        history = await History.open(tmp_path)
        one, other = _spans(["up"] * 5 + ["down"] * 3 + ["up"]), _spans(["degraded"] * 4)
        sketch = Sketch()
        sketch.add(12.5)
        kept = Summaries(seq=13, spans={KEY: one.arrays(), OTHER: other.arrays()}, sketches={(KEY, HOUR_MS): sketch})
        await history.write(summaries.keep(kept))
        for _ in range(2):
            read = await history.read(summaries.kept(0))
            assert read.seq == 13
            assert {key: len(spans) for key, spans in read.spans.items()} == {KEY: 3, OTHER: 1}
            assert read.spans[KEY].n.tolist() == [5, 3, 1]
            assert read.sketches == {(KEY, HOUR_MS): sketch}
            # Kept again, a span that has grown takes its own place.
            await history.write(summaries.keep(kept))
        assert (await history.read(summaries.kept(2 * HOUR_MS))).sketches == {}
        await history.close()

    asyncio.run(scenario())


def test_nothing_kept_is_read_as_nothing(tmp_path):
    async def scenario():
        history = await History.open(tmp_path)
        read = await history.read(summaries.kept(0))
        assert (read.seq, read.spans, read.sketches) == (0, {}, {})
        await history.write(summaries.keep(Summaries(seq=0, spans={}, sketches={})))
        await history.close()

    asyncio.run(scenario())


def test_only_response_times_of_what_worked_are_counted_each_in_its_hour():
    latencies = Latencies({})
    latencies.add(KEY, HOUR_MS - 1, "up", 10.0)
    latencies.add(KEY, HOUR_MS, "degraded", 900.0)
    latencies.add(KEY, HOUR_MS, "down", 5.0)
    latencies.add(KEY, HOUR_MS, "unknown", 5.0)
    latencies.add(KEY, HOUR_MS, "up", None)
    assert {place: len(sketch) for place, sketch in latencies.grown().items()} == {(KEY, 0): 1, (KEY, HOUR_MS): 1}


def test_what_grew_while_it_was_written_is_written_again():
    latencies = Latencies({})
    latencies.add(KEY, 0, "up", 10.0)
    written = latencies.grown()
    latencies.add(KEY, 0, "up", 11.0)
    latencies.add(OTHER, 0, "up", 11.0)
    latencies.kept(written)
    assert {place: len(sketch) for place, sketch in latencies.grown().items()} == {(KEY, 0): 2, (OTHER, 0): 1}
    latencies.kept(latencies.grown())
    assert latencies.grown() == {}


def test_hours_are_let_go_only_when_they_are_kept():
    latencies = Latencies({})
    latencies.add(KEY, 0, "up", 10.0)
    latencies.forget(10 * HOUR_MS)
    assert len(latencies.grown()) == 1
    latencies.kept(latencies.grown())
    latencies.forget(10 * HOUR_MS)
    latencies.add(KEY, 0, "up", 10.0)
    assert len(latencies.grown()[KEY, 0]) == 1
