"""Sets of time: stretches that a policy treats apart, such as maintenance."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Self

import numpy as np
import numpy.typing as npt

from appsentry_contract.accounting.policy import Policy
from appsentry_contract.accounting.spans import Integers


def _nothing() -> Integers:
    return np.empty(0, np.int64)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Periods:
    """Half-open stretches that neither overlap nor touch: `edges` holds begin, end, begin, end, …, increasing."""

    edges: Integers = field(default_factory=_nothing)

    @classmethod
    def of(cls, stretches: Iterable[tuple[int, int]]) -> Self:
        """These stretches, in any order, joined where they overlap. Raises `ValueError` for one that ends too early."""
        edges: list[int] = []
        for begin, end in sorted(stretches):
            if end < begin:
                raise ValueError(f"expected a stretch that ends after it begins, found {begin} to {end}")
            if edges and begin <= edges[-1]:
                edges[-1] = max(edges[-1], end)
            elif begin < end:
                edges += [begin, end]
        return cls(edges=np.array(edges, np.int64))

    @classmethod
    def all_but(cls, others: "Periods", since: int, until: int) -> Self:
        """The time from `since` until `until` that is in none of the others."""
        if since >= until:
            return cls()
        inner = others.edges[(others.edges > since) & (others.edges < until)]
        begins = [] if others.at(np.array([since]))[0] else [since]
        edges = [*begins, *inner.tolist()]
        return cls(edges=np.array(edges if len(edges) % 2 == 0 else [*edges, until], np.int64))

    def joined(self, other: "Periods") -> "Periods":
        """Time that is in either."""
        if not len(other.edges):
            return self
        pairs = np.concatenate((self.edges, other.edges)).reshape(-1, 2).tolist()
        return Periods.of((begin, end) for begin, end in pairs)

    def at(self, instants: Integers) -> npt.NDArray[np.bool_]:
        """Whether each instant is in one of the stretches."""
        inside: npt.NDArray[np.bool_] = np.searchsorted(self.edges, instants, side="right") % 2 == 1
        return inside


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Calendar:
    """What is known of an application's time besides its results."""

    maintenance: Periods = field(default_factory=Periods)
    pauses: Periods = field(default_factory=Periods)
    closed: Periods = field(default_factory=Periods)
    """Outside service hours."""

    def treated(self, policy: Policy) -> tuple[Periods, Periods]:
        """The time that the policy excludes, and the time that it counts as up.

        Where they overlap, excluded wins over up, and up over measured.
        """
        excluded, up = Periods(), Periods()
        for periods, treatment in (
            (self.maintenance, policy.maintenance),
            (self.pauses, policy.pauses),
            (self.closed, policy.outside_service_hours),
        ):
            if treatment == "excluded":
                excluded = excluded.joined(periods)
            elif treatment == "up":
                up = up.joined(periods)
        return excluded, up
