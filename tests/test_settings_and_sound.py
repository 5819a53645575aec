"""What was run stands beside what was published, and whether a detector listens is told by another clip's sound."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
import results_made
import vouching

from notebooks import run
from thb.cells.questions import MEAN
from thb.core.errors import ParamsError
from thb.core.params import load
from thb.core.tables import SCORE_COLUMNS, read_csv, write_csv

NOTEBOOKS = ("settings_table", "sound_check")


@pytest.fixture
def params(made):
    return load(made.params)


def test_every_setting_stands_beside_the_published_one(made, params):
    ran = run("settings_table")
    rows = ran["rows"].set_index(["detector", "setting"])
    tall = params.detectors["tall"].defaults
    assert list(rows.loc["tall"].index) == list(tall)
    assert rows.loc[("tall", "dim"), "published"] == "128"
    assert rows.loc[("tall", "dim"), "here"] == str(params.detector("tall")["dim"])
    differing = {k for k, v in tall.items() if params.detector("tall")[k] != v}
    assert set(rows.loc["tall"].query("differs").index) == differing
    assert rows.loc[("tall", "warmup_lr"), "published"] == "1.5e-08"
    assert rows.loc[("tall", "cutout"), "meaning"] == "pixels; in training only"
    assert f"TALL: {len(differing)} of {len(tall)} settings differ" in ran.html
    networks = [name for name, entry in params.detectors.items() if not entry.control]
    assert list(ran["stopped"]["detector"]) == networks
    assert ran.html.count(">patience<") == len(networks)


def test_one_detector_is_shown_unfolded_with_its_size(made):
    ran = run("settings_table", detectors=["tall"])
    assert set(ran["rows"]["detector"]) == {"tall"}
    assert "86,920,506" in ran.html
    assert "<details>" not in ran.html
    with pytest.raises(ParamsError, match="unknown detector 'talll'; known: caddm, tall"):
        run("settings_table", detectors=["talll"])


def test_a_comment_of_params_yaml_is_words(made):
    text = made.params.read_text().replace("# pixels; in training only", "# <img src=x onerror=alert(1)>")
    made.params.write_text(text)
    html = run("settings_table", detectors=["tall"]).html
    assert "&lt;img src=x onerror=alert" in html
    assert "<img" not in html


@pytest.mark.parametrize(("shift", "said"), [(2.0, "not seen"), (0.0, "yes")])
def test_a_detector_listens_if_anothers_sound_makes_it_worse(made, params, shift, said):
    own, other = (path(params.sound_checks[0], "all") for path in (made.scores, made.shuffled_sound))
    rng = np.random.default_rng(5)
    rows = read_csv(own, SCORE_COLUMNS)
    score = 1 / (1 + np.exp(-rng.normal(shift * rows["label"], 1)))
    write_csv(rows.assign(score=score if shift != 2.0 else rows["score"]), other, SCORE_COLUMNS)
    vouching.vouch(made)
    ran = run("sound_check", detector=params.sound_checks[0])
    mean = ran["rows"].set_index("generator").loc[MEAN]
    assert list(ran["answers"]["Does it use the sound?"]) == [said]
    assert (mean["fall"] > 0.2) == (said == "yes")
    assert mean["n_fake"] == results_made.FAKES * sum(e.driven_by == "audio" for e in params.generators.values())
    assert ran.title == "Does LipFD listen?"


@pytest.mark.parametrize("name", ["tall", "nobody"])
def test_a_detector_without_a_sound_check_is_named(made, name):
    with pytest.raises(ParamsError, match=f"unknown detector under sound_checks '{name}'; known: lipfd"):
        run("sound_check", detector=name)


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_a_notebook_writes_the_same_bytes_twice(made, name, tmp_path):
    first, second = tmp_path / "a" / "x", tmp_path / "b" / "x"
    for prefix in (first, second):
        ran = run(name, save=str(prefix))
    assert len(ran["rows"])
    assert len(ran.shown["figure"].facts["alt"]) > 20
    for ending in ("csv", "svg", "pdf", "png"):
        one, two = (Path(f"{p}.{ending}").read_bytes() for p in (first, second))
        assert one == two, f"{name}.{ending} differs between two runs"
    for tag in ("table", "tbody", "tr", "td", "th", "ul", "li", "div", "details", "small", "b"):
        assert len(re.findall(rf"<{tag}[ >]", ran.html)) == ran.html.count(f"</{tag}>"), tag
