"""The measure of things: libcurl alone, one multi handle in a bare loop, doing what a health check asks of it.

`python -m benchmarks.bare_loop URL SECONDS RATE` makes fresh connections at so many a second, or with a rate of 0 as
many as it can, and prints how many requests it made and the CPU seconds they took.
"""

import sys
import time
from collections import deque

import orjson
import pycurl

_AT_ONCE = 50
_LONGEST_WAIT_S = 0.05


def _handle(url: str) -> pycurl.Curl:
    curl = pycurl.Curl()
    curl.setopt(pycurl.URL, url)
    curl.setopt(pycurl.NOSIGNAL, 1)
    curl.setopt(pycurl.PROXY, "")
    curl.setopt(pycurl.FRESH_CONNECT, 1)
    curl.setopt(pycurl.FORBID_REUSE, 1)
    curl.setopt(pycurl.WRITEFUNCTION, len)
    return curl


def run(url: str, seconds: float, rate: float) -> dict[str, float]:
    """Make requests for so long. `rate` is requests a second, 0 for no limit; every one must be answered with 200."""
    multi = pycurl.CurlMulti()
    free = deque(_handle(url) for _ in range(_AT_ONCE))
    asked = answered = 0
    began, cpu = time.monotonic(), time.process_time()
    while (elapsed := time.monotonic() - began) < seconds or len(free) < _AT_ONCE:
        due = 0 if elapsed >= seconds else _AT_ONCE if not rate else int(elapsed * rate) - asked
        for _ in range(min(due, len(free))):
            multi.add_handle(free.popleft())
            asked += 1
        wait_s = _LONGEST_WAIT_S if not rate else max(0.0, (asked + 1) / rate - elapsed)
        if multi.perform()[1]:
            multi.select(min(wait_s, _LONGEST_WAIT_S))
        elif rate:
            time.sleep(min(wait_s, _LONGEST_WAIT_S))
        _, good, bad = multi.info_read()
        if bad:
            raise ConnectionError(f"{url}: {bad[0][2]}")
        for curl in good:
            multi.remove_handle(curl)
            assert curl.getinfo(pycurl.RESPONSE_CODE) == 200
            free.append(curl)
            answered += 1
    return {"checks": answered, "cpu_s": time.process_time() - cpu}


if __name__ == "__main__":
    print(orjson.dumps(run(sys.argv[1], float(sys.argv[2]), float(sys.argv[3]))).decode())
