"""The ping check: a few ICMP echo requests to a host, judged by loss and round trip."""

import asyncio
from datetime import timedelta
from typing import Annotated, Literal

from pydantic import Field

from appsentry_server.checks import failures
from appsentry_server.checks.echo import Echo, opened
from appsentry_server.checks.grades import graded
from appsentry_server.checks.http import HttpClient
from appsentry_server.checks.kind import CheckSettings, Probe
from appsentry_server.checks.sockets import Broken, find
from appsentry_server.checks.urls import HostName, Target
from appsentry_server.durations import Duration
from appsentry_server.results import Failure, Outcome, Phases

_PACKET = 2048


class PingSettings(CheckSettings):
    """Echo requests to a host, and how many of them may be lost."""

    type: Literal["ping"]
    address: HostName = Field(alias="host")
    count: Annotated[int, Field(ge=1, le=20, strict=True)] = 3
    reply_timeout: Annotated[Duration, Field(gt=timedelta(0))] = timedelta(seconds=1)
    max_loss: Annotated[float, Field(ge=0, lt=100)] = 0.0
    degraded_above: Annotated[Duration, Field(gt=timedelta(0))] | None = None

    @property
    def host(self) -> str:
        return self.address


class PingProbe(Probe):
    """Sends one request after the other, each when the one before was answered or given up."""

    def __init__(self, settings: PingSettings, client: HttpClient) -> None:
        self._settings = settings
        self._network = client.network
        host = settings.host
        self._target = Target(url=f"icmp://{host}", scheme="icmp", host=host, port=0, place=host)

    async def run(self) -> Outcome:
        clock = self._network.clock
        began = clock.monotonic()
        deadline = began + self._settings.timeout.total_seconds()
        phases = Phases()
        try:
            found = await find(self._network, self._target, deadline)
            phases = Phases(dns_ms=found.dns_ms)
            trips = await self._trips(found.addresses[0], deadline)
        except Broken as broken:
            return _failed(broken.failure, (clock.monotonic() - began) * 1000, phases)
        failure = self._too_many_lost(trips)
        if failure is not None:
            return _failed(failure, (clock.monotonic() - began) * 1000, phases)
        # The mean round trip: waiting for what was lost is no response time.
        outcome = Outcome(verdict="up", response_ms=sum(trips) / len(trips), phases=phases)
        return graded(outcome, slower_than=self._settings.degraded_above)

    async def _trips(self, address: str, deadline: float) -> list[float]:
        """Milliseconds of each round trip that was completed."""
        try:
            echo = opened(address)
        except OSError as error:
            raise Broken(failures.of_connection(error, self._target, 0.0)) from None
        trips = []
        try:
            for sequence in range(1, self._settings.count + 1):
                began = self._network.clock.monotonic()
                if began >= deadline:
                    break
                within_s = min(deadline - began, self._settings.reply_timeout.total_seconds())
                if await self._answered(echo, sequence, within_s):
                    trips.append((self._network.clock.monotonic() - began) * 1000)
        except OSError as error:
            raise Broken(failures.of_connection(error, self._target, 0.0)) from None
        finally:
            echo.socket.close()
        return trips

    async def _answered(self, echo: Echo, sequence: int, within_s: float) -> bool:
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(within_s):
                await loop.sock_sendall(echo.socket, echo.request(sequence))
                while echo.sequence_of(await loop.sock_recv(echo.socket, _PACKET)) != sequence:
                    # A raw socket hears whatever else the host says.
                    await self._network.clock.sleep(0)
        except TimeoutError as error:
            if error.errno is not None:
                raise
            return False
        return True

    def _too_many_lost(self, trips: list[float]) -> Failure | None:
        count, limit = self._settings.count, self._settings.max_loss
        lost = 100 * (count - len(trips)) / count
        if trips and lost <= limit:
            return None
        message = f"expected at most {limit:g} % of {count} pings to {self._target.host} lost, found {lost:.3g} %"
        return Failure(failure_class="expectation" if trips else "deadline", message=message)


def _failed(failure: Failure, elapsed_ms: float, phases: Phases) -> Outcome:
    verdict = failures.verdict_of(failure.failure_class)
    return Outcome(verdict=verdict, response_ms=elapsed_ms, phases=phases, failure=failure)
