"""The demo's configuration is a good one, and its checks find each sample application as it is."""

import asyncio
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from appsentry_server import samples
from appsentry_server.checks.http import HttpClient
from appsentry_server.checks.table import KINDS
from appsentry_server.configuration.loading import load_text
from appsentry_server.configuration.model import Configuration
from appsentry_server.results import Outcome
from appsentry_server.samples import Addresses, SampleProcess


@pytest.fixture(scope="module")
def running() -> Iterator[SampleProcess]:
    with samples.start() as process, pytest.MonkeyPatch.context() as patch:
        for name, value in process.environment.items():
            patch.setenv(name, value)
        yield process


async def look(configuration: Configuration) -> Mapping[tuple[str, str], Outcome]:
    """Every check of the configuration, once."""
    client = HttpClient()
    outcomes = {}
    try:
        for application in configuration.applications:
            for check in application.checks:
                probe = KINDS[check.type].prepare(check, client)
                outcomes[application.id, check.id] = await probe.run()
                probe.close()
    finally:
        await client.close()
    return outcomes


def test_every_check_of_the_demo_finds_its_application_as_it_is(running: SampleProcess) -> None:
    outcomes = asyncio.run(look(load_text(samples.configuration(running.addresses))))
    assert {application for application, _ in outcomes} == set(running.addresses.urls)
    verdicts = {
        key: outcome.verdict for key, outcome in outcomes.items() if key[0] not in {"recommendations", "reporting"}
    }
    assert verdicts == {
        ("storefront", "health"): "up",
        ("storefront", "front-page"): "up",
        ("search", "health"): "up",
        ("accounts", "health"): "up",
        ("accounts", "login"): "up",
        ("payments-gateway", "health"): "degraded",
    }
    assert "certificate" in (outcomes["payments-gateway", "health"].note or "")


def test_the_demo_looks_every_few_seconds_and_shows_every_way_to_group(running: SampleProcess) -> None:
    configuration = load_text(samples.configuration(running.addresses))
    intervals = {check.interval.total_seconds() for one in configuration.applications for check in one.checks}
    assert intervals <= {1, 2, 3, 4, 5}
    assert all(one.sla and one.group and one.tags for one in configuration.applications)


def test_an_odd_path_does_not_break_the_file(running: SampleProcess, tmp_path: Path) -> None:
    ca = tmp_path / 'a "quoted": {path} #1'
    ca.write_bytes(running.addresses.ca.read_bytes())
    text = samples.configuration(Addresses(urls=running.addresses.urls, ca=ca))
    (gateway,) = (one for one in load_text(text).applications if one.id == "payments-gateway")
    assert gateway.checks[0].model_dump()["tls"]["ca"] == ca
