"""The leaderboards: what ranks, what does not, that nothing goes unseen, editions, the rule, what authors get."""

from __future__ import annotations

import contextlib
import random
import re
import shutil
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pandas as pd
import pytest
import results_made
import yaml
from hostile import UNSEEN, WORDS, Page
from typer.testing import CliRunner

import notebooks
from thb.cells.columns import COMPARISON_COLUMNS
from thb.cells.printed import CELLS, LATER, printed_cells
from thb.cli import context
from thb.cli.main import app
from thb.core import metrics, origin
from thb.core.errors import DataError, ParamsError
from thb.core.paths import Paths
from thb.core.tables import SCORE_COLUMNS, read_csv, read_json, write_csv, write_rows
from thb.leaderboard import baseline, editions, entries, rule, submission, telling
from thb.leaderboard.board import BASELINE, CONTROL, DETECTOR, Board
from thb.leaderboard.judge import Judge
from thb.report.load import open_results
from thb.review import rescored, workplace

EDITION, NEXT = "2025-05", "2026-01"
DETECTORS = {"tall": 3.0, "lipfd": 1.2, "container": 0.8}  # how far their fakes lie from the reals


@pytest.fixture(scope="module")
def quick(params):
    return results_made.few(params, tuple(DETECTORS))


@pytest.fixture(scope="module")
def once(repo, quick, tmp_path_factory) -> Path:
    """Made-up scores, evaluated; an entry of each detector and the baseline."""
    paths = Paths(tmp_path_factory.mktemp("boards"))

    def draw(rng: np.random.Generator, detector: str, labels: pd.Series) -> pd.Series:
        return 1 / (1 + np.exp(-rng.normal(DETECTORS[detector] * labels, 1)))

    results_made.score(repo, paths, quick, draw)
    (paths.root / "leaderboard").mkdir()
    shutil.copy(repo / editions.FILE, paths.root / editions.FILE)
    change(paths, lambda said: said.update(generators={name: {"taken_in": EDITION} for name in ("hallo", "hallo2")}))
    judge = Judge.of(paths, quick)
    for name in (*DETECTORS, baseline.NAME):
        enter(judge, name, authors=["A. Author"])
    return paths.root


@pytest.fixture
def clone(once, tmp_path) -> Paths:
    """A copy that a test may change."""
    return Paths(Path(shutil.copytree(once, tmp_path / "clone")))


@pytest.fixture(scope="module")
def board(once, quick) -> Board:
    """Only look at it."""
    return Board.of(Judge.of(Paths(once), quick))


@pytest.fixture
def judge(clone, quick, board) -> Judge:
    """Of the copy; scores of the same bytes were read before."""
    assert board.shown
    return Judge.of(clone, quick, board.judge.known)


def enter(judge: Judge, name: str, **said) -> str:
    given = {"authors": [], "date": "2025-06-01", "more": {}, "baseline": name == baseline.NAME, **said}
    return submission.enter(judge, submission.Said(name, **given))


def change(paths: Paths, how) -> None:
    """Something of editions.yaml."""
    file = paths.root / editions.FILE
    said = yaml.safe_load(file.read_text())
    how(said)
    file.write_text(yaml.safe_dump(said))


def edit(paths: Paths, name: str, how, listed: bool = False) -> None:
    """Something of an entry; `listed`: and its digest in the list, as one who forges would."""
    file = entries.file_of(paths, name)
    said = yaml.safe_load(file.read_text())
    how(said)
    file.write_text(yaml.safe_dump(said))
    if listed:
        now = entries.Entry.model_validate(said).hash
        rows = [(one, now if one == name else digest) for one, digest in entries.entered(paths).items()]
        write_rows(rows, entries.ledger(paths), entries.ENTERED)


def text(board: Board) -> str:
    return "\n".join(telling.lines(board))


# ---- what ranks ---------------------------------------------------------------------------------------


def test_a_board_has_the_means_of_metrics_json_and_the_verdicts_of_comparisons_csv(board):
    means = read_json(board.judge.paths.metrics)["means"]
    table = board.detectors().query("kind != @BASELINE")
    assert len(table) == 3 * len(DETECTORS)
    for row in table.to_dict("records"):
        known = means[row["protocol"]][row["detector"]]["T1"]
        assert [row["value"], row["lo"], row["hi"]] == [known["value"], known["lo"], known["hi"]]
    rows = read_csv(board.judge.paths.comparisons, COMPARISON_COLUMNS)
    rows = rows.query("question == 'detector' and metric == 'T1' and generator == 'mean' and protocol != 'mean'")
    assert len(rows) == 9
    for row in rows.to_dict("records"):
        told = board.verdicts.better("T1", row["first"], row["second"], protocol=row["protocol"])
        assert told.verdict == row["verdict"]
        assert told.p_holm == pytest.approx(row["p_holm"], rel=1e-5)


def test_the_best_comes_first_and_controls_and_the_baseline_hold_no_place(board):
    last = board.detectors().query("protocol == 'P3'")
    assert list(last["detector"]) == ["tall", "lipfd", "container", "random"]
    assert list(last["kind"]) == [DETECTOR, DETECTOR, CONTROL, BASELINE]
    assert [telling.places(row) for row in last.to_dict("records")] == ["1", "2", "", ""]
    assert last["value"].iloc[-1] < 0.15


def test_places_span_what_no_comparison_tells_apart(board, monkeypatch):
    class Open:
        above = None

    monkeypatch.setattr(type(board.verdicts), "better", lambda *_, **__: Open())
    last = board.detectors().query("protocol == 'P3' and kind == @DETECTOR")
    assert [telling.places(row) for row in last.to_dict("records")] == ["1–2", "1–2"]
    assert list(last["untold"]) == [1, 1]


def test_generators_stand_by_what_the_best_detector_finds_of_them(board):
    table = board.generators()
    scores = board.judge.judged("tall-1").scores["no-hallo"]
    reals, fakes = (scores.query(f"split == 'test' and {which}")["score"] for which in ("label == 0", "label == 1"))
    one = table.query("generator == 'hallo' and protocol == 'P3'").iloc[0]
    allowed = int(0.01 * len(reals) + 1e-9)
    by_hand = float((fakes > np.sort(reals)[::-1][allowed]).mean())
    assert one["value"] == pytest.approx(by_hand)
    assert one["lo"] < one["value"] < one["hi"]
    assert (one["best"], one["taken_in"], one["retired"], one["n_detectors"]) == ("TALL", EDITION, "", 2)
    order = table.query("protocol == 'P3'")["value"]
    assert list(order) == sorted(order)


# ---- what does not ------------------------------------------------------------------------------------


def forged(paths: Paths) -> None:
    file = paths.scores("lipfd", "all")
    file.write_text(file.read_text().replace(",0.1", ",0.9", 1))


def partial(paths: Paths) -> None:
    """Half of the baseline's clips, with the hash of that."""
    file = paths.root / "leaderboard/scores/random/scores.csv"
    file.write_text("\n".join(file.read_text().splitlines()[:200]) + "\n")
    again(paths, "random-1", file)


def odd(paths: Paths) -> None:
    file = paths.root / "leaderboard/scores/random/scores.csv"
    file.write_text(re.sub(r",0\.\d+\n", ",1.7\n", file.read_text(), count=1))
    again(paths, "random-1", file)


def again(paths: Paths, name: str, file: Path) -> None:
    edit(paths, name, lambda said: [one.update(sha256=origin.sha256(file)) for one in said["scores"]], listed=True)


def copied(paths: Paths) -> None:
    shutil.copy(paths.scores("tall", "all"), paths.scores("lipfd", "all"))
    again_all = origin.sha256(paths.scores("tall", "all"))
    edit(paths, "lipfd-1", lambda said: said["scores"][0].update(sha256=again_all), listed=True)


def linked(paths: Paths) -> None:
    file = paths.scores("lipfd", "all")
    file.rename(file.with_suffix(".kept"))
    file.symlink_to(file.with_suffix(".kept"))


BAD = {  # what is wrong -> whose entry, how it comes about, its state, and the words of its line
    "a score changed": ("lipfd", forged, entries.OTHER_FILE, r"results/scores/lipfd/all.csv is \w{12}…, entered was"),
    "a link": ("lipfd", linked, entries.OTHER_FILE, "all.csv is a link to another file"),
    "no scores": (
        "lipfd",
        lambda p: p.scores("lipfd", "all").unlink(),
        entries.NO_SCORES,
        "missing results/scores/lip",
    ),
    "somebody else's scores": ("lipfd", copied, entries.COPIED, "tall-1 was entered with the same scores"),
    "partial": ("random", partial, entries.PARTIAL, r"\d+ of [\d,]+ clips have a score"),
    "no probability": ("random", odd, entries.ODD, "line 2: score '1.7' is no number from 0"),
    "edited": (
        "lipfd",
        lambda p: edit(p, "lipfd-1", lambda s: s.update(authors=["B"])),
        entries.CHANGED,
        "it was edited",
    ),
    "removed": ("lipfd", lambda p: entries.file_of(p, "lipfd-1").unlink(), entries.GONE, "lipfd-1.yaml was removed"),
    "another evaluator": (
        "lipfd",
        lambda p: edit(p, "lipfd-1", lambda s: s.update(evaluator="7"), listed=True),
        "of another evaluator",
        "7; the one here is 1",
    ),
    "other clips": (
        "lipfd",
        lambda p: edit(p, "lipfd-1", lambda s: s.update(clips="0" * 64), listed=True),
        "of other clips",
        "000000000000…; results/clips.csv is",
    ),
    "no YAML": (
        "lipfd",
        lambda p: entries.file_of(p, "lipfd-1").write_text("a: [\n"),
        entries.MALFORMED,
        "lipfd-1.yaml is not YAML",
    ),
    "a number": (
        "lipfd",
        lambda p: edit(p, "lipfd-1", lambda s: s.update(T1=0.99)),
        entries.MALFORMED,
        "unknown key 'T1'",
    ),
    "no author": (
        "lipfd",
        lambda p: edit(p, "lipfd-1", lambda s: s.pop("authors")),
        entries.MALFORMED,
        "authors is missing",
    ),
    "another name": (
        "lipfd",
        lambda p: edit(p, "lipfd-1", lambda s: s.update(detector="tall")),
        entries.MALFORMED,
        "detector 'tall', but the file is called lipfd-1.yaml",
    ),
    "a way out": (
        "lipfd",
        lambda p: edit(p, "lipfd-1", lambda s: s["scores"][0].update(file="results/scores/../../secret.csv")),
        entries.MALFORMED,
        "scores.0.file = 'results/scores/../../secret.csv'",
    ),
    "another's folder": (
        "lipfd",
        lambda p: edit(p, "lipfd-1", lambda s: s["scores"][0].update(file="results/scores/tall/all.csv")),
        entries.MALFORMED,
        "those of lipfd lie in results/scores/lipfd/",
    ),
    "another fit": (
        "lipfd",
        lambda p: edit(p, "lipfd-1", lambda s: s["scores"][0].update(fits=["no-hallo9"])),
        entries.MALFORMED,
        "unknown fit 'no-hallo9'; known: ffpp, all",
    ),
    "a change of the first": (
        "lipfd",
        lambda p: edit(p, "lipfd-1", lambda s: s.update(change={"kind": "corrected", "why": "x"})),
        entries.MALFORMED,
        "a version after the first, and no other, says under `change`",
    ),
    "no day": ("lipfd", lambda p: edit(p, "lipfd-1", lambda s: s.update(date="soon")), entries.MALFORMED, "is no day"),
}


@pytest.mark.parametrize("wrong", BAD)
def test_what_is_wrong_is_told_in_one_line_and_does_not_rank(judge, wrong):
    detector, how, state, words = BAD[wrong]
    how(judge.paths)
    found = judge.judged(f"{detector}-1")
    assert found.state == state
    assert re.search(words, found.why)
    assert telling.told(found).isprintable()
    assert not found.scores
    shown = Board.of(judge).shown
    assert sorted(shown) == sorted({*DETECTORS, "random"} - {detector})


def test_what_does_not_rank_has_no_number_and_moves_no_other(judge, board):
    kept = ["detector", "protocol", "value", "lo", "hi", "first", "last"]
    forged(judge.paths)
    after = Board.of(judge)
    assert after.detectors().query("detector == 'lipfd'")["value"].isna().all()
    others = [one.detectors().query("detector in ('container', 'random')")[kept] for one in (board, after)]
    pd.testing.assert_frame_equal(*(one.reset_index(drop=True) for one in others))
    tall = after.detectors().query("detector == 'tall'")
    assert list(tall["value"]) == list(board.detectors().query("detector == 'tall'")["value"])
    assert list(tall["last"]) == [1, 1, 1]
    assert text(after).splitlines()[-1].startswith("lipfd-1 is of other scores: results/scores/lipfd/all.csv is ")


def test_two_hundred_mutated_entries_give_a_line_each_and_never_other_numbers(judge):
    clone, rng, states = judge.paths, random.Random(17), []
    files = {name: entries.file_of(clone, name).read_text() for name in entries.names(clone)}
    ledger, whole = entries.ledger(clone).read_text(), {name: judge.judged(name).entry for name in files}
    for _ in range(200):
        name = rng.choice(list(files))
        file = entries.file_of(clone, name)
        with contextlib.suppress(ValueError):  # nobody could list it: what was written is no entry
            edit(clone, name, lambda said: mutate(said, rng), listed=rng.random() < 0.5)
        if rng.random() < 0.25:
            broken = file.read_text()
            at = rng.randrange(len(broken))
            file.write_text(
                broken[:at] + rng.choice(["\t", "\x00", "{", "- ", '"', "&a *a", "\u202e"]) + broken[at + 1 :]
            )
        found = judge.judged(name)
        assert telling.told(found).isprintable()
        assert not found.state or found.state in (*entries.LAWFUL, *entries.FAULTS)
        if not found.state:  # then nothing that a number hangs on is another
            said, kept = found.entry, whole[name]
            assert said.detector == kept.detector
            assert {fit: one.sha256 for fit, one in said.fits.items()}.items() <= {
                fit: one.sha256 for fit, one in kept.fits.items()
            }.items()
        states.append(found.state)
        file.write_text(files[name])
        entries.ledger(clone).write_text(ledger)
    assert len(set(states)) >= 5
    assert states.count("") < 60


def mutate(said: dict, rng: random.Random) -> None:
    """One thing in one of its places."""
    key, odd_word = rng.choice(list(said)), rng.choice([*WORDS, *UNSEEN, "", None, 0, -1, 1e300, [], {}, True])
    score = rng.choice(said["scores"])
    rng.choice(
        [
            lambda: said.pop(key),
            lambda: said.update({key: odd_word}),
            lambda: said.update({str(odd_word) or "x": 1}),
            lambda: said.update(scores=rng.choice([[], said["scores"] * 2, said["scores"][:1], "all"])),
            lambda: score.update({rng.choice(list(score)): odd_word}),
            lambda: score.update(sha256=rng.choice("0123456789abcdef") * 64),
            lambda: score.update(file=rng.choice(["/etc/passwd", "results/scores/tall/all.csv", "results/clips.csv"])),
            lambda: score.update(fits=[rng.choice(["all", "ffpp", "no-hallo", "no-hallo2"])]),
            lambda: said.update(change={"kind": rng.choice(["superseded", "better"]), "why": str(odd_word)}),
            lambda: said.update(withdrawn={"date": "2026-02-30", "why": "x"}),
            lambda: said.update(evaluator=rng.choice(["0", "2", "1.0"]), edition=rng.choice([EDITION, "2025-13"])),
        ]
    )()


# ---- versions of an entry -----------------------------------------------------------------------------


@pytest.mark.parametrize(("corrected", "state"), [(False, entries.SUPERSEDED), (True, entries.CORRECTED)])
def test_a_new_version_takes_the_place_of_the_one_before_and_says_why(judge, corrected, state):
    assert enter(judge, "lipfd", why="frames in order", corrected=corrected) == "lipfd-2"
    before, after = judge.judged("lipfd-1"), judge.judged("lipfd-2")
    assert (before.state, before.why) == (state, "by lipfd-2, frames in order")
    assert (after.state, after.entry.authors) == ("", ["A. Author"])
    with pytest.raises(ParamsError, match=r"the entry of lipfd: change\.why = ''"):
        enter(judge, "lipfd")


def test_an_entry_that_is_taken_back_stays_and_gives_up_its_place(judge):
    submission.withdraw(judge, "tall-1", "2026-01-02", "trained on test clips")
    found = Board.of(judge)
    assert [telling.places(row) for row in found.detectors().to_dict("records")][:3] == ["1", "1", "1"]
    assert "tall-1 is withdrawn: on 2026-01-02, trained on test clips" in text(found)
    with pytest.raises(ParamsError, match="unknown entry 'tall-9'; known: tall-1, lipfd-1"):
        submission.withdraw(judge, "tall-9", "2026-01-02", "x")


# ---- editions and the evaluator -----------------------------------------------------------------------


def test_a_past_edition_is_rebuilt_to_the_byte_beside_a_newer_one(clone, quick, board):
    def go_on(said):
        said["editions"][NEXT] = "Hallo went"
        said["generators"]["hallo"]["retired"] = NEXT

    change(clone, go_on)
    judge = Judge.of(clone, quick, board.judge.known)
    enter(judge, "lipfd", why="entered for the next edition")
    (clone.root / "leaderboard/entries/odd-1.yaml").write_text("?")
    assert text(Board.of(judge, EDITION)) == text(board)
    now = Board.of(judge)
    assert now.edition == NEXT
    assert list(now.shown) == ["lipfd"]
    rows = now.generators().query("protocol == 'P3'").set_index("generator")
    assert dict(rows["retired"]) == {"hallo2": "", "hallo": NEXT}
    assert pd.isna(rows.loc["hallo", "value"])
    mean = now.detectors().query("entry == 'lipfd-2' and protocol == 'P3'")["value"].item()
    assert mean == pytest.approx(rows.loc["hallo2", "value"])
    assert "odd-1 is malformed" in text(now)
    assert judge.judged("tall-1").state == "of another edition"


def test_entries_of_another_evaluator_do_not_rank(clone, quick, repo, count_as_changed):
    count_as_changed(repo / "thb" / "cells" / "trials.py")
    judge = Judge.of(clone, quick)
    assert judge.judged("tall-1").state == "of another evaluator"
    assert "of no stated version" in judge.judged("tall-1").why
    with pytest.raises(ParamsError, match="of no stated version"):
        enter(judge, "tall", why="x")


def test_the_code_that_is_checked_out_is_of_a_stated_version(params, repo):
    """When it fails: if no number moved, list this digest there too; else state a new version, with numbers below."""
    found = editions.load(Paths(repo), params)
    assert found.evaluator(params), f"{editions.FILE} lists no version with {editions.code_of(params)}"


NUMBERS = {"1": [0.3, 0.25]}  # version of the evaluator -> T1 and T0.1 of the scores below


def test_a_version_of_the_evaluator_gives_the_numbers_that_it_always_gave(params, repo):
    reals, fakes = (np.linspace(*ends) for ends in ((0.0, 1.1, 400), (0.5, 1.3, 20)))
    real, fake = metrics.sides(np.repeat([0, 1], [400, 20]), np.r_[reals, fakes])
    found = metrics.all_of(real, fake, params.metrics.fpr, params.metrics.roc)
    assert [round(float(found[name][0]), 10) for name in params.metrics.fpr] == NUMBERS[
        editions.load(Paths(repo), params).evaluator(params)
    ]


@pytest.mark.parametrize(
    ("how", "words"),
    [
        (lambda s: s["generators"].update(nobody={"taken_in": EDITION}), "unknown generator in .* 'nobody'"),
        (lambda s: s["generators"]["hallo"].update(taken_in=NEXT), f"unknown edition in .*hallo, '{NEXT}'"),
        (
            lambda s: s["generators"]["hallo"].update(retired=EDITION),
            "hallo is retired in 2025-05, but came in 2025-05",
        ),
        (lambda s: s["ranked"].update(metric="T7"), "unknown metric in .*ranked, 'T7'; known: AUC, T1"),
        (lambda s: s["ranked"].update(by="P3"), r"unknown key 'ranked\.by'; known: metric, protocols, missing"),
        (lambda s: s["ranked"].update(protocols=["P9"]), "unknown protocol in .*ranked, 'P9'"),
        (lambda s: s["retire"].update(above=99), "retire.above = 99"),
        (lambda s: s.pop("editions"), "editions is missing"),
        (lambda s: s["editions"].update({NEXT: "x", "2025-06": "y", "soon": "z"}), "editions.soon"),
    ],
)
def test_a_fault_in_editions_is_one_line(clone, quick, how, words):
    change(clone, how)
    with pytest.raises(ParamsError, match=words) as fault:
        Judge.of(clone, quick)
    assert str(fault.value).isprintable()


def test_an_edition_that_is_not_known(once, quick):
    with pytest.raises(ParamsError, match="unknown edition '2024-01'; known: 2025-05"):
        Board.of(Judge.of(Paths(once), quick), "2024-01")


# ---- the rule -----------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def rules(params, repo):
    return editions.load(Paths(repo), params)


@pytest.mark.parametrize(("version", "detectors", "needed"), [(CELLS, 4, 3), (LATER, 7, 4)])
def test_on_the_printed_numbers_the_rule_retires_none(rules, params, repo, version, detectors, needed):
    """As C35 says: no generator reaches it for more than one detector in any protocol."""
    numbers = rule.printed(printed_cells(repo / "paper" / "published", version))
    present = [params.source(name).printed for name in rules.present(EDITION)]
    table = rule.table(rules, numbers, present, [])
    assert len(table) == 18
    assert set(table["verdict"]) == {"stays"}
    assert table["n_true"].max() == 1
    assert set(table["n_of"]) == {detectors}
    assert set(table["n_needed"]) == {needed}


def cells(values, generator="G", metric="T0.1", protocol="P1", width=0.0) -> dict:
    return {
        (protocol, f"d{i}", generator, metric): (
            rule.NOTHING if v is None else rule.Estimate(v, v - width, v + width, exact=not width)
        )
        for i, v in enumerate(values)
    }


@pytest.mark.parametrize(
    ("values", "width", "verdict"),
    [
        ((1.0, 1.0, 0.995, 0.2), 0, "goes"),
        ((1.0, 1.0, 0.99, 0.2), 0, "stays"),  # two of four are no majority, and the bound itself is not above it
        ((1.0, 1.0, None, 0.2), 0, "cannot be told"),
        ((1.0, None, 0.1, 0.2), 0, "stays"),
        ((0.995, 0.995, 0.995, 0.995), 0.01, "cannot be told"),
        ((None, None, None, None), 0, "cannot be told"),
    ],
)
def test_a_generator_goes_when_most_detectors_find_nearly_all_of_it(rules, values, width, verdict):
    assert set(rule.table(rules, cells(values, width=width), ["G"], [])["verdict"]) == {verdict}


def test_one_protocol_is_enough_to_go(rules):
    numbers = cells((1, 1, 1), protocol="P1") | cells((0, 0, 0), protocol="P2")
    assert list(rule.table(rules, numbers, ["G"], [])["verdict"]) == ["goes", "goes"]


@pytest.mark.parametrize(
    ("new", "width", "verdict", "n_true"),
    [
        (0.3, 0.01, "comes", 2),
        (0.5, 0.01, "not harder", 1),
        (0.45, 0.2, "cannot be told", 0),
        (0.9, 0.01, "not harder", 0),
    ],
)
def test_one_comes_when_less_of_it_is_found_than_of_each_present(rules, new, width, verdict, n_true):
    old = cells((0.4, 0.4), "A", "T1", width=0.01) | cells((0.6, 0.6), "B", "T1", width=0.01)
    table = rule.table(rules, old | cells((new, new), "C", "T1", width=width), ["A", "B"], ["C"])
    one = table[table["rule"] == rule.TAKE_IN].iloc[0]
    assert (one["verdict"], one["n_true"], one["n_needed"]) == (verdict, n_true, 2)


def test_a_detector_that_scored_no_clip_of_a_generator_is_not_asked(rules):
    row = {"protocol": "P1", "generator": "C", "metric": "T1", "value": 0.1, "lo": 0.1, "hi": 0.1, "resolvable": "firm"}
    rows = pd.DataFrame(
        [{**row, "detector": "d0", "n_fake": 5}, {**row, "detector": "d1", "n_fake": 0, "resolvable": ""}]
    )
    table = rule.table(rules, rule.computed(rows) | cells((0.4, 0.4), "A", "T1"), ["A"], ["C"])
    assert list(table.query("rule == 'take in'")["verdict"]) == ["comes"]


def test_ranks_are_by_the_mean_over_an_editions_generators():
    numbers = cells((0.9, 0.5, 0.5), "A", "T1") | cells((0.1, 0.9, 0.9), "B", "T1")
    both = rule.ranks(numbers, ["A", "B"], "P1", "T1").set_index("detector")
    assert dict(both["rank"]) == {"d1": 1, "d2": 1, "d0": 3}
    assert rule.ranks(numbers, ["A"], "P1", "T1")["detector"].iloc[0] == "d0"
    assert rule.ranks(numbers, ["A", "C"], "P1", "T1").empty


# ---- what is committed --------------------------------------------------------------------------------


def test_the_committed_entries_are_as_they_were_entered(repo, params):
    names = entries.names(Paths(repo))
    assert {f"{name}-1" for name in (*params.detectors, baseline.NAME)} <= set(names)
    known = entries.entered(Paths(repo))
    for name in names:
        assert entries.read(Paths(repo), params, name).hash == known[name], name


def test_the_committed_baseline_is_what_its_seed_draws(repo):
    file = repo / "leaderboard" / "scores" / baseline.NAME / "scores.csv"
    rows = read_csv(file, baseline.COLUMNS)
    assert len(rows) > 500
    assert all(row.score == round(baseline.score(row.clip), 6) for row in rows.itertuples())
    assert abs(rows["score"].mean() - 0.5) < 0.05
    assert baseline.score("a") != baseline.score("a", seed=1)


# ---- for maintainers and authors ----------------------------------------------------------------------


@pytest.mark.parametrize(("apart", "verified"), [(0.0, True), (5e-4, True), (0.01, False)])
def test_an_entry_is_verified_when_its_scores_come_out_again(judge, monkeypatch, apart, verified):
    clone = judge.paths
    for fit in judge.fits:
        clone.run("tall", fit).mkdir(parents=True)
        (clone.run("tall", fit) / "weights.safetensors").write_bytes(b"w")
    clone.data.mkdir()

    def score(own: Paths, _: str, detector: str, fit: str) -> None:
        rows = read_csv(clone.scores(detector, fit), SCORE_COLUMNS)
        write_csv(rows.assign(score=rows["score"] - apart), own.scores(detector, fit), SCORE_COLUMNS)

    monkeypatch.setattr(workplace, "thb", score)
    found = rescored.run(judge, judge.judged("tall-1"))
    assert set(found) == {"all", "no-hallo", "no-hallo2"}
    assert judge.judged("tall-1").verified is verified
    assert telling.told(judge.judged("tall-1")).endswith(", verified" if verified else ", claimed")
    edit(clone, "tall-1", lambda said: said.update(authors=["B"]), listed=True)  # what was verified was another entry
    assert not judge.judged("tall-1").verified


def test_without_weights_nothing_is_scored_anew(judge):
    with pytest.raises(DataError, match="tall-1 cannot be scored anew: no weights in runs/tall/all; train or import"):
        rescored.run(judge, judge.judged("tall-1"))
    with pytest.raises(DataError, match="random-1 cannot be scored anew"):
        rescored.run(judge, judge.judged("random-1"))


def test_authors_get_their_result_and_a_badge(board, tmp_path):
    for file in telling.write(board, board.judge.judged("tall-1"), tmp_path):
        assert file.is_file()
    said = read_json(tmp_path / telling.RESULT)
    row = board.detectors().query("entry == 'tall-1' and protocol == 'P3'").iloc[0]
    assert said["protocols"]["P3"] == {"value": row["value"], "lo": row["lo"], "hi": row["hi"], "place": "1"}
    assert (said["state"], said["edition"], said["evaluator"]["version"]) == ("in order", EDITION, "1")
    badge = (tmp_path / telling.BADGE).read_text()
    label = ElementTree.fromstring(badge).attrib["aria-label"]
    assert label == f"TalkingHeadBench {EDITION}: P3 T1 {row['value']:.2f}, place 1"
    assert not re.search(r"href|url\(|script", badge)


@pytest.fixture
def command(judge, quick, monkeypatch):
    """`thb leaderboard …` in the small clone."""
    monkeypatch.setattr(context, "of_clone", lambda: (judge.paths, quick))
    monkeypatch.setattr(Judge, "of", lambda *_: judge)
    return lambda *words: CliRunner().invoke(app, ["leaderboard", *words])


def test_the_commands_print_check_enter_and_take_back(judge, command, tmp_path):
    done = command("check")
    assert done.exit_code == 0, done.exception
    assert done.stdout.count("is in order") == 4
    command("check", "tall-1", "--out", str(tmp_path / "mine"))
    assert read_json(tmp_path / "mine" / telling.RESULT)["entry"] == "tall-1"
    assert command("enter", "tall", "--why", "again").stdout.startswith("tall-2 is in order: ")
    assert "tall-2 is withdrawn: on " in command("withdraw", "tall-2", "--why", "no").stdout
    forged(judge.paths)
    done = command("check")
    assert isinstance(done.exception, DataError)
    assert str(done.exception) == "1 of 5 entries are not in order: lipfd-1"
    assert "unknown entry 'x'; known: " in str(command("check", "x").exception)
    assert "--out writes the result of one entry" in str(command("check", "--out", "x").exception)
    lines = command("--edition", EDITION).stdout.splitlines()
    assert lines[0] == "edition 2025-05, evaluator 1: mean T1 over 2 generators, by P3"
    assert "tall-1 is superseded: by tall-2, again" in lines


# ---- pages --------------------------------------------------------------------------------------------


def test_words_of_entries_are_words_on_the_page(made, monkeypatch):
    monkeypatch.setenv("THB_ROOT", str(made.root))
    judge = Judge.of(made, open_results(made.root).params)
    words = [word for word in WORDS if word.isprintable() and " ".join(word.split(" ")).strip() == word]
    reasons = [""]
    for word in words:
        reasons[-1:] = [f"{reasons[-1]} / {word}"] if len(reasons[-1]) + len(word) < 190 else [reasons[-1], f"/ {word}"]
    names = entries.names(made)
    for i in range(0, len(reasons), len(names)):
        chosen = reasons[i : i + len(names)]
        for name, reason in zip(names, chosen, strict=False):
            submission.withdraw(judge, name, "2026-01-02", reason.strip())
        page = Page(notebooks.run("boards").html)
        assert not {"script", "img", "iframe", "b", "h1", "svg"} & {tag for tag, _ in page.elements}
        assert all(f"on 2026-01-02, {reason.strip()}" in page.words for reason in chosen)


def test_the_page_of_the_rule_shows_printed_numbers_and_ours(results):
    ran = notebooks.seen("editions")
    judged = ran["judged"].set_index("numbers")
    assert set(judged.loc["printed"].query("rule == 'retire'")["verdict"]) == {"stays"}
    assert set(judged.loc["here"].query("rule == 'retire'")["verdict"]) == {"cannot be told"}
    assert "1 of 4" in ran.html
    ranks = ran["ranks"].query("protocol == 'P3' and numbers == 'printed'")
    assert list(ranks["detector"]) == ["DF-Adapter", "TALL", "LipFD", "CADDM"]
