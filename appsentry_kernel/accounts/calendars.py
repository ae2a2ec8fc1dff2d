"""Time by the wall clock: service hours, and the days, weeks and months of a zone."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from typing import Final, Literal, get_args
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from dateutil.rrule import rrulestr

from appsentry_contract.accounting.periods import Periods
from appsentry_contract.accounting.policy import Policy, ServiceHours
from appsentry_kernel.accounts.instants import instant, micros
from appsentry_kernel.errors import AppSentryError

Unit = Literal["hour", "day", "week", "month"]

_FROM: Final = datetime(1970, 1, 1)  # noqa: DTZ001 - wall clocks are counted without a zone, which is put to them last
_DAY_US: Final = 86_400_000_000


def zone_of(policy: Policy) -> ZoneInfo:
    """The policy's time zone. Raises `AppSentryError` when there is none of that name."""
    try:
        return ZoneInfo(policy.zone)
    except (ZoneInfoNotFoundError, ValueError):
        raise AppSentryError(
            f"{policy.name}: there is no time zone {policy.zone!r}; give an IANA name such as 'Europe/Berlin'"
        ) from None


def closed(policy: Policy, since: int, until: int) -> Periods:
    """The time outside the policy's service hours, from a day before `since` until a day after `until`."""
    hours = policy.service_hours
    if hours is None:
        return Periods()
    since, until = since - _DAY_US, until + _DAY_US
    zone = zone_of(policy)
    return Periods.all_but(Periods.of(_openings(hours, zone, policy.name, since, until)), since, until)


def _openings(hours: ServiceHours, zone: ZoneInfo, name: str, since: int, until: int) -> Iterator[tuple[int, int]]:
    first = _wall(since, zone) - hours.lasting - timedelta(days=1)
    # Every second week, or the first ten times, are counted from 1970 on; without, a rule is followed from here.
    counted = "INTERVAL" in hours.rule.upper() or "COUNT" in hours.rule.upper()
    try:
        rule = rrulestr(hours.rule, dtstart=_FROM if counted else datetime.combine(first, time()))
    except ValueError as error:
        raise AppSentryError(
            f"{name}: service_hours.rule={hours.rule!r} is no RFC 5545 rule: {error}; "
            "give one such as 'FREQ=WEEKLY;BYDAY=MO,TU,WE,TH,FR;BYHOUR=8;BYMINUTE=0;BYSECOND=0'"
        ) from None
    holidays = frozenset(hours.holidays)
    for opening in rule.between(first, _wall(until, zone), inc=True):
        if opening.date() not in holidays:
            begin, end = _on_clock(opening, zone), _on_clock(opening + hours.lasting, zone)
            yield begin, max(begin, end)


def edges(unit: Unit, zone: ZoneInfo, since: int, until: int) -> list[int]:
    """Where the zone's hours, days, weeks (from Monday) or months begin, from the one of `since` until past `until`."""
    if unit not in get_args(Unit):
        raise ValueError(f"expected {', '.join(get_args(Unit))}, found {unit!r}")
    if unit == "hour":
        return _hours(zone, since, until)
    day = _first(unit, _wall(since, zone).date())
    found = [_on_clock(datetime.combine(day, time()), zone)]
    while found[-1] < until:
        day = _next(unit, day)
        found.append(_on_clock(datetime.combine(day, time()), zone))
    return found


def _hours(zone: ZoneInfo, since: int, until: int) -> list[int]:
    # By the zone's own full hours; a change of offset by half an hour makes one of another length.
    wall = instant(since).to_pydatetime().astimezone(zone)
    begin = since - (wall.minute * 60 + wall.second) * 1_000_000 - wall.microsecond
    found = [begin]
    while found[-1] < until:
        found.append(found[-1] + 3_600_000_000)
    return found


def _first(unit: Unit, day: date) -> date:
    if unit == "month":
        return day.replace(day=1)
    return day - timedelta(days=day.weekday()) if unit == "week" else day


def _next(unit: Unit, day: date) -> date:
    if unit == "month":
        return (day + timedelta(days=31)).replace(day=1)
    return day + timedelta(days=7 if unit == "week" else 1)


def _wall(us: int, zone: ZoneInfo) -> datetime:
    return instant(us).to_pydatetime().astimezone(zone).replace(tzinfo=None)


def _on_clock(wall: datetime, zone: ZoneInfo) -> int:
    # A time that the clock shows twice is taken as the first, one that it skips as the moment of the skip or after.
    return micros(wall.replace(tzinfo=zone).astimezone(UTC))
