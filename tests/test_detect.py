"""thb detect: a user's own files, scored as the benchmark scores its own; a bad one costs one line."""

from __future__ import annotations

import json
import shutil
from dataclasses import fields, replace

import numpy as np
import pandas as pd
import pytest
import torch
from clips_made import SAMPLES, needs_samples, tone, with_profile, write_video
from stores import SIDE, random_clips, smoke, write_store

from thb import cli, clip, detectors, judges, loop
from thb.errors import DataError, ParamsError
from thb.feed import Feed
from thb.heatmaps import heat
from thb.mini.motion import draw_motion
from thb.mini.portraits import draw_portrait
from thb.mini.renderer import render
from thb.params import switch_profile
from thb.pictures import seen
from thb.records import SCORE_COLUMNS, open_clips, read_json, write_csv, write_json
from thb.report import style
from thb.roster import roster, usable
from thb.stages import detect, prepare

NETWORKS = [name for name in detectors.names() if detectors.load(name).Detector.reads == "frames"]


@pytest.fixture(scope="module")
def head() -> np.ndarray:
    """uint8 [256, 256, 3]: a drawn head that the Haar finder finds."""
    motion = draw_motion(np.random.default_rng(1), 1, 4.0, np.zeros(1), np.zeros(1))
    drawn = render(draw_portrait(np.random.default_rng(7)), motion, 256)
    return (drawn.rgb[0] * 255).astype(np.uint8)


@pytest.fixture
def small(params):
    """Profile smoke."""
    return smoke(params)


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


def build(paths, params, name: str, fit: str = "all", profile: str | None = "smoke"):
    """An untrained network's weights, and what a training run says of itself."""
    config = detectors.configure(name, params.detector(name))
    torch.manual_seed(0)
    network = detectors.load(name).Detector(config).eval()
    paths.run(name, fit).mkdir(parents=True)
    network.save(paths.run(name, fit) / "weights.safetensors", detectors.describe(name, config))
    write_json({"profile": profile} if profile else {"imported_from": "b3.pkl"}, paths.run(name, fit) / "run.json")
    return network


def write_scores(paths, name: str, reals: np.ndarray, fakes: np.ndarray, fit: str = "all") -> None:
    """A score file whose test clips would give another threshold."""
    rows = [("val", 0, s) for s in reals] + [("val", 1, s) for s in fakes] + [("test", 0, 1.0), ("test", 1, 1.0)]
    table = pd.DataFrame(rows, columns=["use", "label", "score"]).assign(
        clip=[str(i) for i in range(len(rows))], source="x", role="x", split="val", portrait="", video="", status="ok",
        reason="")
    write_csv(table, paths.scores(name, fit), SCORE_COLUMNS)


def ask(*videos, names=(), fit="all", finder="haar", cam=None, to="") -> detect.Request:
    return detect.Request(videos, names, fit, finder, cam, to)


# ---- the whole of it --------------------------------------------------------------------------------


def test_good_files_are_scored_and_bad_ones_cost_a_line(project, small, videos, capsys):
    build(project, small, "tall")
    write_scores(project, "tall", np.linspace(0, 0.4, 50), np.linspace(0.3, 0.45, 10))
    request = ask(videos, videos / "gone.mp4", cam=project.root / "heat", to=str(project.root / "o.json"))
    detect.run(project, small, request)
    out, err = capsys.readouterr()
    lines = [line for line in err.splitlines() if line.startswith("thb: ")]
    assert sorted(line.split("/")[-1] for line in lines) == [
        "broken.mp4: not a readable media file: invalid data found when processing input",
        "faceless.mp4: no face found (finder haar)",
        "gone.mp4: not a readable media file: no such file or directory"]
    head, *body = out.splitlines()
    assert head.split("  ")[0] == "file"
    assert "threshold at FPR 1%" in head
    assert [line.split()[0].split("/")[-1] for line in body[:2]] == ["silent.MOV", "heard.mp4"]
    assert all("tall/all" in line and "[1, 2]" in line for line in body[:2])
    assert body[2].startswith("[1] tall: none of only 50 validation reals")
    assert "rendered heads" in body[3]
    told = read_json(project.root / "o.json")
    assert [r["file"].split("/")[-1] for r in told["results"]] == ["silent.MOV", "heard.mp4"]
    assert {s["file"].split("/")[-1] for s in told["skipped"]} == {"broken.mp4", "faceless.mp4", "gone.mp4"}
    assert sorted(p.name for p in (project.root / "heat").iterdir()) == ["heard--tall-all.png", "silent--tall-all.png"]
    assert {r["cam"] for r in told["results"]} == {str(p) for p in (project.root / "heat").iterdir()}


def test_every_network_takes_part_and_those_that_hear_name_silent_files(project, small, videos, capsys):
    for name in NETWORKS:
        build(project, small, name)
    detect.run(project, small, ask(videos, cam=project.root / "heat", to="-"))
    told = json.loads(capsys.readouterr().out)
    hearing = {name for name in NETWORKS if detectors.load(name).Detector.hears}
    scored = {(r["detector"], r["file"].split("/")[-1]) for r in told["results"]}
    assert scored == {(n, "heard.mp4") for n in NETWORKS} | {(n, "silent.MOV") for n in NETWORKS if n not in hearing}
    silent = [s for s in told["skipped"] if s["file"].endswith("silent.MOV")]
    assert [(s["detector"], s["reason"]) for s in silent] == [(n, "no sound") for n in NETWORKS if n in hearing]
    assert len(list((project.root / "heat").glob("*.png"))) == len(scored)
    assert {r["verdict"] for r in told["results"]} == {judges.NO_THRESHOLD}


def test_a_score_is_what_the_benchmark_gives_the_same_clip(project, small, head, capsys):
    """Prepared into a store and read back, or held in memory: the same number."""
    network = build(project, small, "tall")
    source, stem = small.source("hallo"), "00000--aaaaaaaaaa0_1--Hallo"
    file = write_video(project.raw / source.folder / "test" / f"{stem}.mp4", 30, size=(300, 256),
                       picture=np.pad(head, ((0, 0), (22, 22), (0, 0)), mode="edge"))
    one = with_profile(small, finder="haar", workers=1)
    prepare.run(project, one, "hallo")
    store = open_clips(project, ["hallo"])
    expected = loop.score(network, Feed(store, store.rows, torch.device("cpu"), network))
    capsys.readouterr()
    detect.run(project, one, ask(file, to="-"))
    assert json.loads(capsys.readouterr().out)["results"][0]["score"] == float(expected[0])


@pytest.mark.parametrize("name", [name for name in detectors.names() if name not in NETWORKS])
def test_a_control_is_asked_by_name_and_draws_no_heat(project, small, videos, tmp_path_factory, capsys, name):
    store = write_store(tmp_path_factory.mktemp("s"), side=SIDE)
    config = detectors.configure(name, small.detector(name))
    control = detectors.load(name).Detector(config)
    control.fit(seen(store, usable(roster(store, "all", ("train",)), "train"), control))
    project.run(name, "all").mkdir(parents=True)
    control.save(project.run(name, "all") / "weights.safetensors", detectors.describe(name, config))
    with pytest.raises(DataError, match=f"no network has weights of fit 'all'; known: {name}/all"):
        detect.run(project, small, ask(videos))
    detect.run(project, small, ask(videos, names=[name], cam=project.root / "heat", to="-"))
    told = json.loads(capsys.readouterr().out)
    assert {(r["detector"], r["cam"]) for r in told["results"]} == {(name, None)}


def test_on_the_command_line(project, small, videos, monkeypatch, capsys):
    """One line on stderr for each bad file, exit 0; with nothing scored, the error's 2."""
    switch_profile(project.params, "smoke")
    build(project, small, "tall")
    assert on_command_line(monkeypatch, "videos", "--detector", "tall", "--json", "-") == 0
    out, err = capsys.readouterr()
    assert len(json.loads(out)["results"]) == 2
    assert len(err.splitlines()) == 2
    assert on_command_line(monkeypatch, "videos/broken.mp4", "videos/faceless.mp4", "paper") == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert len(err.splitlines()) == 4
    assert "thb: paper: no video below it (looked for .avi, " in err
    assert err.splitlines()[-1].startswith("thb: nothing could be scored; first: paper: no video")


def on_command_line(monkeypatch, *arguments: str) -> int:
    """The exit code of `thb detect …`."""
    monkeypatch.setattr("sys.argv", ["thb", "detect", *arguments])
    with pytest.raises(SystemExit) as end:
        cli.main()
    return end.value.code


def test_an_interrupted_run_leaves_nothing_half_written(project, small, videos, monkeypatch):
    build(project, small, "tall")
    monkeypatch.setattr(detect, "AT_ONCE", 1)
    monkeypatch.setattr(style, "save", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
    with pytest.raises(KeyboardInterrupt):
        detect.run(project, small, ask(videos, cam=project.root / "heat", to=str(project.root / "o.json")))
    assert list((project.root / "heat").iterdir()) == []
    assert not (project.root / "o.json").exists()


def test_files_of_one_name_get_strips_of_their_own(project, small, videos):
    build(project, small, "tall")
    (videos / "again").mkdir()
    shutil.copy(videos / "heard.mp4", videos / "again" / "heard.mp4")
    detect.run(project, small, ask(videos, videos / "heard.mp4", cam=project.root / "heat"))
    assert sorted(p.name for p in (project.root / "heat").iterdir()) == [
        "heard--tall-all.png", "heard-2--tall-all.png", "silent--tall-all.png"]


# ---- what is refused --------------------------------------------------------------------------------


@pytest.mark.parametrize(("request_", "error", "says"), [
    ({"names": ["tal"]}, ParamsError, "unknown detector 'tal'; known: .*tall"),
    ({"finder": "hair"}, ParamsError, "unknown face finder 'hair'; known: truth, haar"),
    ({"names": ["tall"], "fit": "theirs"}, DataError, "tall has no weights of fit 'theirs'; known: tall/all; `dvc"),
    ({"fit": "theirs"}, DataError, "no network has weights of fit 'theirs'; known: tall/all"),
])
def test_an_unknown_name_is_refused_before_a_video_is_read(project, small, videos, monkeypatch, request_, error, says):
    build(project, small, "tall")
    monkeypatch.setattr(clip, "prepare", lambda *_: pytest.fail("a video was read"))
    with pytest.raises(error, match=says):
        detect.run(project, small, ask(videos, **request_))


def test_a_file_where_strips_should_go_is_refused(project, small, videos):
    build(project, small, "tall")
    with pytest.raises(ParamsError, match="is a file; name a folder"):
        detect.run(project, small, ask(videos, cam=videos / "notes.txt"))


def test_a_network_that_the_profiles_store_cannot_feed_is_refused(project, small, videos):
    build(project, smoke(small, tall={"test_units": 9}), "tall")
    with pytest.raises(ParamsError, match="tall does not go with profile 'smoke': test_units 9"):
        detect.run(project, small, ask(videos))


# ---- thresholds -------------------------------------------------------------------------------------


def test_the_threshold_comes_from_validation_reals(project, small):
    build(project, small, "tall")
    write_scores(project, "tall", np.linspace(0, 0.6, 200), np.linspace(0.5, 0.9, 400))
    (judge,) = judges.appoint(project, small, ["tall"], "all")
    reals = np.linspace(0, 0.6, 200)
    assert (reals >= judge.threshold).sum() <= 2
    assert (reals >= judge.threshold - 0.002).sum() > 2
    assert judge.verdict(judge.threshold) == judges.CALLED
    assert judge.verdict(judge.threshold - 1e-9) == judges.NOT_CALLED
    assert judge.caveats[0].startswith("2 of 200 validation reals may be called fake")


@pytest.mark.parametrize(("n", "bound"), [(50, "5.8%"), (99, "3.0%"), (300, "2.6%")])
def test_the_bound_on_the_true_rate(n, bound):
    """Fifty reals without a false alarm allow 5.8%: 0.942 ** 50 = 0.05."""
    assert f"up to {bound} (95% bound)" in judges._worth(n, n // 100, 0.95)


def test_without_a_usable_threshold_there_is_no_verdict(project, small):
    build(project, small, "tall")
    (judge,) = judges.appoint(project, small, ["tall"], "all")
    assert (judge.threshold, judge.verdict(0.99)) == (None, judges.NO_THRESHOLD)
    assert "no validation scores" in judge.caveats[0]
    write_scores(project, "tall", np.array([0.1, 0.9]), np.array([0.2, 0.8]))
    (judge,) = judges.appoint(project, small, ["tall"], "all")
    assert (judge.threshold, judge.verdict(0.99)) == (None, judges.NO_THRESHOLD)
    assert "above every validation fake" in judge.caveats[0]


def test_only_rendered_training_clips_are_warned_of(project, small):
    build(project, small, "tall", fit="imported", profile=None)
    (judge,) = judges.appoint(project, small, [], "imported")
    assert not any("rendered" in caveat for caveat in judge.caveats)


# ---- heat maps --------------------------------------------------------------------------------------


@pytest.fixture
def network(small, name):
    torch.manual_seed(0)
    return detectors.load(name).Detector(detectors.configure(name, small.detector(name))).eval()


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
        middle = torch.tensor([0.3, 0.3, 0.7, 0.7]).expand(2, 4)
        points = 0.3 + 0.4 * (clips.landmarks - clips.boxes[:, None, :2]) / 0.5
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
        [[0, 1], [4, 5]], [[2, 3], [6, 7]], [[8, 9], [12, 13]], [[10, 11], [14, 15]]]


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
    told = json.loads(capsys.readouterr().out)
    assert len([s for s in told["skipped"] if s["detector"] is None]) == 2
    assert {r["file"] for r in told["results"]} == {str(f) for f in files}
