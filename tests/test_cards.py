"""Cards, the first page and how to cite: computed, and following their files."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest
import results_made
import vouching
import yaml

from thb.book import cards, citation, home
from thb.core.errors import DataError
from thb.core.paths import Paths
from thb.core.tables import read_json, write_json
from thb.report.load import Results, open_results

ROOT = Path(__file__).resolve().parent.parent


def published(results: Results) -> Results:
    """The same results, as if the clips were the published ones."""
    params = results.params
    return Results(results.paths, params.model_copy(update={"profile": "paper"}))


# ---- cards --------------------------------------------------------------------------------------------


def test_the_data_card_counts_the_clips_of_each_split(results):
    corpus = pd.read_csv(results.paths.corpus)
    facts = cards.facts(results)
    for split in ("train", "val", "test"):
        assert facts[f"n_{split}"] == f"{corpus[corpus['split'] == split]['clips'].sum():,}"
    assert facts["clip_sizes"] == "128x128"
    assert facts["clip_rates"] == "23.976, 25"


def test_many_sizes_are_told_by_their_ends():
    sizes = pd.Series(["512x512; 320x320", "1024x1024", "480x480; 256x256; 128x128"])
    assert cards._distinct(sizes) == "128x128 to 1024x1024"


def test_every_detector_has_a_card_and_only_networks_start_from_weights(results):
    text = cards.models(results)
    detectors = results.params.detectors.values()
    assert text.count("| Learnt from |") == len(detectors)
    assert text.count("| Started from |") == sum(entry.parameters is not None for entry in detectors)
    assert "72 clips, fakes of every generator and reals; 24 more chose the checkpoint" in text


def test_a_card_says_so_when_scores_from_elsewhere_name_no_clips(results):
    path = results.paths.scores("tall", "all").with_suffix(".json")
    before = read_json(path)
    try:
        write_json({key: value for key, value in before.items() if key != "clips"}, path)
        assert cards.models(results).count("not said by who scored the clips") == 1
    finally:
        write_json(before, path)


def test_the_cards_say_whose_clips_they_are(results):
    for say in (cards.making, cards.people):
        assert say(results) != say(published(results))
    assert "Nobody in them exists" in cards.people(results)
    assert "real people" in cards.people(published(results))


# ---- the first page -----------------------------------------------------------------------------------


def test_the_printed_means_are_those_of_the_printed_tables(results):
    table = pd.read_csv(results.paths.published / "table7_p3.csv")
    mean = table[table["metric"] == "T1"]["value"].mean()
    assert f"<th>P3</th><td>identity and generator shift</td><td>{mean:.2f}</td>" in home.printed_in_short(results)


def test_the_first_page_shows_every_detector_and_who_falls(results):
    shown = home.found_in_short(results)
    for entrant in (e for e in results.entrants if e.key):
        assert f"<th>{entrant.label}" in shown
    assert shown.count(">yes</span></td>") == len(results.params.detectors)


def test_a_detector_that_does_not_fall_is_not_said_to(tmp_path):
    paths = results_made.clone(ROOT, tmp_path)
    results_made.fill(paths, p3=0.92)
    assert ">yes</span></td>" not in home.found_in_short(open_results(paths.root))


def test_a_broken_promise_is_told_on_the_first_page(made):
    assert "every promise of separation is kept" in home.trust_in_short(open_results(made.root))
    spoilt = read_json(made.leakage)
    spoilt["protocols"]["P1"]["identity"] |= {"promised": True, "count": 3}
    write_json(spoilt, made.leakage)
    vouching.vouch(made)
    assert "3 shared things break a promise" in home.trust_in_short(open_results(made.root))


# ---- how to cite --------------------------------------------------------------------------------------


def test_the_entries_are_those_of_the_files(made):
    facts = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    assert citation.paper(made) in (ROOT / "paper/references.bib").read_text()
    assert citation.paper(made).startswith(f"@misc{{{citation.PAPER},")
    assert f"{{{facts['version']}}}" in citation.package(made)
    assert facts["preferred-citation"]["title"].replace("&", "&amp;") in citation.line(made, "cite.html")


def test_references_without_the_paper_are_refused(tmp_path):
    (tmp_path / "paper").mkdir()
    (tmp_path / "paper/references.bib").write_text("@misc{other,\n}\n")
    with pytest.raises(DataError, match=r"paper/references.bib has no entry xiong2025"):
        citation.paper(Paths(tmp_path))
