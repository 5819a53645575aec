"""Without reals the graph goes on where it honestly can: fits that cannot be made are said, not half-made."""

from __future__ import annotations

import shutil

import pandas as pd
import pytest
import typer
import vouching
from clips_made import with_profile
from test_evaluate import all_clips
from test_evaluate import score_rows as rows_of
from test_split import setting, write_corpus

from thb.cams import choice
from thb.cells import evaluate
from thb.cells.columns import CELL_COLUMNS
from thb.cli import context, main
from thb.clips import clip
from thb.core import origin
from thb.core.paths import Paths
from thb.core.tables import (
    CORPUS_COLUMNS,
    COVERAGE_COLUMNS,
    CURATION_COLUMNS,
    POOL_COLUMNS,
    SCORE_COLUMNS,
    TESTED_COLUMNS,
    read_csv,
    read_json,
    write_csv,
    write_json,
)
from thb.fits import score_files
from thb.fits.absent import NO_VARIANTS, Fit, absent_fits, skips_explaining, skips_variant
from thb.fits.score_files import ScoreFile
from thb.splits import split

WHY = "no usable real clip of use 'train'"


@pytest.fixture
def hub(params):
    quick = params.model_copy(update={"metrics": params.metrics.model_copy(update={"bootstrap": 20})})
    return with_profile(quick, corpus="hub", detectors={**params.active.detectors, "caddm": {"start_from": "ffpp"}})


def lose(*roles: str):
    def change(clips: pd.DataFrame) -> None:
        clips.loc[clips["role"].isin(roles), ["status", "row"]] = ["missing", -1]

    return change


def empty_store(paths, params, source: str) -> None:
    clip.table([]).to_parquet(paths.clips(source) / "clips.parquet", index=False)
    vouching.for_store(paths, params, source)


def given(paths, params, detector: str, fit: str, seed: int = 1, of=lambda rows: rows) -> None:
    """Scores of all clips that a fit is tested on, missing ones too, as somebody else would give them."""
    clips = read_csv(paths.tested, TESTED_COLUMNS)
    path = paths.scores(detector, fit)
    write_csv(of(rows_of(clips, fit, seed)), path, SCORE_COLUMNS)
    write_json(
        {
            "given_by": "a test",
            "detector": detector,
            "fit": fit,
            "corpus": params.active.corpus,
            "profile": params.profile,
            "files": {path.name: origin.sha256(path)},
        },
        path.with_suffix(".json"),
    )


def why_left_out(paths, params, detector: str, fit: str) -> str:
    return score_files.absent(ScoreFile(paths, params, detector, fit))


@pytest.fixture
def no_reals(project, hub):
    write_corpus(project, hub, lose("real", "swap"))
    split.run(project, hub)
    return project


# ---- split ------------------------------------------------------------------------------------------


def test_every_fit_is_absent_with_its_reason_and_the_rest_is_written(no_reals, hub, capsys):
    assert absent_fits(no_reals) == dict.fromkeys(hub.fits, WHY)
    assert len(read_csv(no_reals.split("all"), SCORE_COLUMNS[:6])) == 6 * 7 + 2 * 2
    corpus = read_csv(no_reals.corpus, CORPUS_COLUMNS)
    assert corpus.loc[corpus["role"] == "real", "missing"].sum() == 14
    assert no_reals.coverage.is_file()


def test_leakage_by_names_needs_no_file(project, hub):
    def also_drives(clips: pd.DataFrame) -> None:
        setting("driver", "real_00020_1", "hallo", "train")(clips)
        lose("real", "swap")(clips)

    write_corpus(project, hub, also_drives)
    split.run(project, hub)
    assert read_json(project.leakage)["whole"]["reals_that_drive"]["count"] == 1


def test_without_swaps_only_what_needs_them_is_absent(project, hub):
    write_corpus(project, hub, lose("swap"))
    split.run(project, hub)
    assert list(absent_fits(project)) == ["ffpp"]
    assert "starts from fit 'ffpp'" in Fit(project, hub, "caddm", "all").why
    assert Fit(project, hub, "tall", "all").why == ""  # from scratch in this profile
    weights = project.pretrained("caddm") / "weights.safetensors"
    weights.parent.mkdir(parents=True)
    weights.touch()
    assert Fit(project, hub, "caddm", "all").why == ""  # somebody gave the start


def test_with_reals_again_nothing_is_absent(no_reals, hub):
    for source in hub.sources:
        shutil.rmtree(no_reals.clips(source))
    write_corpus(no_reals, hub)
    split.run(no_reals, hub)
    assert absent_fits(no_reals) == {}
    assert not no_reals.absent_fits.exists()


def test_without_a_generator_what_needs_it_is_left_out_and_the_rest_goes_on(project, hub):
    """Its store is empty, as `prepare` leaves it; the fit without it still has unseen generators to be tested on."""
    write_corpus(project, hub)
    empty_store(project, hub, "hallo")
    split.run(project, hub)
    assert absent_fits(project) == {}
    corpus = read_csv(project.corpus, CORPUS_COLUMNS)
    assert corpus.loc[corpus["source"] == "hallo", "clips"].tolist() == [0]
    for detector in hub.detectors:
        for fit in hub.fits:
            given(project, hub, detector, fit)
    evaluate.run(project, hub)
    cells = read_csv(project.cells, CELL_COLUMNS)
    assert set(cells.loc[cells["n_fake"] == 0, "generator"]) == {"hallo"}
    assert cells.loc[cells["generator"] == "hallo", "value"].isna().all()
    assert cells.loc[(cells["generator"] != "hallo") & (cells["metric"] == "AUC"), "value"].notna().all()


def test_without_any_generator_to_be_tested_on_its_fit_is_absent(project, hub):
    write_corpus(project, hub)
    for source in ("hallo", *hub.of_role("unseen")):
        empty_store(project, hub, source)
    split.run(project, hub)
    assert absent_fits(project) == {"no-hallo": "no usable fake clip of use 'test'"}


# ---- control corpora --------------------------------------------------------------------------------


def test_a_control_corpus_of_published_clips_is_left_out_and_the_graph_goes_on(project, hub, monkeypatch, capsys):
    variant = Paths(project.root, "no_artefacts")
    monkeypatch.setattr(context, "of_clone", lambda *_: (variant, hub))
    for stage in (main.fetch, main.prepare, main.split):
        with pytest.raises(typer.Exit):
            stage()
    assert capsys.readouterr().out == f"no_artefacts is not made: {NO_VARIANTS}\n" * 3
    for table, columns in (
        (variant.corpus, CORPUS_COLUMNS),
        (variant.coverage, COVERAGE_COLUMNS),
        (variant.curation, CURATION_COLUMNS),
    ):
        assert read_csv(table, columns).empty
    for detector in hub.ablated:
        assert Fit(variant, hub, detector, "all").skips_training()
        assert Fit(variant, hub, detector, "all").skips_scoring()
    evaluate.run(variant, hub)
    assert read_csv(variant.cells, CELL_COLUMNS)["value"].isna().all()
    assert read_json(variant.metrics)["absent"] == {f"{detector}/all": NO_VARIANTS for detector in hub.ablated}


def test_a_control_corpus_of_rendered_clips_is_made(project, params):
    assert not skips_variant(Paths(project.root, "no_artefacts"), params)
    assert not skips_variant(project, params)


# ---- train and score --------------------------------------------------------------------------------


def test_training_says_one_line_and_leaves_nothing(no_reals, hub, capsys):
    assert Fit(no_reals, hub, "tall", "all").skips_training()
    assert capsys.readouterr().out == f"tall/all is not trained: {WHY}\n"
    assert list(no_reals.run("tall", "all").iterdir()) == []


def test_the_command_line_asks_before_it_trains(no_reals, hub, monkeypatch, capsys):
    monkeypatch.setattr(context, "of_clone", lambda *_: (no_reals, hub))
    main.train("container")
    main.score("container")
    assert capsys.readouterr().out.count(WHY) == 2 * len(hub.fits)
    assert why_left_out(no_reals, hub, "container", "no-hallo") == WHY


def test_old_scores_are_not_taken_for_new_ones(no_reals, hub):
    old = no_reals.scores("tall", "all")
    given(no_reals, hub, "tall", "all")
    assert Fit(no_reals, hub, "tall", "all").skips_scoring()
    assert read_csv(old, SCORE_COLUMNS).empty
    assert why_left_out(no_reals, hub, "tall", "all") == WHY


def test_scores_given_in_the_place_of_none_are_taken(no_reals, hub):
    assert Fit(no_reals, hub, "tall", "all").skips_scoring()
    given(no_reals, hub, "tall", "all")
    assert why_left_out(no_reals, hub, "tall", "all") == ""


def test_weights_that_are_there_still_score(no_reals, hub, capsys):
    folder = no_reals.run("tall", "all")
    folder.mkdir(parents=True)
    (folder / "weights.safetensors").touch()
    assert Fit(no_reals, hub, "tall", "all").skips_training()
    assert not Fit(no_reals, hub, "tall", "all").skips_scoring()
    assert "by the weights that are there" in capsys.readouterr().out


def test_checks_leave_an_empty_table(no_reals, hub):
    assert Fit(no_reals, hub, "lipfd", "all").skips_scoring(score_files.SHUFFLED_SOUND)
    assert Fit(no_reals, hub, "container", "all", shuffled=True).skips_scoring(score_files.SHUFFLED_LABELS)
    assert read_csv(no_reals.shuffled_sound("lipfd", "all"), SCORE_COLUMNS).empty
    assert "score_10" in pd.read_csv(no_reals.shuffled_labels("container", "all"))


def test_what_has_no_scores_is_not_explained(no_reals, hub, capsys):
    for fit in hub.fits:
        Fit(no_reals, hub, "tall", fit).skips_scoring()
    (no_reals.cams("tall") / "old").mkdir(parents=True)
    assert skips_explaining(no_reals, hub, "tall")
    assert f"tall is not explained, as all has no scores: {WHY}\n" in capsys.readouterr().out
    assert [file.name for file in no_reals.cams("tall").iterdir()] == ["made_by.json"]
    assert read_csv(no_reals.pools("tall"), POOL_COLUMNS).empty
    for fit in hub.fits:
        given(no_reals, hub, "tall", fit)
    assert not skips_explaining(no_reals, hub, "tall")


def test_a_reference_without_scores_leaves_a_network_its_own_clips(hub):
    own = {fit: rows_of(all_clips(hub), fit, 1) for fit in hub.fits if fit != "ffpp"}
    none = {fit: table[:0] for fit, table in own.items()}
    assert set(choice.choose(hub, "lipfd", own, none)["chosen_by"]) == {"lipfd"}


# ---- evaluate ---------------------------------------------------------------------------------------


def test_cells_of_absent_fits_are_empty_and_say_why(no_reals, hub):
    for detector in hub.detectors:
        for fit in hub.fits:
            Fit(no_reals, hub, detector, fit).skips_scoring()
    evaluate.run(no_reals, hub)
    cells = read_csv(no_reals.cells, CELL_COLUMNS)
    assert cells["value"].isna().all()
    assert (cells["n_fake"] == 0).all()
    assert set(cells["resolvable"]) == {""}
    assert cells["printed"].notna().any()
    assert read_json(no_reals.metrics)["absent"]["tall/all"] == WHY


def test_given_scores_make_numbers_beside_absent_fits(no_reals, hub):
    for detector in hub.detectors:
        for fit in hub.fits:
            Fit(no_reals, hub, detector, fit).skips_scoring()
    given(no_reals, hub, "tall", "all")
    given(no_reals, hub, "lipfd", "all", 2, lambda rows: rows[rows["role"] != "real"])
    evaluate.run(no_reals, hub)
    cells = read_csv(no_reals.cells, CELL_COLUMNS)
    assert set(cells.loc[cells["value"].notna(), "detector"]) == {"tall"}
    assert set(cells.loc[cells["value"].notna(), "protocol"]) == {"P1", "unseen_P1"}
    assert "tall/all" not in read_json(no_reals.metrics)["absent"]
    assert read_json(no_reals.metrics)["absent"]["lipfd/all"] == "no real clip is among its scores"
