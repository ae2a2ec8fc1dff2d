"""What the server costs beside bare libcurl, and how long an event takes: `python -m benchmarks`."""
