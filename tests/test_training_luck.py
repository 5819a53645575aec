"""The study of further trainings: what it keeps, when it counts, and how it widens intervals."""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass

import numpy as np
import pandas as pd
import pytest
from conftest import ROOT
from typer.testing import CliRunner
from vouching import for_score_file, with_seed

from thb.book import exhibit
from thb.cells import evaluate, training_luck, trials
from thb.cells.columns import CELL, CELL_COLUMNS, COMPARISON_COLUMNS, QUESTION
from thb.cells.comparisons import ABOVE, BELOW, INCONCLUSIVE
from thb.cli.main import app
from thb.core import intervals, origin
from thb.core.errors import DataError, ParamsError
from thb.core.params import Params, load
from thb.core.paths import RECORD, Paths
from thb.core.tables import SCORE_COLUMNS, read_csv, write_csv
from thb.fits.score_files import ScoreFile
from thb.review import seed_study, workplace

KEY = ("P1", "tall", "hallo", "AUC")
NAMES = list(CELL)


@dataclass
class Study:
    """A clone with a study of three trainings, and the commands that made it."""

    paths: Paths
    params: Params
    commands: list[tuple[str, ...]]

    def again(self, change=lambda said: None):
        """What is read of it after a change of its record."""
        record = training_luck.place(self.paths) / RECORD
        before = record.read_text()
        said = json.loads(before)
        change(said)
        record.write_text(json.dumps(said))
        try:
            return training_luck.read(self.paths, self.params)
        finally:
            record.write_text(before)


def without_training(commands):
    """In place of `thb train` and `thb score`: each seed's scores are the reported ones, shaken."""

    def thb(own, *words, log=None):
        commands.append((own.root.name, *words))
        if words[0] != "score":
            return
        _, detector, fit = words
        params = load(own.params)
        rows = read_csv(Paths(own.root.parents[2]).scores(detector, fit), SCORE_COLUMNS)
        rng = np.random.default_rng([params.active.training_seed, *f"{detector}{fit}".encode()])
        odds = np.log(rows["score"] / (1 - rows["score"])) + rng.normal(0, 1, len(rows))
        write_csv(rows.assign(score=1 / (1 + np.exp(-odds))), own.scores(detector, fit), SCORE_COLUMNS)
        for_score_file(ScoreFile(own, params, detector, fit))

    return thb


@pytest.fixture(scope="module")
def study(filled, tmp_path_factory):
    paths = Paths(tmp_path_factory.mktemp("luck") / "clone")
    shutil.copytree(filled, paths.root)
    shutil.copytree(ROOT / "paper", paths.root / "paper", dirs_exist_ok=True)
    paths.splits.mkdir(parents=True)
    paths.splits_record.write_text("{}")
    params, commands = load(paths.params), []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(workplace, "thb", without_training(commands))
        seed_study.run(paths, params, 3, 2)
    evaluate.run(paths, params)
    return Study(paths, params, commands)


def test_every_fit_is_trained_with_each_further_seed_the_one_to_start_from_first(study):
    first = study.params.active.training_seed
    for seed in (first + 1, first + 2):
        trained = [words[2:] for words in study.commands if words[:2] == (str(seed), "train")]
        assert sorted(trained) == sorted((d, fit) for d in study.params.detectors for fit in study.params.fits)
        for detector in study.params.detectors:
            assert next(fit for d, fit in trained if d == detector) == "ffpp"
        there = load(study.paths.root / "runs" / "seeds" / str(seed) / "params.yaml")
        assert (there.active.training_seed, there.active.seed) == (seed, study.params.active.seed)
    assert str(first) not in {words[0] for words in study.commands}


def test_a_study_that_was_broken_off_trains_only_what_is_left(study, monkeypatch):
    commands, seed = [], study.params.active.training_seed + 2
    monkeypatch.setattr(workplace, "thb", without_training(commands))
    lost = ScoreFile(Paths(study.paths.root / "runs" / "seeds" / str(seed)), study.params, "tall", "no-hallo")
    before = lost.path.read_bytes()
    lost.path.unlink()
    seed_study._train(study.params, [Paths(path) for path in sorted(lost.paths.root.parent.iterdir())], 1)
    asked = [words for words in commands if words[1] == "train"]
    assert asked == [(str(seed), "train", "tall", "ffpp"), (str(seed), "train", "tall", "no-hallo")]
    assert lost.path.read_bytes() == before  # and ffpp, as no weights to start from had been left


def test_another_exhibit_leaves_what_was_trained(study):
    seed, before = study.params.active.training_seed + 1, study.paths.params.read_text()
    place = study.paths.root / "runs" / "seeds" / str(seed)
    study.paths.params.write_text(
        before.replace("{notebook: seed_luck, metric: AUC}", "{notebook: seed_luck, metric: T1}")
    )
    try:
        assert seed_study._place(study.paths, study.params, seed).root == place
        assert (place / "results" / "scores").is_dir()
        assert load(place / "params.yaml").exhibits["luck"]["metric"] == "T1"
    finally:
        study.paths.params.write_text(before)
        seed_study._place(study.paths, study.params, seed)


def test_places_of_other_settings_are_made_anew(study):
    seed = study.params.active.training_seed + 1
    place = study.paths.root / "runs" / "seeds" / str(seed)
    assert seed_study._place(study.paths, study.params, seed).root == place
    assert (place / "results" / "scores").is_dir()
    kept = shutil.move(place, place.with_name("kept"))
    try:
        shutil.copytree(kept, place, symlinks=True)
        (place / "params.yaml").write_text((place / "params.yaml").read_text().replace("epochs: 4", "epochs: 3"))
        seed_study._place(study.paths, study.params, seed)
        assert not (place / "results" / "scores").exists()
    finally:
        shutil.rmtree(place)
        shutil.move(kept, place)


def test_a_cells_interval_holds_both_lucks_and_the_file_keeps_them_apart(study):
    cells = read_csv(study.paths.cells, CELL_COLUMNS).set_index(NAMES)
    alone = evaluate_alone(study).set_index(NAMES)
    others = read_csv(training_luck.place(study.paths) / "cells.csv", training_luck.SEED_COLUMNS)
    own, clips = cells.loc[KEY], alone.loc[KEY]
    values = [own["value"], *others.set_index(NAMES).loc[KEY, "value"]]
    assert (own["n_seeds"], len(values)) == (3, 3)
    assert own["sd_seed"] == pytest.approx(np.std(values, ddof=1))
    lo, hi = intervals.widened(own["value"], (clips["lo"], clips["hi"]), np.array(values), 0.95)
    assert (own["lo"], own["hi"]) == pytest.approx((lo, hi))
    assert lo < clips["lo"]
    assert (clips["n_seeds"], np.isnan(clips["sd_seed"])) == (1, True)
    assert (cells["lo"] <= alone["lo"] + 1e-9).all()
    assert (cells["hi"] >= alone["hi"] - 1e-9).all()


def evaluate_alone(study):
    """The cells, had no further training been known."""
    own = Paths(study.paths.root / "runs" / "seeds" / str(study.params.active.training_seed))
    return read_csv(own.cells, CELL_COLUMNS)


def test_a_difference_is_widened_by_how_it_moves_itself(study):
    """P1 to P3 of one detector's mean: the differences of each training, not of its two sides apart."""
    asked = {"question": "protocol", "detector": "tall", "generator": "mean", "metric": "AUC"}
    asked |= {"first": "P1", "second": "P3"}

    def of(paths):
        rows = read_csv(paths.comparisons, COMPARISON_COLUMNS)
        return rows.loc[(rows[list(asked)] == list(asked.values())).all(axis=1)].iloc[0]

    places = [Paths(path) for path in (study.paths.root / "runs" / "seeds").iterdir()]
    apart = np.array([of(own)["difference"] for own in places])
    clips = of(Paths(study.paths.root / "runs" / "seeds" / str(study.params.active.training_seed)))
    both = of(study.paths)
    luck = intervals.of_training(apart, study.params.metrics.confidence)
    assert both["difference"] - both["lo"] == pytest.approx(np.hypot(clips["difference"] - clips["lo"], luck), rel=1e-4)


def test_each_trainings_verdicts_and_claims_stand_side_by_side(study):
    folder, first = training_luck.place(study.paths), study.params.active.training_seed
    seeds = [str(first + k) for k in range(3)]
    verdicts = read_csv(folder / "verdicts.csv", [*QUESTION, *seeds])
    assert len(verdicts)
    assert (verdicts[seeds] != INCONCLUSIVE).any(axis=1).all()  # others no training can tell
    whole = training_luck.verdicts(study.paths, study.params)
    asked = read_csv(study.paths.comparisons, COMPARISON_COLUMNS, as_text=True).fillna("")
    assert len(whole) == (asked["verdict"] != "").sum() > len(verdicts)
    claims = read_csv(folder / "claims.csv", ["id", *seeds])
    assert claims["id"].is_unique
    assert "cannot be told" in set(claims[seeds[0]])


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (lambda said: said.update(profile="paper"), "it is of profile paper"),
        (lambda said: said.update(clips_sha256="0"), "it is of other clips than results/clips.csv names"),
    ],
)
def test_a_study_of_another_corpus_says_nothing(study, change, why):
    found = study.again(change)
    assert (set(found.unknown), set(found.unknown.values())) == (set(study.params.detectors), {why})
    assert found.spread(KEY, 0.9)[1] == 1
    assert found.trained(KEY, 0.9).tolist() == [0.9]


def test_a_detector_of_other_settings_is_left_out_and_named(study):
    found = study.again(lambda said: said["fits"]["tall"].update(settings="0"))
    assert list(found.unknown) == ["tall"]
    assert found.unknown["tall"].startswith("its settings of the fits was 0, now it is ")
    assert found.spread(KEY, 0.9)[1] == 1
    assert found.trained(KEY, 0.9).tolist() == [0.9, 0.9, 0.9]
    assert found.spread(("P1", "caddm", "hallo", "AUC"), 0.9)[1] == 3
    assert list(study.again(lambda said: said["fits"].pop("tall")).unknown) == ["tall"]


def test_a_detector_of_older_code_counts_and_is_named(study):
    found = study.again(lambda said: said["fits"]["tall"].update(code="0"))
    assert (list(found.unknown), found.older) == ([], ["tall"])
    assert found.spread(KEY, 0.9)[1] == 3


def test_cells_that_were_changed_are_refused(study):
    with pytest.raises(DataError, match=r"results/seeds/cells.csv is not the file that was written there"):
        study.again(lambda said: said["files"].update({"cells.csv": "0"}))
    with pytest.raises(DataError, match=r"cells.csv is of seeds \[\d+, \d+\], not \[1\]; run `thb seeds`"):
        study.again(lambda said: said.update(training_seeds=[1]))


def test_without_a_study_nothing_is_known(study, tmp_path):
    assert training_luck.read(Paths(tmp_path), study.params).trained(KEY, 0.5).tolist() == [0.5]
    assert set(training_luck.read(Paths(study.paths.root, "no_fingerprint"), study.params).values) == set()


def test_what_cannot_be_studied_is_one_line(study, made):
    with pytest.raises(ParamsError, match="1 trainings have no spread; ask for 2 or more"):
        seed_study.run(study.paths, study.params, 1, 1)
    done = CliRunner().invoke(app, ["seeds"])
    assert "fits are trained on clips, and none are here; run `dvc repro split` first" in str(done.exception)


def test_the_record_says_what_was_repeated(study):
    said = json.loads((training_luck.place(study.paths) / RECORD).read_text())
    assert said["fits"]["tall"] == vars(origin.of_fit(study.paths, study.params, "tall"))
    assert said["fits"]["tall"]["seed"] != with_seed(study.params, 1).active.seed


def test_a_mean_stays_a_share_however_far_trainings_lie_apart(study):
    means = json.loads(study.paths.metrics.read_text())["means"]
    ends = [one[end] for by in means.values() for of in by.values() for one in of.values() for end in ("lo", "hi")]
    told = [end for end in ends if end is not None]
    assert min(told) >= 0
    assert max(told) <= 1
    measured = {
        "replicates": {"AUC": np.full(3, 0.95)},
        "ends": {"AUC": (0.9, 0.98)},
        "trained": {"AUC": np.array([0.95, 0.5, 0.95])},
    }
    assert trials.mean_of(study.params, [measured], "AUC")[2] == 1.0


# ---- its page -----------------------------------------------------------------------------------------


def test_every_training_of_a_cell_is_read_the_reported_one_first(study):
    cells = read_csv(study.paths.cells, CELL_COLUMNS)
    rows = training_luck.trainings(study.paths, study.params, cells).set_index(NAMES).loc[KEY]
    first = study.params.active.training_seed
    assert list(rows["training_seed"]) == [first, first + 1, first + 2]
    assert rows["value"].iloc[0] == cells.set_index(NAMES).loc[KEY, "value"]
    assert rows["value"].std(ddof=1) == pytest.approx(cells.set_index(NAMES).loc[KEY, "sd_seed"])


def test_trainings_of_a_detector_of_other_settings_are_left_out(study):
    cells, record = read_csv(study.paths.cells, CELL_COLUMNS), training_luck.place(study.paths) / RECORD
    before = record.read_text()
    said = json.loads(before)
    said["fits"]["tall"]["settings"] = "0"
    record.write_text(json.dumps(said))
    try:
        rows = training_luck.trainings(study.paths, study.params, cells)
        assert rows.loc[rows["detector"] == "tall", "training_seed"].nunique() == 1
        assert rows.loc[rows["detector"] == "caddm", "training_seed"].nunique() == 3
        assert training_luck.verdicts(study.paths, study.params).empty
        assert training_luck.claims(study.paths, study.params).empty
    finally:
        record.write_text(before)


@pytest.fixture(scope="module")
def page(study):
    """The exhibit `luck`, made from this study: its rows, and each table as a reader without HTML sees it."""
    if not study.paths.notebooks.exists():
        study.paths.notebooks.symlink_to(ROOT / "notebooks")
    exhibit.run(study.paths, study.params, "luck")
    cells = json.loads((study.paths.executed / "luck.ipynb").read_text())["cells"]
    told = ["".join(o["data"]["text/plain"]) for cell in cells for o in cell.get("outputs", []) if "data" in o]
    return pd.read_csv(study.paths.executed / "luck.csv"), "\n".join(told)


def test_the_page_says_how_far_the_mean_of_each_detector_moves(study, page):
    rows, told = page
    own = rows[(rows["protocol"] == "P1") & (rows["detector"] == "TALL")].iloc[0]
    places = [Paths(path) for path in sorted((study.paths.root / "runs" / "seeds").iterdir())]
    means = [json.loads(p.metrics.read_text())["means"]["P1"]["tall"]["AUC"]["value"] for p in places]
    assert own["sd"] == pytest.approx(np.std(means, ddof=1), rel=1e-3)
    assert (own["lowest"], own["highest"]) == pytest.approx((min(means), max(means)), rel=1e-3)
    assert f"{own['sd']:.3f} ({min(means):.2f} to {max(means):.2f})" in told


def test_the_page_counts_verdicts_and_claims_that_hinge_on_the_training(study, page):
    folder, first = training_luck.place(study.paths), study.params.active.training_seed
    seeds = [str(first + k) for k in range(3)]
    each = training_luck.verdicts(study.paths, study.params)[seeds]
    assert len(each) > 1000
    turned = each.isin([ABOVE]).any(axis=1) & each.isin([BELOW]).any(axis=1)
    assert f"{int(turned.sum()):,} of {len(each):,}" in page[1]
    claims = read_csv(folder / "claims.csv", ["id", *seeds], as_text=True)
    unsteady = claims.loc[claims[seeds].nunique(axis=1) > 1, "id"]
    assert f"{len(unsteady)} of {len(claims)}" in page[1]
    assert len(unsteady)
    assert all(claim in page[1] for claim in unsteady)


def test_without_a_study_the_page_says_so(made):
    if not made.notebooks.exists():
        made.notebooks.symlink_to(ROOT / "notebooks")
    exhibit.run(made, load(made.params), "luck")
    assert "thb seeds" in (made.executed / "luck.ipynb").read_text()
    assert (pd.read_csv(made.executed / "luck.csv")["trainings"] == 1).all()
