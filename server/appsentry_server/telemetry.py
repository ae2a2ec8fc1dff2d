"""What Prometheus is told: the applications as they now are, and the server about itself."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

from prometheus_client import CollectorRegistry, ProcessCollector, exposition
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from appsentry_server.services import Services
from appsentry_server.streams.journal import Event

CONTENT_TYPE = exposition.CONTENT_TYPE_PLAIN_0_0_4

_UP = {"healthy": 1.0, "degraded": 1.0, "down": 0.0}
"""Whether an application with this status answers; others say nothing of it."""


class Telemetry:
    """Counts what passes by, and reads everything else where it is kept at the moment it is asked."""

    def __init__(self, services: Services) -> None:
        self.refused: Counter[str] = Counter()
        """How many HTTP requests were answered with a problem, by status."""
        self._results: Counter[tuple[str, str]] = Counter()
        self._registry = CollectorRegistry(auto_describe=False)
        self._registry.register(_Applications(services, self._results))
        self._registry.register(_Server(services, self.refused))
        ProcessCollector(registry=self._registry)

    async def hear(self, event: Event) -> None:
        """Count a published result; simulated ones count in no figure."""
        if event.name == "healthMetricUpdate" and not event.payload.get("simulated"):
            self._results[event.payload["applicationId"], event.payload["status"]] += 1

    def text(self) -> bytes:
        """The Prometheus text of everything."""
        return exposition.generate_latest(self._registry)


class _Applications(Collector):
    def __init__(self, services: Services, results: Counter[tuple[str, str]]) -> None:
        self._published = services.published
        self._results = results

    def collect(self) -> Iterable[Metric]:
        labels = ["application"]
        up = GaugeMetricFamily("appsentry_application_up", "1 when it answers, 0 when it is down", labels=labels)
        degraded = GaugeMetricFamily("appsentry_application_degraded", "1 when it is degraded", labels=labels)
        response = GaugeMetricFamily("appsentry_response_seconds", "Its newest response time", labels=labels)
        uptime = GaugeMetricFamily("appsentry_uptime_ratio", "Its uptime over the SLA window", labels=labels)
        budget = GaugeMetricFamily("appsentry_error_budget_remaining_ratio", "Its error budget left", labels=labels)
        for item in self._published.applications.values():
            name = [item["id"]]
            _add(up, name, _UP.get(item["status"]))
            _add(degraded, name, float(item["status"] == "degraded"))
            _add(response, name, item["responseTime"], 1 / 1000)
            _add(uptime, name, item["uptime"], 1 / 100)
            _add(budget, name, item["sla"]["errorBudgetRemaining"])
        by_verdict = ("application", "status")
        results = _labelled("appsentry_results", "Check results since the start", by_verdict, self._results.items())
        return [up, degraded, response, uptime, budget, results]


class _Server(Collector):
    def __init__(self, services: Services, refused: Counter[str]) -> None:
        self._services = services
        self._refused = refused

    def collect(self) -> Iterator[Metric]:
        services = self._services
        publisher, transport = services.publisher, services.transport
        failing = float(publisher.failing_since_ms is not None)
        yield GaugeMetricFamily("appsentry_checks_in_flight", "Checks that run now", services.conductor.in_flight)
        yield CounterMetricFamily(
            "appsentry_ticks_missed", "Times a check was due and not made", services.schedule.missed
        )
        yield CounterMetricFamily(
            "appsentry_stood_still_seconds", "Time in which the event loop stood still", services.lag.total_s()
        )
        yield GaugeMetricFamily(
            "appsentry_stood_still_longest_seconds", "The longest standstill so far", services.watchdog.worst_s
        )
        yield CounterMetricFamily(
            "appsentry_clock_jumps", "Jumps of the wall clock by a second or more", services.watchdog.jumps
        )
        yield GaugeMetricFamily(
            "appsentry_blind", "1 while the monitor is cut off from the network", float(services.sight.blind)
        )
        yield GaugeMetricFamily("appsentry_runs_in_progress", "Test runs that go on", len(services.runs.in_progress))
        yield CounterMetricFamily("appsentry_commits", "Transactions of the history", publisher.commits)
        yield GaugeMetricFamily("appsentry_history_failing", "1 while the history refuses to commit", failing)
        yield CounterMetricFamily("appsentry_commits_refused", "Commits that failed", publisher.outages.refusals)
        yield GaugeMetricFamily("appsentry_waiting", "Entries not committed yet", publisher.waiting)
        yield GaugeMetricFamily("appsentry_waiting_bytes", "Their size, as JSON", publisher.waiting_size)
        given_up = publisher.outages.given_up
        yield CounterMetricFamily("appsentry_results_given_up", "Results that found no room to wait", given_up)
        reopened = services.history.reopened
        yield CounterMetricFamily("appsentry_history_reopened", "Times the history was opened anew", reopened)
        yield GaugeMetricFamily("appsentry_sockets_connected", "Sockets that are connected", transport.connected)
        happened = [([what], count) for what, count in transport.counts.items()]
        yield _labelled("appsentry_socket_events", "What happened on sockets", ["what"], happened)
        refused = {("socket", str(code)): count for code, count in services.requests.refused.items()}
        refused |= {("http", status): count for status, count in self._refused.items()}
        yield _labelled("appsentry_requests_refused", "Requests refused", ("door", "code"), refused.items())


def _add(family: GaugeMetricFamily, labels: list[str], value: float | None, factor: float = 1.0) -> None:
    """A value that is not known is left out."""
    if value is not None:
        family.add_metric(labels, value * factor)


def _labelled(
    name: str, meaning: str, labels: Sequence[str], counts: Iterable[tuple[Sequence[str], int]]
) -> CounterMetricFamily:
    family = CounterMetricFamily(name, meaning, labels=labels)
    for values, count in counts:
        family.add_metric(values, count)
    return family
