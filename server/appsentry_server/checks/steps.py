"""Steps of a conversation: what is sent, and what has to come back."""

from collections.abc import Iterable
from typing import Annotated, Self

from pydantic import Field, model_validator

from appsentry_server.checks.excerpts import Quoter
from appsentry_server.checks.kind import Settings
from appsentry_server.checks.patterns import RegexField
from appsentry_server.checks.sockets import Broken
from appsentry_server.references import MissingReference, Reference, SecretReference
from appsentry_server.results import Failure

Text = Annotated[str, Field(min_length=1, max_length=16_384)]


class Step(Settings):
    """Something is sent, then something is expected; either may be left out, not both."""

    send: Text | None = None
    send_secret: SecretReference | None = Field(None, repr=False)
    text: Text | None = None
    regex: RegexField | None = None

    @model_validator(mode="after")
    def _does_something(self) -> Self:
        if self.send is not None and self.send_secret is not None:
            raise ValueError("expected either send or send_secret, found both")
        if not self.expects and self.send is None and self.send_secret is None:
            raise ValueError("expected something to send or to expect: send, send_secret, text or regex; found nothing")
        return self

    @property
    def expects(self) -> bool:
        """Whether an answer is waited for."""
        return self.text is not None or self.regex is not None

    def wanted(self, quoter: Quoter) -> str:
        """What is expected, in words."""
        parts = []
        if self.text is not None:
            parts.append(f"the text {quoter.quote(self.text)}")
        if self.regex is not None:
            parts.append(f"a match of {quoter.quote(self.regex.written)}")
        return " and ".join(parts)

    def met_by(self, text: str) -> int | None:
        """How much of the text it takes until all that is expected has come; None when something is missing."""
        ends = []
        if self.text is not None:
            at = text.find(self.text)
            ends.append(at + len(self.text) if at >= 0 else None)
        if self.regex is not None:
            ends.append(self.regex.end_in(text))
        met = [end for end in ends if end is not None]
        return max(met) if len(met) == len(ends) else None


def read(references: Iterable[Reference]) -> dict[Reference, str]:
    """What the references lead to, now. `Broken`, of the monitor's own, when one leads nowhere."""
    try:
        return {reference: reference.resolve() for reference in references}
    except MissingReference as error:
        raise Broken(Failure(failure_class="internal", message=str(error))) from None
