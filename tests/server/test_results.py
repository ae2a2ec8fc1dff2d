"""The values that travel from a probe to the history."""

import orjson

from appsentry_server.results import Failure


def test_a_message_can_always_be_stored_and_sent():
    failure = Failure(failure_class="expectation", message="expected ‘ok’, found \ud800 and 😀")
    assert failure.message == "expected ‘ok’, found ? and 😀"
    assert orjson.loads(orjson.dumps(failure.message)) == failure.message
