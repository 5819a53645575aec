"""Processes that share out work, and leave with whoever started them."""

import os
import signal
import threading
import time
from concurrent.futures import ProcessPoolExecutor, as_completed
from contextlib import contextmanager
from multiprocessing import get_context

from threadpoolctl import threadpool_limits

PARENT_CHECK_SECONDS = 2.0


@contextmanager
def crew(workers: int):
    """A function that maps over processes (0 = one a core; 1 = here), yielding results as they come."""
    workers = workers or os.cpu_count() or 1
    if workers == 1:
        with threadpool_limits(1):
            yield lambda function, tasks: map(function, tasks)
        return
    pool = ProcessPoolExecutor(workers, get_context("spawn"), initializer=_enter, initargs=(os.getpid(),))
    try:
        yield lambda function, tasks: (f.result() for f in as_completed([pool.submit(function, t) for t in tasks]))
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _enter(parent: int) -> None:
    """A worker finishes its clip when interrupted (the parent stops the rest), and leaves if the parent is killed."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threadpool_limits(1)
    threading.Thread(target=_leave_with, args=(parent,), daemon=True).start()


def _leave_with(parent):
    while os.getppid() == parent:
        time.sleep(PARENT_CHECK_SECONDS)
    os._exit(1)
