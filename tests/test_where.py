"""`thb where`: from a number back to the clips, as the records say and as the files are here."""

from __future__ import annotations

import json
import shutil

import pandas as pd
import pytest
from typer.testing import CliRunner

from thb.book import numbers, page
from thb.book.chain import ABSENT, CHANGED, CURRENT, SAME, UNRECORDED, Tracer
from thb.cli.main import app
from thb.core import code, origin
from thb.core.errors import DataError, ParamsError
from thb.core.params import load
from thb.core.tables import MANIFEST_COLUMNS, write_csv, write_json
from thb.review import where

CELL = "P1 tall hallo AUC"


@pytest.fixture
def asked(made):
    """What the words of a question lead to."""
    return lambda *words: list(where.asked(made, load(made.params), " ".join(words)))


@pytest.fixture
def book(made, repo):
    shutil.rmtree(made.book)
    shutil.copytree(repo / "book", made.book, ignore=shutil.ignore_patterns("_build", "_executed"))
    return made


def links(chain, step):
    return [link for link in chain.links if link.step == step]


def test_a_cell_leads_to_its_scores_weights_split_clips_and_manifest(made, asked):
    (chain,) = asked(CELL)
    assert list(dict.fromkeys(link.step for link in chain.links)) == [
        *("results", "scores", "weights", "split", "clips", "manifest"),
    ]
    (cells,), (scores,) = links(chain, "results"), links(chain, "scores")
    assert (cells.name, cells.state, cells.code) == ("results/cells.csv", SAME, CURRENT)
    assert (scores.name, scores.state) == ("results/scores/tall/all.csv", SAME)
    assert scores.sha256 == origin.sha256(made.scores("tall", "all"))
    assert links(chain, "weights")[0].state == ABSENT  # as in a clone that has results/ alone
    row = pd.read_csv(made.cells).set_index(["protocol", "detector", "generator", "metric"]).loc[tuple(CELL.split())]
    assert chain.told.startswith(f"{row['value']:.6g} [{row['lo']:.6g}, {row['hi']:.6g}], ")


def test_a_cell_of_several_fits_leads_to_each_and_a_mean_to_those_of_its_cells(made, asked):
    (chain,) = asked("unseen_P3", "tall", "magi1", "AUC")
    params = load(made.params)
    fits = [f"results/scores/tall/no-{generator}.csv" for generator in params.generators]
    assert [link.name for link in links(chain, "scores")] == fits
    (chain,) = asked("P3", "TALL", "mean", "T1")  # as the paper spells it
    assert [link.name for link in links(chain, "scores")] == fits


def test_a_file_that_is_not_the_recorded_one_is_told(made, asked):
    made.scores("tall", "all").write_text("clip\n")
    assert links(asked(CELL)[0], "scores")[0].state == CHANGED
    made.scores("tall", "all").unlink()
    assert links(asked(CELL)[0], "scores")[0].state == ABSENT


def test_other_code_and_other_settings_are_told(made, asked, count_as_changed):
    made.params.write_text(made.params.read_text().replace("confidence: 0.95", "confidence: 0.9", 1))
    assert "made with other settings of evaluate" in links(asked(CELL)[0], "results")[0].code
    count_as_changed(code.HOME / "fits" / "score.py")
    assert "made by other code of score" in links(asked(CELL)[0], "scores")[0].code


def test_machine_and_time_are_of_the_very_weights_that_scored(made, asked):
    folder, beside = made.run("tall", "all"), made.scores("tall", "all").with_suffix(".json")
    folder.mkdir(parents=True)
    weights = folder / "weights.safetensors"
    weights.write_bytes(b"weights")
    write_json({"hardware": "a CPU", "seconds": 61.7, "epochs": []}, folder / "took.json")
    about = json.loads(beside.read_text())
    write_json({**about, "weights_sha256": [origin.sha256(weights)]}, beside)
    (link,) = links(asked(CELL)[0], "weights")
    assert (link.state, link.here["hardware"], link.here["seconds"]) == (SAME, "a CPU", 61.7)
    weights.write_bytes(b"other weights")
    (link,) = links(asked(CELL)[0], "weights")
    assert (link.state, link.here) == (CHANGED, {})


def test_the_clips_are_held_against_the_split_and_the_manifest_against_their_sizes(made, asked):
    store, clip = made.clips("hallo") / "clips.parquet", made.raw / "fake" / "a.mp4"
    store.parent.mkdir(parents=True)
    clip.parent.mkdir(parents=True)
    store.write_bytes(b"rows")
    clip.write_bytes(b"12345")
    write_json({"clips": {"hallo": origin.sha256(store)}}, made.splits_record)
    write_csv(
        pd.DataFrame([["fake/a.mp4", 5, "0", "mini-1"]], columns=MANIFEST_COLUMNS), made.manifest, MANIFEST_COLUMNS
    )
    made_by = json.loads(made.tested_record.read_text()).get("clips_made_by", {}).get("fetch")
    write_json({"made_by": made_by}, made.raw_record)
    (chain,) = asked(CELL)
    assert {link.name: link.state for link in links(chain, "clips")}["data/clips/hallo/clips.parquet"] == SAME
    assert links(chain, "manifest")[0].state == UNRECORDED
    clip.write_bytes(b"1234")
    assert links(asked(CELL)[0], "manifest")[0].state == CHANGED


def test_an_exhibit_whose_rows_are_cells_rests_on_theirs_and_another_on_all(made, asked):
    made.executed.mkdir(parents=True)
    columns = {"protocol": ["P1"], "detector": ["TALL"], "generator": ["hallo"], "metric": ["AUC"], "value": [0.5]}
    pd.DataFrame(columns).to_csv(made.executed / "table5.csv", index=False)
    (chain,) = asked("table5")
    assert [link.name for link in links(chain, "scores")] == ["results/scores/tall/all.csv"]
    pd.DataFrame({**columns, "before": ["P2"]}).to_csv(made.executed / "table5.csv", index=False)
    params = load(made.params)
    (chain,) = asked("table5")
    assert len(links(chain, "scores")) == len(params.detectors) * (len(params.fits))
    assert links(chain, "exhibit")[0].state == ABSENT
    assert "papermill notebooks/protocol_table.ipynb" in links(chain, "exhibit")[0].facts["again"]


def test_a_name_in_the_prose_leads_to_the_file_it_is_read_from(asked):
    (chain,) = asked("{{ n_test_reals }}")
    assert chain.told == "8; from results/corpus.csv"
    assert chain.links[0].name == "results/corpus.csv"
    assert chain.links[-1].step == "manifest"
    (chain,) = asked("frames")
    assert [(link.name, link.state) for link in chain.links] == [("params.yaml", "no git checkout")]


def test_a_sentence_is_found_by_its_words_whatever_its_numbers(book, asked):
    expected = ["{{ n_test_reals }}", "{{ allowed_T1 }}", "{{ allowed_T0_1 }}"]
    assert [chain.asked for chain in asked("at T0.1 they allow")] == expected
    assert [chain.asked for chain in asked("at T1 the 8 test reals ALLOW")] == expected
    (chain,) = asked("checkpoints are chosen on validation clips only")
    assert "no number of a file stands in this sentence" in chain.told
    assert chain.links == []


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("P1 tall hallo", "'P1 tall hallo' is no cell: a cell has a protocol, a detector"),
        ("P1 tall halo AUC", "unknown generator of P1 'halo'; known: hallo, "),
        ("tabel5", "'tabel5' is no cell, exhibit, number or sentence of the book; nearest: table5"),
        ("n_test_real", "nearest: n_test_reals"),
        ("the test reals", "sentences of the book have 'the test reals'; say more of one: "),
    ],
)
def test_what_names_nothing_or_several_things_is_one_line(book, asked, words, said):
    with pytest.raises(ParamsError) as error:
        asked(words)
    assert said in str(error.value)
    assert "\n" not in str(error.value)


def test_results_of_other_code_have_no_number_to_tell_but_their_chain(book, asked, count_as_changed, monkeypatch):
    monkeypatch.setattr(numbers, "_KNOWN", {})  # what was read before the code changed
    count_as_changed(code.HOME / "cells" / "evaluate.py")
    assert "other code of evaluate" in links(asked(CELL)[0], "results")[0].code
    with pytest.raises(DataError, match="made by other code of evaluate"):
        asked("at T0.1 they allow")
    with pytest.raises(ParamsError, match="nearest: table5"):
        asked("tabel5")


def test_the_command_prints_a_line_a_link_or_json(made):
    done = CliRunner().invoke(app, ["where", *CELL.split()])
    assert done.exit_code == 0
    assert done.output.startswith(f"{CELL}: ")
    assert (
        f"  scores   results/scores/tall/all.csv {origin.sha256(made.scores('tall', 'all'))[:12]} - {SAME}"
        in done.output
    )
    (chain,) = json.loads(CliRunner().invoke(app, ["where", CELL, "--json"]).output)
    assert chain["asked"] == CELL
    assert chain["links"][1]["made_by"]["stage"] == "score"


def test_below_an_exhibit_stand_the_files_with_their_hashes(made):
    params, digest = load(made.params), origin.sha256(made.scores("tall", "all"))
    html = page._chain(Tracer(made, params, look=False), "table5")
    assert f"tall/all {digest[:10]}" in html
    assert "<details><summary>Where its numbers come from</summary>" in html
    assert len(html) < 10_000
    made.scores("tall", "all").unlink()  # the page tells the record, and is the same wherever it is built
    assert page._chain(Tracer(made, params, look=False), "table5") == html


def test_nothing_is_hashed_for_a_page(made, monkeypatch):
    tracer = Tracer(made, load(made.params), look=False)
    monkeypatch.setattr(origin, "sha256", lambda path: pytest.fail(f"{path} was hashed"))
    assert {link.state for link in tracer.exhibit("table5").links[1:]} == {""}
