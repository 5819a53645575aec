"""The walk over DVC's graph: order kept, lanes filled, a failure stops what follows."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
import yaml

import thb
from thb.cli.cards import Cards
from thb.cli.leash import Leashes
from thb.cli.reproduce import repro, run, stage_graph, walk
from thb.core.errors import DataError
from thb.core.paths import Paths

POOL = "variant_clips@x"
NEEDS = {
    "fetch": set(),
    "a": {"fetch"},
    "b": {"fetch"},
    "c": {"a", "b"},
    POOL: {"a"},
    "end": {"c", POOL},
    **{f"exhibit@{i}": {"end"} for i in range(12)},
}


class Recorder:
    """Counts what runs together."""

    def __init__(self, fail: str = ""):
        self.order, self.together, self.running, self.fail = [], {}, set(), fail
        self.lock = threading.Lock()

    def __call__(self, batch: tuple[str, ...]) -> None:
        with self.lock:
            self.running.add(batch)
            for each in self.running:
                self.together[each] = max(self.together.get(each, 0), len(self.running))
        time.sleep(0.03)
        with self.lock:
            self.running.discard(batch)
            self.order += batch
        if self.fail in batch:
            raise DataError(f"{self.fail} failed")


@pytest.mark.parametrize("jobs", [1, 2, 4])
def test_every_stage_runs_once_after_what_it_needs(jobs):
    work = Recorder()
    walk(NEEDS, work, jobs)
    assert sorted(work.order) == sorted(NEEDS)
    for stage, needs in NEEDS.items():
        assert all(work.order.index(n) < work.order.index(stage) for n in needs)
    assert max(work.together.values()) <= jobs
    assert work.together[(POOL,)] == work.together[("fetch",)] == 1
    assert work.together[("a",)] == min(jobs, 2)


@pytest.mark.parametrize(("jobs", "largest"), [(1, 5), (2, 5), (4, 3)])
def test_short_stages_share_processes_and_are_dealt_out_evenly(jobs, largest):
    work = Recorder()
    walk(NEEDS, work, jobs)
    sizes = [len(batch) for batch in work.together if batch[0].startswith("exhibit")]
    assert max(sizes) == largest
    assert len(sizes) <= 4
    assert all(len(batch) == 1 for batch in work.together if not batch[0].startswith("exhibit"))


def test_a_failure_stops_what_follows():
    work = Recorder(fail="a")
    with pytest.raises(DataError, match="a failed"):
        walk(NEEDS, work, 2)
    assert not {"c", POOL, "end"} & set(work.order)


def test_stages_that_wait_for_each_other_are_an_error():
    with pytest.raises(DataError, match="x, y"):
        walk({"x": {"y"}, "y": {"x"}}, lambda batch: None, 2)


def test_dvc_iterates_the_keys_of_params(repo, params):
    """`matrix` and `foreach` over a mapping are what lets one line of params.yaml add a stage."""
    stages = stage_graph(Paths(repo))
    assert {f"prepare@{s}" for s in params.sources} <= set(stages)
    assert {f"{stage}@{d}" for stage in ("train", "score") for d in params.detectors} <= set(stages)
    assert {f"variant_fit@{d}-{v}" for d in params.ablated for v in params.ablations} <= set(stages)
    assert {f"label_check@{d}" for d in params.label_checks} <= set(stages)
    assert {f"exhibit@{e}" for e in params.exhibits} <= set(stages)
    assert "train@tall" in stages["score@tall"] & stages["variant_fit@tall-no_artefacts"]
    assert not any("train" in need for need in stages["prepare@hallo"])


def test_the_lock_file_knows_no_stage_that_is_gone(repo):
    """DVC never forgets one by itself, and writes the whole file anew after every stage."""
    held = yaml.safe_load((repo / "dvc.lock").read_text())["stages"]
    assert set(held) <= set(stage_graph(Paths(repo))), "remove the others from dvc.lock"


# ---- killed, refused, broken: with real processes ----------------------------------------------------

# A stage with two workers of its own, one of which does not listen to anybody.
WORK = """
import multiprocessing, os, signal, sys, time
def work(deaf):
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN if deaf else signal.SIG_DFL)
    open(f"pid-{os.getpid()}", "w").close()
    time.sleep(100)
if __name__ == "__main__":
    crew = [multiprocessing.Process(target=work, args=(deaf,)) for deaf in (False, True)]
    [worker.start() for worker in crew]
    open(f"pid-{os.getpid()}", "w").close()
    try:
        [worker.join() for worker in crew]
    except KeyboardInterrupt:
        sys.exit(130)
"""
QUICK = "import sys; sys.exit(open('out-quick', 'w').write('made') != 4)"
PYTHON = f"'{sys.executable}'"


@pytest.fixture
def small_clone(repo, tmp_path) -> Path:
    """A folder that is DVC's, with this package's settings and stages of our own."""
    (tmp_path / ".dvc").mkdir()
    (tmp_path / ".dvc" / "config").write_text("[core]\n    no_scm = True\n    analytics = False\n")
    shutil.copy(repo / "params.yaml", tmp_path)
    (tmp_path / "work.py").write_text(WORK)
    (tmp_path / "quick.py").write_text(QUICK)
    return tmp_path


def stages(clone: Path, **commands: str) -> None:
    (clone / "dvc.yaml").write_text(
        yaml.safe_dump(
            {
                "stages": {
                    name: {"cmd": command, "outs": [{f"out-{name}": {"cache": False}}]}
                    for name, command in commands.items()
                }
            }
        )
    )


def reproducing(clone: Path) -> subprocess.Popen[str]:
    environment = {name: value for name, value in os.environ.items() if name != "THB_ROOT"}
    return subprocess.Popen(
        [sys.executable, "-m", "thb", "reproduce", "--jobs", "2"],
        cwd=clone,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        preexec_fn=_hears_ctrl_c,
        env={**environment, "PYTHONPATH": str(Path(thb.__file__).parents[1])},
    )


def _hears_ctrl_c() -> None:
    """A test run in the background of a script inherits an ignored Ctrl-C, and hands it on."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def wait_for(condition, seconds: float) -> None:
    began = time.monotonic()
    while not condition():
        assert time.monotonic() - began < seconds
        time.sleep(0.05)


def alive(clone: Path) -> list[int]:
    """The processes that wrote their numbers there, as far as they still run."""
    return [int(file.name[4:]) for file in clone.glob("pid-*") if _runs(int(file.name[4:]))]


def _runs(pid: int) -> bool:
    try:
        os.kill(pid, 0)
        state = Path(f"/proc/{pid}/stat").read_text() if Path("/proc").is_dir() else ") R"
    except (ProcessLookupError, FileNotFoundError):  # the second: it ended between the two lines
        return False
    return state.rpartition(")")[2].split()[0] != "Z"  # one that ended, and nobody asked how, runs no more


@pytest.mark.parametrize(
    ("name", "how", "ends"),
    [  # fetch has the machine to itself, train a lane
        ("fetch", signal.SIGKILL, -9),
        ("train", signal.SIGKILL, -9),
        ("fetch", signal.SIGINT, 130),
        ("train", signal.SIGTERM, 143),
    ],
)
def test_whatever_ends_the_scheduler_ends_all_that_it_started(small_clone, name, how, ends):
    stages(small_clone, **{name: f"{PYTHON} work.py"})
    scheduler = reproducing(small_clone)
    wait_for(lambda: len(alive(small_clone)) == 3, 60)
    os.kill(scheduler.pid, how)  # it alone
    wait_for(lambda: not alive(small_clone), 10)
    assert scheduler.wait(10) == ends
    said = scheduler.stderr.read()
    assert said.endswith("" if how == signal.SIGKILL else "thb: interrupted; run the same command again to go on\n")
    assert "Traceback" not in said


def test_a_second_run_says_which_one_is_active_and_what_a_killed_one_left_stops_nobody(small_clone):
    stages(small_clone, fetch=f"{PYTHON} work.py")
    first = reproducing(small_clone)
    wait_for(lambda: len(alive(small_clone)) == 3, 60)
    second = reproducing(small_clone)
    _, err = second.communicate(timeout=60)
    first.kill()
    first.wait(10)
    assert second.returncode == 2
    assert re.fullmatch(
        rf"thb: another process is making everything in this clone, by `thb reproduce`: process "
        rf"{first.pid}, since \d{{4}}-\d\d-\d\d \d\d:\d\d:\d\d; wait for it, or stop it: kill "
        rf"{first.pid}\n",
        err,
    )
    stages(small_clone, quick=f"{PYTHON} quick.py")
    third = reproducing(small_clone)  # which waits until all that the first one had under way has ended
    out, err = third.communicate(timeout=60)
    assert (third.returncode, "every stage is up to date" in out, alive(small_clone)) == (0, True, []), err


@pytest.mark.parametrize(
    ("name", "words", "said"),
    [
        ("fetch", "thb: no such clip", "no such clip$"),
        ("fetch", "", "it ended with code 255 and said nothing$"),
        ("train", "", "failed to run: "),
    ],
)
def test_a_stage_that_fails_is_named_with_its_last_words(small_clone, name, words, said, capsys):
    (small_clone / "fails.py").write_text(
        f"import sys; sys.stderr.write('work:  50%|#####     | 1/2\\r' + {words!r} + '\\n'); sys.exit(3)"
    )
    stages(small_clone, **{name: f"{PYTHON} fails.py"})
    with open(os.devnull) as lock, pytest.raises(DataError, match=f"^stage {name} failed: .*{said}") as told:
        repro(Leashes(small_clone, os.environ, lock.fileno()), (name,))
    assert "above" not in str(told.value)
    assert ("50%" in capsys.readouterr().err) == (name == "fetch")  # its bar is shown: it has the machine to itself


@pytest.mark.parametrize(
    ("file", "text", "said"),
    [
        (
            "dvc.lock",
            "schema: '2.0'\n<<<<<<< HEAD\nstages:\n=======\nstages: {}\n>>>>>>> other\n",
            "^dvc.lock holds the markers of a merge, line 2: '<<<<<<< HEAD'; take one side whole, "
            "`git checkout --ours dvc",
        ),
        ("dvc.lock", "schema: '2.0'\nstages: 7\n", "^DVC cannot read dvc.yaml or dvc.lock: .*dvc.lock"),
        ("dvc.lock", "\0", "^dvc.lock cannot be read"),
        ("dvc.yaml", "stages:\n  a: {cmd: [\n", "^dvc.yaml is no YAML, line 2: '  a: {cmd: .'"),
        ("dvc.yaml", "stages:\n  a: {cmb: x}\n", "^DVC cannot read dvc.yaml or dvc.lock: .*dvc.yaml"),
        ("dvc.yaml", "stages:\n  a: {cmd: x, deps: ['${no}']}\n", "^DVC cannot read dvc.yaml or dvc.lock: .*dvc.yaml"),
        ("dvc.yaml", None, "dvc.yaml is missing"),
    ],
)
def test_what_dvc_cannot_read_is_one_line(small_clone, params, file, text, said, monkeypatch):
    stages(small_clone, quick=f"{PYTHON} quick.py")
    monkeypatch.setattr("thb.cli.reproduce.clean", lambda leashes: False)
    (small_clone / file).unlink() if text is None else (small_clone / file).write_text(text)
    with pytest.raises(DataError, match=said) as told:
        run(Paths(small_clone), params, 1, Cards([]))
    assert "\n" not in str(told.value)


def test_a_stage_sees_the_card_that_it_is_lent(small_clone):
    (small_clone / "sees.py").write_text("import os; open('out-quick', 'w').write(os.environ['CUDA_VISIBLE_DEVICES'])")
    stages(small_clone, quick=f"{PYTHON} sees.py")
    with open(small_clone / "lock", "w") as lock:
        repro(Leashes(small_clone, os.environ, lock.fileno()), ("quick",), {"CUDA_VISIBLE_DEVICES": "GPU-x"})
    assert (small_clone / "out-quick").read_text() == "GPU-x"
