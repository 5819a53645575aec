"""Threads that fetch or check files side by side, and that all stop when one thing ends the run."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor, as_completed
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import TypeVar

T, R = TypeVar("T"), TypeVar("R")

Report = Callable[[int], None]  # bytes that came in (or, below 0, were in vain)
Bar = Callable[[str, int], AbstractContextManager[Report]]  # what is done, of how many bytes

LONG = 10  # seconds of waiting that are said


class Stopped(Exception):
    """Raised in threads once the run ends: by Ctrl-C, a full disk, or a Hub that is gone."""


class Crew:
    """So many workers, one bar, and one way to stop them."""

    def __init__(self, workers: int, bar: Bar, say: Callable[[str], None]) -> None:
        self.workers, self.bar, self.say, self.stop = workers, bar, say, threading.Event()

    @contextmanager
    def ticking(self, what: str, total: int) -> Iterator[Report]:
        """A bar, if there is anything to do, whose ticks stop the threads that make them once the run ends."""
        with self.bar(what, total) if total else nullcontext(lambda _: None) as report:

            def tick(n: int) -> None:
                if self.stop.is_set():
                    raise Stopped
                report(n)

            yield tick

    @contextmanager
    def side_by_side(self, work: Callable[[T], R], things: Iterable[T]) -> Iterator[Iterator[tuple[T, Future[R]]]]:
        """Each thing with its finished work, in the order in which it ends; an error meanwhile stops the others."""
        pool, ended_well = ThreadPoolExecutor(self.workers), False
        try:
            futures = {pool.submit(work, thing): thing for thing in things}
            yield ((futures[done], done) for done in as_completed(futures))
            ended_well = True
        finally:
            if not ended_well:
                self.stop.set()
            pool.shutdown(cancel_futures=True)

    def pause(self, seconds: float) -> None:
        """Wait, unless the run ends meanwhile."""
        if seconds >= LONG:
            self.say(f"waiting {seconds:.0f} s before the Hub is asked again")
        if self.stop.wait(seconds):
            raise Stopped
