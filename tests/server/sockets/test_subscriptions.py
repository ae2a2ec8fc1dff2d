"""Who hears what: places, pages, snapshots, resets, batches."""

import asyncio

import pytest

from appsentry_contract.events import validator
from appsentry_server.sockets import subscriptions


async def _metrics(running, count):
    async with asyncio.timeout(30):
        while running.services.journal.head("metrics") < count:
            await asyncio.sleep(0.02)


def test_every_socket_hears_the_standing_streams(serving, app):
    async def scenario():
        async with serving(app("shop", interval="1s")) as running, running.reader() as reader:
            metric = await reader.until_event("healthMetricUpdate")
            validator("healthMetricUpdate").validate_python(metric)
            validator("applicationStatusUpdate").validate_python(await reader.until_event("applicationStatusUpdate"))
            await reader.ask("unsubscribe", {"stream": "metrics"})
            heard = len(reader.named("healthMetricUpdate"))
            head = running.services.journal.head("metrics")
            await _metrics(running, head + 2)
            assert len(reader.named("healthMetricUpdate")) == heard

    asyncio.run(scenario())


def test_pages_and_live_events_meet_without_a_hole(serving, app, monkeypatch):
    monkeypatch.setattr(subscriptions, "PAGE", 7)

    async def scenario():
        applications = [app(f"app-{n}", interval="1s") for n in range(10)]
        async with serving(*applications) as running:
            await _metrics(running, 40)
            async with running.reader() as reader:
                place = {"epoch": running.services.journal.epoch, "seq": 0}
                seen = []
                while True:
                    answer = await reader.ask("subscribe", {"stream": "metrics", "since": place})
                    assert answer["ok"]
                    assert len(answer["events"]) <= 7
                    seen += [payload["seq"] for _, payload in answer["events"]]
                    place = {**place, "seq": seen[-1]}
                    if not answer["more"]:
                        break
                assert seen == list(range(1, len(seen) + 1))
                await reader.until(lambda heard: any(p.get("seq", 0) > seen[-1] + 5 for _, p in heard))
                live = [p["seq"] for n, p in reader.named("healthMetricUpdate")]
                applied = sorted({*seen, *live})
                assert applied == list(range(1, applied[-1] + 1))

    asyncio.run(scenario())


def test_a_slow_reader_may_ask_for_smaller_pages_and_nobody_gets_larger_ones(serving, app, monkeypatch):
    monkeypatch.setattr(subscriptions, "PAGE", 7)

    async def scenario():
        async with serving(*[app(f"app-{n}", interval="1s") for n in range(10)]) as running:
            await _metrics(running, 20)
            async with running.reader() as reader:
                asked = {"stream": "metrics", "since": {"epoch": running.services.journal.epoch, "seq": 0}}
                for limit, given in ((1, 1), (3, 3), (10**9, 7), (None, 7)):
                    answer = await reader.ask("subscribe", {**asked, "limit": limit})
                    assert [payload["seq"] for _, payload in answer["events"]] == list(range(1, given + 1))
                    assert answer["more"] is True
                for limit in (0, -1, "3", 1.5):
                    assert (await reader.ask("subscribe", {**asked, "limit": limit}))["code"] == "malformed"

    asyncio.run(scenario())


@pytest.mark.parametrize("stream", ["applications", "metrics", "runs"])
def test_a_place_that_cannot_be_resumed_is_answered_with_a_snapshot(serving, app, stream):
    async def scenario():
        async with serving(app("shop")) as running, running.reader() as reader:
            await _metrics(running, 1)
            await running.services.publisher.settled()
            journal = running.services.journal
            ahead = {"epoch": journal.epoch, "seq": 10**9}
            other = {"epoch": "another", "seq": 0}
            for since, reason in ((ahead, "ahead"), (other, "epoch")):
                answer = await reader.ask("subscribe", {"stream": stream, "since": since})
                assert answer["reset"] is True
                assert answer["reason"] == reason
                assert answer["head"] == journal.head(stream)
                assert isinstance(answer["snapshot"], dict)
            journal.raise_floors({stream: journal.head(stream) + 1})
            answer = await reader.ask("subscribe", {"stream": stream, "since": {"epoch": journal.epoch, "seq": 0}})
            assert (answer.get("reason") == "trimmed") == (journal.head(stream) > 0)

    asyncio.run(scenario())


def test_a_snapshot_of_the_applications_is_what_its_events_said(serving, app):
    async def scenario():
        applications = [app("shop", interval="1s"), app("broken", "bad", "1s")]
        async with serving(*applications) as running, running.reader() as reader:
            await reader.until_event("applicationStatusUpdate", id="broken", status="down")
            answer = await reader.ask("subscribe", {"stream": "applications", "since": None})
            shown = {item["id"]: item for item in answer["snapshot"]["applications"]}
            assert shown["broken"]["status"] == "down"
            told = [p for n, p in reader.heard if n == "applicationStatusUpdate" and p["id"] == "broken"]
            assert shown["broken"] in [{key: one[key] for key in shown["broken"]} for one in told]

    asyncio.run(scenario())


def test_batched_events_are_the_same_in_the_same_order_and_come_only_once(serving, app):
    async def scenario():
        applications = [app(f"app-{n}", interval="1s") for n in range(10)]
        async with serving(*applications) as running, running.reader() as plain, running.reader() as batched:
            place = {"epoch": running.services.journal.epoch, "seq": 0}
            answer = await batched.ask("subscribe", {"stream": "metrics", "since": place, "batch": True})
            reached = answer["events"][-1][1]["seq"] if answer["events"] else 0
            await batched.until(lambda heard: sum(n == "eventBatch" for n, _ in heard) >= 3)
            events = [event for n, p in batched.heard if n == "eventBatch" for event in p["events"]]
            seqs = [payload["seq"] for _, payload in events if payload["seq"] > reached]
            assert seqs == list(range(reached + 1, reached + 1 + len(seqs)))
            await plain.until_event("healthMetricUpdate", seq=seqs[-1])
            by_seq = {p["seq"]: p for n, p in plain.named("healthMetricUpdate")}
            for name, payload in events:
                assert name == "healthMetricUpdate"
                assert by_seq.get(payload["seq"], payload) == payload
            # Back to the plain form: nothing that was gathered is lost on the way.
            count = len(batched.heard)
            await batched.ask("subscribe", {"stream": "metrics"})
            await batched.until(lambda heard: sum(n == "healthMetricUpdate" for n, _ in heard[count:]) >= 3)
            after = [p["seq"] for n, p in batched.heard[count:] if n == "healthMetricUpdate"]
            gathered = [e[1]["seq"] for n, p in batched.heard if n == "eventBatch" for e in p["events"]]
            assert after[0] == gathered[-1] + 1

    asyncio.run(scenario())


def test_heads_are_told_now_and_then(serving, app, monkeypatch):
    monkeypatch.setattr(subscriptions, "_HEADS_S", 0.1)

    async def scenario():
        async with serving(app("shop")) as running, running.reader() as reader:
            for stream in ("applications", "metrics", "runs"):
                validator("streamHead").validate_python(await reader.until_event("streamHead", stream=stream))

    asyncio.run(scenario())


@pytest.mark.parametrize(
    ("request_name", "argument", "code"),
    [
        ("subscribe", None, "malformed"),
        ("subscribe", [], "malformed"),
        ("subscribe", "metrics", "malformed"),
        ("subscribe", {}, "malformed"),
        ("subscribe", {"stream": "metrics", "testRunId": "x"}, "malformed"),
        ("subscribe", {"stream": "metrics", "since": {"epoch": 1, "seq": "2"}}, "malformed"),
        ("subscribe", {"stream": "metrics", "since": {"epoch": "e", "seq": -1}}, "malformed"),
        ("subscribe", {"stream": "nothing"}, "unknown_stream"),
        ("subscribe", {"stream": "x" * 500}, "malformed"),
        ("subscribe", {"testRunId": "nobody"}, "unknown_run"),
        ("subscribe", {"stream": "run:nobody"}, "unknown_run"),
        ("cancelTestRun", {"testRunId": "nobody"}, "unknown_run"),
        ("cancelTestRun", {}, "malformed"),
        ("startTestRun", {"applicationIds": "shop"}, "malformed"),
        ("startTestRun", {"applicationIds": [1]}, "malformed"),
        ("simulate", {"kind": "everything"}, "malformed"),
        ("nosuch", {}, "malformed"),
        ("x" * 1000, {}, "malformed"),
    ],
)
def test_bad_requests_are_answered_and_harm_nobody(serving, app, request_name, argument, code):
    async def scenario():
        async with serving(app("shop")) as running, running.reader() as reader:
            answer = await reader.ask(request_name, argument)
            assert (answer["ok"], answer["code"]) == (False, code)
            assert answer["message"]
            assert running.services.requests.refused[code] == 1
            assert (await reader.ask("subscribe", {"stream": "runs"}))["ok"]

    asyncio.run(scenario())


def test_one_who_asks_too_much_is_slowed_down_alone(serving, app):
    async def scenario():
        async with serving(app("shop")) as running, running.reader() as hasty, running.reader() as calm:
            answers = [await hasty.ask("subscribe", {"stream": "runs"}) for _ in range(120)]
            assert sum(answer["ok"] for answer in answers) >= 40
            assert "rate_limited" in {answer.get("code") for answer in answers}
            assert (await calm.ask("subscribe", {"stream": "runs"}))["ok"]

    asyncio.run(scenario())


def test_asking_twice_or_leaving_and_coming_back_tells_each_event_once(serving, app):
    async def scenario():
        applications = [app(f"app-{n}", "held" if n == 29 else "ok") for n in range(30)]
        async with serving(*applications) as running:
            await _metrics(running, 30)
            running.target.gate.clear()
            async with running.reader() as first:
                run_id = (await first.ask("startTestRun", {}))["testRunId"]
                await first.until(lambda heard: sum(name == "testCompleted" for name, _ in heard) == 29)
                async with running.reader() as reader:
                    names = ("subscribe", "subscribe", "unsubscribe", "unsubscribe", "subscribe", "subscribe")
                    await asyncio.gather(*(reader.ask(name, {"testRunId": run_id}) for name in names))
                    await reader.until_event("progressUpdate", testRunId=run_id)
                    running.target.gate.set()
                    await reader.until_event("testRunCompleted", testRunId=run_id)
                    told = [p["seq"] for n, p in reader.heard if n in ("testStarted", "testCompleted")]
                    # The last answer is told whole; of the ones before it only beginnings of the same story.
                    assert told[-60:] == list(range(1, 61))
                    assert [seq for _, seq in _counted(told)] == [place for place, _ in _counted(told)]

    asyncio.run(scenario())


def _counted(told):
    """Each number with the one it must be when every story begins at 1 and skips nothing."""
    expected = 0
    for seq in told:
        expected = 1 if seq == 1 else expected + 1
        yield expected, seq


def test_a_second_subscription_on_one_socket_is_told_everything_again(serving, app):
    async def scenario():
        async with serving(app("shop"), app("held", "held")) as running, running.reader() as reader:
            await _metrics(running, 2)
            running.target.gate.clear()
            run_id = (await reader.ask("startTestRun", {}))["testRunId"]
            await reader.until(lambda heard: sum(n == "testStarted" for n, _ in heard) == 2)
            await reader.until_event("testCompleted")
            await reader.ask("subscribe", {"testRunId": run_id})
            await reader.until(lambda heard: sum(n == "testCompleted" for n, _ in heard) == 2)
            count = len(reader.heard)
            await reader.until(lambda heard: any(n == "progressUpdate" for n, _ in heard[count - 1 :]))
            running.target.gate.set()
            await reader.until_event("testRunCompleted", testRunId=run_id)
            assert sum(n == "testCompleted" for n, _ in reader.heard) == 3

    asyncio.run(scenario())


@pytest.mark.parametrize("batched", [["run"], ["run", "runs"]])
def test_one_who_follows_in_batches_hears_the_tests_before_the_end(serving, app, batched):
    async def scenario():
        async with serving(*(app(f"app-{n}") for n in range(40))) as running, running.reader() as reader:
            await _metrics(running, 40)
            place = {"epoch": running.services.journal.epoch, "seq": 0}
            if "runs" in batched:
                await reader.ask("subscribe", {"stream": "runs", "since": place, "batch": True})
            for _ in range(3):
                run_id = (await reader.ask("startTestRun", {}))["testRunId"]
                answer = await reader.ask("subscribe", {"testRunId": run_id, "since": place, "batch": True})
                reached = answer["events"][-1][1]["seq"] if answer["events"] else 0

                def told(run_id=run_id):
                    flat = []
                    for name, payload in reader.heard:
                        flat += payload["events"] if name == "eventBatch" else [[name, payload]]
                    return [(n, p) for n, p in flat if p.get("testRunId") == run_id and n != "healthMetricUpdate"]

                await reader.until(lambda heard: any(n == "testRunCompleted" for n, _ in told()))
                await running.services.publisher.settled()
                names = [name for name, _ in told()]
                assert names[-1] == "testRunCompleted"
                seqs = [p["seq"] for n, p in told() if n in ("testStarted", "testCompleted") and p["seq"] > reached]
                assert seqs == list(range(reached + 1, 81))

    asyncio.run(scenario())


def test_the_events_of_ended_runs_do_not_stay_in_memory(serving, app):
    async def scenario():
        async with serving(app("shop")) as running, running.reader() as reader:
            for _ in range(5):
                run_id = (await reader.ask("startTestRun", {}))["testRunId"]
                await reader.until_event("testRunCompleted", testRunId=run_id)
            assert not [stream for stream in running.services.journal._recent if stream.startswith("run:")]

    asyncio.run(scenario())


def test_a_run_can_be_looked_at_as_soon_as_it_is_acknowledged(serving, app):
    async def scenario():
        async with serving(app("shop")) as running, running.reader() as reader:
            await _metrics(running, 1)
            for _ in range(5):
                run_id = (await reader.ask("startTestRun", {}))["testRunId"]
                answer = await reader.ask("subscribe", {"testRunId": run_id, "since": None})
                assert answer["snapshot"]["run"]["testRunId"] == run_id

    asyncio.run(scenario())


def test_a_socket_follows_at_most_a_hundred_streams(serving, app, monkeypatch):
    monkeypatch.setattr(subscriptions, "MOST_SUBSCRIPTIONS", 4)

    async def scenario():
        async with serving(app("shop")) as running, running.reader() as reader:
            ids = []
            for _ in range(2):
                async with running.reader() as other:
                    ids.append((await other.ask("startTestRun", {}))["testRunId"])
            first, second = [await reader.ask("subscribe", {"testRunId": run_id}) for run_id in ids]
            assert first["ok"]
            assert second["code"] == "rate_limited"
            await reader.ask("unsubscribe", {"testRunId": ids[0]})
            assert (await reader.ask("subscribe", {"testRunId": ids[1]}))["ok"]

    asyncio.run(scenario())
