"""AUC among files that are alike: against pairs counted one by one, and against what is computed of all pairs."""

from __future__ import annotations

import shutil

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import roc_auc_score

from notebooks import run
from thb.book import provenance
from thb.book.chain import CHANGED, SAME, Tracer
from thb.cells import containers
from thb.cells.questions import MEAN
from thb.cells.trials import Scored, measure
from thb.clips import clip_store
from thb.core.errors import DataError
from thb.core.params import load
from thb.core.tables import SCORE_COLUMNS, read_csv
from thb.splits import protocols

GENERATORS = ["hallo", "emoportraits"]


@pytest.fixture(scope="module")
def scores() -> pd.DataFrame:
    """Two generators' fakes and reals with ties, of few people, in some files that are alike."""
    rng = np.random.default_rng(3)
    of = [("ffpp", 0)] * 40 + [(name, 1) for name in GENERATORS for _ in range(12)]
    return pd.DataFrame(
        {
            "clip": [f"{source}/{i}" for i, (source, _) in enumerate(of)],
            "source": [source for source, _ in of],
            "role": ["generator" if label else "real" for _, label in of],
            "label": [label for _, label in of],
            "split": "test",
            "portrait": [f"p{i % 7}" if label else "" for i, (_, label) in enumerate(of)],
            "video": [f"v{i % 19}" for i in range(len(of))],
            "status": "ok",
            "score": [round(float(rng.normal(0.4 + 0.2 * label, 0.2)), 1) for _, label in of],
        }
    )


@pytest.fixture(scope="module")
def few(params):
    metrics = params.metrics.model_copy(update={"bootstrap": 30})
    detectors = {name: params.detectors[name] for name in ("tall", "container")}
    return params.model_copy(update={"metrics": metrics, "detectors": detectors})


def found(few, scores, kinds, protocol="P1"):
    rows = containers.matched(few, lambda *_: scores, kinds, [protocol])
    return rows[rows["detector"] == "tall"].set_index("generator")


def test_of_one_kind_of_file_it_is_the_ordinary_auc(few, scores):
    rows = found(few, scores, dict.fromkeys(scores["clip"], "25 fps"))
    for trial in protocols.trials(few, ["P1"]):
        if trial.generator in GENERATORS:
            usual, row = measure(few, trial, [Scored(few.metrics, scores)]), rows.loc[trial.generator]
            told = [usual["replicates"]["AUC"][0], *usual["ends"]["AUC"], usual["n_real"], usual["n_fake"]]
            assert [row[name] for name in ("value", "lo", "hi", "n_real", "n_fake")] == pytest.approx(told)


def test_only_pairs_in_the_same_kind_of_file_count(few, scores):
    rng = np.random.default_rng(1)
    kinds = {clip: str(rng.choice(["a", "b", "c"], p=[0.5, 0.3, 0.2])) for clip in scores["clip"]}
    kinds |= dict.fromkeys(scores["clip"][:5], "of reals alone")
    kinds |= dict.fromkeys(scores.loc[scores["source"] == "hallo", "clip"][:4], "of fakes alone")
    rows = found(few, scores, kinds)
    fakes, reals = (scores[scores["label"] == label] for label in (1, 0))
    for generator in GENERATORS:
        pairs = [
            (real.clip, fake.clip, float(fake.score > real.score) + (fake.score == real.score) / 2)
            for fake in fakes[fakes["source"] == generator].itertuples()
            for real in reals.itertuples()
            if kinds[fake.clip] == kinds[real.clip]
        ]
        row = rows.loc[generator]
        assert row["value"] == pytest.approx(np.mean([won for *_, won in pairs]))
        assert row["n_real"] == len({real for real, *_ in pairs})
        assert row["n_fake"] == len({fake for _, fake, _ in pairs})
        assert row["lo"] < row["value"] < row["hi"]
    assert rows.loc[MEAN, "value"] == pytest.approx(rows.loc[GENERATORS, "value"].mean())
    assert rows.loc[MEAN, "n_fake"] == rows.loc[GENERATORS, "n_fake"].sum()


def test_what_a_clip_adds_averages_to_the_auc_and_weighs_by_its_partners(few, scores):
    kinds = {clip: "ab"[i % 3 == 0] for i, clip in enumerate(scores["clip"])}
    reals, fakes = scores[scores["label"] == 0], scores[scores["source"] == "hallo"]
    one = containers._alike(few.metrics, reals, fakes, kinds)
    for clips, said, other in zip(one.clips, one.said, (fakes, reals), strict=True):
        assert said.mean() == pytest.approx(one.replicates[0])
        of = scores.set_index("clip")["score"]
        side = 1 if other is reals else -1
        partners = {clip: [p for p in other["clip"] if kinds[p] == kinds[clip]] for clip in clips.names}
        usual = np.mean([len(each) for each in partners.values()])
        for clip, value in zip(clips.names, said, strict=True):
            beyond = [np.sign(side * (of[clip] - of[p])) / 2 + 0.5 - one.replicates[0] for p in partners[clip]]
            assert value == pytest.approx(one.replicates[0] + sum(beyond) / usual)


def test_a_generator_without_a_partner_has_no_number_and_is_in_no_mean(few, scores):
    kinds = {clip: "30 fps" if clip.startswith("hallo") else "25 fps" for clip in scores["clip"]}
    rows = found(few, scores, kinds)
    assert np.isnan(rows.loc["hallo", "value"])
    assert rows.loc["hallo", ["n_real", "n_fake", "resolvable"]].tolist() == [0, 0, ""]
    assert rows.loc[MEAN, ["value", "n_fake"]].tolist() == rows.loc["emoportraits", ["value", "n_fake"]].tolist()
    assert np.isnan(found(few, scores, {}).loc[MEAN, "value"])


def test_several_fits_are_averaged_and_all_of_them_needed(few, scores):
    kinds = dict.fromkeys(scores["clip"], "25 fps")
    other = scores.assign(score=scores["score"] ** 2 - scores["label"] * 0.1)
    fits = {"no-hallo": other}
    rows = containers.matched(few, lambda _, fit: fits.get(fit, scores), kinds, ["P3"])
    row = rows[(rows["detector"] == "tall") & (rows["generator"] == "hallo")].iloc[0]
    (trial,) = (t for t in protocols.trials(few, ["P3"]) if t.generator == "hallo")
    usual = measure(few, trial, [Scored(few.metrics, fits.get(fit, scores)) for fit in trial.fits])
    assert [row["value"], row["lo"], row["hi"]] == pytest.approx([usual["replicates"]["AUC"][0], *usual["ends"]["AUC"]])
    fits = dict.fromkeys(trial.fits[:1], scores.iloc[:0])
    rows = containers.matched(few, lambda _, fit: fits.get(fit, scores), kinds, ["P3"])
    assert rows.loc[rows["generator"] == "hallo", "value"].isna().all()


def test_a_kind_of_file_is_rate_size_and_both_codecs():
    facts = {"fps": [30000 / 1001, 29.97, 25], "width": 128, "height": [96, 96, 128], "codec": "h264"}
    rows = pd.DataFrame(facts | {"audio_codec": ["aac", "aac", ""]})
    said = containers.kinds_of(rows)
    assert said == ["29.97 fps, 128x96, h264, aac"] * 2 + ["25 fps, 128x128, h264, no sound"]


def test_the_table_is_of_all_usable_clips_and_of_these_stores_alone(project, params, monkeypatch):
    rows = pd.DataFrame(
        {"clip": ["a", "b"], "fps": 25.0, "width": 8, "height": 8, "codec": "vp9", "audio_codec": ["", "aac"]}
    )
    asked = []

    def opened(paths, params, sources):
        asked.extend(sources)
        return type("Store", (), {"rows": rows})

    monkeypatch.setattr(clip_store, "open_clips", opened)
    project.results.mkdir()
    containers.run(project, params)
    assert asked == list(params.sources)
    assert containers.read(project, params) == {"a": "25 fps, 8x8, vp9, no sound", "b": "25 fps, 8x8, vp9, aac"}
    active = params.active.model_copy(update={"max_failed_share": 0.5, "finder": "haar"})
    others = params.model_copy(update={"profiles": {**params.profiles, params.profile: active}})
    with pytest.raises(DataError, match=r"containers\.csv was made with other settings .* run `thb containers`"):
        containers.read(project, others)
    file = project.results / containers.FILE
    file.write_text(file.read_text().replace("vp9", "h264"))
    with pytest.raises(DataError, match=r"containers\.csv is not the file .* run `thb containers`"):
        containers.read(project, params)


def test_the_page_shows_both_and_says_where_there_is_no_pair(made, params, monkeypatch):
    ran = run("container_table", protocols=["P1"])
    rows = ran["rows"].set_index(["detector", "generator", "pairs"]).sort_index()
    assert rows.loc[("TALL", "liveportrait", "alike"), "n_fake"] == 0
    both = rows.loc[("TALL", "hallo")]
    assert both.loc["alike", "n_real"] <= both.loc["all pairs", "n_real"]
    assert 0 < both.loc["alike", "n_fake"] <= both.loc["all pairs", "n_fake"]
    with_partner = sorted(ran["partnered"]["P1"])
    assert with_partner == sorted(set(params.generators) - {"liveportrait"})
    tested = read_csv(made.scores("tall", "all"), SCORE_COLUMNS).query(
        "split == 'test' and role in ('real', 'generator')"
    )
    of = [tested[tested["source"].isin([g]) | (tested["role"] == "real")] for g in with_partner]
    usual = np.mean([roc_auc_score(each["label"], each["score"]) for each in of])
    assert rows.loc[("TALL", "mean", "all pairs"), "value"] == pytest.approx(usual)
    monkeypatch.setattr(containers, "read", lambda *_: {})
    assert "Under P1 no fake has a partner." in run("container_table", protocols=["P1"]).html


def test_without_the_table_the_page_says_what_makes_it(made):
    shutil.move(made.results / containers.RECORD, made.root)
    with pytest.raises(DataError, match="missing containers.json .* run `dvc repro`"):
        run("container_table")


def test_an_exhibit_and_the_trace_of_a_table_know_it(made, params):
    """A book of exhibits that were made from another table is refused, and `thb where` holds it against its record."""
    where = f"results/{containers.FILE}"
    before = provenance.inputs(made)[where]
    link = Tracer(made, load(made.params)).behind(made.results / containers.FILE)[0]
    assert (link.name, link.state) == (where, SAME)
    file = made.results / containers.FILE
    file.write_text(file.read_text() + "\n")
    assert provenance.inputs(made)[where] != before
    assert Tracer(made, load(made.params)).behind(file)[0].state == CHANGED
