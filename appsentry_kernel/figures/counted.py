"""A figure of an account that is counted already: its results, its window, its policy."""

from dataclasses import dataclass
from functools import cached_property

import pandas as pd

from appsentry_kernel.accounts.account import Account
from appsentry_kernel.accounts.calendars import zone_of
from appsentry_kernel.errors import AppSentryError
from appsentry_kernel.figures.subject import Subject


@dataclass(frozen=True, kw_only=True)
class _Counted(Subject):
    counted: Account

    @cached_property
    def account(self) -> Account:
        return self.counted


def counted_subject(account: Account, applications: list[str]) -> Subject:
    """What a figure of these applications of the account is of."""
    history = pd.concat([account.evidence(name).rows for name in applications])
    due = history["ts"]
    return _Counted(
        rows=history[(due >= account.since) & (due < account.until)],
        history=history,
        since=account.since,
        until=account.until,
        zone=zone_of(account.policy),
        policy=account.policy,
        counted=account,
    )


def the_one(applications: list[str], application: str | None) -> str:
    """The application that is named, or the only one. Raises `AppSentryError` when that does not say which."""
    if application is None and len(applications) == 1:
        return applications[0]
    there = ", ".join(applications) or "none"
    if application is None:
        raise AppSentryError(f"this figure is of one application: name it, application=...; there are {there}")
    if application not in applications:
        raise AppSentryError(f"there is no application {application!r}; there are {there}")
    return application
