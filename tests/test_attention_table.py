"""Shares of heat against shares of the picture: the verdict follows the interval, and can go either way."""

from __future__ import annotations

import numpy as np
import pytest
import vouching
from results_made import edit_cells

import notebooks
from thb.cells.comparisons import INCONCLUSIVE
from thb.cells.heat import AREA, AS_LARGE, LESS, MASS, MORE, REALS
from thb.core.errors import ParamsError
from thb.core.tables import CAM_COLUMNS, REGIONS, read_csv, read_json, write_csv, write_json
from thb.report.load import MEAN, open_results

NETWORK = "tall"


def edit(paths, change, detector=NETWORK) -> None:
    path = paths.cams(detector) / "clips.csv"
    write_csv(change(read_csv(path, CAM_COLUMNS)), path, CAM_COLUMNS)
    vouching.vouch(paths)


def heat(rows, mass, area=(0.2, 0.2, 0.2, 0.2, 0.2), jitter=0.0):
    """The clips with these shares; `jitter` moves heat between face and background at random."""
    moved = np.random.default_rng(0).normal(0, jitter, len(rows)) if jitter else np.zeros(len(rows))
    rows = rows.copy()
    rows[MASS], rows[AREA] = list(mass), list(area)
    return rows.assign(mass_face=rows["mass_face"] - moved, mass_background=rows["mass_background"] + moved)


def background(rows, group=MEAN, protocol="P1"):
    found = rows[(rows["region"] == "background") & (rows["group"] == group) & (rows["protocol"] == protocol)]
    return found.iloc[0]


def test_every_network_protocol_and_group_has_its_five_regions(made):
    rows = notebooks.rows("attention_table")
    assert len(rows) == 4 * 3 * 2 * len(REGIONS)
    by_generator = notebooks.rows("attention_table", by="generator", detectors=[NETWORK], protocols=["P1"])
    assert by_generator["group"].drop_duplicates().tolist() == list(open_results().params.generators)


def test_shares_of_heat_add_up_to_one(made):
    rows = notebooks.rows("attention_table")
    sums = rows.groupby(["detector", "protocol", "group"])[["mass", "area"]].sum()
    assert np.allclose(sums, 1)
    assert np.allclose(rows["focus"], rows["mass"] / rows["area"])


@pytest.mark.parametrize(("mass", "verdict"), [(0.5, MORE), (0.05, LESS)])
def test_the_verdict_on_the_background_can_go_either_way(made, mass, verdict):
    edit(made, lambda rows: heat(rows, (0.8 - mass, 0.1, 0.05, 0.05, mass), jitter=0.02))
    shown = notebooks.run("attention_table", detectors=[NETWORK])
    row = background(shown["rows"])
    assert row["verdict"] == verdict
    assert f"{row['mass']:.2f} {'▲' if verdict == MORE else '▼'}<br><small>of 0.20</small>" in shown.html
    assert f"{verdict}<br><small>by" in shown.html
    assert f"{row['mass']:.2f} {'▲' if verdict == MORE else '▼'}<br><small>of 0.20</small>" in shown.html
    assert f"{verdict}<br><small>by" in shown.html


def test_heat_spread_evenly_is_as_its_area(made):
    edit(made, lambda rows: heat(rows, (0.2, 0.2, 0.2, 0.2, 0.2), jitter=0.05))
    row = background(notebooks.rows("attention_table", detectors=[NETWORK]))
    assert row["verdict"] == AS_LARGE
    assert row["difference_lo"] < 0 < row["difference_hi"]


def test_the_mean_is_over_generators_however_many_clips_each_has(made):
    def change(rows):
        rows = heat(rows, (0.2, 0.2, 0.2, 0.2, 0.2))
        rows.loc[rows["source"] == "hallo", MASS] = [0, 0, 0, 0, 1]
        few = (rows["source"] == "hallo") & (rows.groupby(["fit", "source", "split"]).cumcount() > 1)
        return rows[~few]

    edit(made, change)
    mass = background(notebooks.rows("attention_table", detectors=[NETWORK]))["mass"]
    assert mass == pytest.approx((1 + 5 * 0.2) / 6)


def test_only_the_clips_and_the_fit_of_a_protocol_count(made):
    def change(rows):
        rows = heat(rows, (0.2, 0.2, 0.2, 0.2, 0.2))
        rows.loc[(rows["fit"] == "no-hallo") & (rows["split"] == "train"), MASS] = [0, 0, 0, 0, 1]
        return rows

    edit(made, change)
    rows = notebooks.rows("attention_table", by="generator", detectors=[NETWORK])
    assert [background(rows, "hallo", p)["mass"] for p in ("P1", "P2", "P3")] == pytest.approx([0.2, 1, 0.2])


def test_a_map_of_nothing_is_counted_and_left_out(made):
    def change(rows):
        rows = heat(rows, (0.2, 0.2, 0.2, 0.2, 0.2))
        rows.loc[rows["fit"] == "all", MASS] = np.nan
        return rows

    edit(made, change)
    exhibit = notebooks.run("attention_table", detectors=[NETWORK])
    row = background(exhibit["rows"])
    assert row["verdict"] == INCONCLUSIVE
    assert row["cold"] == row["clips"] > 0
    assert np.isnan(row["mass"])
    assert "nought everywhere" in exhibit.html
    assert 'class="unknown"' in exhibit.html


def test_reals_are_the_same_clips_under_each_fit_and_counted_once(made):
    rows = notebooks.rows("attention_table", detectors=[NETWORK])
    counts = [background(rows, REALS, p)["clips"] for p in ("P1", "P2", "P3")]
    assert len(set(counts)) == 1


def test_how_regions_are_known_is_said(made):
    html = notebooks.run("attention_table").html
    assert "is known exactly" in html
    assert "Intersection over union" in html
    for detector in open_results().params.explained:
        path = made.cams(detector) / "regions.json"
        write_json({**read_json(path), "regions": "estimated", "agreement": None}, path)
        vouching.vouch(made)
    html = notebooks.run("attention_table").html
    assert "Intersection over union" not in html
    assert "estimated from the face box" in html
    assert "is known exactly" not in html


def test_networks_without_maps_are_named_and_none_at_all_is_no_crash(made):
    for file in made.cams("lipfd").iterdir():
        file.unlink()
    assert "LipFD has not been explained" in notebooks.run("attention_table").html
    for detector in open_results().params.explained:
        for file in made.cams(detector).iterdir():
            file.unlink()
    exhibit = notebooks.run("attention_table")
    assert exhibit["rows"].empty
    assert "TALL has not been explained" in exhibit.html
    assert exhibit.shown["figure"].data["image/svg+xml"]


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"by": "clip"}, "unknown by 'clip'; known: protocol, generator"),
        ({"detectors": ["container"]}, "unknown explained detector 'container'; known: caddm, tall, lipfd, df_adapter"),
        ({"protocols": ["P9"]}, "unknown explained protocol 'P9'; known: P1, P2, P3, unseen_P1"),
    ],
)
def test_an_unknown_value_is_refused_in_one_line(made, given, words):
    with pytest.raises(ParamsError) as caught:
        notebooks.run("attention_table", **given)
    assert str(caught.value) == words


def test_heat_beside_fakes_caught_is_an_empty_table_where_no_cell_can_be_told(made):
    assert len(notebooks.run("heat_and_catch")["table"])
    edit_cells(made, lambda cells: cells.assign(resolvable=""))
    ran = notebooks.run("heat_and_catch")
    assert ran["table"].empty
