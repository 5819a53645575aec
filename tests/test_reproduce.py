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
from contextlib import chdir, closing
from pathlib import Path

import pytest
import yaml

import thb
from thb.cli.cards import Cards
from thb.cli.leash import Leashes
from thb.cli.reproduce import repro, run, walk
from thb.cli.stages import LockFile, Stages
from thb.core.errors import DataError
from thb.core.paths import Paths
from thb.core.tables import read_json
from thb.splits import otherwise
from thb.status import cost

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

    def __call__(self, stage: str) -> None:
        with self.lock:
            self.running.add(stage)
            for each in self.running:
                self.together[each] = max(self.together.get(each, 0), len(self.running))
        time.sleep(0.03)
        with self.lock:
            self.running.discard(stage)
            self.order.append(stage)
        if self.fail == stage:
            raise DataError(f"{self.fail} failed")


@pytest.mark.parametrize("jobs", [1, 2, 4])
def test_every_stage_runs_once_after_what_it_needs(jobs):
    work = Recorder()
    walk(NEEDS, work, jobs)
    assert sorted(work.order) == sorted(NEEDS)
    for stage, needs in NEEDS.items():
        assert all(work.order.index(n) < work.order.index(stage) for n in needs)
    assert max(work.together.values()) <= jobs
    assert work.together[POOL] == work.together["fetch"] == 1
    assert work.together["a"] == min(jobs, 2)
    assert work.together["exhibit@0"] == jobs


def test_a_failure_stops_what_follows():
    work = Recorder(fail="a")
    with pytest.raises(DataError, match="a failed"):
        walk(NEEDS, work, 2)
    assert not {"c", POOL, "end"} & set(work.order)


def test_stages_that_wait_for_each_other_are_an_error():
    with pytest.raises(DataError, match="x, y"):
        walk({"x": {"y"}, "y": {"x"}}, lambda stage: None, 2)


def graph(clone: Path) -> dict[str, set[str]]:
    with closing(Stages(clone)) as stages:
        return stages.needs


def test_dvc_iterates_the_keys_of_params(repo, params):
    """`matrix` and `foreach` over a mapping are what lets one line of params.yaml add a stage."""
    stages = graph(repo)
    assert {f"prepare@{s}" for s in params.sources} <= set(stages)
    assert {f"{stage}@{d}" for stage in ("pretrain", "train", "score") for d in params.detectors} <= set(stages)
    assert {f"train_without@{d}-{g}" for d in params.detectors for g in params.generators} <= set(stages)
    for kind in ("train", "score"):
        assert {f"variant_{kind}@{d}-{v}" for d in params.ablated for v in params.ablations} <= set(stages)
        assert {f"label_{kind}@{d}" for d in params.label_checks} <= set(stages)
    assert {f"exhibit@{e}" for e in params.exhibits} <= set(stages)
    chosen = {stage for stage in stages if stage.startswith("choice@")}
    assert chosen == {f"choice@{d}-{c}" for d in params.explained for c in otherwise.CHOICES}
    assert all("pretrain@" in " ".join(stages[stage]) for stage in chosen)
    fits = {"pretrain@tall", "train@tall", *(f"train_without@tall-{g}" for g in params.generators)}
    assert fits < stages["score@tall"]
    assert all("pretrain@tall" in stages[fit] for fit in fits - {"pretrain@tall"} | {"variant_train@tall-no_artefacts"})
    assert not any("train" in need for need in stages["prepare@hallo"])


def test_the_lock_file_knows_no_stage_that_is_gone(repo):
    """DVC never forgets one by itself, and writes the whole file anew after every stage."""
    held = yaml.safe_load((repo / "dvc.lock").read_text())["stages"]
    assert set(held) <= set(graph(repo)), "remove the others from dvc.lock"


# ---- what DVC finds afterwards -----------------------------------------------------------------------

SETTINGS = """
sizes: {small: 1, none: null, half: 0.5, list: [1, 2], text: "yes"}
sha256: 8f2383e4dd3cfbb4553ea8718107fc0423210dc964f9f4280604804ed2552fa4
kinds: {first: {folder: Ä b, deep: {deeper: {deepest: {name: 'a text that is longer than a line of YAML may be'}}}}}
"""
PIPELINE = """
stages:
  plain:
    cmd: cp params.yaml out.txt
    params: [sizes, sha256]
    outs: [out.txt]
  folder:
    desc: a folder, in two commands
    cmd: [mkdir -p folder/deep, cp out.txt folder/deep/one]
    deps: [out.txt]
    outs: [folder: {persist: true}]
  each:
    foreach: ${kinds}
    do:
      cmd: cat folder/deep/one > ${key}.json
      deps: [folder]
      params: [kinds]
      outs: [each.txt]
      metrics: ["${key}.json": {cache: false}]
"""


@pytest.fixture
def pipeline(tmp_path):
    """Makes clones with the same few stages."""

    def clone(name: str) -> Path:
        made = tmp_path / name
        (made / ".dvc").mkdir(parents=True)
        (made / ".dvc" / "config").write_text("[core]\n    no_scm = True\n    analytics = False\n")
        (made / "params.yaml").write_text(SETTINGS)
        (made / "dvc.yaml").write_text(PIPELINE.replace("      outs: [each.txt]\n", ""))
        return made

    return clone


def bring_up_to_date(clone: Path) -> list[str]:
    """The stages that had to run."""
    ran = []
    with chdir(clone), open(os.devnull) as lock, closing(Stages(clone)) as stages:
        leashes = Leashes(clone, os.environ, lock.fileno())

        def work(name: str) -> None:
            if stages.changed(name):
                ran.append(name)
            repro(stages, leashes, name, {})

        walk(stages.needs, work, 2)
    return sorted(ran)


def dvc(clone: Path, *words: str) -> str:
    return subprocess.run(
        [sys.executable, "-m", "dvc", *words], cwd=clone, check=True, capture_output=True, text=True
    ).stdout


def test_what_we_record_is_what_dvc_repro_records(pipeline):
    ours, theirs = pipeline("ours"), pipeline("theirs")
    assert bring_up_to_date(ours) == ["each@first", "folder", "plain"]
    dvc(theirs, "repro")
    assert (ours / "dvc.lock").read_bytes() == (theirs / "dvc.lock").read_bytes()
    assert "up to date" in dvc(ours, "status")
    assert bring_up_to_date(ours) == bring_up_to_date(theirs) == []


def test_only_what_changed_runs_again_and_removed_outputs_come_from_the_cache(pipeline):
    clone = pipeline("clone")
    bring_up_to_date(clone)
    (clone / "out.txt").unlink()
    assert bring_up_to_date(clone) == ["plain"]
    assert (clone / "out.txt").read_text() == SETTINGS
    text = SETTINGS.replace("small: 1", "small: 2")
    (clone / "params.yaml").write_text(text)
    assert bring_up_to_date(clone) == ["each@first", "folder", "plain"]
    assert (clone / "first.json").read_text() == text
    lock = (clone / "dvc.lock").read_text()
    dvc(clone, "repro")
    assert (clone / "dvc.lock").read_text() == lock


@pytest.mark.parametrize(
    "change",
    [
        lambda clone: (clone / "folder" / "deep" / "one").write_text("other"),  # another stage reads that folder too
        lambda clone: (clone / "folder" / "more").write_text(""),
        lambda clone: (clone / "first.json").unlink(),
        lambda clone: shutil.rmtree(clone / ".dvc" / "cache"),
        lambda clone: (clone / "params.yaml").write_text(SETTINGS.replace("small: 1", "small: 2")),
        lambda clone: (clone / "dvc.yaml").write_text(
            (clone / "dvc.yaml").read_text().replace("mkdir -p", "mkdir  -p")
        ),
        lambda clone: (clone / "dvc.lock").unlink(),
    ],
)
def test_one_look_tells_whether_any_stage_would_run(pipeline, change):
    def told() -> tuple[bool, bool]:
        with chdir(clone), closing(Stages(clone)) as one, closing(Stages(clone)) as all_in_turn:
            return one.up_to_date(), not any(all_in_turn.changed(name) for name in all_in_turn.needs)

    clone = pipeline("clone")
    assert told() == (False, False)
    bring_up_to_date(clone)
    assert told() == (True, True)
    change(clone)
    assert told() == (False, False)


def test_an_output_that_is_not_made_is_an_error_of_one_line(pipeline):
    clone = pipeline("clone")
    (clone / "dvc.yaml").write_text("stages:\n  lazy: {cmd: 'true', outs: [never]}\n")
    with pytest.raises(DataError, match="^stage lazy failed: .*never.*does not exist"):
        bring_up_to_date(clone)
    assert not (clone / "dvc.lock").exists()


def test_an_entry_of_the_lock_file_is_replaced_in_its_place(tmp_path):
    lock = LockFile(tmp_path / "dvc.lock")
    for name, command in (("b", "x"), ("a@1", "y"), ("b", "z")):
        lock.put({name: {"cmd": command}})
    assert lock.path.read_text() == "schema: '2.0'\nstages:\n  b:\n    cmd: z\n  a@1:\n    cmd: y\n"


def test_a_command_of_ours_is_forked_from_what_is_loaded(small_clone):
    """It needs no `thb` on the path, and fails as from a shell."""
    with open(os.devnull) as lock:
        leashes = Leashes(small_clone, {"PATH": "", "THB_ROOT": str(small_clone)}, lock.fileno())
        assert leashes.run(["thb profile"], False, {})[0] == 0
        assert leashes.run(["thb profile nowhere", "touch after"], False, {}) == (
            2,
            "thb: unknown profile 'nowhere'; known: smoke, mini, paper\n",
        )
        assert leashes.run(["kill -9 $$"], False, {})[0] == 137
        assert leashes.run(["exit 3"], False, {})[0] == 3
    assert not (small_clone / "after").exists()


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
    (small_clone / "slow.py").write_text("import time; time.sleep(0.2); open('out-quick', 'w').write('made')")
    stages(small_clone, quick=f"{PYTHON} slow.py")
    third = reproducing(small_clone)  # which waits until all that the first one had under way has ended
    out, err = third.communicate(timeout=60)
    assert (third.returncode, "every stage is up to date" in out, alive(small_clone)) == (0, True, []), err
    took = read_json(cost.of_stage(small_clone, "mini", "quick"))
    assert took["seconds"] >= 0.2
    assert not cost.of_stage(small_clone, "mini", "fetch").exists()  # killed before it ended


@pytest.mark.parametrize(
    ("name", "words", "said"),
    [
        ("fetch", "thb: no such clip", "no such clip$"),
        ("fetch", "", "it ended with code 3 and said nothing$"),
        ("train", "", "it ended with code 3 and said nothing$"),
    ],
)
def test_a_stage_that_fails_is_named_with_its_last_words(small_clone, name, words, said, capsys):
    (small_clone / "fails.py").write_text(
        f"import sys; sys.stderr.write('work:  50%|#####     | 1/2\\r' + {words!r} + '\\n'); sys.exit(3)"
    )
    stages(small_clone, **{name: f"{PYTHON} fails.py"})
    with (
        chdir(small_clone),
        open(os.devnull) as lock,
        closing(Stages(small_clone)) as known,
        pytest.raises(DataError, match=f"^stage {name} failed: .*{said}") as told,
    ):
        repro(known, Leashes(small_clone, os.environ, lock.fileno()), name, {})
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
def test_what_dvc_cannot_read_is_one_line(small_clone, params, file, text, said):
    stages(small_clone, quick=f"{PYTHON} quick.py")
    (small_clone / file).unlink() if text is None else (small_clone / file).write_text(text)
    with pytest.raises(DataError, match=said) as told:
        run(Paths(small_clone), params, 1, Cards([]))
    assert "\n" not in str(told.value)


def test_a_stage_sees_the_card_that_it_is_lent(small_clone):
    (small_clone / "sees.py").write_text("import os; open('out-quick', 'w').write(os.environ['CUDA_VISIBLE_DEVICES'])")
    stages(small_clone, quick=f"{PYTHON} sees.py")
    with chdir(small_clone), open(small_clone / "lock", "w") as lock, closing(Stages(small_clone)) as known:
        repro(known, Leashes(small_clone, os.environ, lock.fileno()), "quick", {"CUDA_VISIBLE_DEVICES": "GPU-x"})
    assert (small_clone / "out-quick").read_text() == "GPU-x"
