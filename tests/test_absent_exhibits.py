"""On the published data without its reals the pages show what was printed, say what is lacking, and make up nothing."""

from __future__ import annotations

import re
import shutil

import pytest
from test_absence import WHY, lose
from test_split import write_corpus

from notebooks import run
from thb.book import computed
from thb.cells import evaluate
from thb.core.params import load
from thb.fits.absent import Fit
from thb.fits.score_files import SHUFFLED_SOUND
from thb.report.load import open_results
from thb.splits import split

BUILDS = {
    "P1": lambda: run("protocol_table"),
    "unseen": lambda: run("protocol_table", protocol="unseen_P3"),
    "curve": lambda: run("tpr_curve"),
    "settings": lambda: run("settings_table"),
    "swaps": lambda: run("swap_table"),
    "hard": lambda: run("hard_table"),
    "lipsync": lambda: run("sound_check"),
    "means": lambda: run("protocol_means"),
    "generators": lambda: run("generator_means"),
    "radar": lambda: run("radar"),
    "controls": lambda: run("control_table"),
    "ablations": lambda: run("ablation_table"),
    "table4": lambda: run("statistics_table"),
    "table8": lambda: run("transitions"),
}


@pytest.fixture(scope="module")
def absent(tmp_path_factory, repo):
    """A clone of profile paper after split, score and evaluate, whose reals and swaps are missing."""
    root = tmp_path_factory.mktemp("absent")
    shutil.copytree(repo / "paper", root / "paper")
    text = re.sub(r"\Aprofile: \w+", "profile: paper", (repo / "params.yaml").read_text())
    (root / "params.yaml").write_text(re.sub(r"bootstrap: \d+", "bootstrap: 10", text))
    paths, params = open_results(root).paths, load(root / "params.yaml")
    write_corpus(paths, params, lose("real", "swap"))
    split.run(paths, params)
    for detector in params.detectors:
        for fit in params.fits:
            Fit(paths, params, detector, fit).skips_scoring()
    Fit(paths, params, "lipfd", "all").skips_scoring(SHUFFLED_SOUND)
    evaluate.run(paths, params)
    return paths


@pytest.mark.parametrize("name", BUILDS)
def test_the_exhibit_is_made_without_a_number_of_ours(absent, monkeypatch, name):
    monkeypatch.setenv("THB_ROOT", str(absent.root))
    exhibit = BUILDS[name]()
    assert "nan" not in re.sub(r"<[^>]+>", " ", exhibit.html).lower().split()


def test_the_reason_stands_on_the_page(absent, monkeypatch):
    monkeypatch.setenv("THB_ROOT", str(absent.root))
    for name in ("P1", "curve", "swaps", "hard", "means", "generators", "radar", "controls"):
        assert WHY.replace("'", "&#x27;") in BUILDS[name]().html
    assert open_results().absent["tall/all"] == WHY
    assert len(open_results().said_absent()) == 1


def test_what_was_printed_is_still_shown(absent, monkeypatch):
    monkeypatch.setenv("THB_ROOT", str(absent.root))
    rows = run("protocol_table")["rows"]
    assert rows["value"].isna().all()
    assert rows["printed"].notna().any()
    assert len(computed.release_counts(open_results())[0])


@pytest.mark.parametrize("name", ["statistics_table", "findings", "claims_ledger", "comparison", "published_models"])
def test_a_notebook_is_made_without_a_number_of_ours(absent, monkeypatch, name):
    monkeypatch.setenv("THB_ROOT", str(absent.root))
    ran = run(name)
    assert len(ran["rows"])
    assert "nan" not in re.sub(r"<[^>]+>", " ", ran.html).lower().split()
