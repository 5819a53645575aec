"""Scores become cells: every trial, the right clips, and exactly the files that params.yaml asks for."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from thb import metrics, protocols
from thb.errors import DataError
from thb.records import CELL_COLUMNS, NO_AUDIO, OK, SCORE_COLUMNS, read_csv, read_json, write_csv
from thb.stages import evaluate

N_REAL, N_FAKE = 120, 12


def score_rows(params, fit: str, seed: int) -> pd.DataFrame:
    """Invented scores of one fit over every source: fakes a little above reals."""
    rng, rows = np.random.default_rng(seed), []
    for name, source in params.sources.items():
        for split in ("val", "test") if source.role != "unseen" else ("test",):
            for i in range(N_REAL // 2 if source.role == "real" else N_FAKE):
                rows.append({"clip": f"{name}/{split}{i:03d}", "source": name, "role": source.role,
                             "label": source.label, "split": split, "use": split, "status": OK, "reason": "",
                             "portrait": f"{i:05d}" if source.label else "", "video": f"{name}{split}{i}",
                             "score": rng.beta(2 + 2 * source.label, 3)})
        if fit == f"no-{name}":
            rows += [{**rows[-1], "clip": f"{name}/train{i:03d}", "split": "train", "use": "test",
                      "score": rng.beta(4, 3)} for i in range(N_FAKE)]
    return pd.DataFrame(rows)


@pytest.fixture
def scored(project, params):
    for d, detector in enumerate(params.detectors):
        for f, fit in enumerate(params.fits):
            path = project.scores(detector, fit)
            write_csv(score_rows(params, fit, 100 * d + f), path, SCORE_COLUMNS)
    return project


@pytest.fixture
def quick(params):
    return params.model_copy(update={"metrics": params.metrics.model_copy(update={"bootstrap": 50})})


def test_every_trial_has_every_metric(scored, quick):
    evaluate.run(scored, quick)
    cells = read_csv(scored.cells, CELL_COLUMNS)
    assert list(cells.columns) == CELL_COLUMNS
    trials = list(protocols.trials(quick))
    assert len(cells) == len(trials) * len(quick.detectors) * 5
    assert not cells.duplicated(["protocol", "detector", "generator", "metric"]).any()
    inside = cells[cells["metric"] == "AUC"]
    assert ((inside["lo"] <= inside["value"]) & (inside["value"] <= inside["hi"])).all()


def test_a_cell_is_the_metric_of_the_protocols_clips(scored, quick):
    evaluate.run(scored, quick)
    cells = read_csv(scored.cells, CELL_COLUMNS).set_index(["protocol", "detector", "generator", "metric"])["value"]
    table = read_csv(scored.scores("tall", "no-hallo"), SCORE_COLUMNS)
    reals = table[(table["role"] == "real") & (table["split"] == "test")]
    for protocol, split in (("P2", "train"), ("P3", "test")):
        fakes = table[(table["source"] == "hallo") & (table["split"] == split)]
        both = pd.concat([reals, fakes])
        expected = metrics.auc(both["label"], both["score"])
        assert cells[protocol, "tall", "hallo", "AUC"] == pytest.approx(expected, abs=1e-9)


def test_the_unseen_generators_mean_and_range_are_over_the_six_fits(scored, quick):
    evaluate.run(scored, quick)
    found = read_json(scored.metrics)
    lo, hi = found["range_over_fits"]["unseen_P3/tall/magi1/AUC"]
    cells = read_csv(scored.cells, CELL_COLUMNS).set_index(["protocol", "detector", "generator", "metric"])["value"]
    assert lo < cells["unseen_P3", "tall", "magi1", "AUC"] < hi


def test_printed_numbers_stand_beside(scored, quick):
    evaluate.run(scored, quick)
    cells = read_csv(scored.cells, CELL_COLUMNS).set_index(["protocol", "detector", "generator", "metric"])["printed"]
    assert cells["P3", "tall", "emoportraits", "T1"] == 0.48
    assert cells["unseen_P3", "tall", "magi1", "AUC"] == 1.00
    assert np.isnan(cells["P1", "container", "hallo", "AUC"])
    assert np.isnan(cells["P1", "tall", "hallo", "Brier"])


def test_same_scores_same_bytes(scored, quick):
    evaluate.run(scored, quick)
    first = scored.cells.read_bytes(), scored.metrics.read_bytes()
    evaluate.run(scored, quick)
    assert (scored.cells.read_bytes(), scored.metrics.read_bytes()) == first


def test_a_missing_score_file_is_named(scored, quick):
    scored.scores("tall", "no-hallo").unlink()
    with pytest.raises(DataError, match=r"no-hallo\.csv"):
        evaluate.run(scored, quick)


def test_a_score_file_nobody_asked_for_is_refused(scored, quick):
    extra = scored.scores("retired", "all")
    extra.parent.mkdir()
    extra.write_bytes(scored.scores("tall", "all").read_bytes())
    with pytest.raises(DataError, match=r"retired/all\.csv"):
        evaluate.run(scored, quick)


def test_a_generator_without_scores_has_empty_cells_not_zeros(scored, quick):
    path = scored.scores("tall", "all")
    table = read_csv(path, SCORE_COLUMNS)
    mute = table["source"] == "magi1"
    table.loc[mute, "status"], table.loc[mute, "score"] = NO_AUDIO, np.nan
    write_csv(table, path, SCORE_COLUMNS)
    evaluate.run(scored, quick)
    cells = read_csv(scored.cells, CELL_COLUMNS)
    of = cells[(cells["detector"] == "tall") & (cells["generator"] == "magi1") & (cells["protocol"] == "unseen_P1")]
    assert of["value"].isna().all()
    assert (of["n_fake"] == 0).all()
    assert not of["resolvable"].any()


def test_a_score_that_is_not_a_number_stops(scored, quick):
    path = scored.scores("tall", "all")
    table = read_csv(path, SCORE_COLUMNS)
    table.loc[table["split"] == "test", "score"] = np.nan
    write_csv(table, path, SCORE_COLUMNS)
    with pytest.raises(DataError, match=r"line \d+, column score: .* is not a number"):
        evaluate.run(scored, quick)
