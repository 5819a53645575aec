"""A notebook's kernel: a process of its own, forked before anything is run, so that nothing has to be loaded twice.

Starting one as Jupyter does costs seconds, for a new Python and for the libraries that draw. Here the process that is
about to run the notebook forks first, and the fork becomes the kernel when it is told to. Below `thb reproduce` the
libraries are loaded by then.
"""

from __future__ import annotations

import multiprocessing
import os
import shutil
import signal
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from multiprocessing.connection import Connection
from multiprocessing.context import ForkProcess
from pathlib import Path
from typing import Any

from jupyter_client.kernelspec import KernelSpecManager
from jupyter_client.manager import AsyncKernelManager
from jupyter_client.provisioning.local_provisioner import LocalProvisioner

ROOM = 78  # bytes that a temporary folder's name may have: with a socket's in it at most the 103 that all systems take
# what these two libraries choose for themselves where they are loaded inside a kernel
BACKEND, COLUMNS = "module://matplotlib_inline.backend_inline", 20

_forking = multiprocessing.get_context("fork")


@contextmanager
def waiting_kernel() -> Iterator[type[AsyncKernelManager]]:
    """A kernel that waits to be started, as the class of the manager that will start it; ended with the block."""
    orders, orderer = _forking.Pipe(duplex=False)
    process = _forking.Process(target=_become_a_kernel, args=(orders, orderer))
    process.start()
    orders.close()
    try:
        yield type("Manager", (KernelManager,), {"process": process, "orderer": orderer})
    finally:
        orderer.close()
        if process.is_alive():
            process.kill()
        process.join()


def _become_a_kernel(orders: Connection, orderer: Connection) -> None:
    """Wait for a connection file, a folder and an environment; then be a kernel until told to shut down."""
    orderer.close()
    try:
        arguments, folder, environment = orders.recv()
    except EOFError:  # never needed
        return
    signal.signal(signal.SIGINT, signal.default_int_handler)
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment)

    import matplotlib
    import pandas as pd
    from ipykernel.kernelapp import IPKernelApp

    matplotlib.rcParams["backend"] = BACKEND
    pd.set_option("display.max_columns", COLUMNS)
    IPKernelApp.launch_instance(argv=arguments)


class KernelManager(AsyncKernelManager):
    """Starts the process that waits, whatever kernels the user has installed under the same name."""

    process: ForkProcess
    orderer: Connection
    transport = "ipc"  # sockets in a folder: no port that others on the machine could reach

    def _ip_default(self) -> str:
        """A folder of this kernel's own: by default kernels that start together in one place may take one socket."""
        fits = len(os.fsencode(tempfile.gettempdir())) <= ROOM
        return str(Path(tempfile.mkdtemp(prefix="thb-", dir=None if fits else "/tmp")) / "kernel")

    def cleanup_ipc_files(self) -> None:
        """Remove that folder."""
        shutil.rmtree(Path(self.ip).parent, ignore_errors=True)

    def _kernel_spec_manager_default(self) -> KernelSpecManager:
        return KernelSpecManager(kernel_dirs=[], parent=self)

    async def _async_launch_kernel(self, kernel_cmd: Sequence[str], **kw: Any) -> None:
        """The place where jupyter_client wants to be told of another way to start a kernel."""
        provisioner = self.provisioner
        assert isinstance(provisioner, LocalProvisioner)
        module = kernel_cmd.index("ipykernel_launcher")
        folder = str(kw.get("cwd") or Path.cwd())
        self.orderer.send((list(kernel_cmd[module + 1 :]), folder, dict(kw["env"])))
        started: Any = _Started(self.process)
        provisioner.process, provisioner.pid, provisioner.cwd = started, self.process.pid, folder
        self._reconcile_connection_info(provisioner.connection_info)


class _Started:
    """As much of subprocess.Popen as a provisioner asks for."""

    stdin = stdout = stderr = None

    def __init__(self, process: ForkProcess) -> None:
        self._process = process
        self.pid = process.pid

    def poll(self) -> int | None:
        return self._process.exitcode

    def wait(self) -> int | None:
        self._process.join()
        return self._process.exitcode

    def send_signal(self, number: int) -> None:
        if self._process.is_alive() and self.pid:
            os.kill(self.pid, number)

    def kill(self) -> None:
        self._process.kill()

    def terminate(self) -> None:
        self._process.terminate()
