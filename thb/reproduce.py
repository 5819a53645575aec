"""`thb reproduce`: `dvc repro` with independent stages side by side.

DVC runs one stage at a time, but `dvc repro --single-item` processes on stages whose upstream is
clean may run together. This module walks DVC's own graph and starts each stage when what it needs is
done, one lane a core; stages that spread over the cores by themselves get the machine to themselves.
"""

from __future__ import annotations

import itertools
import os
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait

from thb.errors import DataError
from thb.params import Params
from thb.paths import Paths

POOLED = ("fetch", "variant_clips")      # these keep a process on every core busy for minutes


def run(paths: Paths, params: Params, jobs: int) -> None:
    """Bring every stage up to date; the last line printed is the path of the book."""
    jobs = jobs or os.cpu_count() or 1
    if clean(paths):
        print(f"profile {params.profile}: every stage is up to date")
    else:
        _bring_up_to_date(paths, params, jobs)
    print(paths.html / "index.html")


def _bring_up_to_date(paths: Paths, params: Params, jobs: int) -> None:
    needs = stage_graph(paths)
    print(f"profile {params.profile}: {len(needs)} stages, {jobs} side by side", flush=True)
    start = time.monotonic()
    tally = itertools.count(1)

    def work(stage: str) -> None:
        seconds = repro(paths, stage)
        print(f"  {next(tally):>3}/{len(needs)}  {stage:<40} {seconds:6.1f} s", flush=True)

    walk(needs, work, jobs, alone=is_pooled)
    print(f"every stage is up to date after {(time.monotonic() - start) / 60:.1f} min")


def stage_graph(paths: Paths) -> dict[str, set[str]]:
    """stage -> the stages it needs, as DVC reads dvc.yaml."""
    from dvc.repo import Repo

    with Repo(str(paths.root)) as repo:
        graph = repo.index.graph
        return {stage.addressing: {need.addressing for need in graph.successors(stage)} for stage in graph}


def clean(paths: Paths) -> bool:
    """Whether DVC finds nothing to do."""
    return subprocess.run([sys.executable, "-m", "dvc", "status", "--quiet"], cwd=paths.root).returncode == 0


def walk(needs: Mapping[str, set[str]], work: Callable[[str], None], jobs: int,
         alone: Callable[[str], bool]) -> None:
    """Call `work` once a stage, after all it needs, at most `jobs` at once; an `alone` stage by itself.

    The first failure lets what runs finish, starts nothing more, and is raised.
    """
    waiting, done, running = dict(needs), set(), {}
    with ThreadPoolExecutor(jobs) as pool:
        while waiting or running:
            for stage in _startable(waiting, done, list(running.values()), jobs, alone):
                del waiting[stage]
                running[pool.submit(work, stage)] = stage
            if not running:
                raise DataError(f"stages that wait for each other: {', '.join(sorted(waiting))}")
            finished, _ = wait(running, return_when=FIRST_COMPLETED)
            _collect(finished, running, done)


def is_pooled(stage: str) -> bool:
    return stage.split("@")[0] in POOLED


def _startable(waiting: Mapping[str, set[str]], done: set[str], running: list[str], jobs: int,
               alone: Callable[[str], bool]) -> list[str]:
    """Stages to start now: as many as lanes are free, or one that wants the machine to itself."""
    if any(alone(stage) for stage in running):
        return []
    ready = [stage for stage, needs in waiting.items() if needs <= done]
    if not running and (pooled := [stage for stage in ready if alone(stage)]):
        return pooled[:1]
    return [stage for stage in ready if not alone(stage)][: jobs - len(running)]


def _collect(finished: set[Future], running: dict[Future, str], done: set[str]) -> None:
    """Move finished stages to `done`, or raise the first failure."""
    for future in finished:
        stage = running.pop(future)
        future.result()
        done.add(stage)


def repro(paths: Paths, stage: str) -> float:
    """`dvc repro --single-item` of one stage, which waits while another lane writes dvc.lock; its seconds."""
    command = [sys.executable, "-m", "dvc", "--wait-for-lock", "repro", "--single-item", "--quiet", stage]
    start = time.monotonic()
    # a stage alone on the machine shows its own progress bar; lanes side by side would scramble theirs
    stderr = None if is_pooled(stage) else subprocess.PIPE
    done = subprocess.run(command, cwd=paths.root, stdout=stderr, stderr=stderr, text=True, env=_environment())
    if done.returncode:
        raise DataError(f"stage {stage} failed: {_last_words(done.stderr or 'see above')}")
    return time.monotonic() - start


def _environment() -> dict[str, str]:
    """The stage commands call `thb`: this interpreter's folder comes first on the PATH."""
    folder = os.path.dirname(sys.executable)
    return {**os.environ, "PATH": folder + os.pathsep + os.environ.get("PATH", "")}


def _last_words(stderr: str) -> str:
    lines = [line for line in stderr.splitlines() if line.strip()]
    own = [line for line in lines if line.startswith("thb: ")]
    return (own or lines or ["no message"])[-1].removeprefix("thb: ")
