"""Trying again: which faults of a network pass, and how long one waits for that."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Mapping
from email.utils import mktime_tz, parsedate_tz
from typing import TypeVar

import httpx2
from huggingface_hub.errors import HfHubHTTPError
from huggingface_hub.utils import parse_ratelimit_headers

T = TypeVar("T")

LONGEST = 300.0  # seconds; a server that asks for more is not waited for
BUSY = {408, 425, 429}  # answers below 500 that pass
OURS = (httpx2.LocalProtocolError, httpx2.UnsupportedProtocol)  # our own fault, which does not pass


class Short(Exception):
    """An answer of the wrong length or from the wrong place; its text says how."""


def persist(
    attempt: Callable[[], T],
    retries: int,
    first: float,
    pause: Callable[[float], None],
    progress: Callable[[], int] = lambda: 0,
) -> T:
    """What `attempt` returns; repeated after a passing fault, up to `retries` times since `progress` last grew.

    The first pause is `first` seconds, each further one twice as long, or what the server asks for. The fault of the
    last attempt is raised.
    """
    failures, furthest = 0, progress()
    while True:
        try:
            return attempt()
        except (httpx2.HTTPError, Short) as fault:
            failures = 1 if progress() > furthest else failures + 1
            furthest = max(furthest, progress())
            asked = asked_for(fault.response.headers) if isinstance(fault, HfHubHTTPError) else None
            doubled = min(LONGEST, first * 2 ** (failures - 1)) * random.uniform(0.75, 1)
            wait = doubled if asked is None else asked
            if not passes(fault) or failures > retries or wait > LONGEST:
                raise
        pause(wait)


def passes(fault: Exception) -> bool:
    """Whether the same request may succeed later."""
    if isinstance(fault, HfHubHTTPError):
        return fault.response.status_code in BUSY or fault.response.status_code >= 500
    return isinstance(fault, (httpx2.TransportError, Short)) and not isinstance(fault, OURS)


def asked_for(headers: Mapping[str, str]) -> float | None:
    """Seconds that an answer asks us to wait: `Retry-After` as a number or a date, or the Hub's own `RateLimit`."""
    after = headers.get("Retry-After", "").strip()
    if after.isdigit():
        return float(after)
    if limit := parse_ratelimit_headers(headers):
        return float(limit.reset_in_seconds)
    date = parsedate_tz(after)
    return max(0.0, mktime_tz(date) - time.time()) if date else None
