"""A detector that is here as scores alone: what is taken over, what is refused, and that it leaves without a trace."""

from __future__ import annotations

import json
import os
import re
import shutil
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import results_made
import vouching
from hostile import WORDS, Page
from typer.testing import CliRunner

from thb.book import rows as book_rows
from thb.cells import evaluate, transitions
from thb.cells.columns import CELL_COLUMNS, COMPARISON_COLUMNS
from thb.cli.main import app
from thb.core import metrics
from thb.core.errors import CoverageError, DataError, ParamsError, ThbError
from thb.core.params import load
from thb.core.paths import Paths
from thb.core.tables import OK, SCORE_COLUMNS, TESTED_COLUMNS, read_csv, read_json, write_csv
from thb.fits.score_files import ScoreFile
from thb.report.load import open_results
from thb.review import verify
from thb.splits import assignment, protocols
from thb.submitted import compared, match, score_rows, submit
from thb.submitted.submit import Asked

MINE = Asked("mine")


@pytest.fixture(scope="module")
def quick(params):
    return results_made.few(params, ("tall", "container"))


@pytest.fixture(scope="module")
def once(repo, quick, tmp_path_factory) -> Path:
    """Two detectors that know a little, evaluated; only look at it."""
    paths = Paths(tmp_path_factory.mktemp("submitted"))
    results_made.score(repo, paths, quick, lambda rng, _, labels: rng.beta(2 + 2 * labels, 3))
    return paths.root


@pytest.fixture
def clone(once, tmp_path, monkeypatch) -> Paths:
    """A copy that a test may change."""
    root = tmp_path / "clone"
    shutil.copytree(once, root)
    monkeypatch.setenv("THB_ROOT", str(root))
    return Paths(root)


@pytest.fixture(scope="module")
def tested(once, quick) -> list[str]:
    """The clips that test fit `all`."""
    return [clip for clip, *_ in submit.template(Paths(once), quick, "all")]


def state(root: Path) -> dict[str, bytes]:
    return {file.relative_to(root).as_posix(): file.read_bytes() for file in root.rglob("*") if file.is_file()}


def score_of(clip: str) -> float:
    """Some score, the same for the same clip."""
    return round(int.from_bytes(clip.encode()[-3:], "big") % 997 / 997, 4)


def lines(clips, head: str = "clip,score") -> str:
    return "\n".join([head, *(f"{clip},{score_of(clip)}" for clip in clips)]) + "\n"


def given(clone: Paths, content: str | bytes, name: str = "mine.csv") -> Path:
    file = clone.root.parent / name
    file.write_bytes(content if isinstance(content, bytes) else content.encode())
    return file


# ---- in all tables, and out again ---------------------------------------------------------------------


def test_what_is_added_stands_in_the_cells_and_moves_nobody_elses_and_leaves_without_a_trace(clone, quick, tested):
    before = state(clone.root)
    submit.add(clone, quick, given(clone, lines(tested)), MINE)
    evaluate.run(clone, quick)
    cells = read_csv(clone.cells, CELL_COLUMNS).set_index(["protocol", "detector", "generator", "metric"])
    scores = read_csv(clone.scores("mine", "all"), SCORE_COLUMNS)
    own = scores[
        protocols.reals(scores, quick.protocols["P1"]) | (scores["source"] == "hallo") & (scores["use"] == "test")
    ]
    own = own[(own["split"] == "test") & (own["status"] == OK)]
    cell = cells.loc["P1", "mine", "hallo", "AUC"]
    assert cell["value"] == pytest.approx(metrics.auc(own["label"].to_numpy(), own["score"].to_numpy()))
    assert (cell["n_real"], cell["n_fake"]) == (310, 28)
    absent = cells.loc["P3", "mine", "hallo", "AUC"]
    assert np.isnan(absent["value"])
    assert absent["n_fake"] == 0
    told = read_json(clone.metrics)["absent"]
    assert set(told) == {f"mine/{fit}" for fit in quick.fits if fit != "all"}
    assert set(told.values()) == {"mine was submitted without them"}
    for path, columns in ((clone.cells, CELL_COLUMNS), (clone.comparisons, COMPARISON_COLUMNS)):
        was = before[path.relative_to(clone.root).as_posix()].decode().splitlines()
        now = path.read_text().splitlines()
        spoken = re.compile(r"(^|[, ])mine(,|$)")
        assert [line for line in now if not spoken.search(line)] == was, columns
    submit.remove(clone, quick, "mine")
    evaluate.run(clone, quick)
    assert state(clone.root) == before


def test_a_second_fit_joins_the_first_and_may_be_taken_back_alone(clone, quick, tested):
    submit.add(clone, quick, given(clone, lines(tested)), Asked("mine", meta={"url": "https://example.org"}))
    left_out = [clip for clip, *_ in submit.template(clone, quick, "no-hallo", ["P3"])]
    file = given(clone, lines(left_out), "no-hallo.csv")
    with pytest.raises(CoverageError, match="clips have no score"):
        submit.add(clone, quick, file, Asked("mine", "no-hallo"))  # P2 tests more clips than P3
    submit.add(clone, quick, file, Asked("mine", "no-hallo", ["P3"]))
    assert compared.coverage(clone, quick, "mine") == {"all": (len(tested),) * 2, "no-hallo": (len(left_out),) * 2}
    assert compared.about(clone, "mine").meta == {"url": "https://example.org"}
    with pytest.raises(DataError, match="fit 'all' of mine is here already; `thb scores remove mine --fit all` first"):
        submit.add(clone, quick, file, MINE)
    evaluate.run(clone, quick)
    cells = read_csv(clone.cells, CELL_COLUMNS).set_index(["protocol", "detector", "generator", "metric"])
    counts = [cells.loc[p, "mine", "hallo", "AUC"]["n_fake"] for p in ("P1", "P2", "P3")]
    assert counts == [28, 0, 28]
    submit.remove(clone, quick, "mine", "all")
    assert list(compared.coverage(clone, quick, "mine")) == ["no-hallo"]
    submit.remove(clone, quick, "mine", "no-hallo")
    assert not (clone.results / "scores" / "mine").exists()


def test_without_a_submission_the_settings_are_the_very_same(clone, quick):
    assert compared.compared(clone, quick) is quick
    assert compared.outside(quick) == frozenset()


def test_scores_of_other_clips_are_refused_when_numbers_are_made(clone, quick, tested):
    submit.add(clone, quick, given(clone, lines(tested)), MINE)
    with pytest.raises(DataError, match=r"mine was scored on clips of corpus mini, profile mini, seed \d+, but"):
        evaluate.run(clone, vouching.with_seed(quick, 1))
    file = ScoreFile(clone, quick, "mine", "all").path
    file.write_text(file.read_text().replace("0.", "0.1", 1))
    with pytest.raises(DataError, match="is not the file that was written there"):
        evaluate.run(clone, quick)


def test_verify_holds_what_is_not_submitted_against_the_reference(clone, quick, once, tested):
    submit.add(clone, quick, given(clone, lines(tested)), MINE)
    evaluate.run(clone, quick)
    for check in (
        verify.cells(clone, quick, Paths(once), exact=True),
        verify.comparisons(clone, Paths(once), exact=True),
    ):
        assert check.verdict == verify.SAME, check
    write_csv(read_csv(clone.cells, CELL_COLUMNS).assign(value=0.1), clone.cells, CELL_COLUMNS)
    assert verify.cells(clone, quick, Paths(once), exact=True).verdict == verify.DIFFERS


# ---- how a clip may be called -------------------------------------------------------------------------


def test_clips_may_be_called_by_name_by_path_or_by_their_files_name(clone, quick, tested):
    folders = {name: source.folder for name, source in quick.sources.items()}

    def path(clip: str, before: str = "", between: str = "", end: str = ".mp4") -> str:
        source, _, name = clip.partition("/")
        return f"{before}{folders[source]}/{between}{name}{end}"

    ways = {
        "name": lambda clip: clip,
        "name with ending": lambda clip: f"{clip}.mp4",
        "below data/raw": lambda clip: path(clip, between="test/"),
        "from anywhere": lambda clip: path(clip, "/somewhere/data/raw/"),
        "of Windows": lambda clip: path(clip, "C:\\raw\\", end=".MP4").replace("/", "\\"),
        "no ending": lambda clip: path(clip, "./", end=""),
    }
    wanted = None
    for way, call in ways.items():
        text = "path,score\n" + "".join(f'"{call(clip)}",{score_of(clip)}\n' for clip in tested)
        submit.add(clone, quick, given(clone, text), MINE)
        table = clone.scores("mine", "all").read_bytes()
        wanted = wanted or table
        assert table == wanted, way
        submit.remove(clone, quick, "mine")
    alone = [clip.partition("/")[2] for clip in tested]
    unlike = [name if alone.count(name) == 1 else clip for name, clip in zip(alone, tested, strict=True)]
    text = "".join(f"{name},{score_of(clip)}\r\n" for name, clip in zip(unlike, tested, strict=True))
    submit.add(clone, quick, given(clone, text), MINE)  # without a head
    assert clone.scores("mine", "all").read_bytes() == wanted


def test_encodings_quotes_and_the_columns_of_others_are_understood(clone, quick, tested):
    text = lines(tested)
    workbench = "dataset,key,compression,label,score,status,x_note\n" + "".join(
        f"thb,{clip},,{int(not clip.startswith(('ffpp', 'celebvhq')))},{score_of(clip)},ok,hm\n" for clip in tested
    )
    quoted = "\r\n".join(",".join(f'"{cell}"' for cell in line.split(",")) for line in text.splitlines())
    ways = [text, "\ufeff" + text, text.encode("utf-16"), quoted, text.replace("\n", "\n\n"), workbench]
    found = []
    for content in ways:
        submit.add(clone, quick, given(clone, content), MINE)
        found.append(clone.scores("mine", "all").read_bytes())
        submit.remove(clone, quick, "mine")
    assert set(found) == {found[0]}
    folder = clone.root.parent / "json"
    folder.mkdir()
    for number, clip in enumerate(tested):
        (folder / f"{number}.json").write_text(json.dumps({"clip": clip, "score": score_of(clip)}))
    submit.add(clone, quick, folder, MINE)
    assert clone.scores("mine", "all").read_bytes() == found[0]


def test_rows_of_clips_that_do_not_test_the_fit_are_counted_and_passed_over(clone, quick, tested):
    every = read_csv(clone.tested, TESTED_COLUMNS)
    matched = submit.add(clone, quick, given(clone, lines(every["clip"])), MINE)
    use = assignment.uses(every, "all")
    assert matched.passed_over == int((~use.isin(["val", "test"])).sum()) > 0
    assert (matched.scored, matched.of) == (len(tested), len(tested))


# ---- what may be missing ------------------------------------------------------------------------------


def test_a_stated_share_may_lack_a_score_and_is_told(clone, quick, tested):
    few = [clip for clip in tested if clip != tested[0]]
    text = lines(few) + f"{tested[0]},,error\n"
    text = "clip,score,status\n" + "".join(f"{clip},{score_of(clip)},ok\n" for clip in few) + f"{tested[0]},,error\n"
    with pytest.raises(CoverageError, match=rf"1 of {len(tested)} clips have no score, {re.escape(repr(tested[0]))}"):
        submit.add(clone, quick, given(clone, text), MINE)
    submit.add(clone, quick, given(clone, text), Asked("mine", missing=0.01))
    assert compared.coverage(clone, quick, "mine") == {"all": (len(few), len(tested))}
    assert read_csv(clone.scores("mine", "all"), SCORE_COLUMNS).set_index("clip").loc[tested[0], "status"] == "error"
    evaluate.run(clone, quick)


def test_scores_of_fakes_alone_are_no_comparison_whatever_may_be_missing(clone, quick, tested):
    fakes = [clip for clip in tested if not clip.startswith(("ffpp", "celebvhq"))]
    with pytest.raises(CoverageError, match="no real clip has a score"):
        submit.add(clone, quick, given(clone, lines(fakes)), Asked("mine", missing=1))


# ---- what is refused ----------------------------------------------------------------------------------

FIRST = "celebvhq"
REFUSED = {
    "nothing": (lambda text: "", "has no row"),
    "a head alone": (lambda text: "clip,score\n", "has no row"),
    "an unknown clip": (
        lambda text: text + "hallo/nobody,0.5\n",
        r"line \d+: 'hallo/nobody' is no clip of the corpus \(1 of",
    ),
    "a clip twice": (lambda text: text + text.splitlines()[1] + "\n", "stands in line 2 already"),
    "not a number": (
        lambda text: text.replace(text.splitlines()[1].split(",")[1], "nan", 1),
        "score 'nan' is no number",
    ),
    "infinity": (lambda text: text.replace(text.splitlines()[1].split(",")[1], "1e999", 1), "is no number from 0"),
    "above one": (
        lambda text: text.replace(text.splitlines()[1].split(",")[1], "1.01", 1),
        "'1.01' is no number from 0",
    ),
    "a formula": (lambda text: text.replace(text.splitlines()[1].split(",")[1], "=1+1", 1), "'=1\\+1' is no number"),
    "other digits": (lambda text: text.replace(text.splitlines()[1].split(",")[1], "٠.٥", 1), "is no number from 0"),
    "a column that is unknown": (
        lambda text: text.replace("score", "result", 1),
        "unknown column 'result'; known: clip",
    ),
    "a column twice": (lambda text: text.replace("clip,", "score,", 1), "has column 'score' twice"),
    "no name": (lambda text: text.replace("clip,", "label,", 1), "lacks a column: it needs clip or path or key"),
    "a value too many": (lambda text: text + "a,b,c\n", "3 values, but the head names 2 columns"),
    "a quote left open": (lambda text: text + '"hallo/x,0.5\n', "is not CSV"),
    "Latin-1": (lambda text: text.encode() + b"\xe9,0.5\n", "is no text in UTF-8, from byte"),
    "a NUL": (lambda text: text + "a\0,0.5\n", "holds a NUL character"),
    "a ZIP": (lambda text: b"PK\x03\x04" + text.encode(), "is a ZIP archive"),
    "a line without end": (lambda text: b"a" * (17 << 20), "has more than 16,777,216 bytes"),
    "a label that is not so": (
        lambda text: re.sub(r"(?m)$", ",1", text.strip()).replace(",1", ",label", 1),
        "label '1', but",
    ),
    "markup": (lambda text: text + "<script>x</script>,0.5\n", r"'<script>x</script>' is no clip"),
}


@pytest.mark.parametrize("kind", REFUSED)
def test_what_is_refused_is_one_line_and_leaves_nothing(clone, quick, tested, kind):
    change, words = REFUSED[kind]
    file, before = given(clone, change(lines(sorted(tested)))), state(clone.root)
    with pytest.raises(DataError, match=words) as fault:
        submit.add(clone, quick, file, MINE)
    assert "\n" not in str(fault.value)
    assert len(str(fault.value)) < 400
    assert state(clone.root) == before


def test_what_is_no_file_is_refused(clone, quick):
    pipe, folder = clone.root.parent / "pipe", clone.root.parent / "empty"
    os.mkfifo(pipe)
    folder.mkdir()
    for path, words in (
        (pipe, "pipe is no file: a device, a pipe"),
        (Path("/dev/zero"), "zero is no file"),
        (folder, "empty is a folder without a .json file"),
        (clone.root / "gone.csv", "cannot read gone.csv: no such file"),
        (clone.root / ("x" * 300), "cannot read x+: file name too long"),
    ):
        with pytest.raises(DataError, match=words):
            submit.add(clone, quick, path, MINE)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("{", "0.json is not JSON"),
        ("[" * 50_000, "0.json is not JSON"),
        ("[1]", "0.json is no mapping"),
        ('{"clip": "hallo/x", "score": NaN}', "'hallo/x' is no clip"),
        ('{"clip": ["x"], "score": 1}', r"clip is \['x'\], no word"),
        ('{"clip": "x", "score": true}', "score is True, no number"),
        ('{"clip": "x", "score": 1, "cmd": 2}', "unknown column 'cmd'"),
        (" " * 70_000, "has more than 65,536 bytes"),
    ],
)
def test_a_json_that_is_odd_is_named(clone, quick, content, words):
    folder = clone.root.parent / "json"
    folder.mkdir()
    (folder / "0.json").write_text(content)
    with pytest.raises(DataError, match=words):
        submit.add(clone, quick, folder, MINE)


@pytest.mark.parametrize(
    "name",
    [
        "",
        ".",
        "..",
        "a/b",
        "<b>x</b>",
        "x" * 65,
        "a b",
        "1",
        "mean",
        "NaN",
        "TALL",
        "tall",
        "hallo",
        "Hallo2",
        "x\n",
        "é",
    ],
)
def test_a_name_that_is_taken_or_no_name_is_refused(clone, quick, tested, name):
    before = state(clone.root)
    with pytest.raises(ParamsError):
        submit.add(clone, quick, given(clone, lines(tested)), Asked(name))
    assert state(clone.root) == before


def test_other_words_that_are_not_known_are_refused(clone, quick, tested):
    file = given(clone, lines(tested))
    for asked, words in (
        (Asked("mine", "no-halo"), "unknown fit 'no-halo'; known: ffpp, all"),
        (Asked("mine", "all", ["P3"]), "unknown protocol of fit all 'P3'; known: P1"),
        (Asked("mine", "all", ["P9"]), "unknown protocol 'P9'"),
        (Asked("mine", meta={"A": "x"}), "--meta 'A': a key is 1 to 20 of a-z"),
        (Asked("mine", meta={"a": "x\ny"}), "--meta 'a': a key is"),
        (Asked("mine", meta={"a": "x" * 201}), "--meta 'a': a key is"),
    ):
        with pytest.raises(ParamsError, match=re.escape(words)):
            submit.add(clone, quick, file, asked)
    with pytest.raises(ParamsError, match="unknown submitted detector 'tall'; known: "):
        submit.remove(clone, quick, "tall")


# ---- the command line, and pages ----------------------------------------------------------------------


def test_the_commands_from_the_template_to_the_removal(made, monkeypatch):
    monkeypatch.setenv("THB_ROOT", str(made.root))

    def thb(*words: str) -> str:
        done = CliRunner().invoke(app, ["scores", *words])
        assert done.exit_code == 0, done.exception
        return done.output

    params = load(made.params)
    out = made.root.parent / f"{made.root.name}-templates"
    assert "thb scores template" in thb("list")
    thb("template", "--protocol", "P3", "--out", str(out))
    assert {file.stem for file in out.iterdir()} == {f"no-{g}" for g in params.generators}
    rows = thb("template").splitlines()
    assert rows[0] == "clip,score,status"
    clips = [row.split(",")[0] for row in rows[1:]]
    assert set(clips) == set(pd.DataFrame(submit.template(made, params, "all"))[0])
    file = made.root.parent / f"{made.root.name}.csv"
    file.write_text("".join(f"{clip},{score_of(clip)}\n" for clip in clips[1:]))
    added = thb("add", str(file), "--detector", "mine", "--missing", "0.05", "--meta", "by=A. Author")
    assert added.startswith(f"mine, fit all: {len(clips) - 1} of {len(clips)} clips scored -> results/scores/mine\n")
    listed = thb("list")
    assert f"{len(clips) - 1} of {len(clips)} clips" in listed
    assert "by: A. Author" in listed
    shutil.copy(made.root / "params.yaml", made.root.parent)
    assert thb("remove", "mine").startswith("removed mine")
    assert not (made.results / "scores" / "mine").exists()
    file.unlink()
    shutil.rmtree(out)


def test_tables_name_what_was_submitted_in_part_and_hold_no_markup_of_its_words(clone, quick, tested, monkeypatch):
    submit.add(clone, quick, given(clone, lines(tested[1:])), Asked("mine", missing=0.01))
    evaluate.run(clone, quick)
    monkeypatch.setattr("thb.report.load.load", lambda path: quick)
    results = open_results(clone.root)
    assert [e.label for e in results.entrants][-2:] == ["mine", "container"]  # after the paper's, before the controls
    assert compared.partly_scored(results.paths, results.params) == {
        "mine": f"mine was scored on {len(tested) - 1} of {len(tested)} clips (fit all)."
    }
    assert results.said_absent() == [
        f"{len(quick.fits) - 1} fits have no numbers of ours: mine was submitted without them."
    ]
    columns = {"detector": "Detector", "scored": "scored", "P1": "P1", "said": "said"}
    about = clone.results / "scores" / "mine" / compared.ABOUT
    said = read_json(about)
    shapes = set()
    for word in ["plain", *(w for w in WORDS if w.isprintable())]:
        about.write_text(json.dumps({**said, "meta": {"by": word}}))
        page = Page(book_rows.render(results, "submitted", columns))
        shapes.add(tuple(tag for tag, _ in page.elements if tag != "wbr"))
        assert " ".join(word.split()) in " ".join(page.words.split()), word
    assert len(shapes) <= 2  # a long word wraps, a short one does not
    assert not {"script", "img", "iframe", "a", "b", "svg"} & {tag for one in shapes for tag in one}


def test_a_record_that_was_changed_by_hand_is_one_line(clone, quick, tested):
    submit.add(clone, quick, given(clone, lines(tested)), MINE)
    about = clone.results / "scores" / "mine" / compared.ABOUT
    for content in ("{}", "[]", "{", '{"corpus": 1}', '{"meta": {"<b>": "x"}}'):
        about.write_text(content)
        with pytest.raises(ThbError, match=r"about\.json") as fault:
            compared.compared(clone, quick)
        assert "\n" not in str(fault.value)


def test_a_clips_name_in_another_sources_folder_is_no_clip(clone, quick, tested):
    clip = next(clip for clip in tested if clip.startswith("hallo/")).partition("/")[2]
    for path in (f"fake/Hallo2/test/{clip}.mp4", f"elsewhere/{clip}.mp4"):
        with pytest.raises(DataError, match="is no clip of the corpus"):
            submit.add(clone, quick, given(clone, f"{path},0.5\n"), MINE)


@pytest.mark.parametrize(
    "clip", ["hallo/a//b", "hallo/./a", "hallo/a.mp4", "hallo/a\\b", "hallo/a/", "hallo/", "hallo/a "]
)
def test_a_clip_of_any_name_may_be_called_by_it(quick, tmp_path, clip):
    file = tmp_path / "scores.csv"
    write_csv(pd.DataFrame({"clip": [clip], "score": [0.5]}), file, ["clip", "score"])
    (row,) = score_rows.read(file)
    assert match._Names(quick, pd.Series([clip])).clip(row.name) == clip


def test_hits_that_become_misses_are_counted_of_clips_with_both_scores(clone, quick, tested):
    submit.add(clone, quick, given(clone, lines(tested)), MINE)

    def lost() -> pd.DataFrame:
        read = partial(read_csv, columns=SCORE_COLUMNS)
        counted = transitions.lost(quick, lambda fit: read(clone.scores("mine", fit)), "P1", "P3", 0.5, 0.5)
        return counted.set_index("generator")

    assert not lost()["n_fake"].any()  # no fit of P3 was submitted
    left_out = [clip for clip, *_ in submit.template(clone, quick, "no-hallo", ["P3"])]
    few = [clip for clip in left_out if clip != next(c for c in left_out if c.startswith("hallo/"))]
    asked = Asked("mine", "no-hallo", ["P3"], missing=0.01)
    submit.add(clone, quick, given(clone, lines(few), "no-hallo.csv"), asked)
    assert lost().loc[["hallo", "hallo2"], "n_fake"].to_list() == [27, 0]
