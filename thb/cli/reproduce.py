"""`thb reproduce`: `dvc repro` with independent stages side by side.

DVC runs one stage at a time. This module walks DVC's own graph and starts each stage when what it needs is done, one
lane a core; stages that use every core run alone.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import chdir, closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import yaml

from thb.cli.cards import Cards
from thb.cli.cluster import Cluster
from thb.cli.leash import ASKED, STAGE, TOLD, TOOK, Leashes, is_ours, load_ahead
from thb.core.errors import DataError
from thb.core.folders import alone
from thb.core.params import Params
from thb.core.paths import Paths
from thb.core.tables import disk_errors
from thb.status import cost

if TYPE_CHECKING:
    from thb.cli.stages import Stages

POOLED = ("fetch", "variant_clips", "identity")  # these keep a process on every core busy for minutes
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def run(paths: Paths, params: Params, jobs: int, cards: Cards, scheduler: str = "") -> None:
    """Bring every stage up to date; the last line printed is the path of the book.

    Commands run here, or on the workers of the Dask cluster whose scheduler has that address.
    """
    from thb.cli.stages import Stages  # DVC, which `thb recompute` does without

    _check_readable(paths)
    with disk_errors(paths.reproducing):
        paths.reproducing.parent.mkdir(parents=True, exist_ok=True)
    # what a killed run had under way holds the lock for as long as its leashes take to stop it
    with (
        chdir(paths.root),  # DVC reads paths from there
        alone(paths.reproducing, "everything in this clone, by `thb reproduce`", ASKED + TOLD) as lock,
        closing(Stages(paths.root)) as stages,
    ):
        if stages.up_to_date():
            print(f"profile {params.profile}: every stage is up to date")
        else:
            _bring_up_to_date(paths, stages, params, jobs, cards, scheduler, lock)
    print(paths.html / "index.html")


def _bring_up_to_date(
    paths: Paths, stages: Stages, params: Params, jobs: int, cards: Cards, scheduler: str, lock: int
) -> None:
    needs = stages.needs
    with closing(_runner(paths, stages, scheduler, lock)) as runner, stopped_by_signals(runner):
        lanes = jobs or runner.lanes
        where = f" on {scheduler} ({runner.dashboard})" if isinstance(runner, Cluster) else ""
        print(f"profile {params.profile}: {len(needs)} stages, {lanes} side by side{where}", flush=True)
        start, done = time.monotonic(), 0

        def work(name: str) -> None:
            nonlocal done
            try:
                with cards.lent_to(name) as card:
                    took = cost.of_stage(paths.root, params.profile, name)
                    seconds = repro(stages, runner, name, {TOOK: str(took), **card})
            except DataError as fault:
                print(f"  {fault}", file=sys.stderr, flush=True)
                raise
            done += 1
            print(f"  {done:>3}/{len(needs)}  {name:<40} {seconds:6.1f} s", flush=True)

        walk(needs, work, lanes)
    print(f"every stage is up to date after {(time.monotonic() - start) / 60:.1f} min")


def _runner(paths: Paths, stages: Stages, scheduler: str, lock: int) -> Leashes | Cluster:
    """What runs commands: processes of this machine, or a cluster."""
    if scheduler:
        return Cluster(scheduler, paths.root)
    if any(is_ours(command) for name in stages.needs for command in stages.commands(name)):
        load_ahead()
    return Leashes(paths.root, environment(), lock)


@contextmanager
def stopped_by_signals(runner: Leashes | Cluster) -> Iterator[None]:
    """Ctrl-C, SIGTERM and a closed terminal stop every command, then us; a signal that was ignored stays ignored."""

    def stop(number: int, frame: object) -> None:
        runner.drop()
        raise SystemExit(128 + number)

    before = {number: signal.signal(number, stop) for number in SIGNALS if signal.getsignal(number) != signal.SIG_IGN}
    try:
        yield
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


# ---- which stage when -------------------------------------------------------------------------------


def walk(needs: Mapping[str, set[str]], work: Callable[[str], None], jobs: int) -> None:
    """Call `work` with every stage once, after all it needs, at most `jobs` at once; POOLED ones run alone.

    A stage that fails stops only what needs it; its DataError is raised in the end.
    """
    waiting, done, failed = dict(needs), set[str](), list[DataError]()
    running: dict[Future[None], str] = {}
    with ThreadPoolExecutor(jobs) as pool:
        while waiting or running:
            for stage in _startable(waiting, done, list(running.values()), jobs):
                del waiting[stage]
                running[pool.submit(work, stage)] = stage
            if not running:
                break
            for future in wait(running, return_when=FIRST_COMPLETED)[0]:
                stage = running.pop(future)
                try:
                    future.result()
                    done.add(stage)
                except DataError as fault:
                    failed.append(fault)
    if failed:
        raise DataError(_all_failures(failed, waiting))
    if waiting:
        raise DataError(f"stages that wait for each other: {', '.join(sorted(waiting))}")


def _all_failures(failed: Sequence[DataError], waiting: Iterable[str]) -> str:
    """The first failure, how many others there are, and which stages were not run for them."""
    others = f" ({len(failed) - 1} more failed, named above)" if len(failed) > 1 else ""
    left = f"; not run for it: {', '.join(waiting)}" if waiting else ""
    return f"{failed[0]}{others}{left}"


def _uses_every_core(stage: str) -> bool:
    return stage.split("@")[0] in POOLED


def _startable(waiting: Mapping[str, set[str]], done: set[str], running: list[str], jobs: int) -> list[str]:
    """What to start now: as many stages as lanes are free, or one that runs alone."""
    if any(_uses_every_core(stage) for stage in running):
        return []
    ready = [stage for stage, needs in waiting.items() if needs <= done]
    pooled = [stage for stage in ready if _uses_every_core(stage)]
    if pooled and not running:
        return pooled[:1]
    return [stage for stage in ready if stage not in pooled][: jobs - len(running)]


# ---- one stage --------------------------------------------------------------------------------------


def repro(stages: Stages, runner: Leashes | Cluster, name: str, more: Mapping[str, str]) -> float:
    """The seconds that it took to bring a stage up to date; `more` goes into the commands' environment."""
    start = time.monotonic()
    if commands := stages.begin(name):
        # its own bar is shown where nothing runs beside it: lanes side by side would scramble theirs
        with stages.running(name):
            code, said = runner.run(commands, _uses_every_core(name), {STAGE: name, **more})
        if code:
            raise DataError(f"stage {name} failed: {last_words(said, code)}")
        stages.end(name)
    return time.monotonic() - start


def environment() -> dict[str, str]:
    """Stage commands call `thb`: this interpreter's folder comes first on the PATH; bars get our terminal's width."""
    folder, size = os.path.dirname(sys.executable), shutil.get_terminal_size()
    width = {"COLUMNS": str(size.columns), "LINES": str(size.lines)} if sys.stderr.isatty() else {}
    return {**os.environ, **width, "PATH": folder + os.pathsep + os.environ.get("PATH", "")}


def last_words(stderr: str, code: int) -> str:
    """The command's own message, else the last line that is no progress bar."""
    lines = [line.strip() for line in re.split(r"[\r\n]", stderr) if line.strip() and not re.search(r"\d%\|", line)]
    own = [line for line in lines if line.startswith("thb: ")]
    return (own or lines or [f"it ended with code {code} and said nothing"])[-1].removeprefix("thb: ")
