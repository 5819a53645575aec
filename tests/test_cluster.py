"""`thb reproduce --scheduler`: the same graph on the workers of a Dask cluster, over TCP, whatever is killed."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

import thb

DASK = "import sys; from dask.__main__ import main; sys.argv = ['dask', *sys.argv[1:]]; main()"
ENVIRONMENT = {name: value for name, value in os.environ.items() if name != "THB_ROOT"} | {
    "PYTHONPATH": str(Path(thb.__file__).parents[1])
}
# A stage that says which processes it descends from, and lasts as long as it is told.
WORK = """
import sys, time
pid, line = "self", []
while pid != "0":
    pid = open(f"/proc/{pid}/stat").read().rpartition(")")[2].split()[1]
    line.append(pid)
print(*line, file=open(f"by-{sys.argv[1]}", "a"))
time.sleep(float(sys.argv[2]))
"""


class Dask:
    """A scheduler and workers of one thread each, as a user starts them on the hosts of a cluster."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.processes = folder, {}
        self.start(
            "scheduler", "--host", "127.0.0.1", "--port", "0", "--no-dashboard", "--scheduler-file", "found.json"
        )
        wait_for(lambda: (folder / "found.json").is_file(), 60)
        self.address = yaml.safe_load((folder / "found.json").read_text())["address"]

    def start(self, kind: str, *words: str, name: str = "") -> None:
        command = [sys.executable, "-c", DASK, kind, *words]
        with (self.folder / f"{name or kind}.log").open("w") as log:
            process = subprocess.Popen(command, cwd=self.folder, env=ENVIRONMENT, stdout=log, stderr=log)
        self.processes[name or kind] = process

    def worker(self, name: str) -> None:
        more = ("--nthreads", "1", "--no-nanny", "--no-dashboard", "--death-timeout", "5")
        self.start("worker", self.address, *more, name=name)
        log = self.folder / f"{name}.log"
        wait_for(lambda: "Registered to" in log.read_text(), 60)

    def worker_of(self, said: Path) -> str:
        """Which worker a stage last ran on."""
        line = [int(pid) for pid in said.read_text().splitlines()[-1].split()]
        return next(name for name, process in self.processes.items() if process.pid in line)

    def kill(self, name: str) -> None:
        self.processes.pop(name).kill()

    def stop(self) -> None:
        for process in self.processes.values():
            process.kill()


@pytest.fixture
def dask(tmp_path) -> Iterator[Dask]:
    (tmp_path / "cluster").mkdir()
    cluster = Dask(tmp_path / "cluster")
    try:
        for name in ("one", "two"):
            cluster.worker(name)
        yield cluster
    finally:
        cluster.stop()


@pytest.fixture
def clone(repo, tmp_path) -> Path:
    folder = tmp_path / "a clone"
    (folder / ".dvc").mkdir(parents=True)
    (folder / ".dvc" / "config").write_text("[core]\n    no_scm = True\n    analytics = False\n")
    shutil.copy(repo / "params.yaml", folder)
    (folder / "work.py").write_text(WORK)
    return folder


def stages(clone: Path, **seconds: float) -> None:
    """Stages that last so long; `end` needs all the others."""
    made = {
        name: {"cmd": f"'{sys.executable}' work.py {name} {time}", "outs": [{f"by-{name}": {"cache": False}}]}
        for name, time in seconds.items()
    }
    made["end"] = {"cmd": "touch end", "deps": [f"by-{name}" for name in seconds], "outs": ["end"]}
    (clone / "dvc.yaml").write_text(yaml.safe_dump({"stages": made}))


def reproduce(clone: Path, address: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "thb", "reproduce", "--scheduler", address],
        cwd=clone,
        env=ENVIRONMENT,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )


def wait_for(condition, seconds: float) -> None:
    until = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < until
        time.sleep(0.05)


def running(clone: Path) -> list[str]:
    """The stages' processes."""
    found = subprocess.run(["pgrep", "-fa", "work.py"], capture_output=True, text=True, check=False).stdout
    pids = [int(line.split()[0]) for line in found.splitlines()]
    return [str(pid) for pid in pids if _folder(pid) == str(clone)]


def _folder(pid: int) -> str:
    try:
        return os.readlink(f"/proc/{pid}/cwd")
    except OSError:
        return ""


@pytest.mark.skipif(not Path("/proc/self/cwd").exists(), reason="looks for processes in /proc")
def test_workers_share_the_graph_and_whatever_is_killed_the_next_run_completes(dask, clone):
    stages(clone, a=1.5, b=1.5)
    done = reproduce(clone, dask.address)
    out, err = done.communicate(timeout=120)
    assert (done.returncode, "3 stages, 2 side by side on tcp://127.0.0.1:" in out) == (0, True), err
    assert "every stage is up to date" in out
    assert {dask.worker_of(clone / f"by-{name}") for name in "ab"} == {"one", "two"}

    # a worker that dies hands over its stage, whose command there is stopped
    stages(clone, a=4, b=0)
    run = reproduce(clone, dask.address)
    wait_for(lambda: (clone / "by-a").is_file() and running(clone), 60)
    dask.kill(dask.worker_of(clone / "by-a"))
    out, err = run.communicate(timeout=120)
    assert run.returncode == 0, err
    assert len((clone / "by-a").read_text().splitlines()) == 2

    # Ctrl-C stops what the workers run
    stages(clone, a=100, b=0.1)
    run = reproduce(clone, dask.address)
    wait_for(lambda: len(running(clone)) > 0, 60)
    run.send_signal(signal.SIGINT)
    _, err = run.communicate(timeout=30)
    assert (run.returncode, err) == (130, "thb: interrupted; run the same command again to go on\n")
    wait_for(lambda: not running(clone), 20)

    # so does the end of Dask's scheduler, which is one line
    run = reproduce(clone, dask.address)
    wait_for(lambda: len(running(clone)) > 0, 60)
    dask.kill("scheduler")
    _, err = run.communicate(timeout=60)
    assert run.returncode == 2
    assert re.search(rf"^thb: stage [ab] failed: the cluster at {dask.address} lost it", err, re.M)
    wait_for(lambda: not running(clone), 30)

    stages(clone, a=0, b=0.1)
    last = subprocess.run(
        [sys.executable, "-m", "thb", "reproduce"],
        cwd=clone,
        env=ENVIRONMENT,
        capture_output=True,
        text=True,
        check=True,
    )
    assert "every stage is up to date" in last.stdout


def test_a_scheduler_without_workers_is_one_line(clone, tmp_path, monkeypatch):
    monkeypatch.setattr("thb.cli.cluster.PATIENCE", 3)
    from thb.cli.cluster import Cluster
    from thb.core.errors import DataError

    alone = Dask(tmp_path)
    try:
        with pytest.raises(DataError, match=f"^the Dask scheduler at {alone.address} has no worker; start one: dask "):
            Cluster(alone.address, clone)
    finally:
        alone.stop()


@pytest.mark.parametrize("address", ["tcp://127.0.0.1:9", "nowhere", "tcp://"])
def test_an_address_where_nobody_answers_is_one_line(clone, address, monkeypatch):
    monkeypatch.setattr("thb.cli.cluster.PATIENCE", 0.5)
    from thb.cli.cluster import Cluster
    from thb.core.errors import ParamsError

    with pytest.raises(ParamsError, match=rf"^--scheduler '{address}': no Dask scheduler answers there") as told:
        Cluster(address, clone)
    assert "\n" not in str(told.value)
