"""The page for reviewers: each expected answer computed another way, and REVIEWERS.md as the results are."""

from __future__ import annotations

import csv
import importlib.util
import json
import sys
from collections import defaultdict
from statistics import mean

import pytest

from thb.book import numbers, reviewing
from thb.core.errors import DataError
from thb.core.paths import Paths


def rows(path):
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


@pytest.fixture
def said(results):
    return {name: words for name, (words, _) in reviewing.stated(results).items()}


def test_the_answers_are_those_of_the_files(results, said):
    """By the files alone, without the code under test."""
    root, entries = results.paths.root, results.params.detectors
    by = defaultdict(list)
    cells = rows(root / "results" / "cells.csv")
    for cell in cells:
        if cell["metric"] == "AUC":
            by[cell["protocol"], cell["detector"]].append((float(cell["value"]), cell["generator"]))
    means = {key: mean(value for value, _ in found) for key, found in by.items()}
    best = max((d for p, d in means if p == "P1"), key=lambda d: means["P1", d])
    assert said["q_best"] == (entries[best].printed or best)
    assert said["q_best_auc"] == f"{means['P1', best]:.4f}"
    assert said["q_fall"] == f"{means['P1', best] - means['P3', best]:.4f}"
    assert said["q_hardest"] == results.params.sources[min(by["P3", best])[1]].printed
    assert said["q_unresolved"] == f"{sum(not cell['resolvable'] for cell in cells)} of {len(cells)}"
    verdicts = [row["verdict"] for row in rows(root / "results" / "comparisons.csv") if row["verdict"]]
    assert said["q_inconclusive"] == f"{sum(v == 'cannot be told' for v in verdicts):,} of {len(verdicts):,}"
    tested = [row for row in rows(root / f"results/scores/{best}/all.csv") if row["split"] == "test"]
    fakes, reals = ([row for row in tested if row["label"] == label] for label in "10")
    low, high = min(fakes, key=lambda r: float(r["score"])), max(reals, key=lambda r: float(r["score"]))
    assert said["q_score"] == f"{low['clip']} ({float(low['score']):.4f})"
    assert said["q_real"] == f"{high['clip']} ({float(high['score']):.4f})"
    missed = sum(float(row["score"]) <= float(high["score"]) for row in fakes)
    assert said["q_missed"] == f"{missed} of {len(fakes)}"
    beside = json.loads((root / f"results/scores/{best}/all.json").read_text())
    assert said["q_epoch"] == str(beside["best_epoch"])
    assert said["q_weights"] == beside["weights_sha256"][0][:16]


def test_the_checklist_counts_what_the_files_hold(results, said, made, monkeypatch):
    cells = rows(results.paths.cells)
    assert said["with_interval"] == f"{len(cells)} of {len(cells)}"
    assert said["n_claims"] == str(results.paths.claims.read_text().count("- id: "))
    protocols = json.loads(results.paths.leakage.read_text())["protocols"]
    promised = [one for kinds in protocols.values() for one in kinds.values() if one["promised"]]
    assert said["promises_kept"] == f"{len(promised)} of {len(promised)}"
    broken = json.loads(made.leakage.read_text())
    for kinds, found in zip(broken["protocols"].values(), (2, 0), strict=False):  # of a promise broken, and of none
        next(one for one in kinds.values() if one["promised"])["count"] = found
        next(one for one in kinds.values() if not one["promised"])["count"] = 3
    monkeypatch.setattr(reviewing.vouched, "leakage", lambda *_: broken)
    assert dict(reviewing._checklist(results))["promises_kept"][0] == f"{len(promised) - 1} of {len(promised)}"
    trained = results.cells.assign(n_seeds=[5, 1, *[float("nan")] * (len(cells) - 2)])
    assert said["with_training_luck"] == f"0 of {len(cells)}"
    monkeypatch.setitem(vars(results), "cells", trained)
    assert dict(reviewing._checklist(results))["with_training_luck"][0] == f"1 of {len(cells)}"
    monkeypatch.undo()
    beside = made.scores("tall", "all").with_suffix(".json")
    about = json.loads(beside.read_text())
    del about["fit_made_by"]
    beside.write_text(json.dumps(about))
    n = len(list((made.results / "scores").glob("*/*.json")))
    assert dict(reviewing._checklist(type(results)(made, results.params)))["scores_with_origin"][0] == f"{n - 1} of {n}"


def test_a_clone_without_scores_has_a_dash_for_an_answer(results, monkeypatch):
    monkeypatch.setattr(type(results), "mean", lambda *_: {"value": float("nan")})
    said = reviewing.stated(results)
    assert {said[name][0] for name in ("q_best", "q_fall", *reviewing.OF_FIT)} == {"—"}


def test_times_are_those_that_were_measured(made, results, monkeypatch, repo):
    spec = importlib.util.spec_from_file_location("commands", repo / "benchmarks" / "commands.py")
    commands = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(commands)
    kept = made.root / reviewing.TIMES
    kept.unlink(missing_ok=True)  # what this clone measured of other commands
    monkeypatch.setattr(commands, "KEPT", kept)
    monkeypatch.setenv("THB_ROOT", str(made.root))
    ticks = iter([0.0, 90.0, 100.0, 102.4, 0.0, 1.0])
    monkeypatch.setattr(commands.time, "monotonic", lambda: next(ticks))
    writes = "open('more', 'wb').write(bytes(3_000_000))"
    commands.main("spot", sys.executable, "-c", writes)
    commands.main("verify", sys.executable, "-c", "pass")
    found = dict(reviewing._times(type(results)(made, results.params)))
    assert [found[name][0] for name in ("time_spot", "time_verify", "time_bundle")] == ["1.5 min", "2 s", ""]
    assert [found[name][0] for name in ("written_spot", "written_verify")] == ["3 MB", "0 MB"]
    with pytest.raises(DataError, match="ended with code 3; its time is not kept"):
        commands.main("verify", sys.executable, "-c", "raise SystemExit(3)")


@pytest.fixture(scope="module")
def tool(repo):
    spec = importlib.util.spec_from_file_location("reviewers", repo / "tools" / "reviewers.py")
    found = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(found)
    return found


def test_reviewers_md_is_plain_markdown_with_every_number_filled(tool, results, said):
    page = tool.written(results.paths)
    assert said["q_best_auc"] in page
    assert "{{" not in page
    assert "](../" not in page
    assert "[the four detectors](" not in page or "(book/here/detectors.md)" in page


def test_reviewers_md_is_as_the_committed_results_are(tool, repo):
    try:
        now = tool.written(Paths(repo))
    except DataError as other:
        pytest.skip(f"the results in git are not of this code: {other}")
    assert tool.OUT.read_text(encoding="utf-8") == now, "run `python tools/reviewers.py`"


def test_a_name_that_is_not_known_is_refused(results):
    with pytest.raises(DataError, match=r"^unknown name in \{\{ \}\} 'nonsense'; known: "):
        numbers.filled("{{ nonsense }}", numbers.all_numbers(results))
