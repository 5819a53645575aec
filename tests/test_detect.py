"""thb detect: a user's own files, scored as the benchmark scores its own; a bad one costs one line."""

from __future__ import annotations

import json
import os
import shutil
from dataclasses import fields, replace
from pathlib import Path

import numpy as np
import pytest
import torch
from clips_made import SAMPLES, needs_samples, needs_yunet, tone, with_profile, with_yunet, write_video
from stores import random_clips, smoke, write_store
from vouching import for_raw
from weights_made import IMPORTED, VALIDATION, build, untrained, write_weights

from thb import detectors
from thb.cams.grad_cam import heat
from thb.cli import main
from thb.clips import clip, faces, prepare
from thb.clips.clip_store import open_clips
from thb.core.errors import DataError, ParamsError
from thb.core.params import switch_profile
from thb.core.tables import read_json
from thb.detect import detect, verdicts
from thb.detect import told as saying
from thb.fits import loop
from thb.fits.feed import Feed
from thb.fits.picture_measures import seen
from thb.rendered.heads.motion import draw_motion
from thb.rendered.heads.portraits import draw_portrait
from thb.rendered.heads.renderer import render
from thb.report import heat_page, saving
from thb.splits.clips_of_fit import clips_of_fit, usable

NETWORKS = [name for name in detectors.names() if detectors.load(name).Detector.reads == "frames"]
SURE = 0.95


@pytest.fixture(scope="module")
def head() -> np.ndarray:
    """uint8 [256, 256, 3]: a drawn head that the Haar finder finds."""
    motion = draw_motion(np.random.default_rng(1), 1, 4.0, np.zeros(1), np.zeros(1))
    drawn = render(draw_portrait(np.random.default_rng(7)), motion, 256)
    return (drawn.rgb[0] * 255).astype(np.uint8)


@pytest.fixture
def small(params):
    """Profile smoke."""
    return smoke(params, side=128)


@pytest.fixture
def videos(project, head):
    """One good clip with sound, one without, one faceless, one broken."""
    folder = project.root / "videos"
    write_video(folder / "heard.mp4", 12, size=(256, 256), picture=head, sound=tone(0.5))
    write_video(folder / "deeper" / "silent.MOV", 12, size=(256, 256), picture=head)
    write_video(folder / "faceless.mp4", 12, size=(256, 256), sound=tone(0.5))
    (folder / "broken.mp4").write_text("no video")
    (folder / "notes.txt").write_text("not asked for")
    return folder


@pytest.fixture
def good(project, head):
    return write_video(project.root / "good.mp4", 12, size=(256, 256), picture=head)


def ask(*videos, names=(), fit="all", finder="", cam=None, to="") -> detect.Request:
    return detect.Request(videos, names, fit, finder, cam, to)


def appointed(paths, params, names=("tall",), fit="all", finder="") -> list[verdicts.Judge]:
    return verdicts.appoint(paths, names, fit, finder, params.metrics)


def lines_of(err: str) -> list[str]:
    return [line for line in err.splitlines() if line.startswith("thb: ")]


def told(out: str) -> dict:
    return json.loads(out)


def scores(paths, params, *videos, **asked) -> list[float]:
    """The scores that a run writes into its JSON."""
    file = paths.root / "scores.json"
    detect.run(paths, params, ask(*videos, to=str(file), **asked))
    return [result["score"] for result in read_json(file)["results"]]


# ---- the whole of it --------------------------------------------------------------------------------


def test_good_files_are_scored_and_bad_ones_cost_a_line(project, small, videos, capsys):
    build(project, small, "tall", validation=VALIDATION)
    request = ask(videos, videos / "gone.mp4", cam=project.root / "heat", to=str(project.root / "o.json"))
    detect.run(project, small, request)
    out, err = capsys.readouterr()
    assert sorted(line.split("/")[-1] for line in lines_of(err)) == [
        "broken.mp4: not a readable media file: invalid data found when processing input",
        "faceless.mp4: no face found (finder haar)",
        "gone.mp4: not a readable media file: no such file or directory",
    ]
    head, *body = out.splitlines()
    assert head.split() == ["file", "detector", "score", "threshold", "verdict"]
    assert [line.split()[0].split("/")[-1] for line in body[:2]] == ["silent.MOV", "heard.mp4"]
    assert all("tall/all" in line and "0.5000 at FPR 1%" in line and line.endswith("[1, 2, 3]") for line in body[:2])
    assert body[2].startswith("[1] tall: none of only 50 rendered validation reals")
    assert "rendered heads" in body[3]
    assert body[4] == "[3] tall: in training it was known where the faces are, here haar finds them"
    findings = read_json(project.root / "o.json")
    assert findings["finished"] is True
    assert [r["file"].split("/")[-1] for r in findings["results"]] == ["silent.MOV", "heard.mp4"]
    assert {s["file"].split("/")[-1] for s in findings["skipped"]} == {"broken.mp4", "faceless.mp4", "gone.mp4"}
    assert sorted(p.name for p in (project.root / "heat").iterdir()) == ["heard--tall-all.png", "silent--tall-all.png"]
    assert {r["cam"] for r in findings["results"]} == {str(p) for p in (project.root / "heat").iterdir()}


def test_every_network_takes_part_and_those_that_hear_name_silent_files(project, small, videos, capsys):
    for name in NETWORKS:
        build(project, small, name)
    detect.run(project, small, ask(videos, cam=project.root / "heat", to="-"))
    findings = told(capsys.readouterr().out)
    hearing = {name for name in NETWORKS if detectors.load(name).Detector.hears}
    scored = {(r["detector"], r["file"].split("/")[-1]) for r in findings["results"]}
    assert scored == {(n, "heard.mp4") for n in NETWORKS} | {(n, "silent.MOV") for n in NETWORKS if n not in hearing}
    silent = [s for s in findings["skipped"] if s["file"].endswith("silent.MOV")]
    assert [(s["detector"], s["reason"]) for s in silent] == [(n, "no sound") for n in NETWORKS if n in hearing]
    assert len(list((project.root / "heat").glob("*.png"))) == len(scored)
    assert {r["verdict"] for r in findings["results"]} == {verdicts.NO_THRESHOLD}


def test_a_score_is_what_the_benchmark_gives_the_same_clip(project, small, head):
    """Prepared into a store and read back, or held in memory: the same number."""
    network = build(project, small, "tall")
    source, stem = small.source("hallo"), "00000--aaaaaaaaaa0_1--Hallo"
    file = write_video(
        project.raw / source.folder / "test" / f"{stem}.mp4",
        30,
        size=(300, 256),
        picture=np.pad(head, ((0, 0), (22, 22), (0, 0)), mode="edge"),
    )
    one = with_profile(small, finder="haar", workers=1)
    for_raw(project, one)
    prepare.run(project, one, "hallo")
    store = open_clips(project, one, ["hallo"])
    expected = loop.score(network, Feed(store, store.rows, torch.device("cpu"), network))
    assert scores(project, one, file) == [float(expected[0])]


@pytest.mark.parametrize("name", [name for name in detectors.names() if name not in NETWORKS])
def test_a_control_is_asked_by_name_and_draws_no_heat(project, small, videos, tmp_path_factory, capsys, name):
    store = write_store(tmp_path_factory.mktemp("s"), small)
    control = detectors.load(name).Detector(detectors.configure(name, small.detector(name)))
    control.fit(seen(store, small, usable(clips_of_fit(store, small, "all", ("train",)), "train"), control))
    write_weights(project, small, name, control)
    with pytest.raises(DataError, match=f"no network has weights of fit 'all'; known: {name}/all"):
        detect.run(project, small, ask(videos))
    detect.run(project, small, ask(videos, names=[name], cam=project.root / "heat", to="-"))
    findings = told(capsys.readouterr().out)
    assert {(r["detector"], r["cam"]) for r in findings["results"]} == {(name, None)}


def test_on_the_command_line(project, small, videos, monkeypatch, capsys):
    """One line on stderr for each bad file, exit 0; with nothing scored, one more and the error's 2."""
    switch_profile(project.params, "smoke")
    build(project, small, "tall")
    assert on_command_line(monkeypatch, "videos", "--detector", "tall", "--json", "-") == 0
    out, err = capsys.readouterr()
    assert len(told(out)["results"]) == 2
    assert len(err.splitlines()) == 2
    assert on_command_line(monkeypatch, "videos/broken.mp4", "paper") == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert [line.split(":")[1].strip() for line in err.splitlines()] == [
        "paper",
        "videos/broken.mp4",
        "nothing could be scored",
    ]
    assert "thb: paper: no video below it (looked for .avi, " in err


def test_a_lone_bad_file_is_reported_once(project, small, videos, monkeypatch, capsys):
    build(project, small, "tall")
    assert on_command_line(monkeypatch, "videos/broken.mp4") == 2
    (said,) = capsys.readouterr().err.splitlines()
    assert said.startswith("thb: videos/broken.mp4: not a readable media file: ")


def on_command_line(monkeypatch, *arguments: str) -> int:
    """The exit code of `thb detect …`."""
    monkeypatch.setattr("sys.argv", ["thb", "detect", *arguments])
    with pytest.raises(SystemExit) as end:
        main.main()
    return end.value.code


# ---- what travels with the weights ------------------------------------------------------------------


def test_scores_are_the_same_whatever_profile_is_active(project, params, small, good):
    """One network reads as smoke does, one as mini; each goes on doing so under every profile, without results/."""
    build(project, small, "tall", profile="smoke")
    build(project, params, "caddm", profile="mini")
    under = {name: scores(project, params.model_copy(update={"profile": name}), good) for name in params.profiles}
    assert len({tuple(found) for found in under.values()}) == 1
    assert len(under["paper"]) == 2
    assert not (project.root / "results").exists()


def test_each_network_gets_the_store_that_it_learnt_from(project, params, small, good):
    """Asked together they give what each gives alone, and what its own store gives."""
    networks = {
        "tall": build(project, small, "tall", profile="smoke"),
        "caddm": build(project, params, "caddm", profile="mini"),
    }
    together = scores(project, params, good)
    assert together == [score for name in ("caddm", "tall") for score in scores(project, params, good, names=[name])]
    for name, kept in {"caddm": params.profiles["mini"].store, "tall": small.active.store}.items():
        done = clip.prepare(
            {"clip": "a", "source": detect.SOURCE, "status": "ok", "reason": ""},
            good,
            "haar",
            faces.finder("haar", project, {}),
            kept,
        )
        store = detect.in_memory(done, kept)
        expected = loop.score(networks[name], Feed(store, store.rows, torch.device("cpu"), networks[name]))
        assert scores(project, params, good, names=[name]) == [float(expected[0])]


def test_a_clip_is_read_once_for_all_that_read_it_alike(project, small, good, monkeypatch):
    for name in NETWORKS:
        build(project, small, name)
    read, honest = [], clip.prepare
    monkeypatch.setattr(clip, "prepare", lambda *given: read.append(given[-1]) or honest(*given))
    detect.run(project, small, ask(good))
    assert read == [small.active.store]


@pytest.mark.parametrize(
    ("trained", "asked", "used", "says"),
    [
        ("truth", "", "haar", "in training it was known where the faces are, here haar finds them"),
        ("haar", "", "haar", ""),
        ("yunet", "", "yunet", ""),
        ("yunet", "haar", "haar", "in training yunet found the faces, here haar finds them"),
    ],
)
def test_faces_are_found_as_in_training_where_that_works_anywhere(project, small, trained, asked, used, says):
    build(project, small, "tall", finder=trained)
    (judge,) = appointed(project, small, finder=asked)
    assert judge.finder == used
    assert [caveat for caveat in judge.caveats if "in training" in caveat] == ([says] if says else [])


def test_other_weights_than_run_json_vouches_for_are_refused(project, small, videos):
    build(project, small, "tall")
    file = project.run("tall", "all") / "weights.safetensors"
    content = bytearray(file.read_bytes())
    content[-1] ^= 1
    file.write_bytes(content)
    with pytest.raises(DataError, match="is not the file that was written there .* run `thb train tall all`"):
        detect.run(project, small, ask(videos))


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"reads": None}, "what they say of the clips that they read is damaged: None"),
        ({"reads": {"store": {"windows": 0}, "finder": "haar"}}, "of the clips that they read is damaged: {'finder'"),
        ({"validation": {"corpus": "mini", "real": [0.5]}}, "their validation scores are damaged"),
        ({"validation": {**VALIDATION, "corpus": "maxi"}}, "their validation scores are damaged"),
    ],
)
def test_weights_whose_words_are_damaged_are_refused(project, small, change, says):
    build(project, small, "tall", **change)
    with pytest.raises(DataError, match=f"weights of tall/all: .*{says}") as caught:
        appointed(project, small)
    assert "\n" not in str(caught.value)


def test_a_network_that_its_own_store_cannot_feed_is_refused(project, small, videos):
    build(project, smoke(small, side=128, tall={"test_units": 9}), "tall")
    with pytest.raises(DataError, match="weights of tall/all contradict themselves: test_units 9"):
        detect.run(project, small, ask(videos))


# ---- what was found is kept -------------------------------------------------------------------------


class Broken(Exception):
    """A fault that nobody foresaw."""


@pytest.mark.parametrize("fault", [KeyboardInterrupt, Broken])
def test_what_was_scored_before_a_fault_is_told_and_written(project, small, videos, good, monkeypatch, capsys, fault):
    """The second clip, or the strip of the first, breaks the run."""
    build(project, small, "tall")
    honest = clip.prepare
    monkeypatch.setattr(clip, "prepare", lambda row, file, *rest: honest(row, file, *rest) if file == good else fail())

    def fail():
        raise fault

    with pytest.raises(fault):
        detect.run(project, small, ask(good, videos, to=str(project.root / "o.json")))
    assert "good.mp4" in capsys.readouterr().out
    findings = read_json(project.root / "o.json")
    assert (len(findings["results"]), findings["finished"]) == (1, False)


def test_an_interrupted_strip_costs_no_score_and_leaves_nothing_half_written(project, small, good, monkeypatch):
    build(project, small, "tall")
    monkeypatch.setattr(saving, "as_bytes", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
    with pytest.raises(KeyboardInterrupt):
        detect.run(project, small, ask(good, cam=project.root / "heat", to=str(project.root / "o.json")))
    assert list((project.root / "heat").iterdir()) == []
    (result,) = read_json(project.root / "o.json")["results"]
    assert result["cam"] is None


def test_a_run_that_is_broken_off_before_its_first_score_leaves_the_last_ones_json(project, small, good, monkeypatch):
    build(project, small, "tall")
    target = project.root / "o.json"
    target.write_text("{}")
    monkeypatch.setattr(clip, "prepare", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
    with pytest.raises(KeyboardInterrupt):
        detect.run(project, small, ask(good, to=str(target)))
    assert target.read_text() == "{}"


def test_one_detectors_fault_costs_its_own_scores_only(project, small, good, monkeypatch, capsys):
    for name in ("tall", "caddm"):
        build(project, small, name)
    honest = loop.score
    monkeypatch.setattr(
        loop,
        "score",
        lambda network, feed: honest(network, feed) * (np.nan if ".caddm." in type(network).__module__ else 1),
    )
    detect.run(project, small, ask(good, to="-"))
    findings = told(capsys.readouterr().out)
    assert [r["detector"] for r in findings["results"]] == ["tall"]
    assert [(s["detector"], s["reason"]) for s in findings["skipped"]] == [
        ("caddm", "it gives the score nan, which is no number in [0, 1]")
    ]


# ---- what is refused --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("request_", "error", "says"),
    [
        ({"names": ["tal"]}, ParamsError, "unknown detector 'tal'; known: .*tall"),
        ({"finder": "hair"}, ParamsError, "unknown face finder 'hair'; known: haar, yunet"),
        ({"finder": "truth"}, ParamsError, "unknown face finder 'truth'; known: haar, yunet"),
        ({"names": ["tall"], "fit": "theirs"}, DataError, "tall has no weights of fit 'theirs'; known: tall/all; `dvc"),
        ({"fit": "theirs"}, DataError, "no network has weights of fit 'theirs'; known: tall/all"),
        ({"to": "videos"}, ParamsError, "--json videos is a folder; name a file in it, or - for stdout"),
        ({"to": "videos/notes.txt/o.json"}, ParamsError, "--json .* cannot be written: .*; name a place where you may"),
        ({"to": "x" * 300}, ParamsError, "--json x* cannot be written: file name too long"),
        ({"to": "/dev/null"}, ParamsError, "--json /dev/null is no regular file; name another"),
        (
            {"to": "videos/heard.mp4"},
            ParamsError,
            "--json videos/heard.mp4 is one of the videos, and would be overwritten",
        ),
        ({"cam": Path("videos/notes.txt")}, ParamsError, "is a file; name a folder"),
        ({"cam": Path("videos/notes.txt/heat")}, ParamsError, "--cam videos/notes.txt/heat cannot be written"),
    ],
)
def test_a_mistake_is_refused_before_a_video_is_read(project, small, videos, monkeypatch, request_, error, says):
    build(project, small, "tall")
    monkeypatch.setattr(clip, "prepare", lambda *_: pytest.fail("a video was read"))
    with pytest.raises(error, match=says):
        detect.run(project, small, ask(videos, **request_))


@pytest.mark.parametrize("word", ["-dash.mp4", "--detectr", "-", "--cam=x"])
def test_what_begins_with_a_dash_is_a_file_or_a_hint(project, small, good, monkeypatch, capsys, word):
    build(project, small, "tall")
    word = word.replace("--cam=x", "--camera=x")
    assert on_command_line(monkeypatch, word, "good.mp4") == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(f"thb: {word!r} is neither an option nor a file; known options: --detector, --fit, --finder")
    assert line.endswith(f"a file whose name begins with a dash comes after --, or as ./{word}")


@pytest.mark.parametrize("before", [[], ["--"]])
def test_a_file_that_begins_with_a_dash_is_taken(project, small, good, monkeypatch, capsys, before):
    build(project, small, "tall")
    shutil.copy(good, "-dash.mp4")
    assert on_command_line(monkeypatch, *before, "-dash.mp4") == 0
    assert "\n-dash.mp4  tall/all" in capsys.readouterr().out


# ---- odd names and odd files ------------------------------------------------------------------------

LONG, CJK, LINES, NO_TEXT = "n" * 245, "\u6f22\u5b57", "two\nlines\x1b[31m", os.fsdecode(b"not\xffutf8")


@pytest.mark.parametrize("stem", [LONG, CJK, LINES, NO_TEXT, "$\\frac$", "a b", "\u202egnp"])
@pytest.mark.filterwarnings("error")  # matplotlib's of letters that a font lacks
def test_a_file_of_any_name_is_scored_and_printed_on_one_line(project, small, good, capsys, stem):
    build(project, small, "tall")
    folder = project.root / "odd"
    folder.mkdir()
    shutil.copy(good, folder / f"{stem}.mp4")
    detect.run(project, small, ask(folder, cam=project.root / "heat", to=str(project.root / "o.json")))
    _, first, *notes = capsys.readouterr().out.splitlines()
    assert "tall/all" in first
    assert all(note.startswith("[") for note in notes)
    assert not {"\x1b", "\u202e", "\udcff"} & set(first)
    (result,) = read_json(project.root / "o.json")["results"]
    assert os.fsencode(result["file"]) == os.fsencode(folder / f"{stem}.mp4")
    assert (project.root / "heat").joinpath(os.path.basename(result["cam"])).is_file()


def test_what_is_skipped_is_named_on_one_line(project, small, good, capsys):
    build(project, small, "tall")
    bad = project.root / f"{LINES}.mp4"
    bad.write_text("no video")
    detect.run(project, small, ask(good, bad))
    (line,) = lines_of(capsys.readouterr().err)
    assert "two\\nlines\\x1b[31m.mp4: not a readable" in line


def test_wide_letters_do_not_shift_the_columns():
    rows = [
        {"file": name, "detector": "tall", "score": 0.5, "verdict": "x", "holds_for": "", "remark": ""}
        for name in ("abcd", CJK, "e\u0301bcd")
    ]
    judge = verdicts.Judge("tall", None, None, "haar", None, ())
    lines = list(saying._table([judge], "all", rows))
    assert [saying._width(line.split("tall/all")[0]) for line in lines[1:]] == [6, 6, 6]


def test_letters_that_the_font_lacks_are_drawn_as_escapes():
    assert heat_page.drawable(f"a{CJK}\u00fc") == "a\\u6f22\\u5b57\u00fc"


def test_a_pipe_is_no_regular_file_and_is_not_waited_for(project, small, good, capsys):
    build(project, small, "tall")
    os.mkfifo(project.root / "pipe.mp4")
    detect.run(project, small, ask(project.root / "pipe.mp4", good))
    assert lines_of(capsys.readouterr().err) == [f"thb: {project.root}/pipe.mp4: no regular file"]


# ---- what would mislead -----------------------------------------------------------------------------


@pytest.mark.parametrize("left", [True, False])
def test_of_two_faces_it_is_said_which_is_scored(project, small, head, left, capsys):
    build(project, small, "tall", validation=VALIDATION)
    small_one = np.full_like(head, 120)
    small_one[64:192, 64:192] = head[::2, ::2]
    pair = np.concatenate([head, small_one] if left else [small_one, head], axis=1)
    write_video(project.root / "pair.mp4", 12, size=(512, 256), picture=pair)
    detect.run(project, small, ask(project.root / "pair.mp4"))
    (line,) = [line for line in capsys.readouterr().out.splitlines() if "pair.mp4" in line]
    assert line.endswith(
        "; 2 faces stay in it, and one is scored: the largest one, on the " + ("left" if left else "right")
    )


@pytest.mark.parametrize(
    ("frames", "scored"),
    [
        (1, {"caddm", "df_adapter"}),
        (3, {"caddm", "df_adapter"}),
        (4, {"caddm", "df_adapter", "tall"}),
        (5, set(NETWORKS)),
    ],
)
def test_a_clip_with_fewer_frames_than_a_unit_has_no_score(project, small, head, frames, scored, capsys):
    for name in NETWORKS:
        build(project, small, name)
    file = write_video(project.root / "short.mp4", frames, size=(256, 256), picture=head, sound=tone(0.5))
    detect.run(project, small, ask(file, to="-"))
    findings = told(capsys.readouterr().out)
    assert {r["detector"] for r in findings["results"]} == scored
    tall = [s["reason"] for s in findings["skipped"] if s["detector"] == "tall"]
    had = "1 frame" if frames == 1 else f"{frames} frames"
    assert tall == ([] if "tall" in scored else [f"it has {had}, and one unit of tall needs 4"])


@pytest.mark.parametrize(("corpus", "kind"), [("mini", "rendered"), ("hub", "published")])
def test_a_verdicts_own_line_says_for_which_reals_its_bound_holds(project, small, good, corpus, kind, capsys):
    build(project, small, "tall", corpus=corpus, validation={**VALIDATION, "corpus": corpus})
    detect.run(project, small, ask(good))
    line, *notes = capsys.readouterr().out.splitlines()[1:]
    assert f"called fake (holds for {kind} reals only) [1" in line
    assert f"(95% bound), and this holds for {kind} reals only" in notes[0]


def test_other_files_that_may_be_meant_are_named_with_their_number(project, small, good, videos, capsys):
    build(project, small, "tall")
    for name in ("a.gif", "b.PNG", "c.webp", "deeper/d.ts", ".hidden.gif"):
        (videos / name).touch()
    detect.run(project, small, ask(videos))
    (line,) = [line for line in lines_of(capsys.readouterr().err) if "passed over" in line]
    assert "as pictures, animations or videos of rarer kinds: 4 (a.gif, b.PNG, c.webp, …); one that is named" in line


# ---- thresholds -------------------------------------------------------------------------------------


def test_the_threshold_comes_with_the_weights(project, small):
    reals = np.linspace(0, 0.6, 200)
    told = {"corpus": "mini/no_artefacts", "real": reals.tolist(), "fake": np.linspace(0.5, 0.9, 400).tolist()}
    build(project, small, "tall", validation=told)
    (judge,) = appointed(project, small)
    assert (reals >= judge.bar).sum() <= 2
    assert (reals >= judge.bar - 0.002).sum() > 2
    assert judge.verdict(judge.bar) == verdicts.CALLED
    assert judge.verdict(judge.bar - 1e-9) == verdicts.NOT_CALLED
    assert judge.caveats[0].startswith("2 of 200 rendered validation reals may be called fake")


@pytest.mark.parametrize(("n", "bound"), [(50, "5.8%"), (99, "3.0%"), (300, "2.6%")])
def test_the_bound_on_the_true_rate(n, bound):
    """Fifty reals without a false alarm allow 5.8%: 0.942 ** 50 = 0.05."""
    threshold = verdicts.Threshold(0.5, 0.01, n, n // 100, "rendered")
    assert f"up to {bound} (95% bound)" in verdicts._worth(threshold, SURE)[0]


@pytest.mark.parametrize(
    ("validation", "says"),
    [
        (None, "without validation reals"),
        ({"corpus": "mini", "real": [0.1, 0.9], "fake": [0.2, 0.8]}, "above every validation fake"),
    ],
)
def test_without_a_usable_threshold_there_is_no_verdict(project, small, validation, says):
    build(project, small, "tall", validation=validation)
    (judge,) = appointed(project, small)
    assert (judge.bar, judge.verdict(0.99), judge.holds_for) == (None, verdicts.NO_THRESHOLD, "")
    assert says in judge.caveats[0]


@pytest.mark.parametrize(
    ("about", "says"),
    [
        ({"corpus": "hub", "finder": "haar"}, []),
        ({"corpus": "mini", "finder": "haar"}, ["trained on rendered heads: a verdict on real footage means little"]),
        ({"run": IMPORTED}, ["trained elsewhere: how their clips were read is not known here; haar finds the faces"]),
    ],
)
def test_what_the_weights_were_trained_on_is_said_where_it_matters(project, small, about, says):
    build(project, small, "tall", **about)
    (judge,) = appointed(project, small)
    assert list(judge.caveats[1:]) == says


# ---- heat maps --------------------------------------------------------------------------------------


@pytest.fixture
def network(small, name):
    return untrained(small, name)


def parts(view) -> tuple[torch.Tensor, ...]:
    return view if isinstance(view, tuple) else (view,)


@pytest.mark.parametrize("name", NETWORKS)
class TestHeat:
    def test_there_is_one_map_a_frame(self, network):
        clips = random_clips(2, units=2, length=network.length, side=128)
        hot = heat(network, clips)
        assert hot.pictures.shape[:2] == hot.maps.shape[:2] == (4, network.length)
        assert hot.pictures.shape[-1] == 3
        assert hot.pictures.min() >= 0
        assert hot.pictures.max() <= 1
        assert hot.maps.min() >= 0
        assert np.isfinite(hot.maps).all()
        assert hot.maps.max() > 0

    def test_what_is_shown_is_what_is_seen(self, network):
        """The frame's margin is in the pictures under the heat if, and only if, the network sees it."""
        clips = random_clips(2, units=2, length=network.length, side=128)
        middle = torch.tensor([0.3, 0.3, 0.7, 0.7]).expand_as(clips.boxes)
        points = 0.3 + 0.4 * (clips.landmarks - clips.boxes[..., None, :2]) / 0.5
        clips = replace(clips, boxes=middle, landmarks=points)
        frames = clips.frames.clone()
        frames[..., :3, :, :] = 255 - frames[..., :3, :, :]
        other = replace(clips, frames=frames)
        views = zip(parts(network.view(clips, None)), parts(network.view(other, None)), strict=True)
        assert torch.equal(network.shown(clips), network.shown(other)) == all(torch.equal(a, b) for a, b in views)

    def test_a_clips_map_does_not_depend_on_its_batch(self, network):
        clips = random_clips(2, units=2, length=network.length, side=128)
        held = {f.name: getattr(clips, f.name) for f in fields(clips)}
        second = replace(clips, **{k: v[1:] for k, v in held.items() if isinstance(v, torch.Tensor)})
        both, alone = heat(network, clips).maps, heat(network, second).maps
        assert np.allclose(both[2:], alone, atol=1e-4 * alone.max())

    def test_nothing_is_left_behind(self, network):
        before = {k: v.clone() for k, v in network.state_dict().items()}
        heat(network, random_clips(1, length=network.length, side=128))
        assert all(torch.equal(before[k], v) for k, v in network.state_dict().items())
        assert all(p.grad is None for p in network.parameters())
        assert not any(m._forward_hooks for m in network.modules())


@pytest.mark.parametrize("name", ["tall"])
def test_the_map_is_gradient_times_activation(network):
    """Grad-CAM written out: channel weights are the mean gradients of the fake logit."""
    clips, kept = random_clips(1, units=2, side=128), []
    layer, to_map = network.cam_layer()
    handle = layer.register_forward_hook(lambda *given: kept.append(given[2]))
    logits = network(network.view(clips, None))
    handle.remove()
    (gradient,) = torch.autograd.grad(logits[:, 1].sum(), kept[0])
    maps, weights = to_map(kept[0]), to_map(gradient).mean(dim=(2, 3), keepdim=True)
    expected = network.frames_of_map((maps * weights).sum(dim=1).clamp(min=0), 2)
    assert np.allclose(heat(network, clips).maps, expected.detach().numpy(), atol=1e-6)


@pytest.mark.parametrize("name", ["tall"])
def test_a_thumbnails_map_is_cut_where_its_frames_meet(network):
    tiled = torch.arange(16.0).view(1, 4, 4)
    assert network.frames_of_map(tiled, 1)[0].tolist() == [
        [[0, 1], [4, 5]],
        [[2, 3], [6, 7]],
        [[8, 9], [12, 13]],
        [[10, 11], [14, 15]],
    ]


@pytest.mark.parametrize("name", ["tall"])
def test_what_is_shown_is_what_the_network_sees(network):
    clips = random_clips(2, units=2, side=128)
    mean, spread = torch.tensor((0.485, 0.456, 0.406)), torch.tensor((0.229, 0.224, 0.225))
    seen = network.view(clips, None) * spread.view(-1, 1, 1) + mean.view(-1, 1, 1)
    assert torch.allclose(network.shown(clips), seen, atol=1e-5)


# ---- real clips -------------------------------------------------------------------------------------


@needs_samples
def test_real_clips_are_scored_in_one_go(project, small, capsys):
    """Three fakes of three generators and a real one, with a missing and a broken file among them."""
    for name in NETWORKS:
        build(project, small, name)
    kinds = ("--Hallo2", "--LivePortrait", "SWlYiOtP5mI_2", "spzZdVYB5X0_6")
    files = [next(SAMPLES.rglob(f"*{kind}.mp4")) for kind in kinds]
    detect.run(project, small, ask(files[0], project.root / "gone.mp4", *files[1:], project.params, to="-"))
    findings = told(capsys.readouterr().out)
    assert len([s for s in findings["skipped"] if s["detector"] is None]) == 2
    assert {r["file"] for r in findings["results"]} == {str(f) for f in files}


@needs_samples
def test_real_clips_are_scored_alike_under_every_profile(project, params, small):
    for name in ("tall", "lipfd"):
        build(project, small, name, validation=VALIDATION)
    files = sorted(SAMPLES.rglob("real/celebvhq/*.mp4"))[:2]
    under = [scores(project, params.model_copy(update={"profile": name}), *files) for name in params.profiles]
    assert under[0] == under[1] == under[2]
    assert len(under[0]) >= 2


@needs_samples
@needs_yunet
def test_yunet_finds_the_faces_of_real_clips_where_it_found_them_in_training(project, small, capsys):
    build(project, small, "tall", finder="yunet")
    files = [next(SAMPLES.rglob(f"*{kind}.mp4")) for kind in ("--Hallo2", "spzZdVYB5X0_6")]
    detect.run(project, with_yunet(small), ask(*files, to="-"))
    findings = told(capsys.readouterr().out)
    assert [r["finder"] for r in findings["results"]] == ["yunet", "yunet"]
    assert not any("in training" in caveat for caveat in findings["detectors"]["tall"]["caveats"])
