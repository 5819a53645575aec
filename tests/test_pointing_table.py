"""Pointing at faults: a map must beat the centre and chance, and must depend on what was learnt."""

from __future__ import annotations

import numpy as np
import pytest
import vouching

import notebooks
from thb.cells.comparisons import INCONCLUSIVE
from thb.cells.heat import BETTER, CENTRE, CHANCE, CHANGES, HARDLY, HEAT, NOT_BETTER, SANITY
from thb.core.errors import ParamsError
from thb.core.tables import CAM_COLUMNS, SANITY_COLUMNS, read_csv, write_csv
from thb.report.load import MEAN, open_results

NETWORK = "tall"


def point(paths, **values) -> None:
    """Give every fake these values in clips.csv."""
    path = paths.cams(NETWORK) / "clips.csv"
    rows = read_csv(path, CAM_COLUMNS)
    write_csv(rows.assign(**{k: np.where(rows["label"] == 1, v, np.nan) for k, v in values.items()}), path, CAM_COLUMNS)
    vouching.vouch(paths)


def alike(paths, value, empty=0) -> None:
    path = paths.cams(NETWORK) / "sanity.csv"
    write_csv(read_csv(path, SANITY_COLUMNS).assign(rank_correlation=value, empty=empty), path, SANITY_COLUMNS)
    vouching.vouch(paths)


def row(measure, generator=MEAN, protocol="P1"):
    rows = notebooks.rows("pointing_table", detectors=[NETWORK])
    keys = {"measure": measure, "generator": generator, "protocol": protocol}
    return rows[np.all([rows[k] == v for k, v in keys.items()], axis=0)].iloc[0]


@pytest.mark.parametrize(
    ("pointed", "centre", "chance", "verdict"),
    [
        (0.8, 0.3, 0.1, BETTER),
        (0.8, 0.9, 0.1, NOT_BETTER),  # a blob in the middle does better
        (0.2, 0.1, 0.3, NOT_BETTER),  # chance does better
        (0.3, 0.3, 0.1, NOT_BETTER),  # no better than the middle
    ],
)
def test_a_map_must_beat_both_baselines(made, pointed, centre, chance, verdict):
    point(made, pointed=pointed, centre_pointed=centre, random_pointed=chance)
    assert {row(CENTRE)["verdict"], row(CHANCE)["verdict"]} == {verdict}
    assert row(CENTRE)["difference"] == pytest.approx(pointed - centre)


def test_an_interval_that_holds_nought_is_not_better(made):
    rng = np.random.default_rng(0)
    n = len(read_csv(made.cams(NETWORK) / "clips.csv", CAM_COLUMNS))
    point(made, pointed=rng.integers(0, 2, n), centre_pointed=rng.integers(0, 2, n), random_pointed=0.1)
    found = row(CENTRE, "hallo")
    assert found["difference_lo"] < 0 < found["difference_hi"]
    assert found["verdict"] == NOT_BETTER


def test_differences_are_paired(made):
    """The map follows the centre clip by clip, a little better each time: apart the intervals would overlap."""
    n = len(read_csv(made.cams(NETWORK) / "clips.csv", CAM_COLUMNS))
    centre = np.random.default_rng(0).uniform(0, 0.9, n)
    point(made, pointed=centre + 0.02, centre_pointed=centre, random_pointed=0.0)
    found = row(CENTRE, "hallo")
    assert found["lo"] < found["baseline"]
    assert found["verdict"] == BETTER


def test_heat_on_faults_is_set_against_their_area(made):
    point(made, fault_mass=0.3, fault_area=0.1)
    assert row(HEAT)["verdict"] == "more than their area"
    point(made, fault_mass=0.05, fault_area=0.1)
    assert row(HEAT)["verdict"] == "no more than their area"


def test_clips_without_a_fault_are_counted_and_left_out(made):
    point(made, pointed=np.nan, centre_pointed=np.nan, random_pointed=np.nan)
    found = row(CENTRE, "hallo")
    assert found["clips"] == 0
    assert found["without"] > 0
    assert found["verdict"] == INCONCLUSIVE


def test_without_any_truth_there_is_a_sentence_and_no_number(made):
    for detector in open_results().params.explained:
        path = made.cams(detector) / "clips.csv"
        write_csv(read_csv(path, CAM_COLUMNS).assign(**dict.fromkeys(CAM_COLUMNS[-5:], np.nan)), path, CAM_COLUMNS)
        vouching.vouch(made)
    exhibit = notebooks.run("pointing_table")
    assert "nothing to point at here" in exhibit.html
    assert "Points at a fault" not in exhibit.html
    assert "Trained against random weights" in exhibit.html
    assert exhibit.shown["figure"].data["image/svg+xml"]


@pytest.mark.parametrize(("value", "verdict"), [(0.1, CHANGES), (-0.1, CHANGES), (0.9, HARDLY), (-0.9, HARDLY)])
def test_a_map_that_random_weights_do_not_change_is_found_out(made, value, verdict):
    alike(made, value)
    found = row(SANITY, "", "")
    assert found["value"] == pytest.approx(abs(value))
    assert found["verdict"] == verdict


def test_empty_maps_say_nothing_about_likeness(made):
    alike(made, 0.0, empty=1)
    found = row(SANITY, "", "")
    assert found["verdict"] == INCONCLUSIVE
    assert found["without"] > 0
    assert np.isnan(found["value"])


def test_networks_without_maps_are_named(made):
    for file in made.cams(NETWORK).iterdir():
        file.unlink()
    assert "TALL has not been explained" in notebooks.run("pointing_table").html
    exhibit = notebooks.run("pointing_table", detectors=[NETWORK])
    assert exhibit["rows"].empty
    assert "TALL has not been explained" in exhibit.html


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"detectors": ["resnet"]}, "unknown explained detector 'resnet'; known: caddm, tall, lipfd, df_adapter"),
        ({"protocols": ["ffp"]}, "unknown explained protocol 'ffp'; known: P1, P2, P3, unseen_P1"),
    ],
)
def test_an_unknown_value_is_refused_in_one_line(made, given, words):
    with pytest.raises(ParamsError) as caught:
        notebooks.run("pointing_table", **given)
    assert str(caught.value) == words
