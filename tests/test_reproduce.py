"""The walk over DVC's graph: order kept, lanes filled, a failure stops what follows."""

from __future__ import annotations

import threading
import time

import pytest
import yaml

from thb.errors import DataError
from thb.reproduce import stage_graph, walk

POOL = "variant_clips@x"
NEEDS = {"fetch": set(), "a": {"fetch"}, "b": {"fetch"}, "c": {"a", "b"}, POOL: {"a"}, "end": {"c", POOL},
         **{f"exhibit@{i}": {"end"} for i in range(12)}}


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
    from thb.paths import Paths

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
    from thb.paths import Paths

    held = yaml.safe_load((repo / "dvc.lock").read_text())["stages"]
    assert set(held) <= set(stage_graph(Paths(repo))), "remove the others from dvc.lock"
