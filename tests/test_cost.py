"""What fits and stages took: recorded when a stage has ended well, and shown beside what the paper says."""

from __future__ import annotations

import os
import re
import sys
from html import unescape

import pandas as pd
import pytest
import yaml

from thb.book import rows
from thb.cli.leash import STAGE, TOOK, Leashes
from thb.core.params import load
from thb.core.tables import read_json, write_json
from thb.report.load import open_results
from thb.status import cost

BUSY = "import time; a = bytearray(120_000_000)\nwhile time.process_time() < 0.6: pass"


def run(folder, *commands: str) -> int:
    """The exit code of these commands, whose record goes to took.json."""
    with open(os.devnull) as lock:
        leashes = Leashes(folder, os.environ, lock.fileno())
        return leashes.run(commands, False, {STAGE: "work", TOOK: str(folder / "runs" / "took.json")})[0]


def test_what_commands_took_is_recorded_of_all_their_processes(tmp_path):
    (tmp_path / "busy.py").write_text(BUSY)
    python = f"'{sys.executable}' busy.py"
    assert run(tmp_path, f"{python} & {python}; wait", python) == 0
    took = read_json(tmp_path / "runs" / "took.json")
    assert took["processor_seconds"] >= 1.8  # three processes
    assert took["seconds"] >= 1.2  # of which two ran side by side
    assert 120 <= took["memory_mb"] < 240  # the largest, not their sum


def test_of_commands_that_fail_or_cannot_be_recorded_nothing_is(tmp_path):
    assert run(tmp_path, "exit 3") == 3
    assert not (tmp_path / "runs").exists()
    (tmp_path / "runs").write_text("a file where the folder should be")
    assert run(tmp_path, "true") == 0


# ---- what the page shows ------------------------------------------------------------------------------

LOCK = {
    "fetch": {"data/raw": 80_000_000, "data/truth": 20_000_000},
    "train@tall": {"runs/tall/all": 4_000_000},
    "train@caddm": {"runs/caddm/all": 6_000_000},
    "label_train@tall": {"runs/shuffled_labels/tall": 2_000_000},
    "book": {"book/_build/html/objects.inv": 900_000_000},
}


def fit(paths, folder: str, seconds: float, profile: str = "mini") -> None:
    write_json({"profile": profile}, paths.root / folder / "run.json")
    took = {"hardware": "one CPU", "seconds": seconds, "epochs": [seconds / 2, seconds / 2]}
    write_json(took, paths.root / folder / "took.json")


def stage(paths, name: str, seconds: float, processor: float, memory: int, profile: str = "mini") -> None:
    took = {"seconds": seconds, "processor_seconds": processor, "memory_mb": memory}
    write_json(took, cost.of_stage(paths.root, profile, name))


@pytest.fixture
def locked(project):
    """A clone with a dvc.lock, where nothing was run."""
    entries = {name: {"outs": [{"path": p, "size": s} for p, s in outs.items()]} for name, outs in LOCK.items()}
    project.dvc_lock.write_text(yaml.safe_dump({"schema": "2.0", "stages": entries}, sort_keys=False))
    return project


@pytest.fixture
def recorded(locked):
    """The same after a run."""
    fit(locked, "runs/tall/all", 60)
    fit(locked, "runs/shuffled_labels/tall/all-0", 30)
    fit(locked, "runs/shuffled_labels/tall/all-1", 90)
    stage(locked, "fetch", 120, 240, 500)
    stage(locked, "train@tall", 66, 90, 800)
    return locked


def of(paths, table) -> pd.DataFrame:
    return table(paths, load(paths.params)).set_index(table(paths, load(paths.params)).columns[0])


def test_a_fit_is_shown_with_its_own_time_and_its_stages_processes(recorded):
    found = of(recorded, cost.fits)
    assert list(found.index) == ["tall/all", "shuffled_labels/tall"]  # CADDM's has no record
    whole = found.loc["tall/all"]
    assert (whole["hardware"], whole["epochs"], whole["minutes"]) == ("one CPU", "2", 1)
    assert (whole["processor_minutes"], whole["memory_mb"], whole["disk_mb"]) == (1.5, 800, 4)
    several = found.loc["shuffled_labels/tall"]  # trained by one stage, of which `dvc repro` left no record
    assert (several["epochs"], several["minutes"], several["disk_mb"]) == ("4", 2, 2)
    assert several[["processor_minutes", "memory_mb"]].isna().all()


def test_stages_of_a_kind_are_taken_together(recorded):
    stage(recorded, "train@caddm", 54, 30, 700)
    found = of(recorded, cost.stages)
    assert list(found.index) == ["fetch", "train", "label_train"]  # of the book, a record would come too late
    train = found.loc["train"]
    assert (train["n_runs"], train["n_recorded"], train["minutes"], train["processor_minutes"]) == (2, 2, 2, 2)
    assert (train["memory_mb"], train["disk_mb"], found["disk_mb"]["fetch"]) == (800, 10, 100)
    assert found["n_recorded"]["label_train"] == 0
    assert found.loc["label_train", ["minutes", "processor_minutes", "memory_mb"]].isna().all()


def test_records_of_another_profile_are_not_shown(locked):
    fit(locked, "runs/tall/all", 60, "smoke")
    stage(locked, "fetch", 120, 240, 500, "smoke")
    assert of(locked, cost.fits).empty
    assert not of(locked, cost.stages)["n_recorded"].any()


def test_what_is_recorded_stands_beside_what_is_printed(recorded):
    found = of(recorded, cost.beside_printed)
    assert "A4500" in found["printed"]["hardware"]
    here = found["here"]
    assert here["records"] == "2 of 3 stages that train, 2 of 4 runs of stages"
    assert here["hardware"] == "one CPU"
    longest = "1.0 min for the longest fit (tall/all); 3.0 min for all 3 fits"
    assert here["training of a detector"] == longest
    assert here["making of the videos"] == "2.0 min for all clips"
    assert here["everything"] == "2 of 4 runs of stages alone: 0.05 h, one stage after the other; 0.09 h of a core"
    assert here["memory"] == "800 MB for the largest process"
    assert here["disk"] == "112 MB of outputs"


def test_to_fetch_published_videos_is_not_to_make_them(recorded):
    params = load(recorded.params)
    mini = params.active.model_copy(update={"corpus": "hub"})
    hub = params.model_copy(update={"profiles": {**params.profiles, params.profile: mini}})
    here = cost.beside_printed(recorded, hub).set_index("what")["here"]
    assert here[cost.MAKING] == "—"
    assert here["memory"] == "800 MB for the largest process"


def test_where_nothing_was_run_the_page_says_so(locked):
    here = of(locked, cost.beside_printed)["here"]
    assert here["records"] == "none: nothing was run here"
    assert here["disk"] == "112 MB of outputs"
    assert set(here.drop(["records", "disk"])) == {"—"}
    locked.dvc_lock.unlink()
    assert set(of(locked, cost.beside_printed)["here"].drop("records")) == {"—"}


def test_the_page_is_set_with_records_and_without(made):
    def shown(table: str, *columns: str) -> str:
        html = rows.render(open_results(made.root), table, {name: name for name in columns})
        return " ".join(unescape(re.sub(r"<[^>]+>", " ", html)).split())

    entries = {name: {"outs": [{"path": p, "size": s} for p, s in outs.items()]} for name, outs in LOCK.items()}
    made.dvc_lock.write_text(yaml.safe_dump({"stages": entries}, sort_keys=False))
    assert shown("cost_fits", *cost.FIT_COLUMNS) == "— no such rows here."
    assert "fetch 1 0 — — — 100.0" in shown("cost_stages", *cost.STAGE_COLUMNS)
    fit(made, "runs/tall/all", 90)
    stage(made, "fetch", 120, 240, 1500)
    assert shown("cost_fits", *cost.FIT_COLUMNS).endswith("tall/all 1 one CPU 2 1.5 — — 4.0")
    assert "fetch 1 1 2.0 4.0 1,500 100.0" in shown("cost_stages", *cost.STAGE_COLUMNS)
    assert "none" not in shown("cost", "what", "here")
