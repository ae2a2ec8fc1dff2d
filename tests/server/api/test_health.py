"""Liveness, readiness and figures."""

import asyncio
import json

from prometheus_client.parser import text_string_to_metric_families

from appsentry_contract import __version__
from appsentry_contract.instants import to_wire


def _samples(text):
    return {
        (sample.name, *sorted(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def test_liveness_and_readiness_need_no_token(with_door):
    async def main(door):
        door.token = None
        assert json.loads((await door.get("/healthz")).body) == {"status": "ok"}
        assert json.loads((await door.get("/readyz")).body) == {"status": "ready"}

    with_door(main, token="secret")


def test_a_server_that_schedules_nothing_lives_and_is_not_ready(with_door):
    async def main(door):
        door.ready = False
        assert (await door.get("/healthz")).code == 200
        answer = await door.get("/readyz")
        assert answer.code == 503
        assert json.loads(answer.body)["detail"] == "no checks are scheduled"

    with_door(main)


def test_a_history_that_refuses_commits_makes_the_server_not_ready(with_door):
    async def main(door):
        outages = door.services.publisher.outages
        outages.failed("No space left on device", waiting=3)
        door.ready = False
        answer = await door.get("/readyz")
        assert answer.code == 503
        assert answer.headers["Retry-After"] == "5"
        assert json.loads(answer.body)["detail"] == (
            "no checks are scheduled; the history has refused to commit since "
            f"{to_wire(outages.since_ms)}: No space left on device"
        )

    with_door(main)


def test_a_closed_history_makes_the_server_not_ready(with_door, tmp_path):
    async def main(door):
        await asyncio.to_thread(door.services.history._readers.shutdown)
        answer = await door.get("/readyz")
        assert answer.code == 503
        assert json.loads(answer.body)["detail"] == "the history is closed"

    with_door(main)


def test_figures_cover_the_applications_and_the_server(with_door):
    async def main(door):
        told = door.services.published.applications
        sla = {"status": "met", "target": 99.9, "actual": 99.95, "errorBudgetRemaining": 0.5}
        told["pay"] = {**told["pay"], "status": "degraded", "responseTime": 250.0, "uptime": 99.5, "sla": sla}
        told["mail"] = {**told["mail"], "status": "down"}
        run_id = json.loads((await door.post("/api/test-runs", {"applicationIds": ["pay"]})).body)["testRunId"]
        assert run_id
        await door.get("/nowhere")
        await door.services.publisher.settled()
        answer = await door.get("/metrics")
        assert answer.headers["Content-Type"].startswith("text/plain; version=0.0.4")
        found = _samples(answer.body.decode())
        pay = ("application", "pay")
        assert found["appsentry_application_up", pay] == 1
        assert found["appsentry_application_degraded", pay] == 1
        assert found["appsentry_application_up", ("application", "mail")] == 0
        assert ("appsentry_application_up", ("application", "shop")) not in found
        assert found["appsentry_response_seconds", pay] == 0.25
        assert found["appsentry_uptime_ratio", pay] == 0.995
        assert found["appsentry_error_budget_remaining_ratio", pay] == 0.5
        assert found["appsentry_results_total", pay, ("status", "up")] == 1
        assert found["appsentry_requests_refused_total", ("code", "404"), ("door", "http")] == 1
        assert found["appsentry_commits_total",] >= 1
        for name in (
            "appsentry_checks_in_flight",
            "appsentry_ticks_missed_total",
            "appsentry_stood_still_seconds_total",
            "appsentry_stood_still_longest_seconds",
            "appsentry_clock_jumps_total",
            "appsentry_blind",
            "appsentry_runs_in_progress",
            "appsentry_history_failing",
            "appsentry_commits_refused_total",
            "appsentry_waiting",
            "appsentry_waiting_bytes",
            "appsentry_results_given_up_total",
            "appsentry_history_reopened_total",
            "appsentry_sockets_connected",
            "process_cpu_seconds_total",
            "process_resident_memory_bytes",
        ):
            assert (name,) in found, name

    with_door(main)


def test_simulated_results_count_in_no_figure(with_door):
    async def main(door):
        payload = {"applicationId": "pay", "status": "down", "simulated": True}
        door.services.publisher.event("metrics", "healthMetricUpdate", payload)
        await door.services.publisher.settled()
        assert b"appsentry_results_total{" not in (await door.get("/metrics")).body

    with_door(main)


def test_figures_need_the_token(with_door):
    async def main(door):
        door.token = None
        assert (await door.get("/metrics")).code == 401

    with_door(main, token="secret")


def test_a_hostile_application_name_stays_one_label(with_door):
    async def main(door):
        name = 'a"} 1\nevil{x="\\'
        door.services.published.applications[name] = {**door.services.published.applications["pay"], "id": name}
        found = _samples((await door.get("/metrics")).body.decode())
        assert found["appsentry_application_degraded", ("application", name)] == 0

    with_door(main)


def test_the_server_says_its_version_and_that_it_does_not_simulate(with_door):
    async def main(door):
        assert json.loads((await door.get("/api/server")).body) == {"version": __version__, "dev": False}
        door.token = None
        assert (await door.get("/api/server")).code == 401

    with_door(main, token="secret")
