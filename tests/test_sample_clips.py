"""The real sample clips through `prepare`, compared with what PyAV alone says of them."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest
from clips_made import SAMPLES, needs_samples, with_profile, write_list, write_video

from thb.core.params import Params
from thb.core.paths import Paths
from thb.core.tables import read_csv
from thb.splits import leakage

sys.path.append(str(Path(__file__).resolve().parent.parent / "benchmarks"))
import sample_clips

KNOWN = ["clip", "generator", "seen"]


def only(params: Params, *sources: str) -> Params:
    return with_profile(params, workers=1).model_copy(update={"sources": {s: params.sources[s] for s in sources}})


@needs_samples
@pytest.mark.parametrize("source", ["hallo2", "liveportrait", "celebvhq"])
def test_a_source_of_the_samples_is_read_as_it_is(project: Paths, params: Params, source: str):
    """Counts, rates and sizes are PyAV's, a face is in most frames, and sound is where it was."""
    sample_clips.link(project, SAMPLES)
    table = sample_clips.check(project, only(params, source), ["haar"])
    assert table["agrees"].all(), table
    seen = table["haar"].str.split("/", expand=True).astype(int)
    assert (seen[0] >= 0.75 * seen[1]).all(), table
    assert (table["lag"].abs() <= 1).all(), table
    assert (table["fit"] > 0.85).all(), table
    if source != "celebvhq":
        assert (table["wav lag"] == 0).all(), table


def test_the_comparison_notices_what_does_not_agree(project: Paths, params: Params, monkeypatch: pytest.MonkeyPatch):
    write_list(project.raw, {}, {"test": ["aaaaaaaaaaa_1"]})
    write_video(project.raw / "real/celebvhq/aaaaaaaaaaa_1.mp4", 30)
    assert sample_clips.check(project, only(params, "celebvhq"), ["haar"])["agrees"].tolist() == [True]
    honest = sample_clips.decode
    monkeypatch.setattr(sample_clips, "decode", lambda path, hop: replace(honest(path, hop), frames=29))
    assert sample_clips.check(project, only(params, "celebvhq"), ["haar"])["agrees"].tolist() == [False]


def test_a_real_clip_that_drives_a_fake_elsewhere_is_reported(repo: Path):
    """The fake need not be at hand; where it is, its own split is told instead."""
    known = read_csv(Paths(repo).known_drivers, KNOWN)
    real = {"clip": "celebvhq/SAK2kObsiMY_5", "role": "real", "source": "celebvhq", "split": "test", "driver": ""}
    fake = {
        "clip": "a/b",
        "role": "generator",
        "source": "aniportrait_audio",
        "split": "train",
        "driver": "SAK2kObsiMY_5",
    }
    assert leakage.reals_that_drive(pd.DataFrame([real]), known) == [
        "SAK2kObsiMY_5: real in test, drives aniportrait_audio (project page)"
    ]
    assert leakage.reals_that_drive(pd.DataFrame([real, fake]), known) == [
        "SAK2kObsiMY_5: real in test, drives aniportrait_audio in train"
    ]
    assert leakage.reals_that_drive(pd.DataFrame([real | {"clip": "celebvhq/other_1"}]), known) == []


def test_without_reals_nothing_drives():
    fake = {"clip": "a/b", "role": "generator", "source": "a", "split": "test", "driver": "SAK2kObsiMY_5"}
    none = pd.DataFrame([fake])
    assert leakage.reals_that_drive(none, pd.DataFrame([["SAK2kObsiMY_5", "a", "here"]], columns=KNOWN)) == []
