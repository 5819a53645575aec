"""`thb reproduce`: `dvc repro` with independent stages side by side.

DVC runs one stage at a time, but `dvc repro --single-item` processes on stages whose upstream is
clean may run together. This module walks DVC's own graph and starts each stage when what it needs is
done, one lane a core; stages that spread over the cores by themselves get the machine to themselves,
and short ones share a process, because DVC needs longer to start than they need to run.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait

from thb.errors import DataError
from thb.params import Params
from thb.paths import Paths

POOLED = ("fetch", "variant_clips", "identity")      # these keep a process on every core busy for minutes
SHORT, TOGETHER = ("prepare", "exhibit"), 5     # these take seconds; so many at most share a process

Batch = tuple[str, ...]                  # stages that one process brings up to date, in turn


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
    start, done = time.monotonic(), 0

    def work(batch: Batch) -> None:
        nonlocal done
        seconds = repro(paths, batch)
        done += len(batch)
        print(f"  {done:>3}/{len(needs)}  {', '.join(batch):<40} {seconds:6.1f} s", flush=True)

    walk(needs, work, jobs)
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


def walk(needs: Mapping[str, set[str]], work: Callable[[Batch], None], jobs: int) -> None:
    """Hand `work` every stage once, after all it needs, at most `jobs` batches at once, a pooled stage by itself.

    The first failure lets what runs finish, starts nothing more, and is raised.
    """
    waiting, done, running = dict(needs), set(), {}
    with ThreadPoolExecutor(jobs) as pool:
        while waiting or running:
            for batch in _startable(waiting, done, list(running.values()), jobs):
                for stage in batch:
                    del waiting[stage]
                running[pool.submit(work, batch)] = batch
            if not running:
                raise DataError(f"stages that wait for each other: {', '.join(sorted(waiting))}")
            finished, _ = wait(running, return_when=FIRST_COMPLETED)
            _collect(finished, running, done)


def _is(stage: str, kinds: Iterable[str]) -> bool:
    return stage.split("@")[0] in kinds


def _startable(waiting: Mapping[str, set[str]], done: set[str], running: list[Batch], jobs: int) -> list[Batch]:
    """What to start now: as many batches as lanes are free, or one stage that wants the machine to itself."""
    if any(_is(stage, POOLED) for batch in running for stage in batch):
        return []
    ready = [stage for stage, needs in waiting.items() if needs <= done]
    pooled = [stage for stage in ready if _is(stage, POOLED)]
    if pooled and not running:
        return [(pooled[0],)]
    short = [stage for stage in ready if _is(stage, SHORT)]
    long = [(stage,) for stage in ready if not _is(stage, (*POOLED, *SHORT))]
    free = jobs - len(running)
    return [*long, *_batches(short, max(1, free - len(long)))][:free]


def _batches(stages: list[str], lanes: int) -> list[Batch]:
    """The stages dealt out in equal batches, a lane each, none larger than TOGETHER."""
    size = min(TOGETHER, -(-len(stages) // lanes)) or 1
    return [tuple(stages[i:i + size]) for i in range(0, len(stages), size)]


def _collect(finished: set[Future], running: dict[Future, Batch], done: set[str]) -> None:
    """Move finished stages to `done`, or raise the first failure."""
    for future in finished:
        batch = running.pop(future)
        future.result()
        done.update(batch)


def repro(paths: Paths, batch: Batch) -> float:
    """`dvc repro --single-item` of these stages, which waits while another lane writes dvc.lock; its seconds."""
    command = [sys.executable, "-m", "dvc", "--wait-for-lock", "repro", "--single-item", "--quiet", *batch]
    start = time.monotonic()
    # a stage alone on the machine shows its own progress bar; lanes side by side would scramble theirs
    stderr = None if _is(batch[0], POOLED) else subprocess.PIPE
    ended = subprocess.run(command, cwd=paths.root, stdout=stderr, stderr=stderr, text=True, env=_environment())
    if ended.returncode:
        said = ended.stderr or ""
        named = re.search(r"failed to reproduce '([^']+)'", said)
        raise DataError(f"stage {named[1] if named else ', '.join(batch)} failed: {_last_words(said or 'see above')}")
    return time.monotonic() - start


def _environment() -> dict[str, str]:
    """The stage commands call `thb`: this interpreter's folder comes first on the PATH."""
    folder = os.path.dirname(sys.executable)
    return {**os.environ, "PATH": folder + os.pathsep + os.environ.get("PATH", "")}


def _last_words(stderr: str) -> str:
    lines = [line for line in stderr.splitlines() if line.strip()]
    own = [line for line in lines if line.startswith("thb: ")]
    return (own or lines or ["no message"])[-1].removeprefix("thb: ")
