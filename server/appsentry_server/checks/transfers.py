"""Running libcurl's transfers on the event loop: one multi handle, its sockets and its timer."""

import asyncio
from dataclasses import dataclass

import pycurl

from appsentry_server.checks.urls import Target

_MOST_PINS = 10_000
_READ = pycurl.POLL_IN
_WRITE = pycurl.POLL_OUT


@dataclass(slots=True)
class Pin:
    """Addresses given to libcurl for a host and port; they hold for every transfer of the multi handle once applied."""

    addresses: tuple[str, ...]
    applied: bool = False


class Transfers:
    """A libcurl multi handle on the running event loop; made anywhere, bound to the loop of its first transfer."""

    def __init__(self) -> None:
        self._multi = pycurl.CurlMulti()
        self._multi.setopt(pycurl.M_SOCKETFUNCTION, self._watch)
        self._multi.setopt(pycurl.M_TIMERFUNCTION, self._wake_in)
        self.pins: dict[str, Pin] = {}
        self._waiting: dict[pycurl.Curl, asyncio.Future[int]] = {}
        self._watched: dict[int, int] = {}
        self._timer: asyncio.Handle | None = None
        self._loop: asyncio.AbstractEventLoop | None = None

    async def perform(self, curl: pycurl.Curl) -> int:
        """Carry the transfer out and give libcurl's result code, 0 when all went well.

        Cancelled, the transfer is off the multi handle before the caller sees it: the easy handle is free at once.
        """
        if self._loop is None:
            self._loop = asyncio.get_running_loop()
        done: asyncio.Future[int] = self._loop.create_future()
        self._waiting[curl] = done
        self._multi.add_handle(curl)
        try:
            return await done
        except asyncio.CancelledError:
            # It may have ended in the same turn of the loop.
            if self._waiting.pop(curl, None) is not None:
                self._multi.remove_handle(curl)
            raise

    def pin(self, target: Target, addresses: tuple[str, ...]) -> tuple[Pin, list[str]]:
        """A new pin, and the entries of CURLOPT_RESOLVE that apply it; too many, and the oldest is dropped."""
        pin = Pin(addresses)
        self.pins.pop(target.place, None)
        joined = ",".join(f"[{address}]" if ":" in address else address for address in addresses)
        entries = [f"{target.place}:{joined}"]
        if len(self.pins) >= _MOST_PINS:
            oldest = next(iter(self.pins))
            del self.pins[oldest]
            entries.insert(0, f"-{oldest}")
        self.pins[target.place] = pin
        return pin, entries

    def close(self) -> None:
        """End every transfer, waiters cancelled, and close the connections."""
        for curl, done in self._waiting.items():
            self._multi.remove_handle(curl)
            done.cancel()
        self._waiting.clear()
        self._multi.close()
        self._wake_in(-1)
        for descriptor in tuple(self._watched):
            self._watch(pycurl.POLL_REMOVE, descriptor, self._multi, None)

    def _watch(self, what: int, descriptor: int, _multi: object, _assigned: object) -> None:
        assert self._loop is not None
        wanted = 0 if what == pycurl.POLL_REMOVE else what
        watched = self._watched.pop(descriptor, 0)
        if wanted:
            self._watched[descriptor] = wanted
        changed = wanted ^ watched
        if changed & _READ:
            if wanted & _READ:
                self._loop.add_reader(descriptor, self._act, descriptor, pycurl.CSELECT_IN)
            else:
                self._loop.remove_reader(descriptor)
        if changed & _WRITE:
            if wanted & _WRITE:
                self._loop.add_writer(descriptor, self._act, descriptor, pycurl.CSELECT_OUT)
            else:
                self._loop.remove_writer(descriptor)

    def _wake_in(self, milliseconds: int) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if milliseconds < 0 or self._loop is None:
            return
        if milliseconds == 0:
            # Not here: libcurl is in the middle of a call.
            self._timer = self._loop.call_soon(self._woken)
        else:
            self._timer = self._loop.call_later(milliseconds / 1000, self._woken)

    def _woken(self) -> None:
        self._timer = None
        self._act(pycurl.SOCKET_TIMEOUT, 0)

    def _act(self, descriptor: int, events: int) -> None:
        _, running = self._multi.socket_action(descriptor, events)
        if running == len(self._waiting):
            return
        _, good, bad = self._multi.info_read()
        for curl in good:
            self._end(curl, 0)
        for curl, code, _ in bad:
            self._end(curl, code)

    def _end(self, curl: pycurl.Curl, code: int) -> None:
        self._multi.remove_handle(curl)
        done = self._waiting.pop(curl)
        if not done.done():
            done.set_result(code)
