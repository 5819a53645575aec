"""Single functions of the core, each held against a case that is small enough to do by hand."""

from __future__ import annotations

import json
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import torch
import vouching

from thb.cells import comparisons, evaluate, questions, trials
from thb.clips import clip_store
from thb.clips.clip_store import ClipStore
from thb.core import metrics, origin
from thb.core.errors import DataError
from thb.core.paths import Paths
from thb.core.tables import BOX_COLUMNS, ERROR, MANIFEST_COLUMNS, OK, TESTED_COLUMNS, write_csv
from thb.fits import loop, weights
from thb.fits.score_files import COMPARED, ScoreFile, about, read_tested
from thb.splits import assignment, clips_of_fit, leakage, protocols
from thb.splits.protocols import Trial


def with_bootstrap(params, n: int):
    return params.model_copy(update={"metrics": params.metrics.model_copy(update={"bootstrap": n})})


# ---- metrics ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("score", [np.inf, -np.inf, np.nan])
def test_a_score_that_is_not_finite_is_refused(score):
    with pytest.raises(DataError, match="is not a finite number"):
        metrics.auc(np.array([0, 1]), np.array([0.1, score]))


def test_labels_and_scores_are_lists_and_no_tables():
    with pytest.raises(DataError, match="two lists of one length"):
        metrics.auc(np.array([[0, 1]]), np.array([[0.1, 0.2]]))


def test_the_first_draw_is_every_clip_once():
    assert [clip[0] for clip in metrics.resamples(np.array(["a", "b", "b"]), 5, seed=1)] == [1, 1, 1]


def test_where_one_real_is_above_all_no_threshold_is_low_enough():
    found = metrics.tpr_at_fpr(np.array([0, 0, 1]), np.array([0.1, 0.9, 0.8]), 0.01)
    assert (found.threshold, found.value, found.allowed) == (np.inf, 0.0, 0)


# ---- protocols ----------------------------------------------------------------------------------------


def test_the_identity_of_a_clip_is_its_portrait_or_its_video_or_itself():
    rows = pd.DataFrame({"portrait": ["p", "", ""], "video": ["v", "v", ""], "clip": ["a", "b", "c"]})
    assert protocols.identity(rows).tolist() == ["p", "v", "c"]


def test_which_fits_and_clips_a_protocol_tests(params):
    generators = list(params.generators)
    fits = {name: protocols.fits_of(params.protocols[name], "hallo", generators) for name in params.protocols}
    assert fits == {
        "P1": ("all",),
        "P2": ("no-hallo",),
        "P3": ("no-hallo",),
        "unseen_P1": ("all",),
        "unseen_P3": tuple(f"no-{g}" for g in generators),
        "ffpp": ("ffpp",),
    }
    rows = pd.DataFrame(
        [
            (s, r, t)
            for s, r in (("hallo", "generator"), ("hallo2", "generator"), ("ffpp", "real"))
            for t in ("train", "val", "test")
        ],
        columns=["source", "role", "split"],
    )
    p2 = params.protocols["P2"]
    assert rows.index[protocols.fakes(rows, p2, "hallo")].tolist() == [0]
    assert rows.index[protocols.reals(rows, p2)].tolist() == [8]
    assert {trial.protocol for trial in protocols.trials(params, ["P2"])} == {"P2"}


# ---- splits and leakage -------------------------------------------------------------------------------


def corpus() -> pd.DataFrame:
    rows = [
        ("hallo", "generator"),
        ("hallo2", "generator"),
        ("magi1", "unseen"),
        ("ffpp", "real"),
        ("faceswap", "swap"),
    ]
    return pd.DataFrame(
        [(f"{s}/{t}", s, r, t) for s, r in rows for t in ("train", "val", "test")],
        columns=["clip", "source", "role", "split"],
    )


@pytest.mark.parametrize(
    ("fit", "expected"),
    [
        (
            "all",
            {
                "hallo": "train val test",
                "hallo2": "train val test",
                "magi1": "unused unused test",
                "ffpp": "train val test",
                "faceswap": "unused unused unused",
            },
        ),
        (
            "no-hallo",
            {
                "hallo": "test test test",
                "hallo2": "train val unused",
                "magi1": "unused unused test",
                "ffpp": "train val test",
                "faceswap": "unused unused unused",
            },
        ),
        (
            "ffpp",
            {
                "hallo": "unused unused test",
                "hallo2": "unused unused test",
                "magi1": "unused unused unused",
                "ffpp": "train val test",
                "faceswap": "train val test",
            },
        ),
    ],
)
def test_each_clip_has_the_use_that_the_fit_has_for_it(fit, expected):
    clips = corpus()
    found = assignment.uses(clips, fit).groupby(clips["source"]).agg(" ".join)
    assert found.to_dict() == expected


def test_to_choose_a_checkpoint_is_to_see():
    assert set(assignment.SEEN) == {"train", "val"}


@pytest.mark.parametrize("use", ["train", "val", "test"])
@pytest.mark.parametrize(("label", "kind"), [(0, "real"), (1, "fake")])
def test_no_part_of_a_fit_may_lack_a_class(use, label, kind):
    whole = pd.DataFrame([(u, i) for u in ("train", "val", "test") for i in (0, 1)], columns=["use", "label"])
    assert assignment.lacking(whole) == ""
    poorer = whole[(whole["use"] != use) | (whole["label"] != label)]
    assert assignment.lacking(poorer) == f"no usable {kind} clip of use {use!r}"


def test_overlaps_are_told_for_what_they_are():
    clips = pd.DataFrame(
        [
            ("a/1", "a", "generator", "train", "p", "d_1", "d"),
            ("b/1", "b", "generator", "test", "p", "d_1", "d"),
            ("s/1", "s", "swap", "train", "009", "001", "001"),
            ("r/001", "r", "real", "train", "", "", "001"),
        ],
        columns=["clip", "source", "role", "split", "portrait", "driver", "video"],
    )
    assert leakage.repeated(clips) == []  # one portrait and driver, but of two sources
    assert leakage.swaps_across_splits(clips) == []  # the donor of the swap is no real of the corpus
    assert leakage.overlap("identity", clips, clips) == ["001", "009", "d", "p"]
    assert leakage.trained_officially(clips, {"001": "train"}) == []  # it does not test


# ---- what is measured ---------------------------------------------------------------------------------


def scores(n: int = 12) -> pd.DataFrame:
    """Test clips of hallo and of reals, who bear the same names, and one that could not be scored."""
    rng = np.random.default_rng(4)
    rows = [
        (f"{s}{i}", s, role, label, "test", *((f"{i:03d}", "") if label else ("", f"{i:03d}")), OK, rng.random())
        for s, role, label in (("hallo", "generator", 1), ("ffpp", "real", 0))
        for i in range(n)
    ]
    rows.append(("hallo99", "hallo", "generator", 1, "test", "099", "", ERROR, np.nan))
    return pd.DataFrame(
        rows, columns=["clip", "source", "role", "label", "split", "portrait", "video", "status", "score"]
    )


def test_reals_and_fakes_are_drawn_apart(params):
    own, table = with_bootstrap(params, 30), scores()
    reals, fakes = trials.tested(table, params.protocols["P1"], "hallo")
    real, fake = trials.Scored(own.metrics, table).sides(params.protocols["P1"], "hallo")
    drawn = [np.diff(one.side.above, axis=0)[np.argsort(one.side.order)] for one in (real, fake)]
    assert [one.shape for one in drawn] == [(12, 31), (12, 31)]
    assert [len(reals), len(fakes)] == [12, 12]
    assert not np.isclose(drawn[0][:, 1:], drawn[1][:, 1:]).any()  # though they bear the same names


def test_several_fits_are_averaged_and_each_is_kept(params):
    own, one = with_bootstrap(params, 10), scores()
    two = one.assign(score=1 - one["score"])
    found = trials.measure(own, Trial("P1", "hallo", ("x", "y")), [trials.Scored(own.metrics, t) for t in (one, two)])
    assert (found["n_real"], found["n_fake"]) == (12, 12)
    assert found["replicates"]["AUC"] == pytest.approx(np.full(11, 0.5))
    assert sum(found["per_fit"]["AUC"]) == pytest.approx(1)


def test_without_fakes_or_reals_there_is_no_number_and_none_to_tell(params):
    own, table = with_bootstrap(params, 5), scores()
    found = trials.measure(own, Trial("P1", "hallo", ("x",)), [trials.Scored(own.metrics, table[table["label"] == 0])])
    assert (found["n_real"], found["n_fake"]) == (12, 0)
    assert all(np.isnan(values).all() for values in found["replicates"].values())
    assert np.isnan(list(found["ends"].values())).all()
    assert [trials.resolvable(params, m, 210, n) for m, n in (("AUC", 1), ("AUC", 0), ("T1", 1), ("T0.1", 1))] == [
        metrics.FIRM,
        metrics.UNTOLD,
        metrics.COARSE,
        metrics.UNTOLD,
    ]


def test_a_mean_over_fits_says_of_each_clip_what_its_fits_say_of_it(params):
    """Two fits of opposite luck: each has an interval, their mean hardly any."""
    own, one = with_bootstrap(params, 20), scores()
    two = one.assign(score=1 - one["score"]).iloc[::-1]  # in another order
    alone, both = (
        trials.measure(own, Trial("P1", "hallo", ("x", "y")), [trials.Scored(own.metrics, t) for t in tables])["ends"]
        for tables in ([one], [one, two])
    )
    assert np.ptp(both["AUC"]) < np.ptp(alone["AUC"])
    fakes = [t[(t["label"] == 1) & (t["status"] == OK)] for t in (one, two)]
    of = [trials.Clips(t["clip"].to_numpy(object), t["portrait"].to_numpy(str), None) for t in fakes]
    sample = trials.sample(of, [t["score"].to_numpy() for t in fakes])
    assert sample.values == pytest.approx(np.full(12, 0.5))
    assert sorted(sample.people) == [f"{i:03d}" for i in range(12)]


def evaluated(params, n_fake: int = 3) -> list:
    """Two of P1's trials of one detector, of which the second has this many clips; draws far from the value."""
    names = [metrics.AUC, *params.metrics.fpr, metrics.BRIER, metrics.EER]
    one = {
        "n_real": 9,
        "n_fake": 3,
        "replicates": dict.fromkeys(names, np.r_[0.123456789, 0.9, 0.9, 0.9]),
        "ends": dict.fromkeys(names, (0.1, 0.9)),
        "trained": {m: np.array([0.123456789]) for m in names},
        "per_fit": {m: [0.1] for m in names},
    }
    two = {**one, "n_fake": n_fake}
    if not n_fake:
        two["replicates"] = dict.fromkeys(names, np.full(4, np.nan))
        two["ends"] = dict.fromkeys(names, (np.nan, np.nan))
        two["trained"] = dict.fromkeys(names, np.array([np.nan]))
    return [(Trial("P1", "hallo", ("all",)), "tall", one), (Trial("P1", "hallo2", ("all",)), "tall", two)]


def test_a_cells_interval_is_the_one_that_was_measured(params, repo):
    cells = list(evaluate._cells(Paths(repo), params, evaluated(params)))
    assert {(cell["lo"], cell["hi"]) for cell in cells} == {(0.1, 0.9)}


def test_a_mean_is_of_what_was_scored_and_a_range_of_several_fits(params):
    found = evaluate.summary(params, evaluated(params, n_fake=0))
    assert found["range_over_fits"] == {}
    assert found["means"]["P1"]["tall"]["AUC"] == {"value": 0.123456789, "lo": 0.1, "hi": 0.9, "generators": 1}


def test_a_fit_without_numbers_empties_every_trial_that_reads_it(params):
    own = params.model_copy(
        update={
            "detectors": {"tall": params.detectors["tall"]},
            "protocols": {"unseen_P3": params.protocols["unseen_P3"]},
        }
    )
    found = list(evaluate.of_scores(own, {}, {("tall", "no-hallo"): "why"}))
    assert [(trial.generator, m["n_fake"]) for trial, _, m in found] == [("magi1", 0), ("hallo3", 0)]


def test_only_published_clips_may_lack_their_reals(params):
    fakes = {("tall", "all"): scores().query("role != 'real'")}
    assert evaluate._without_reals(params, fakes) == {}
    with pytest.raises(DataError, match="no scored real clip in splits test"):
        trials.tested(fakes["tall", "all"], params.protocols["P1"], "hallo")


def test_until_all_is_written_nothing_vouches_for_the_cells(project, params, monkeypatch):
    def stopped(*_):
        raise DataError("stopped")

    project.metrics.parent.mkdir(parents=True, exist_ok=True)
    project.metrics.write_text("{}")
    monkeypatch.setattr(evaluate.score_files, "absent", lambda file: "left out")
    monkeypatch.setattr(evaluate.comparisons, "table", stopped)
    with pytest.raises(DataError, match="stopped"):
        evaluate.run(project, with_bootstrap(params, 2))
    assert project.cells.is_file()
    assert not project.metrics.exists()


# ---- comparisons --------------------------------------------------------------------------------------


def test_both_sides_of_a_question_differ_in_what_it_asks_alone(params):
    shared = questions._shared(params, "P1", "ffpp")
    assert set(shared) == set(params.generators)
    assert questions._shared(params, "ffpp", "P1") == shared  # whichever tests more
    for asked in questions._between_cells(params, "AUC"):
        (one, of), (other, than) = asked.first.split(), asked.second.split()
        assert one != other
        assert of != than


def test_what_one_side_lacks_is_left_out_of_both(params):
    asked = questions.Question(questions.PROTOCOL, "AUC", "P1", "P3", detector="tall", generator="mean")
    cells = {("P1", "tall", "hallo"): {0: 1.0}, ("P3", "tall", "hallo"): {1: 1.0}, ("P1", "tall", "hallo2"): {2: 1.0}}
    sides, left_out = comparisons._sides(params, asked, cells, cells)
    assert sides == ({0: 1.0}, {1: 1.0})
    assert left_out == "; ".join(g for g in params.generators if g != "hallo")


def test_what_some_detectors_of_a_mean_lack_is_named_with_them(params):
    asked = questions.Question(questions.PROTOCOL, "AUC", "P1", "P3", detector="mean", generator="mean")
    cells = {
        (p, d, g): {hash((p, d, g)): 1.0}
        for p in ("P1", "P3")
        for d, g in (("tall", "hallo"), ("tall", "hallo2"), ("caddm", "hallo"))
    }
    _, left_out = comparisons._sides(params, asked, cells, cells)
    assert left_out == "; ".join(["lipfd", "df_adapter", "caddm hallo2", *list(params.generators)[2:]])


def test_the_sides_exchanged_give_the_negative(params):
    found = comparisons.opposite(comparisons.Compared(3, 1, 2, 0.5, 4, 0.01, 0.02, comparisons.ABOVE))
    assert found == comparisons.Compared(1, 3, -2, -4, -0.5, 0.01, 0.02, comparisons.BELOW)


# ---- score files and origins --------------------------------------------------------------------------


def test_a_row_must_say_all_that_the_clip_says():
    assert COMPARED == ["source", "role", "label", "split", "portrait", "video", "use"]


def test_another_fits_scores_in_a_fits_place_are_named(project, params):
    one, other = (ScoreFile(project, params, "tall", fit) for fit in ("all", "ffpp"))
    for file in (one, other):
        file.path.parent.mkdir(parents=True, exist_ok=True)
        file.path.write_text("clip\n")
        vouching.for_score_file(file)
    about(one)
    record = json.loads(other.beside.read_text())
    one.beside.write_text(json.dumps({**record, "files": {one.path.name: origin.sha256(one.path)}}))
    with pytest.raises(DataError, match=r"scores/tall/all.csv holds the scores of tall/ffpp; run `thb score tall all`"):
        about(one)


def test_a_score_file_says_which_clips_and_which_fit_it_is_of(project, params):
    file = ScoreFile(project, params, "tall", "all")
    assert file.uses == ("val", "test")
    file.path.parent.mkdir(parents=True)
    file.path.write_text("clip\n")
    vouching.for_score_file(file, fit_made_by=None)
    with pytest.raises(DataError, match="the fit behind results/scores/tall/all.csv does not say what made it"):
        about(file)
    vouching.for_score_file(file, fit_made_by=None, absent="why")
    assert about(file)["absent"] == "why"


def test_a_control_corpus_shares_the_stores_of_the_main_ones_reals(project, params):
    variant = Paths(project.root, "no_artefacts", frozenset({"ffpp"}))
    assert [origin.of_store(variant, params, s).corpus for s in ("ffpp", "hallo")] == ["mini", "mini/no_artefacts"]


def test_a_record_that_lists_no_hash_vouches_for_nothing(project):
    (project.root / "a.csv").write_text("x")
    for record in ({}, {"files": {}}, {"files": {"a.csv": None}}, {"files": 3}):
        with pytest.raises(DataError, match=r"a.csv is not the file that was written there"):
            origin.check_files(project, project.root, record, ["a.csv"], "mend")


@pytest.mark.parametrize(
    ("stage", "words"),
    [("fetch", "the corpus behind results/clips.csv"), ("prepare", "the store of 'hallo' behind results/clips.csv")],
)
def test_the_list_of_clips_is_believed_only_if_what_made_the_clips_still_holds(project, params, stage, words):
    write_csv(pd.DataFrame(columns=TESTED_COLUMNS), project.tested, TESTED_COLUMNS)
    vouching.for_tables(project, params)
    made = {
        "fetch": vars(origin.of_raw(project, params)),
        "prepare": {"hallo": vars(origin.of_store(project, params, "hallo"))},
    }
    record = json.loads(project.tested_record.read_text())
    project.tested_record.write_text(json.dumps({**record, "clips_made_by": made}))
    read_tested(project, params)
    at = made if stage == "fetch" else made["prepare"]
    name = stage if stage == "fetch" else "hallo"
    at[name] = {**at[name], "settings": "other"}
    project.tested_record.write_text(json.dumps({**record, "clips_made_by": made}))
    with pytest.raises(DataError, match=words):
        read_tested(project, params)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"stage": "prepare"}, "does not say what made it"),
        ({"corpus": "hub"}, "is of corpus hub"),
        ({"profile": "x"}, "profile x, .*or `thb profile x`"),
        ({"seed": 7}, "seed 7"),
        ({"settings": "x"}, "other settings of evaluate"),
        ({"code": "x"}, "other code of evaluate"),
    ],
)
def test_a_result_of_another_stage_or_of_other_anything_is_refused(project, params, change, words):
    wanted = origin.of_cells(project, params)
    origin.check(vars(wanted), wanted, "it", "mend")
    with pytest.raises(DataError, match=words):
        origin.check({**vars(wanted), **change}, wanted, "it", "mend")


def test_cells_rest_on_every_setting_that_they_are_computed_with(project, params):
    changed = {
        "metrics": params.metrics.model_copy(update={"bootstrap": 7}),
        "ablated": ["tall"],
        "protocols": {"P1": params.protocols["P1"]},
    }
    now = origin.of_cells(project, params).settings
    for key, value in changed.items():
        if getattr(params, key) != value:
            assert origin.of_cells(project, params.model_copy(update={key: value})).settings != now, key


# ---- clips --------------------------------------------------------------------------------------------


def test_a_clip_comes_as_its_windows_of_consecutive_frames():
    frames = np.arange(6)[None, :, None, None, None] * np.ones((1, 1, 2, 2, 3))
    rows = pd.DataFrame({"source": ["hallo"], "row": [0]})
    store = ClipStore(rows, {"hallo": frames}, {}, {}, {}, {}, mel_hop=0.01, windows=2, run=3, test_windows=2)
    assert store.clip(0).shape == (2, 3, 2, 2, 3)
    assert store.clip(0)[:, :, 0, 0, 0].tolist() == [[0, 1, 2], [3, 4, 5]]


def test_a_clip_whose_box_has_a_side_that_is_no_number_has_no_face_box(params):
    table = pd.DataFrame(
        {
            "source": "hallo",
            "role": "generator",
            "label": 1,
            "status": OK,
            "clip": ["a", "b"],
            "row": [0, 1],
            "split": "test",
            "mel_frames": 0,
            **dict.fromkeys(BOX_COLUMNS, 0.5),
        }
    )
    assert clip_store._fault(table, params, "hallo") == ""
    table.loc[1, BOX_COLUMNS[0]] = np.nan
    assert clip_store._fault(table, params, "hallo") == "clip 'b' has no face box"


def test_a_store_hangs_on_its_own_part_of_the_manifest_alone(project, params):
    def digests(*rows) -> list[str]:
        write_csv(
            pd.DataFrame([(path, 1, sha, "r") for path, sha in rows], columns=MANIFEST_COLUMNS),
            project.manifest,
            MANIFEST_COLUMNS,
        )
        return [clip_store.raw_digest(project, params, source) for source in ("hallo", "hallo2")]

    one, two = digests(("fake/Hallo/test/x.mp4", "a" * 64), ("fake/Hallo2/test/x.mp4", "b" * 64))
    assert digests(("fake/Hallo/test/x.mp4", "a" * 64), ("fake/Hallo2/test/x.mp4", "c" * 64))[0] == one
    assert digests(("fake/Hallo/test/x.mp4", "c" * 64), ("fake/Hallo2/test/x.mp4", "b" * 64))[1] == two
    assert digests(("fake/Hallo/test/x.mp4", "c" * 64))[0] != one


def test_only_who_hears_misses_a_sound():
    rows = pd.DataFrame({"status": [OK, OK, ERROR], "mel_frames": [5, 0, 0], "reason": ["", "", "cut"]})
    deaf, hearing = (clips_of_fit.soundless_marked(rows, hears) for hears in (False, True))
    assert deaf["status"].tolist() == [OK, OK, ERROR]
    assert deaf["reason"].tolist() == ["", "", "cut"]
    assert hearing["status"].tolist() == [OK, "no_audio", ERROR]
    assert hearing["reason"].tolist() == ["", "it has no sound", "cut"]


def test_what_is_usable_can_be_read_and_has_that_use():
    rows = pd.DataFrame(
        {"use": ["train", "train", "train", "val"], "status": [OK, OK, ERROR, OK], "label": [0, 1, 1, 1]}
    )
    assert len(clips_of_fit.usable(rows, "train")) == 2
    with pytest.raises(DataError, match="no usable fake clip with use 'train'"):
        clips_of_fit.usable(rows.drop(index=1), "train")


# ---- weights ------------------------------------------------------------------------------------------


def test_validation_scores_travel_under_the_name_of_their_class():
    found = weights.validation("mini", np.array([0, 1, 0, 0]), np.array([0.2, 0.9, 0.1, 0.3]))
    assert found == {"corpus": "mini", "real": [0.1, 0.2, 0.3], "fake": [0.9]}
    point = weights.operating_point({"validation": found}, 0.34)
    assert (point.n_real, point.allowed, point.threshold, point.value) == (3, 1, 0.3, 1.0)


# ---- the loop -----------------------------------------------------------------------------------------


class Small(torch.nn.Module):
    """A network of one number, that notes at which rates and on which clips it was trained."""

    length, momentum, convolves = 1, 0.0, False

    def __init__(self, repeats: int = 1, batch: int = 4, clip_grad: float = 0.0, precision: str = "float32"):
        super().__init__()
        self.weight, self.rates, self.seen, self.modes = torch.nn.Parameter(torch.zeros(1)), [], [], []
        self.config = SimpleNamespace(
            epochs=2,
            patience=0,
            max_hours=0,
            repeats=repeats,
            batch=batch,
            last_batch="keep",
            record="auto",
            clip_grad=clip_grad,
            precision=precision,
            train_units=1,
            test_units=1,
            score_batch=4,
            lr=1.0,
        )

    def optimiser(self) -> torch.optim.Optimizer:
        return torch.optim.SGD(self.parameters(), lr=1.0, momentum=self.momentum)

    def rate(self, epoch: float) -> float:
        self.rates.append(epoch)
        return 1.0

    def training_batch(self, index: torch.Tensor, rng: torch.Generator) -> tuple[torch.Tensor, ...]:
        self.seen += index.tolist()
        self.modes.append(self.training)
        return (index,)

    def loss_of(self, batch: tuple[torch.Tensor, ...]) -> torch.Tensor:
        return 10 * self.weight.sum() - 100

    def score(self, index: torch.Tensor) -> torch.Tensor:
        self.modes.append(self.training)
        return torch.full((len(index),), 0.5, dtype=torch.float64)


class Ten:
    """Ten clips, of which a network is given the numbers."""

    device, windows, run, tested = torch.device("cpu"), 1, 1, 1
    labels = torch.tensor([0, 1] * 5)

    def __len__(self) -> int:
        return 10

    def take(self, index: torch.Tensor, starts: torch.Tensor, length: int) -> torch.Tensor:
        return index


def trained(tmp_path, network: Small, seed: int = 1) -> Small:
    loop.train(network, (Ten(), Ten()), seed, tmp_path / f"{seed}.pt", "small")
    return network


def test_the_loop_takes_every_clip_as_often_as_asked_in_another_order_each_epoch(tmp_path):
    seen = trained(tmp_path, Small(repeats=3)).seen
    first, second = seen[:30], seen[30:]
    assert sorted(first) == sorted(second) == sorted([*range(10)] * 3)
    assert first[:10] != [*range(10)]
    assert first != second
    assert trained(tmp_path, Small(repeats=3), seed=2).seen != seen


def test_the_loop_sets_its_rate_anew_at_each_step_of_an_epoch(tmp_path):
    assert trained(tmp_path, Small()).rates == pytest.approx([0, 1 / 3, 2 / 3, 1, 4 / 3, 5 / 3])  # 4 + 4 + 2 clips


@pytest.mark.parametrize("precision", ["float32", "bfloat16", "float16"])
@pytest.mark.parametrize(("limit", "weight"), [(0.0, -60.0), (0.5, -3.0)])
def test_the_loop_limits_a_gradient_where_it_is_told_to(tmp_path, limit, weight, precision):
    assert float(trained(tmp_path, Small(clip_grad=limit, precision=precision)).weight.detach()) == weight


class Faint(Small):
    """Its gradient, 2 to the power of -26, is none in float16 unless the loss is scaled."""

    def training_batch(self, index: torch.Tensor, rng: torch.Generator) -> tuple[torch.Tensor, ...]:
        return (index,)

    def loss_of(self, batch: tuple[torch.Tensor, ...]) -> torch.Tensor:
        product = torch.full((1, 1), 2.0**-12) @ self.weight[None]
        self.seen.append(product.dtype)
        return (product.float() * 2.0**-14).sum()

    def score(self, index: torch.Tensor) -> torch.Tensor:
        self.modes.append((torch.ones(1, 1) @ self.weight[None]).dtype)
        return super().score(index)


@pytest.mark.parametrize("precision", ["float32", "bfloat16", "float16"])
def test_the_loop_multiplies_in_the_precision_asked_for_and_loses_no_small_gradient(tmp_path, precision):
    network = trained(tmp_path, Faint(precision=precision))
    assert set(network.seen) == {getattr(torch, precision)}
    assert network.modes[0] == torch.float32  # scoring
    assert (network.weight.dtype, float(network.weight.detach())) == (torch.float32, -6 * 2.0**-26)


def test_a_float16_fit_goes_on_with_its_scale(tmp_path):
    network = Faint(precision="float16")
    trained(tmp_path, network)
    network.config.epochs = 3
    trained(tmp_path, network)
    assert torch.load(tmp_path / "1.pt")["scaler"]["_growth_tracker"] == 9  # steps since the scale last changed


def test_the_loop_trains_in_training_mode_and_scores_in_the_other(tmp_path):
    assert trained(tmp_path, Small()).modes == ([True] * 3 + [False] * 3) * 2


def test_the_loop_keeps_the_first_of_equal_epochs(tmp_path):
    fit = loop.train(Small(), (Ten(), Ten()), 1, tmp_path / "x.pt", "small")
    assert fit.chosen["epoch"] == 1
    assert float(fit.best["weight"]) == -30
    assert float(fit.network.weight) == -60


@pytest.mark.parametrize(
    ("aucs", "rules", "why"),
    [
        ([0.6, 0.7], {}, ""),
        ([0.6, 0.7, 0.7, 0.5], {}, "epochs"),
        ([0.6, 0.7, 0.7], {"patience": 2}, ""),  # one check since the best; an equal one is no better
        ([0.7, 0.7, 0.6], {"patience": 2}, "patience"),
        ([0.5], {"patience": 1}, ""),
        ([0.5, 0.6], {"max_hours": 1.0}, ""),
        ([0.5, 0.6, 0.7], {"max_hours": 1.0}, "max_hours"),
        ([], {"patience": 1, "max_hours": 1.0}, ""),
    ],
)
def test_a_fit_stops_by_a_rule_and_says_which(aucs, rules, why):
    config = SimpleNamespace(**{"epochs": 4, "patience": 0, "max_hours": 0.0, **rules})
    log = [{"epoch": i + 1, "val_auc": auc, "val_loss": 1.0, "seconds": 1200.0} for i, auc in enumerate(aucs)]
    assert loop.Fit(SimpleNamespace(config=config), None, None, None, log, {}, None).stopped_by == why


def test_a_fit_without_patience_runs_on_and_one_with_it_does_not(tmp_path):
    """Every epoch of this one scores alike, so that none is better than the first."""
    network = Small()
    network.config.epochs, network.config.patience = 9, 3
    fit = loop.train(network, (Ten(), Ten()), 1, tmp_path / "x.pt", "small")
    assert (len(fit.log), fit.stopped_by, fit.chosen["epoch"]) == (4, "patience", 1)
    again = loop.train(network, (Ten(), Ten()), 1, tmp_path / "x.pt", "small")
    assert len(again.log) == 4


def test_the_loop_goes_on_where_it_stopped_with_what_the_optimiser_had_gathered(tmp_path, monkeypatch):
    monkeypatch.setattr(Small, "momentum", 0.5)
    whole, first, second = trained(tmp_path, Small()), Small(), Small()
    first.config.epochs = 1
    for part in (first, second):
        loop.train(part, (Ten(), Ten()), 1, tmp_path / "parts.pt", "small")
    assert first.seen + second.seen == whole.seen
    assert float(second.weight) == float(whole.weight)
