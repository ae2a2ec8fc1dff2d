"""The health check against real servers."""

import pytest


def test_a_healthy_answer_is_up_with_the_phases_that_happened(run, site, look, answer):
    async def main():
        async with site({"/": answer(200, "fine")}) as web:
            return await look(web.url())

    outcome = run(main())

    assert outcome.verdict == "up"
    assert outcome.failure is None
    assert outcome.phases.dns_ms is None
    assert outcome.phases.tls_ms is None
    parts = outcome.phases.connect_ms + outcome.phases.first_byte_ms + outcome.phases.transfer_ms
    assert parts == pytest.approx(outcome.response_ms, abs=0.01)


def test_an_unexpected_status_is_down_and_the_message_says_what_was_found(run, site, look, answer):
    async def main():
        async with site({"/": answer(503, "out to\x07 lunch")}) as web:
            return await look(web.url())

    outcome = run(main())

    assert outcome.verdict == "down"
    assert outcome.failure.failure_class == "status"
    assert outcome.failure.message == "expected status 200–299, found 503: 'out to lunch'"
