"""Work shared out over processes: results in the order of the list, and a process that dies costs one item."""

from __future__ import annotations

import os
import signal
import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import parent_process
from multiprocessing.process import BaseProcess
from typing import TypeVar

from threadpoolctl import threadpool_limits

Item = TypeVar("Item")
Result = TypeVar("Result")

AHEAD = 2  # items in flight per process: enough to keep all busy, few enough for constant memory


def cores() -> int:
    """Those that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def in_order(
    work: Callable[[Item], Result], items: Sequence[Item], workers: int, died: Callable[[Item], Result]
) -> Iterator[Result]:
    """`work` of every item, in the list's order, by so many processes (0: one a core).

    `died` gives what stands for an item on which a process dies, or raises. Whose fault a death was shows only when
    those in flight are tried again, each in a process of its own.
    """
    left, workers = deque(items), workers or cores()
    while left:
        yield from _until_a_death(work, left, workers)
        for _ in range(min(len(left), (AHEAD + 1) * workers)):
            yield _alone(work, left.popleft(), died)


def _until_a_death(work: Callable[[Item], Result], left: deque[Item], workers: int) -> Iterator[Result]:
    """Results as long as no process dies; an item leaves `left` when its result is there."""
    with ProcessPoolExecutor(min(workers, len(left)), initializer=_enter) as pool:
        flight: deque[Future[Result]] = deque()
        try:
            while left:
                while len(flight) < min(len(left), (AHEAD + 1) * workers):
                    flight.append(pool.submit(work, left[len(flight)]))
                result = flight.popleft().result()
                left.popleft()
                yield result
        except BrokenProcessPool:
            return
        finally:
            pool.shutdown(cancel_futures=True)


def _alone(work: Callable[[Item], Result], item: Item, died: Callable[[Item], Result]) -> Result:
    with ProcessPoolExecutor(1, initializer=_enter) as pool:
        try:
            return pool.submit(work, item).result()
        except BrokenProcessPool:
            return died(item)


def _enter() -> None:
    """A process keeps to its core, leaves Ctrl-C to its parent, and goes if that was killed."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threadpool_limits(1)
    if parent := parent_process():
        threading.Thread(target=_leave_with, args=(parent,), daemon=True).start()


def _leave_with(parent: BaseProcess) -> None:
    parent.join()
    os._exit(1)
