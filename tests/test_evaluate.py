"""Scores become cells: every trial, the right clips, and exactly the files that params.yaml asks for."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import vouching
from vouching import with_seed

from thb.cells import evaluate
from thb.cells.columns import CELL_COLUMNS
from thb.core import code, metrics, origin
from thb.core.errors import DataError
from thb.core.paths import Paths
from thb.core.tables import NO_AUDIO, OK, SCORE_COLUMNS, TESTED_COLUMNS, read_csv, read_json, write_csv, write_json
from thb.fits.score_files import ScoreFile
from thb.splits import assignment, protocols

N_REAL, N_FAKE = 120, 12


def all_clips(params) -> pd.DataFrame:
    """TESTED_COLUMNS of an invented corpus."""
    rows = []
    for name, source in params.sources.items():
        for split in ("train", "val", "test") if source.role != "unseen" else ("test",):
            for i in range(N_REAL // 2 if source.role == "real" else N_FAKE):
                rows.append(
                    {
                        "clip": f"{name}/{split}{i:03d}",
                        "source": name,
                        "role": source.role,
                        "label": source.label,
                        "split": split,
                        "driver": "",
                        "status": OK,
                        "portrait": f"{i:05d}" if source.label else "",
                        "video": f"{name}{split}{i}",
                    }
                )
    return pd.DataFrame(rows)


def score_rows(clips: pd.DataFrame, fit: str, seed: int) -> pd.DataFrame:
    """Invented scores of one fit over the clips that it may be tested on: fakes a little above reals."""
    rows = clips.assign(use=assignment.uses(clips, fit), status=OK, reason="")
    rows = rows[rows["use"].isin(["val", "test"])]
    return rows.assign(score=np.random.default_rng(seed).beta(2 + 2 * rows["label"], 3))


@pytest.fixture(scope="module")
def once(params, tmp_path_factory) -> Path:
    """A score file of every detector and fit, with its record; `scored` hands out copies."""
    paths, clips = Paths(tmp_path_factory.mktemp("scores")), all_clips(params)
    for d, detector in enumerate(params.detectors):
        for f, fit in enumerate(params.fits):
            write_csv(score_rows(clips, fit, 100 * d + f), paths.scores(detector, fit), SCORE_COLUMNS)
    vouching.for_tables(paths, params, clips)
    vouching.for_scores(paths, params)
    return paths.root


@pytest.fixture
def scored(project, once):
    shutil.copytree(once / "results", project.results)
    return project


@pytest.fixture(scope="module")
def quick(params):
    return params.model_copy(update={"metrics": params.metrics.model_copy(update={"bootstrap": 50})})


def change(paths, params, detector: str, fit: str, edit) -> None:
    """Another table in place of one score file, vouched for as if `score` had written it."""
    file = ScoreFile(paths, params, detector, fit)
    write_csv(edit(read_csv(file.path, SCORE_COLUMNS)), file.path, SCORE_COLUMNS)
    vouching.for_score_file(file)


@pytest.fixture(scope="module")
def evaluated(once, repo, quick, tmp_path_factory) -> Paths:
    """A clone in which `evaluate` has run; only read it."""
    paths = Paths(tmp_path_factory.mktemp("evaluated"))
    shutil.copytree(repo / "paper", paths.root / "paper")
    shutil.copytree(once / "results", paths.results)
    evaluate.run(paths, quick)
    return paths


def test_every_trial_has_every_metric(evaluated, quick):
    cells = read_csv(evaluated.cells, CELL_COLUMNS)
    assert list(cells.columns) == CELL_COLUMNS
    trials = list(protocols.trials(quick))
    assert len(cells) == len(trials) * len(quick.detectors) * 5
    assert not cells.duplicated(["protocol", "detector", "generator", "metric"]).any()
    inside = cells[cells["metric"] == "AUC"]
    assert ((inside["lo"] <= inside["value"]) & (inside["value"] <= inside["hi"])).all()


def test_a_cell_is_the_metric_of_the_protocols_clips(evaluated):
    cells = read_csv(evaluated.cells, CELL_COLUMNS).set_index(["protocol", "detector", "generator", "metric"])["value"]
    table = read_csv(evaluated.scores("tall", "no-hallo"), SCORE_COLUMNS)
    reals = table[(table["role"] == "real") & (table["split"] == "test")]
    for protocol, split in (("P2", "train"), ("P3", "test")):
        fakes = table[(table["source"] == "hallo") & (table["split"] == split)]
        both = pd.concat([reals, fakes])
        expected = metrics.auc(both["label"], both["score"])
        assert cells[protocol, "tall", "hallo", "AUC"] == pytest.approx(expected, abs=1e-9)


def test_the_unseen_generators_mean_and_range_are_over_the_six_fits(evaluated):
    found = read_json(evaluated.metrics)
    lo, hi = found["range_over_fits"]["unseen_P3/tall/magi1/AUC"]
    cells = read_csv(evaluated.cells, CELL_COLUMNS).set_index(["protocol", "detector", "generator", "metric"])["value"]
    assert lo < cells["unseen_P3", "tall", "magi1", "AUC"] < hi


def test_printed_numbers_stand_beside(evaluated):
    cells = read_csv(evaluated.cells, CELL_COLUMNS).set_index(["protocol", "detector", "generator", "metric"])[
        "printed"
    ]
    assert cells["P3", "tall", "emoportraits", "T1"] == 0.48
    assert cells["unseen_P3", "tall", "magi1", "AUC"] == 1.00
    assert np.isnan(cells["P1", "container", "hallo", "AUC"])
    assert np.isnan(cells["P1", "tall", "hallo", "Brier"])


def test_same_scores_same_bytes(evaluated, scored, quick):
    evaluate.run(scored, quick)
    written = scored.cells, scored.comparisons, scored.metrics
    first = evaluated.cells, evaluated.comparisons, evaluated.metrics
    assert [file.read_bytes() for file in written] == [file.read_bytes() for file in first]


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
    def mute(table):
        return table.assign(
            status=table["status"].mask(table["source"] == "magi1", NO_AUDIO),
            score=table["score"].mask(table["source"] == "magi1"),
        )

    change(scored, quick, "tall", "all", mute)
    evaluate.run(scored, quick)
    cells = read_csv(scored.cells, CELL_COLUMNS)
    of = cells[(cells["detector"] == "tall") & (cells["generator"] == "magi1") & (cells["protocol"] == "unseen_P1")]
    assert of["value"].isna().all()
    assert (of["n_fake"] == 0).all()
    assert (of["resolvable"] == "").all()


def test_a_score_that_is_not_a_number_stops(scored, quick):
    change(
        scored, quick, "tall", "all", lambda table: table.assign(score=table["score"].mask(table["split"] == "test"))
    )
    with pytest.raises(DataError, match=r"line \d+, column score: .* is not a number"):
        evaluate.run(scored, quick)


# ── Score files are believed only as far as the split and their records go ───────────────────────


@pytest.mark.parametrize(
    ("edit", "words"),
    [
        (lambda t: t.assign(label=1 - t["label"]), r"clip '\S+' has label '0', but the split of fit 'all' says '1'"),
        (lambda t: t.assign(role=t["role"].mask(t["role"] == "real", "swap")), r"has role 'swap', but .* says 'real'"),
        (lambda t: t.iloc[:101], r"lacks clip '\S+' \(\d+ in all\), which the split of fit 'all' has"),
        (lambda t: t.iloc[:0], r"lacks clip '\S+'"),
        (lambda t: t.drop(index=3), r"lacks clip '\S+' \(1 in all\)"),
        (
            lambda t: pd.concat([t, t.tail(1).assign(clip="invented")]),
            r"has clip 'invented' \(1 in all\), which .* lacks",
        ),
        (lambda t: t.assign(use=t["use"].mask(t["use"] == "val", "test")), r"has use 'test', but .* says 'val'"),
        (lambda t: t.assign(source=t["source"].mask(t["source"] == "hallo", "hallo2")), r"has source 'hallo2'"),
        (lambda t: t.assign(portrait=t["portrait"].mask(t["portrait"] != "", "00001")), r"has portrait '00001'"),
        (lambda t: pd.concat([t, t.tail(1)]), r"column clip: '\S+' is not listed once"),
        (lambda t: t.assign(score=t["score"].where(t.index != 5, 7.5)), r"column score: '7.5' is not a probability"),
    ],
)
def test_a_score_file_that_is_not_what_the_split_says_is_refused(scored, quick, edit, words):
    """Though its record vouches for it: somebody else's detector may write both."""
    change(scored, quick, "tall", "all", edit)
    with pytest.raises(DataError, match=words):
        evaluate.run(scored, quick)
    assert not scored.cells.exists()


def test_a_score_file_that_was_changed_is_refused_by_its_hash(scored, quick):
    path = scored.scores("tall", "all")
    path.write_bytes(path.read_bytes() + b"\n")
    with pytest.raises(DataError, match=r"tall/all.csv is not the file that was written there .*thb score tall all"):
        evaluate.run(scored, quick)


@pytest.mark.parametrize("suffixes", [(".csv",), (".csv", ".json")])
def test_two_detectors_files_swapped_are_refused(scored, quick, suffixes):
    for suffix in suffixes:
        one, two = (scored.scores(name, "all").with_suffix(suffix) for name in ("tall", "caddm"))
        first = one.read_bytes()
        one.write_bytes(two.read_bytes())
        two.write_bytes(first)
    with pytest.raises(DataError, match=r"scores/caddm/all\.csv (is not the file|was made with other settings)"):
        evaluate.run(scored, quick)


def test_another_profiles_seeds_settings_or_codes_scores_are_refused(scored, quick, monkeypatch):
    paper = quick.model_copy(update={"profile": "paper"})
    with pytest.raises(
        DataError,
        match=r"is of corpus mini, profile mini, seed \d+, but params.yaml asks for "
        r"corpus hub, profile paper, seed \d+; run `.*`, or `thb profile mini`",
    ):
        evaluate.run(scored, paper)
    with pytest.raises(DataError, match=r"profile mini, seed 20250524, but .* seed 1; run"):
        evaluate.run(scored, with_seed(quick, 1))
    active = quick.active.model_copy(update={"detectors": {**quick.active.detectors, "tall": {"epochs": 9}}})
    other = quick.model_copy(update={"profiles": {**quick.profiles, "mini": active}})
    with pytest.raises(DataError, match=r"scores/tall/ffpp.csv was made with other settings of score"):
        evaluate.run(scored, other)
    monkeypatch.setattr(code, "digest", lambda *modules: "other" if "fits.train" in modules else "0")
    with pytest.raises(DataError, match=r"was made by other code of"):
        evaluate.run(scored, quick)
    assert not scored.cells.exists()


def test_scores_of_other_weights_than_are_here_are_refused(scored, quick):
    folder = scored.run("tall", "all")
    folder.mkdir(parents=True)
    (folder / "run.json").write_text('{"files": {"weights.safetensors": "abc"}}')
    with pytest.raises(DataError, match=r"scores/tall/all.csv is of other weights than runs/tall/all holds"):
        evaluate.run(scored, quick)


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("scores/tall/all.csv", b"", "is not CSV|not the file that was written"),
        ("scores/tall/all.csv", b"PK\x03\x04\x00", "not the file that was written"),
        ("scores/tall/all.csv", "clip,source\né,x\n".encode("latin-1"), "not the file that was written"),
        ("scores/tall/all.json", b"{", "all.json is not JSON"),
        ("scores/tall/all.json", b"[1]", "no record of what made a result"),
        ("scores/tall/all.json", b"{}", "does not say what made it"),
        ("clips.json", b"\xff", "clips.json is not JSON"),
        ("clips.csv", b"clip\n", "clips.csv is not the file that was written there"),
    ],
)
def test_a_broken_file_is_one_line_that_names_it(scored, quick, name, content, words):
    (scored.results / name).write_bytes(content)
    with pytest.raises(DataError, match=words) as fault:
        evaluate.run(scored, quick)
    assert "\n" not in str(fault.value)


# ── Scores that were computed elsewhere ──────────────────────────────────────────────────────────


def give(paths, edit=lambda table: table, **changed) -> None:
    """TALL's scores of fit `all`, with the small JSON that somebody else would write."""
    path = paths.scores("tall", "all")
    write_csv(edit(read_csv(path, SCORE_COLUMNS)), path, SCORE_COLUMNS)
    write_json(
        {
            "given_by": "somebody",
            "detector": "tall",
            "fit": "all",
            "corpus": "mini",
            "profile": "mini",
            "files": {"all.csv": origin.sha256(path)},
            **changed,
        },
        path.with_suffix(".json"),
    )


def test_given_scores_are_taken_and_held_against_the_clips(scored, quick):
    give(scored, lambda table: table.assign(score=0.5))
    evaluate.run(scored, quick)
    cells = read_csv(scored.cells, CELL_COLUMNS)
    of = cells[(cells["detector"] == "tall") & (cells["protocol"] == "P1") & (cells["metric"] == "AUC")]
    assert (of["value"] == 0.5).all()


@pytest.mark.parametrize(
    ("edit", "changed", "words"),
    [
        (lambda t: t, {"profile": "paper"}, "is given for corpus mini, profile paper, but params.yaml asks for"),
        (lambda t: t, {"detector": "caddm"}, "holds the scores of caddm/all"),
        (lambda t: t, {"files": {"all.csv": "0" * 64}}, "is not the file that was written there"),
        (lambda t: t.assign(label=1 - t["label"]), {}, "has label '0', but the split of fit 'all' says '1'"),
        (lambda t: t.iloc[:-1], {}, "lacks clip"),
    ],
)
def test_given_scores_of_something_else_are_refused(scored, quick, edit, changed, words):
    give(scored, edit, **changed)
    with pytest.raises(DataError, match=words):
        evaluate.run(scored, quick)


def test_a_clip_that_is_missing_here_may_have_been_scored_elsewhere(scored, quick):
    clips = read_csv(scored.tested, TESTED_COLUMNS)
    missing = clips["clip"] == "ffpp/test000"
    vouching.for_tables(scored, quick, clips.assign(status=clips["status"].mask(missing, "missing")))
    evaluate.run(scored, quick)
    for detector in quick.detectors:
        for fit in quick.fits:
            change(scored, quick, detector, fit, lambda table: table[table["clip"] != "ffpp/test000"])
    evaluate.run(scored, quick)
