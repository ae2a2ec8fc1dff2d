"""Which of several forms a client prefers, from its `Accept` header (RFC 9110, 12.5.1)."""

from collections.abc import Iterable, Sequence


def preferred(accept: str, offers: Sequence[str]) -> str | None:
    """The offer with the highest quality; of equals the one offered first. None when the client takes none of them.

    A part of the header that cannot be read is passed over.
    """
    ranges = list(_ranges(accept))
    if not ranges:
        return offers[0]
    qualities = {offer: _quality(offer, ranges) for offer in offers}
    best = max(offers, key=qualities.__getitem__)
    return best if qualities[best] > 0 else None


def _ranges(accept: str) -> Iterable[tuple[str, float]]:
    for part in accept.split(","):
        media_range, *parameters = (word.strip().lower() for word in part.split(";"))
        if not media_range:
            continue
        weights = [value for name, _, value in (word.partition("=") for word in parameters) if name.strip() == "q"]
        try:
            quality = float(weights[0]) if weights else 1.0
        except ValueError:
            continue
        if 0 <= quality <= 1:
            yield media_range, quality


def _quality(offer: str, ranges: Iterable[tuple[str, float]]) -> float:
    """The quality of the most specific range that covers the offer."""
    general = f"{offer.partition('/')[0]}/*"
    specificity = {offer: 2, general: 1, "*/*": 0}
    covering = [(specificity[name], quality) for name, quality in ranges if name in specificity]
    return max(covering)[1] if covering else 0.0
