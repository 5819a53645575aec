"""Some of the damaged inputs of benchmarks/damaged_inputs.py, which tries two thousand."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest
import vouching

from thb.clips import prepare
from thb.core.errors import DataError
from thb.core.params import Params
from thb.core.paths import Paths

sys.path.append(str(Path(__file__).resolve().parent.parent / "benchmarks"))
import damaged_inputs

INPUTS = 264  # each kind of damage and each odd name at least once


def test_no_damage_stops_a_run_and_each_is_counted_with_a_reason(project: Paths, params: Params, capsys):
    counts, rows = damaged_inputs.survive(project, params, INPUTS, seed=1)
    assert len(rows) == counts.total() == INPUTS
    assert rows["clip"].is_unique
    failed = rows[rows["status"] != "ok"]
    assert len(failed) > INPUTS / 2
    assert (failed["reason"] != "").all()
    assert not rows["reason"].str.contains("\n|\r").any()
    assert not rows["reason"].str.contains(str(project.root), regex=False).any()
    assert f"{len(failed)} failed" in capsys.readouterr().out
    kinds = damaged_inputs.reasons(rows)
    assert {"truncated", "not a readable media file", "no video track", "no regular file"} <= set(kinds)


def test_a_fault_of_our_own_is_not_swallowed(project: Paths, params: Params, monkeypatch: pytest.MonkeyPatch):
    """The run above would also pass if every error were caught; an error that no damage can cause is not."""
    monkeypatch.setattr("thb.clips.clip.kept_frames", lambda *_, **__: 1 // 0)
    with pytest.raises(ZeroDivisionError):
        damaged_inputs.survive(project, params, 12, seed=1)


def test_a_list_that_names_files_elsewhere_is_refused(project: Paths, params: Params):
    real = project.raw / "real" / "real_dataset_split.json"
    real.parent.mkdir(parents=True)
    for stem in ("../../etc/passwd_1", "/etc/passwd_1", "a/../b_1", "a\x00b_1"):
        real.write_text(json.dumps({"Train": {"CelebV-HQ": [f"{stem}.mp4"]}}))
        vouching.for_raw(project, params)
        with pytest.raises(DataError, match="real_dataset_split.json"):
            prepare.run(project, params, "celebvhq")
