"""Trying again: which faults of a network pass, and how long one waits for that."""

from __future__ import annotations

import random
import re
import time
from collections.abc import Callable, Mapping
from email.utils import parsedate_to_datetime
from typing import TypeVar

import httpx2
from huggingface_hub.errors import HfHubHTTPError

T = TypeVar("T")

LONGEST = 300.0  # seconds; who asks for more is asking us to come back another day
BUSY = {408, 425, 429}  # answers below 500 that pass
OURS = (httpx2.LocalProtocolError, httpx2.UnsupportedProtocol)  # our own fault, which does not pass


class Short(Exception):
    """An answer that ended too early, too late or in the wrong place; its text says how."""


def persist(
    attempt: Callable[[], T],
    retries: int,
    pause: Callable[[float], None],
    first: float,
    progress: Callable[[], int] = lambda: 0,
) -> T:
    """What `attempt` gives; after a passing fault again, up to `retries` times since it last got further."""
    failures, furthest = 0, progress()
    while True:
        try:
            return attempt()
        except (httpx2.HTTPError, Short) as fault:
            failures = 1 if progress() > furthest else failures + 1
            furthest = max(furthest, progress())
            wait = seconds(fault, failures, first)
            if not passes(fault) or failures > retries or wait > LONGEST:
                raise
        pause(wait)


def passes(fault: Exception) -> bool:
    """Whether the same request may succeed later."""
    if isinstance(fault, HfHubHTTPError):
        return fault.response.status_code in BUSY or fault.response.status_code >= 500
    return isinstance(fault, (httpx2.TransportError, Short)) and not isinstance(fault, OURS)


def seconds(fault: Exception, failures: int, first: float) -> float:
    """How long to wait: what the server asks for, else twice as long each time, never quite alike."""
    if isinstance(fault, HfHubHTTPError) and (asked := asked_for(fault.response.headers)) is not None:
        return asked
    return min(LONGEST, first * 2 ** (failures - 1)) * random.uniform(0.75, 1)


def asked_for(headers: Mapping[str, str]) -> float | None:
    """Seconds that an answer asks us to wait: `Retry-After` as a number or a date, or the Hub's own `RateLimit`."""
    after = headers.get("Retry-After", "").strip()
    if after.isdigit():
        return float(after)
    if limit := re.search(r"\bt\s*=\s*(\d+)", headers.get("RateLimit", "")):
        return float(limit[1])
    try:
        return max(0.0, parsedate_to_datetime(after).timestamp() - time.time())
    except ValueError:
        return None
