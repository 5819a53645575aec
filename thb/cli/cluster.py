"""Commands on the workers of a Dask cluster that see this clone under the same path (`thb reproduce --scheduler`).

The graph, DVC's records and what is printed stay in this process; a worker gets command lines and gives back an exit
code and the end of stderr. On a worker, too, a command ends with whoever wants it: with this process, with the worker
and with Dask's scheduler.
"""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from thb.cli.cards import uses_a_card
from thb.cli.leash import ASKED, STAGE, TAIL, TOLD, Dropped
from thb.core.errors import DataError, ParamsError
from thb.core.folders import alone

PATIENCE = 10  # seconds to find the scheduler
PAUSE = 0.3  # seconds between two looks at whether a command has ended, or is still wanted
SENT = ("THB_", "HF_", "DVC_")  # variables that go along; all others are the worker's own
GPU = "GPU"  # the resource that a worker with a card declares: `dask worker --resources GPU=1`


class Cluster:
    """Runs commands as Leashes does, on whichever worker is free."""

    def __init__(self, address: str, folder: Path) -> None:
        """Raises ParamsError where no scheduler answers at this address, DataError where it has no worker."""
        try:
            from distributed import Client
        except ImportError:
            raise ParamsError("--scheduler needs Dask: pip install distributed") from None
        self.address, self.folder, self._dropped = address, folder, threading.Event()
        try:
            self._client = Client(address, timeout=PATIENCE, set_as_default=False)
        except (OSError, ValueError, TimeoutError) as fault:
            raise ParamsError(f"--scheduler {address!r}: no Dask scheduler answers there ({fault})") from None
        try:
            self._client.wait_for_workers(1, timeout=PATIENCE)
        except TimeoutError:
            self._client.close()
            raise DataError(
                f"the Dask scheduler at {address} has no worker; start one: dask worker {address}"
            ) from None
        workers = self._client.scheduler_info(n_workers=-1)["workers"].values()
        self.lanes = sum(worker["nthreads"] for worker in workers)
        self.cards = sum(int(worker["resources"].get(GPU, 0)) for worker in workers)
        self.dashboard = self._client.dashboard_link

    def run(self, commands: Sequence[str], shown: bool, more: Mapping[str, str]) -> tuple[int, str]:
        """The exit code of these command lines and the end of their stderr, which cannot be `shown` as it comes.

        Raises DataError where the cluster lost the command for good, Dropped after `drop`.
        """
        sent = {name: value for name, value in os.environ.items() if name.startswith(SENT)} | dict(more)
        stage = sent[STAGE]
        wanted = self._client.submit(
            on_worker,
            list(commands),
            str(self.folder),
            sent,
            key=f"{stage}-{uuid.uuid4().hex}",
            pure=False,
            resources={GPU: 1} if self.cards and uses_a_card(stage) else None,
        )
        while not self._dropped.is_set():
            try:
                return wanted.result(timeout=PAUSE)
            except TimeoutError:
                continue
            except Exception as fault:
                if self._dropped.is_set():
                    break
                why = " ".join(str(fault).split())
                raise DataError(f"stage {stage} failed: the cluster at {self.address} lost it: {why}") from None
        with suppress(Exception):
            wanted.cancel()
        raise Dropped

    def drop(self) -> None:
        """Let the workers stop what they run for us, and start no more."""
        self._dropped.set()

    def close(self) -> None:
        """Take leave of the scheduler, which forgets what it was asked for."""
        self._client.close()


# ---- on a worker ------------------------------------------------------------------------------------


def on_worker(commands: Sequence[str], folder: str, environment: Mapping[str, str]) -> tuple[int, str]:
    """Run the commands there, until they end or nobody wants them any more.

    A stage that was started on another worker, which was lost, is waited for: until its command has been stopped.
    """
    stage, locks = environment[STAGE], Path(folder) / ".dvc" / "tmp"
    locks.mkdir(parents=True, exist_ok=True)
    with alone(locks / f"thb-{stage}.lock", f"stage {stage}", ASKED + TOLD) as lock:
        process = subprocess.Popen(
            [sys.executable, "-m", "thb.cli.leash", *commands],
            cwd=folder,
            env={**os.environ, **environment, "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"},
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            pass_fds=[lock],
            start_new_session=True,
        )
        said: list[bytes] = []
        reader = threading.Thread(target=_keep_tail, args=(process, said), daemon=True)
        reader.start()
        while process.poll() is None and _wanted():
            time.sleep(PAUSE)
        assert process.stdin  # a pipe
        process.stdin.close()  # which stops whatever still runs
        code = process.wait()
        reader.join()
    return code, b"".join(said).decode("utf-8", "replace")


def _keep_tail(process: subprocess.Popen[bytes], said: list[bytes]) -> None:
    assert process.stderr  # a pipe
    while chunk := os.read(process.stderr.fileno(), TAIL):
        said[:] = [(b"".join(said) + chunk)[-TAIL:]]


def _wanted() -> bool:
    """Whether Dask still wants what this thread computes."""
    from distributed import get_worker

    worker = get_worker()
    task = worker.state.tasks.get(worker.get_current_task())
    return task is not None and task.state == "executing" and worker.status.name == "running"
