"""`thb reproduce`: `dvc repro` with independent stages side by side.

DVC runs one stage at a time, but `dvc repro --single-item` processes may run together on stages whose upstream is
clean. This module walks DVC's own graph and starts each stage when what it needs is done, one lane a core; stages that
use every core run alone, and short ones share a process, because DVC needs longer to start than they need to run.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from pathlib import Path

import yaml

from thb.cli.cards import Cards
from thb.cli.leash import ASKED, TOLD, Leashes
from thb.core.errors import DataError
from thb.core.folders import alone
from thb.core.params import Params
from thb.core.paths import Paths
from thb.core.tables import disk_errors

POOLED = ("fetch", "variant_clips", "identity")  # these keep a process on every core busy for minutes
SHORT, TOGETHER = ("prepare", "exhibit"), 5  # these take seconds; so many at most share a process
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)

Batch = tuple[str, ...]  # stages that one process brings up to date, in turn


def run(paths: Paths, params: Params, jobs: int, cards: Cards) -> None:
    """Bring every stage up to date; the last line printed is the path of the book."""
    jobs = jobs or os.cpu_count() or 1
    _check_readable(paths)
    with disk_errors(paths.reproducing):
        paths.reproducing.parent.mkdir(parents=True, exist_ok=True)
    # what a killed run had under way holds the lock for as long as its leashes take to stop it
    with (
        alone(paths.reproducing, "everything in this clone, by `thb reproduce`", ASKED + TOLD) as lock,
        _stopped_by_signals(Leashes(paths.root, _environment(), lock)) as leashes,
    ):
        if clean(leashes):
            print(f"profile {params.profile}: every stage is up to date")
        else:
            _bring_up_to_date(paths, params, jobs, cards, leashes)
    print(paths.html / "index.html")


def _bring_up_to_date(paths: Paths, params: Params, jobs: int, cards: Cards, leashes: Leashes) -> None:
    needs = stage_graph(paths)
    print(f"profile {params.profile}: {len(needs)} stages, {jobs} side by side", flush=True)
    start, done = time.monotonic(), 0

    def work(batch: Batch) -> None:
        nonlocal done
        with cards.lent_to(batch) as card:
            seconds = repro(leashes, batch, card)
        done += len(batch)
        print(f"  {done:>3}/{len(needs)}  {', '.join(batch):<40} {seconds:6.1f} s", flush=True)

    walk(needs, work, jobs)
    print(f"every stage is up to date after {(time.monotonic() - start) / 60:.1f} min")


@contextmanager
def _stopped_by_signals(leashes: Leashes) -> Iterator[Leashes]:
    """Ctrl-C, SIGTERM and a closed terminal stop every command, then us; a signal that was ignored stays ignored."""

    def stop(number: int, frame: object) -> None:
        leashes.drop()
        raise SystemExit(128 + number)

    before = {number: signal.signal(number, stop) for number in SIGNALS if signal.getsignal(number) != signal.SIG_IGN}
    try:
        yield leashes
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


# ---- what DVC knows ---------------------------------------------------------------------------------


def _check_readable(paths: Paths) -> None:
    """Refuse in one line what DVC would refuse in a page: files that are no YAML, as a merge may leave them."""
    for file, way in (
        (paths.dvc_yaml, "mend it"),
        (paths.dvc_lock, "take one side whole, `git checkout --ours dvc.lock`: DVC finds out what is not up to date"),
    ):
        try:
            yaml.load(file.read_text(encoding="utf-8"), getattr(yaml, "CSafeLoader", yaml.SafeLoader))
        except FileNotFoundError:
            if file == paths.dvc_yaml:
                raise DataError(f"{file} is missing: it holds the stages") from None
        except (yaml.YAMLError, UnicodeDecodeError, OSError) as fault:
            raise DataError(f"{_place(file, fault)}; {way}") from None


def _place(file: Path, fault: Exception) -> str:
    """Where a file is not YAML, and the text there."""
    if (mark := getattr(fault, "problem_mark", None)) is None:
        return f"{file.name} cannot be read ({' '.join(str(fault).split())[:80]})"
    lines = file.read_text(encoding="utf-8").splitlines()
    marked = [n for n, line in enumerate(lines) if line.startswith(("<<<<<<< ", "=======", ">>>>>>> "))]
    at = min([*marked, mark.line, len(lines) - 1])
    what = "holds the markers of a merge" if marked else "is no YAML"
    return f"{file.name} {what}, line {at + 1}: {lines[at][:60]!r}"


def stage_graph(paths: Paths) -> dict[str, set[str]]:
    """stage -> the stages it needs, as DVC reads dvc.yaml."""
    from dvc.exceptions import DvcException
    from dvc.repo import Repo

    try:
        with Repo(str(paths.root)) as repo:
            graph = repo.index.graph
            return {stage.addressing: {need.addressing for need in graph.successors(stage)} for stage in graph}
    except DvcException as fault:
        raise DataError(f"DVC cannot read dvc.yaml or dvc.lock: {' '.join(str(fault).split())}") from None


def clean(leashes: Leashes) -> bool:
    """Whether DVC finds every stage up to date."""
    return leashes.run([sys.executable, "-m", "dvc", "status", "--quiet"])[0] == 0


# ---- which stage when -------------------------------------------------------------------------------


def walk(needs: Mapping[str, set[str]], work: Callable[[Batch], None], jobs: int) -> None:
    """Call `work` with every stage once, after all it needs, in at most `jobs` batches at once; POOLED ones run alone.

    After a failure, what runs is finished, nothing more is started, and the failure is raised.
    """
    waiting, done = dict(needs), set[str]()
    running: dict[Future[None], Batch] = {}
    with ThreadPoolExecutor(jobs) as pool:
        while waiting or running:
            for batch in _startable(waiting, done, list(running.values()), jobs):
                for stage in batch:
                    del waiting[stage]
                running[pool.submit(work, batch)] = batch
            if not running:
                raise DataError(f"stages that wait for each other: {', '.join(sorted(waiting))}")
            for future in wait(running, return_when=FIRST_COMPLETED)[0]:
                future.result()
                done.update(running.pop(future))


def _is(stage: str, kinds: Iterable[str]) -> bool:
    return stage.split("@")[0] in kinds


def _startable(waiting: Mapping[str, set[str]], done: set[str], running: list[Batch], jobs: int) -> list[Batch]:
    """What to start now: as many batches as lanes are free, or one stage that runs alone."""
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
    """The stages in equal batches, a lane each, none larger than TOGETHER."""
    size = min(TOGETHER, -(-len(stages) // lanes)) or 1
    return [tuple(stages[i : i + size]) for i in range(0, len(stages), size)]


# ---- one process ------------------------------------------------------------------------------------


def repro(leashes: Leashes, batch: Batch, more: Mapping[str, str] = {}) -> float:
    """The seconds that `dvc repro --single-item` of these stages took; it waits while another lane writes dvc.lock."""
    shown = _is(batch[0], POOLED)  # its own bar; lanes side by side would scramble theirs
    command = [sys.executable, "-m", "dvc", "--wait-for-lock", "repro", "--single-item", *batch]
    start = time.monotonic()
    quiet = ["--quiet"] if shown else []  # under which DVC names no failed stage
    code, said = leashes.run([*command, *quiet], shown, more)
    if code:
        named = re.search(r"failed to reproduce '([^']+)'", said)
        raise DataError(f"stage {named[1] if named else ', '.join(batch)} failed: {_last_words(said, code)}")
    return time.monotonic() - start


def _environment() -> dict[str, str]:
    """Stage commands call `thb`: this interpreter's folder comes first on the PATH; bars get our terminal's width."""
    folder, size = os.path.dirname(sys.executable), shutil.get_terminal_size()
    width = {"COLUMNS": str(size.columns), "LINES": str(size.lines)} if sys.stderr.isatty() else {}
    return {**os.environ, **width, "PATH": folder + os.pathsep + os.environ.get("PATH", "")}


def _last_words(stderr: str, code: int) -> str:
    """The command's own message, else the last line that is no progress bar."""
    lines = [line.strip() for line in re.split(r"[\r\n]", stderr) if line.strip() and not re.search(r"\d%\|", line)]
    own = [line for line in lines if line.startswith("thb: ")]
    return (own or lines or [f"it ended with code {code} and said nothing"])[-1].removeprefix("thb: ")
