"""Table 8 counts sure hits that become misses, of the same clips, and says so where there are none."""

from __future__ import annotations

import math

import pandas as pd
import pytest
import results_made
import vouching
from scipy.stats import binomtest

import notebooks
from thb.cells.transitions import wilson
from thb.core import metrics
from thb.core.errors import DataError, ParamsError
from thb.core.params import load
from thb.core.tables import SCORE_COLUMNS, read_csv, write_csv
from thb.report.load import MEAN, open_results


def edit(made, detector: str, fit: str, change) -> None:
    path = made.scores(detector, fit)
    write_csv(change(read_csv(path, SCORE_COLUMNS)), path, SCORE_COLUMNS)
    vouching.vouch(made)


def give(made, fit: str, generator: str, scores: list[float], detector: str = "tall") -> None:
    """Set the scores of a generator's test fakes, the rest of them low."""

    def change(table: pd.DataFrame) -> pd.DataFrame:
        own = table.index[(table["source"] == generator) & (table["split"] == "test")]
        table.loc[own, "score"] = 0.01
        table.loc[own[: len(scores)], "score"] = scores
        return table

    edit(made, detector, fit, change)


def cell(rows: pd.DataFrame, detector: str = "TALL", generator: str = "hallo") -> pd.Series:
    return rows[(rows["detector"] == detector) & (rows["generator"] == generator)].iloc[0]


def counted(**given) -> pd.DataFrame:
    return notebooks.rows("transitions", **given)


def test_sure_hits_and_misses_are_counted_at_their_bounds(made):
    give(made, "all", "hallo", [0.9, 0.95, 0.99, 0.8999])
    give(made, "no-hallo", "hallo", [0.5, 0.4999, 0.2, 0.1])
    row = cell(counted())
    assert (row["sure_hits"], row["misses"]) == (3, 2)
    assert row["drop_percent"] == pytest.approx(200 / 3)
    assert cell(counted(sure=0.8))["sure_hits"] == 4
    assert cell(counted(threshold=0.1))["misses"] == 0


def test_every_detector_and_generator_has_a_row(made):
    rows, params = counted(), load(made.params)
    assert set(rows["generator"]) == {*params.generators, MEAN}
    assert len(rows) == len(params.detectors) * (len(params.generators) + 1)
    for _, own in rows.groupby("detector"):
        parts, whole = own[own["generator"] != MEAN], own[own["generator"] == MEAN].iloc[0]
        assert parts["sure_hits"].sum() == whole["sure_hits"]
        assert parts["misses"].sum() == whole["misses"]


def test_clips_are_matched_by_name_not_by_row(made):
    give(made, "all", "hallo", [0.95])
    give(made, "no-hallo", "hallo", [0.1])
    before = cell(counted())
    edit(made, "tall", "no-hallo", lambda t: t.iloc[::-1])
    pd.testing.assert_series_equal(cell(counted()), before)
    assert before["misses"] == 1


def test_a_clip_scored_once_only_is_refused(made):
    edit(made, "tall", "no-hallo", lambda t: t[t["clip"] != "hallo/00003"])
    with pytest.raises(DataError, match="clip hallo/00003 is scored under only one of P1 and P3"):
        counted()


def test_the_printed_counts_stand_beside_tall_alone(made):
    rows, theirs = counted(), pd.read_csv(made.published / "table8_tp_to_fn.csv")
    shown = rows.dropna(subset=["printed_drop_percent"])
    assert set(shown["detector"]) == {"TALL"}
    assert (
        shown["printed_misses"].tolist()
        == theirs.set_index("generator").loc[[open_results().label(g) for g in shown["generator"]], "fns_p3"].tolist()
    )
    assert len(shown) == len(theirs)
    html = notebooks.run("transitions").html
    assert html.count(">printed<") == 1
    assert "38.30<br><small>72/188</small>" in html


@pytest.mark.parametrize("given", [{"sure": 0.8}, {"after": "ffpp"}, {"before": "P3", "after": "P1"}])
def test_no_printed_count_stands_beside_another_question(made, given):
    assert counted(**given)["printed_drop_percent"].isna().all()
    assert "only from P1 to P3 at 0.9" in notebooks.run("transitions", **given).html


def test_the_threshold_may_be_that_of_a_rate(made):
    params, fakes = load(made.params), [0.95] * 20
    give(made, "all", "hallo", fakes)
    table = read_csv(made.scores("tall", "no-hallo"), SCORE_COLUMNS)
    reals = table[(table["role"] == "real") & (table["split"] == "test")]["score"]
    allowed = metrics.allowed_false_positives(params.metrics.fpr["T1"], len(reals))
    bar = float(reals.sort_values(ascending=False).iloc[allowed])
    give(made, "no-hallo", "hallo", [bar] * 7 + [min(1, bar + 1e-6)] * 13)
    row = cell(counted(threshold="T1"))
    assert row["resolvable"]
    assert (row["sure_hits"], row["misses"]) == (20, 7)


def test_an_unresolvable_threshold_gives_no_number(made):
    exhibit = notebooks.run("transitions", threshold="T0.1")
    assert not exhibit["rows"]["resolvable"].any()
    assert exhibit["rows"]["drop_percent"].isna().all()
    assert exhibit["rows"]["misses"].isna().all()
    assert exhibit.shown["table"].data["text/html"].count(">⊘<") == len(exhibit["rows"])


def test_where_no_fake_is_sure_there_is_a_dash_and_the_number_tested(made):
    give(made, "all", "hallo", [])
    exhibit = notebooks.run("transitions")
    row = cell(exhibit["rows"])
    assert (row["sure_hits"], row["n_fake"]) == (0, results_made.FAKES)
    assert math.isnan(row["drop_percent"])
    assert f"— <small>0/{results_made.FAKES}</small>" in exhibit.html


def test_fakes_without_a_score_are_a_dash_and_not_an_error(made):
    for fit in ("all", "no-hallo"):
        edit(made, "lipfd", fit, lambda t: t.assign(status=t["status"].where(t["source"] != "hallo", "no_audio")))
    row = cell(notebooks.rows("transitions"), "LipFD")
    assert (row["n_fake"], row["sure_hits"]) == (0, 0)
    assert math.isnan(row["drop_percent"])


def test_an_interval_counts_each_person_once(made):
    give(made, "all", "hallo", [0.95] * 20)
    give(made, "no-hallo", "hallo", [0.1] * 5 + [0.9] * 15)
    alone = cell(counted())
    for fit in ("all", "no-hallo"):
        edit(made, "tall", fit, lambda t: t.assign(portrait=t["portrait"].where(t["source"] != "hallo", "00001")))
    same = cell(counted())
    assert (alone["people"], same["people"]) == (20, 1)
    assert alone["drop_percent"] == same["drop_percent"] == 25
    assert same["hi"] - same["lo"] > alone["hi"] - alone["lo"]


def test_wilsons_interval_is_the_known_one():
    found = binomtest(2, 9).proportion_ci(0.95, method="wilson")
    assert wilson(2 / 9, 9, 0.95) == (pytest.approx(found.low), pytest.approx(found.high))
    assert wilson(0.0, 10, 0.95) == (0.0, pytest.approx(0.2775, abs=5e-4))
    assert all(map(math.isnan, wilson(float("nan"), 0, 0.95)))


def test_protocols_that_test_other_clips_are_refused_in_one_line(made):
    with pytest.raises(ParamsError, match=r"^P1 and P2 test different clips; P1 shares its clips with: P3, ffpp$"):
        notebooks.run("transitions", before="P1", after="P2")
    with pytest.raises(ParamsError, match=r"^unseen_P3 gives a clip several scores; .*: P1, P2, P3, unseen_P1, ffpp$"):
        notebooks.run("transitions", before="unseen_P1", after="unseen_P3")
    with pytest.raises(ParamsError, match=r"^unknown protocol 'P9'; known: P1, P2"):
        notebooks.run("transitions", before="P1", after="P9")


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"sure": 1.2}, "unknown sure '1.2'; known: a score from 0 to 1"),
        ({"sure": "very"}, "unknown sure 'very'; known: a score from 0 to 1"),
        ({"threshold": "T5"}, "unknown threshold 'T5'; known: a score from 0 to 1, T1, T0.1"),
        ({"threshold": -1}, "unknown threshold '-1'; known: a score from 0 to 1, T1, T0.1"),
        ({"palette": "neon"}, "unknown palette 'neon'; known: okabe-ito"),
    ],
)
def test_unknown_values_are_one_line(made, given, words):
    with pytest.raises(ParamsError) as caught:
        notebooks.run("transitions", **given)
    assert str(caught.value).startswith(words)


def test_the_figure_has_a_dot_for_every_drop_and_names_its_axis(made):
    exhibit = notebooks.run("transitions")
    ax = exhibit["ax"]
    dots = [line for line in ax.lines if line.get_marker() == "o"]
    assert sum(len(line.get_xdata()) for line in dots) == exhibit["rows"]["drop_percent"].notna().sum()
    assert "(%)" in ax.get_xlabel()
