"""Each open choice, measured: values against direct computation, defaults against the cells, verdicts both ways."""

from __future__ import annotations

import re
import shutil

import numpy as np
import pandas as pd
import pytest
import results_made
import vouching
import yaml
from sklearn.metrics import roc_auc_score

from notebooks import run
from thb.cells import choices, effects, evaluate
from thb.cells.bench import Bench
from thb.cells.choices import Choice
from thb.cells.effects import ACCUSED, BOUND, INCONCLUSIVE, MOVES, OTHER_FITS, SAME, STILL
from thb.core.decimals import UNRESOLVABLE
from thb.core.errors import ParamsError
from thb.core.params import load
from thb.core.paths import Paths
from thb.core.tables import POOL_COLUMNS, SCORE_COLUMNS, read_csv, write_csv
from thb.report.load import MEAN, open_results
from thb.splits import otherwise

PRINTED = ("P1", "P2", "P3", "unseen_P1", "unseen_P3")


@pytest.fixture(scope="module")
def clone(tmp_path_factory, repo) -> Paths:
    """Made-up scores and pools, and the cells that `evaluate` makes of them."""
    paths = results_made.clone(repo, tmp_path_factory.mktemp("sensitivity"))
    results_made.fill(paths)
    results_made.few_draws(paths, 60)
    evaluate.run(paths, load(paths.params))
    return paths


@pytest.fixture(scope="module")
def results(clone):
    return open_results(clone.root)


@pytest.fixture(scope="module")
def rows(results):
    return effects.effects(results)


@pytest.fixture
def own(clone, project):
    """A copy of one's own to change."""
    shutil.copy(clone.params, project.params)
    shutil.copytree(clone.results, project.results, ignore=shutil.ignore_patterns("cams"))
    return project


def scores(paths: Paths, fit: str, detector: str = "tall") -> pd.DataFrame:
    return read_csv(paths.scores(detector, fit), SCORE_COLUMNS)


def of(rows: pd.DataFrame, question: str, choice: str, metric: str, protocol: str, detector: str = "TALL") -> pd.Series:
    found = rows[
        (rows["question"] == question)
        & (rows["choice"] == choice)
        & (rows["metric"] == metric)
        & (rows["protocol"] == protocol)
        & (rows["detector"] == detector)
    ]
    assert len(found) == 1
    return found.iloc[0]


def area(reals: pd.DataFrame, fakes: pd.DataFrame) -> float:
    both = pd.concat([reals, fakes])
    return roc_auc_score(both["label"], both["score"])


def reals_of(table: pd.DataFrame, *splits: str) -> pd.DataFrame:
    return table[(table["role"] == "real") & table["split"].isin(splits)]


def fakes_of(table: pd.DataFrame, generator: str, *splits: str) -> pd.DataFrame:
    return table[(table["source"] == generator) & table["split"].isin(splits)]


# ---- the default is what evaluate measures --------------------------------------------------------------


def test_the_default_is_the_mean_in_metrics_json(results):
    bench = Bench(results, ["AUC", "T1"])
    for protocol in PRINTED:
        for metric in ("AUC", "T1"):
            found, wanted = bench.measure("tall", protocol, metric, Choice()), results.mean(protocol, "tall", metric)
            assert found.value == pytest.approx(wanted["value"], abs=1e-9)
            assert wanted["lo"] < found.replicates[1:].mean() < wanted["hi"]  # resampled alike


def test_every_row_starts_from_the_cells(results, rows):
    labels = {e.label: e.key for e in results.tested}
    checked = rows[rows["metric"].isin(["AUC", "T1"]) & rows["detector"].isin(labels) & (rows["question"] != "pool")]
    assert set(checked["question"]) == set(choices.questions(results.params)) - {"pool"}
    for row in checked.to_dict("records"):
        wanted = results.mean(row["protocol"], labels[row["detector"]], row["metric"])["value"]
        assert row["default_value"] == pytest.approx(wanted, abs=1e-9)


# ---- values against direct computation ------------------------------------------------------------------


def test_other_reals(clone, results, rows):
    for choice, chosen in (
        ("validation and test reals", lambda t: reals_of(t, "val", "test")),
        ("FaceForensics++ only", lambda t: reals_of(t, "test").query("source == 'ffpp'")),
    ):
        wanted = np.mean(
            [area(chosen(t := scores(clone, f"no-{g}")), fakes_of(t, g, "test")) for g in results.params.generators]
        )
        assert of(rows, "reals", choice, "AUC", "P3")["value"] == pytest.approx(wanted)


def test_other_fakes_in_p2(clone, results, rows):
    for choice, splits in {
        "train and validation": ("train", "val"),
        "all of the generator": ("train", "val", "test"),
    }.items():
        wanted = np.mean(
            [
                area(reals_of(t := scores(clone, f"no-{g}"), "test"), fakes_of(t, g, *splits))
                for g in results.params.generators
            ]
        )
        assert of(rows, "p2_fakes", choice, "AUC", "P2")["value"] == pytest.approx(wanted)


def test_the_lowest_and_the_highest_fit_of_each_unseen_generator(clone, results, rows):
    tables_ = [scores(clone, f"no-{g}") for g in results.params.generators]
    each = [[area(reals_of(t, "test"), fakes_of(t, u, "test")) for t in tables_] for u in ("magi1", "hallo3")]
    for choice, end in (("the lowest", min), ("the highest", max)):
        wanted = np.mean([end(values) for values in each])
        assert of(rows, "unseen_fit", choice, "AUC", "unseen_P3")["value"] == pytest.approx(wanted)


def test_other_pooling_reads_the_pooled_scores(clone, results, rows):
    pools = read_csv(clone.pools("tall"), POOL_COLUMNS)
    for choice, column in (("highest unit", "max"), ("first unit alone", "first")):
        table = pools.rename(columns={column: "score"})
        wanted = np.mean([area(reals_of(table, "test"), fakes_of(table, g, "test")) for g in results.params.generators])
        assert of(rows, "pool", choice, "AUC", "P1")["value"] == pytest.approx(wanted)
    used = of(rows, "pool", choices.POOLED[results.params.detector("tall")["pool"]], "AUC", "P1")
    assert (used["difference"], used["verdict"]) == (0, SAME)


def test_all_fakes_pooled_is_one_auc_over_all_of_them(clone, results, rows):
    table = scores(clone, "all")
    fakes = pd.concat([fakes_of(table, g, "test") for g in results.params.generators])
    row = of(rows, "average", "each fake, all pooled", "AUC", "P1")
    assert row["value"] == pytest.approx(area(reals_of(table, "test"), fakes))


def test_pooling_unequal_generators_is_not_their_mean(own):
    table = scores(own, "all")
    gone = (table["source"] == "hallo") & (table.index % 4 > 0)
    table.loc[table["source"] == "hallo", "score"] /= 10
    write_csv(table[~gone], own.scores("tall", "all"), SCORE_COLUMNS)
    vouching.vouch(own)
    results = open_results(own.root)
    row = of(effects.effects(results, "AUC", ["tall"], ["average"]), "average", "each fake, all pooled", "AUC", "P1")
    fakes = pd.concat([fakes_of(table[~gone], g, "test") for g in results.params.generators])
    assert row["value"] == pytest.approx(area(reals_of(table, "test"), fakes))
    assert row["difference"] > 0.05


def test_a_threshold_from_validation_reals(clone, results, rows):
    table = scores(clone, "all")
    at = np.sort(reals_of(table, "val")["score"])[-1]  # so few that none of them may be accused
    caught = np.mean([(fakes_of(table, g, "test")["score"] > at).mean() for g in results.params.generators])
    row = of(rows, "threshold", "the validation reals", "T1", "P1")
    assert (row["value"], row["resolvable"], row["verdict"]) == (pytest.approx(caught), "", INCONCLUSIVE)
    accused = of(rows, "threshold", "the validation reals", ACCUSED.format("T1"), "P1")
    assert accused["value"] == pytest.approx((reals_of(table, "test")["score"] > at).mean())
    assert accused["resolvable"]


def test_lines_between_the_points_of_the_roc_matter_only_with_ties(own):
    path = own.scores("tall", "all")
    for step, differs in ((0.0, False), (0.25, True)):
        table = read_csv(path, SCORE_COLUMNS)
        table["score"] = (table["score"] / step).round() * step if step else table["score"]
        write_csv(table, path, SCORE_COLUMNS)
        vouching.vouch(own)
        found = effects.effects(open_results(own.root), "T1", ["tall"], ["roc"])
        assert (of(found, "roc", "along straight lines", "T1", "P1")["difference"] > 0) == differs


def test_other_fits_are_compared_on_the_same_clips(clone, results, rows):
    """Of the networks that have them, the mean over these alone; fits of the same scores move nothing."""
    names = {results.params.detectors[name].printed for name in otherwise.trained(results.params)}
    own = rows[rows["question"].isin(otherwise.CHOICES)]
    assert set(own["detector"]) == {*names, MEAN}
    assert set(own["protocol"]) == {"P1", "unseen_P1"}
    table = read_csv(otherwise.place(clone, results.params, "balance").scores("tall", "all"), SCORE_COLUMNS)
    wanted = np.mean([area(reals_of(table, "test"), fakes_of(table, g, "test")) for g in results.params.generators])
    row = of(rows, "balance", "as many reals as fakes", "AUC", "P1")
    assert (row["value"], row["verdict"]) == (pytest.approx(wanted), MOVES)
    assert row["hi"] < 0
    assert row["hi"] - row["lo"] < 0.1  # paired: both sides resample the same people
    same = own[own["question"] == "validation"]
    assert (same[["difference", "lo", "hi"]] == 0).all(axis=None)
    assert set(same["verdict"]) == {STILL}


def test_where_no_fit_was_trained_so_the_page_names_the_command(own):
    shutil.rmtree(own.results / "choices" / "balance")
    ran = run("sensitivity_table", metric="AUC", questions=["balance", "validation", "average"])
    found = ran["rows"][ran["rows"]["question"] == OTHER_FITS]
    assert found["key"].tolist() == ["thb choice tall balance"]
    assert "thb choice tall balance" in ran.html
    assert set(ran["answers"]) == {"What counts once in a mean?", "How many clips choose the checkpoint?"}
    assert ran.html.count("Used, Chosen and Change: the mean of TALL and DF-Adapter.") == 1
    seen = ran["seen"]
    assert len(seen) == len(otherwise.trained(load(own.params)))
    assert ran.html.count("20 real, 20 fake") == 2 * len(seen)


def test_a_class_without_its_bound_as_the_printed_tables_count_it(repo, rows):
    printed = pd.read_csv(repo / "paper/published/tables_5_6_7_D9_D10_all_long.csv")
    cells = printed[
        (printed["metric"] == "T1")
        & (printed["detector"] == "TALL")
        & (printed["protocol"] == "P3")
        & (printed["generator"] != "MAGI-1")
    ]["value"]
    row = of(rows, BOUND, "above 0.99", "excellent T1 cells, printed", "P3")
    assert (row["default_value"], row["value"]) == ((cells >= 0.99).sum(), (cells > 0.99).sum()) == (3, 2)
    assert row["verdict"] == MOVES


# ---- verdicts -------------------------------------------------------------------------------------------


def test_a_choice_moves_a_number_only_if_the_clips_differ(own):
    def verdict(factor: float) -> str:
        for name in ("tall",):
            table = scores(own, "all", name)
            val = (table["role"] == "real") & (table["split"] == "val")
            table.loc[val, "score"] = (
                np.quantile(
                    table.loc[(table["role"] == "real") & (table["split"] == "test"), "score"],
                    np.linspace(0, 1, val.sum()),
                )
                * factor
            )
            write_csv(table, own.scores(name, "all"), SCORE_COLUMNS)
            vouching.vouch(own)
        found = effects.effects(open_results(own.root), "AUC", ["tall"], ["reals"])
        return of(found, "reals", "validation and test reals", "AUC", "P1")["verdict"]

    assert verdict(1.0) == STILL
    assert verdict(0.01) == MOVES


def test_the_mean_over_detectors_is_theirs(rows):
    group = rows[
        (rows["question"] == "reals")
        & (rows["protocol"] == "P2")
        & (rows["metric"] == "AUC")
        & (rows["choice"] == "CelebV-HQ only")
    ].set_index("detector")["difference"]
    assert group[MEAN] == pytest.approx(group.drop(MEAN).mean())


def test_what_cannot_be_resolved_is_no_number_on_the_page(clone, monkeypatch):
    monkeypatch.setenv("THB_ROOT", str(clone.root))
    ran = run("sensitivity_table", metric="T0.1", detectors=["tall"], questions=["reals"])
    assert set(ran["rows"]["resolvable"]) == {""}
    assert set(ran["rows"]["verdict"]) == {INCONCLUSIVE}
    assert UNRESOLVABLE in ran.html
    assert not re.search(r"data-value", ran.html)
    assert "0 of 0" in ran.html


# ---- parameters, the page -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("Brier",), "unknown metric 'Brier'; known: AUC, T1, T0.1"),
        (("", ["talll"]), "unknown detector 'talll'"),
        (("", [], ["seed"]), "unknown question 'seed'; known: reals, p2_fakes"),
    ],
)
def test_an_unknown_parameter_is_one_line(results, arguments, words):
    with pytest.raises(ParamsError, match=re.escape(words)):
        effects.effects(results, *arguments)


def test_every_key_named_is_in_params_yaml(results):
    raw = yaml.safe_load(results.paths.params.read_text(encoding="utf-8"))
    keys = [q.key for q in choices.questions(results.params).values()] + list(
        choices.other_fits(results.params).values()
    )
    for key in filter(None, keys):
        at = [raw]
        for part in key.split("."):
            at = [
                child
                for node in at
                for child in ([node[part]] if part in node else node.values() if part == "*" else [])
            ]
        assert at, key


def test_the_page_says_what_the_rows_say(clone, monkeypatch):
    monkeypatch.setenv("THB_ROOT", str(clone.root))
    ran = run("sensitivity_table", detectors=["tall"], questions=["reals", "threshold", BOUND, OTHER_FITS])
    means = ran["rows"][(ran["rows"]["detector"] == MEAN) & ran["rows"]["resolvable"].astype(bool)]
    for name, (_, counted, largest) in ran["answers"].items():
        (question,) = [key for key, asks in ran["asks"].items() if asks == name]
        told = means[means["question"] == question]
        moved = told[told["verdict"] == MOVES]
        assert counted == f"{len(moved)} of {len(told)}"
        assert (
            (f"{moved.loc[moved['difference'].abs().idxmax(), 'value']:.2f}" in largest) if len(moved) else not largest
        )
    assert ran.html.count("<details>") == 4
    assert "profiles.mini.training_seed" in ran.html
    assert ran.title == "What each open choice does to the numbers"
    assert ran["figure"].get_figure(root=True).axes[-1].get_xlabel() == "change of mean T1 (share)"


def test_the_page_of_what_needs_other_fits_has_no_number(clone, monkeypatch):
    monkeypatch.setenv("THB_ROOT", str(clone.root))
    ran = run("sensitivity_table", questions=[OTHER_FITS])
    assert ran["rows"]["value"].isna().all()
    assert "profiles.mini.training_seed" in ran.html
    assert not re.search(r"data-value", ran.html)


def test_without_unit_outputs_the_page_says_so(own):
    for detector in load(own.params).explained:
        own.pools(detector).unlink()
    ran = run("sensitivity_table", metric="AUC", detectors=["tall"], questions=["pool", "average"])
    assert "pool" not in set(ran["rows"]["question"])
    assert "cannot be told without unit outputs" in ran.html
    assert ran.shown["figure"].data["image/svg+xml"].startswith("<?xml")
