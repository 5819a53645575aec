"""The embedded corpus on disk: layout, names, determinism, and what happens when it is interrupted."""

import csv
import errno
import hashlib
import json
import os
import re
import wave
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
import yaml

from thb.core.errors import DataError, DiskError, ParamsError
from thb.core.paths import Paths
from thb.rendered import clip, corpus, encode, truth
from thb.rendered.heads.voice import RATE, draw_timbre, speak
from thb.rendered.names import driver_ids, ffpp_ids, portrait_ids, video_of
from thb.rendered.plan import SPLITS, plan
from thb.rendered.seeds import stream

RENDER = {
    "size": 32,
    "seconds": (0.35, 0.45),
    "fingerprint": 1.0,
    "artefacts": 1.0,
    "curation": 0.5,
    "clips": {
        "generator": {"train": 1, "val": 1, "test": 1},
        "unseen": {"train": 0, "val": 0, "test": 1},
        "ffpp": {"train": 2, "val": 2, "test": 2},
        "celebvhq": {"train": 1, "val": 1, "test": 1},
        "swap": {"train": 1, "val": 1, "test": 2},
    },
}
FAKE = re.compile(r"\d{5}--.{10,11}_\d+--[A-Za-z0-9]+")


@pytest.fixture(scope="module")
def sources(repo):
    return yaml.safe_load((repo / "params.yaml").read_text())["sources"]


def write(root: Path, sources, **changes) -> Paths:
    paths = Paths(root=root)
    corpus.write_corpus(paths, RENDER | changes, 3, sources, 1, lambda *_: None)
    return paths


@pytest.fixture(scope="module")
def made(tmp_path_factory, sources) -> Paths:
    return write(tmp_path_factory.mktemp("corpus"), sources)


@pytest.fixture(scope="module")
def few(sources) -> dict[str, dict]:
    """Of each kind one: a generator, one that is only tested on, and reals."""
    return {name: sources[name] for name in ("hallo", "magi1", "celebvhq")}


@pytest.fixture(scope="module")
def few_made(tmp_path_factory, few) -> Paths:
    return write(tmp_path_factory.mktemp("few"), few)


@pytest.fixture
def here(monkeypatch) -> None:
    """Work is done in this process, where a test sees what it calls."""
    monkeypatch.setattr(corpus, "in_order", lambda work, items, *_: map(work, items))


def contents(paths: Paths) -> dict[str, bytes]:
    return {p.relative_to(paths.data).as_posix(): p.read_bytes() for p in sorted(paths.data.rglob("*")) if p.is_file()}


def clips(paths: Paths, folder: str) -> list[Path]:
    return sorted((paths.raw / folder).glob("*.mp4"))


# ---- plan and names ---------------------------------------------------------------------------------


def large_plan(sources, seed=11):
    counts = {"train": 6, "val": 3, "test": 4}
    roles = {
        "generator": counts,
        "unseen": {"train": 0, "val": 0, "test": 3},
        "swap": {"train": 12, "val": 4, "test": 4},
    }
    reals = {name: {"train": 12, "val": 4, "test": 12} for name in ("ffpp", "celebvhq")}
    return plan(RENDER | {"clips": roles | reals}, seed, sources)


def test_planning_is_a_function_of_the_seed(sources):
    assert large_plan(sources) == large_plan(sources)
    assert large_plan(sources) != large_plan(sources, seed=12)


def test_no_person_and_no_driver_is_in_two_splits_or_both_real_and_fake(sources):
    drawn = large_plan(sources)
    for facts in (lambda p: {p.portrait, p.donor} - {""}, lambda p: {video_of(p.driver)} - {""}):
        for kind in ("real", "fake"):
            sets = {
                s: set().union(*(facts(p) for p in drawn if p.split == s and (p.role == "real") == (kind == "real")))
                for s in SPLITS
            }
            assert not sets["train"] & sets["val"]
            assert not sets["train"] & sets["test"]
            assert not sets["val"] & sets["test"]
    celebrities = {video_of(p.driver) for p in drawn if p.source == "celebvhq"}
    assert not celebrities & {video_of(p.driver) for p in drawn if p.role in ("generator", "unseen")}


def test_train_portraits_are_shared_by_the_generators(sources):
    drawn = [p for p in large_plan(sources) if p.role == "generator" and p.split == "train"]
    by_generator = {name: {p.portrait for p in drawn if p.source == name} for name in sources}
    assert by_generator["hallo"] == by_generator["emoportraits"]


def test_file_names_are_unique(sources):
    paths = [p.path for p in large_plan(sources)]
    assert len(paths) == len(set(paths))


@pytest.mark.parametrize("seed", [11, 20250524])
def test_every_naming_pitfall_occurs_in_a_small_corpus(sources, seed):
    fakes = [p for p in large_plan(sources, seed) if p.role == "generator"]
    stems = [p.stem for p in fakes]
    assert all(FAKE.fullmatch(stem) for stem in stems)
    assert any(stem.startswith("00") for stem in stems)
    assert any(re.fullmatch(r"\d{5}--[^-].{9}_\d+--\w+", p.stem) and p.driver.startswith("-") for p in fakes)
    assert any(p.stem[7:].startswith(p.driver) and p.driver.startswith("-") for p in fakes)
    assert any("--" in p.driver for p in fakes)
    assert any(p.driver.endswith("_0_1") for p in fakes)
    unseen = {p.source: p.stem for p in large_plan(sources, seed) if p.role == "unseen"}
    assert re.fullmatch(r"\d{5}-.{10,11}_\d+", unseen["hallo3"])
    assert re.fullmatch(r"\d{5}", unseen["magi1"])


def test_ids_look_like_their_originals():
    assert all(re.fullmatch(r"\d{5}", name) for name in portrait_ids(stream(1), 30, 1, 3))
    assert all(re.fullmatch(r"[A-Za-z0-9_-]{11}_\d+", name) for name in driver_ids(stream(2), 60))
    assert len(set(driver_ids(stream(2), 60))) == 60
    assert len(set(ffpp_ids(stream(3), 200))) == 200


def test_swaps_come_in_pairs_of_one_split(sources):
    drawn = large_plan(sources)
    split = {p.stem: p.split for p in drawn if p.source == "ffpp"}
    swaps = {p.stem for p in drawn if p.source == "faceswap"}
    for p in drawn:
        if p.source == "faceswap":
            target, donor = p.stem.split("_")
            assert split[target] == split[donor] == p.split
            assert f"{donor}_{target}" in swaps


def test_more_swaps_than_pairs_are_refused(sources):
    with pytest.raises(ParamsError, match="9 train swaps wanted, but 2 FF"):
        plan(RENDER | {"clips": RENDER["clips"] | {"swap": {"train": 9, "val": 0, "test": 0}}}, 1, sources)


def test_a_corpus_too_strictly_curated_says_so(tmp_path, sources):
    with pytest.raises(ParamsError, match="render.curation is too strict: of 12 magi1 candidates 0 passed"):
        write(tmp_path, {"magi1": sources["magi1"]}, curation=-1.0)


# ---- voice ------------------------------------------------------------------------------------------


def test_the_mouth_follows_the_voice_and_not_another_moment():
    together, apart = [], []
    for seed in range(8):
        voice, fps = speak(draw_timbre(stream(seed, "timbre")), stream(seed, "speech"), 2.0), 25.0
        loud = np.sqrt((voice.samples.reshape(50, RATE // 25) ** 2).mean(axis=1))
        together.append(np.corrcoef(loud, voice.mouth(50, fps)[0])[0, 1])
        apart.append(np.corrcoef(loud, voice.mouth(50, fps, delay=0.25)[0])[0, 1])
    assert np.mean(together) > 0.75
    assert np.mean(apart) < 0.4


def test_the_mouth_is_the_same_at_any_frame_rate():
    voice = speak(draw_timbre(stream(1)), stream(2), 2.0)
    assert np.allclose(voice.mouth(50, 25.0)[0][::5], voice.mouth(10, 5.0)[0], atol=1e-5)
    assert voice.samples.dtype == np.float32
    assert len(voice.samples) == 2 * RATE
    assert np.abs(voice.samples).max() <= 1.0


# ---- what is written --------------------------------------------------------------------------------


def test_folders_hold_what_the_release_holds(made, sources):
    for name, source in sources.items():
        if source["role"] == "generator":
            for split in SPLITS:
                (one,) = clips(made, f"{source['folder']}/{split}")
                assert one.stem.endswith("--" + Path(source["folder"]).name), name
                assert (made.raw / "audio/fake" / f"{one.stem}.wav").is_file()
    assert len(clips(made, "fake/additional_dataset/MAGI-1")) == 1
    assert len(clips(made, sources["faceswap"]["folder"])) == 4
    ffpp = {p.stem for p in clips(made, sources["ffpp"]["folder"])}
    assert {p.stem for p in (made.raw / "audio/ff++").iterdir()} == ffpp
    assert all(re.fullmatch(r".{11}_\d+", p.stem) for p in (made.raw / "audio/fake_celebvhq").iterdir())


def test_lists_name_every_real_clip_once(made, sources):
    ours, official = (json.loads((made.raw / name).read_text()) for name in (corpus.SPLIT_LIST, corpus.OFFICIAL_LIST))
    for listed in (ours, official):
        assert list(listed) == sorted(("Train", "Val", "Test"))
        for key, name in (("FaceForensics++", "ffpp"), ("CelebV-HQ", "celebvhq")):
            files = [file for split in listed.values() for file in split[key]]
            assert sorted(files) == [p.name for p in clips(made, sources[name]["folder"])]


def test_the_manifest_tells_the_truth_about_every_file(made):
    rows = list(csv.DictReader(made.manifest.open()))
    assert list(rows[0]) == list(corpus.MANIFEST_COLUMNS)
    for row in rows:
        content = (made.raw / row["path"]).read_bytes()
        assert (int(row["bytes"]), row["sha256"]) == (len(content), hashlib.sha256(content).hexdigest())
    files = {p.relative_to(made.raw).as_posix() for p in made.raw.rglob("*") if p.is_file()}
    assert files == {row["path"] for row in rows} | {"manifest.csv", "curation.csv"}


def test_curation_counts_add_up(made):
    for row in csv.DictReader(made.raw_curation.open()):
        assert int(row["made"]) == int(row["removed"]) + int(row["kept"])
        assert float(row["ratio_removed"]) == pytest.approx(int(row["removed"]) / int(row["made"]), abs=1e-4)


def test_tracks_are_those_of_the_release(made, sources):
    sound = {}
    for name, source in sources.items():
        with av.open(str(next((made.raw / source["folder"]).rglob("*.mp4")))) as file:
            assert file.streams.video[0].codec_context.name == "h264"
            sound[name] = file.streams.audio[0].codec_context.name if file.streams.audio else None
    assert {name for name, codec in sound.items() if codec is None} == {"magi1", "ffpp", "faceswap"}
    assert {name for name, codec in sound.items() if codec and codec.startswith("mp3")} == {"hallo2", "hallo3"}
    with wave.open(str(next((made.raw / "audio/fake").iterdir()))) as file:
        assert (file.getnchannels(), file.getsampwidth(), file.getframerate()) == (1, 2, RATE)


def test_truth_covers_every_frame_of_every_clip(made, sources):
    for name, source in sources.items():
        for path in (made.raw / source["folder"]).rglob("*.mp4"):
            known = truth.read(made.truth / name / f"{path.stem}.npz")
            with av.open(str(path)) as file:
                count, side = file.streams.video[0].frames, file.streams.video[0].width
            assert known.regions.shape == known.artefact.shape == (count, side // 2, side // 2)
            assert known.box.shape == (count, 4)
            assert known.landmarks.shape == (count, 5, 2)
            assert (known.box[:, 2:] > known.box[:, :2]).all()
            assert known.artefact.any() or source["role"] != "swap"
            assert source["role"] != "real" or not known.artefact.any()


# ---- again, interrupted, elsewhere ------------------------------------------------------------------


def test_the_same_bytes_in_another_folder(made, sources, tmp_path):
    assert contents(write(tmp_path, sources)) == contents(made)


def test_only_what_is_missing_or_broken_is_made_again(made, sources, monkeypatch, here):
    before, remade = contents(made), []
    real = clip.make
    monkeypatch.setattr(clip, "make", lambda p: remade.append(p.source) or real(p))
    next((made.raw / sources["hallo"]["folder"]).rglob("*.mp4")).unlink()
    half = clips(made, sources["celebvhq"]["folder"])[0]
    half.write_bytes(half.read_bytes()[:500])
    (made.raw / "fake/Hallo/train/old--clip.mp4").write_bytes(b"of another plan")
    (made.truth / "hallo" / "x.npz.17.part").write_bytes(b"half")
    write(made.root, sources)
    assert sorted(remade) == ["celebvhq", "hallo"]
    assert contents(made) == before


def test_clips_that_other_code_of_a_library_drew_are_drawn_again(few_made, few, monkeypatch, here):
    before, remade, real = contents(few_made), [], clip.make
    monkeypatch.setattr(clip, "make", lambda p: remade.append(p) or real(p))
    monkeypatch.setenv("NPY_DISABLE_CPU_FEATURES", "")
    write(few_made.root, few)
    assert len(remade) == len(list(few_made.truth.rglob("*.npz"))) > 0
    monkeypatch.undo()
    assert contents(write(few_made.root, few)) == before


def test_an_interrupted_run_leaves_no_half_file_and_ends_the_same(few_made, few, tmp_path, monkeypatch):
    real, seen = clip.make, []

    def make(p):
        seen.append(p)
        if len(seen) > 5:
            raise KeyboardInterrupt
        return real(p)

    monkeypatch.setattr(clip, "make", make)
    with pytest.raises(KeyboardInterrupt):
        write(tmp_path, few)
    assert not list(tmp_path.rglob("*.part"))
    monkeypatch.setattr(clip, "make", real)
    assert contents(write(tmp_path, few)) == contents(few_made)


def test_a_process_that_dies_is_one_line_and_the_next_run_goes_on(few_made, few, tmp_path, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(clip, "make", lambda *_: os.kill(os.getpid(), 9))
        with pytest.raises(DataError, match=r"the process that renders .*\.mp4 dies; run `thb fetch` again"):
            write(tmp_path, few)
    assert contents(write(tmp_path, few)) == contents(few_made)


def test_a_full_disk_is_one_line(tmp_path, sources, monkeypatch):
    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(DiskError, match="cannot write .*: no space left on device"):
        write(tmp_path, {"hallo": sources["hallo"]})


def test_a_download_is_not_swept_away(tmp_path, sources):
    paths = Paths(root=tmp_path)
    paths.raw.mkdir(parents=True)
    paths.manifest.write_text("path,bytes,sha256,revision\nfake/x.mp4,1,00,cd5f4672\n")
    with pytest.raises(DataError, match="holds another corpus .revision cd5f4672."):
        write(tmp_path, sources)


# ---- control corpora --------------------------------------------------------------------------------


def test_controls_keep_the_clips_and_switch_one_thing_off(made, sources, tmp_path):
    fakes = {name: source for name, source in sources.items() if source["role"] == "generator"}
    clean, blank = (write(tmp_path / key, fakes, **{key: 0.0}) for key in ("artefacts", "fingerprint"))
    for name, source in fakes.items():
        for path in (made.raw / source["folder"]).rglob("*.mp4"):
            same, without, untraced = (truth.read(p.truth / name / f"{path.stem}.npz") for p in (made, clean, blank))
            assert not without.artefact.any()
            assert np.array_equal(same.artefact, untraced.artefact)
            assert np.array_equal(same.box, untraced.box)
    assert not (clean.raw / "real").exists()
    assert {p.name for p in clean.raw.rglob("*.mp4")} < {p.name for p in made.raw.rglob("*.mp4")}


def test_a_twin_is_filmed_from_the_same_picture_and_is_what_it_would_be_alone(
    made, sources, tmp_path, monkeypatch, here
):
    both = {name: source for name, source in sources.items() if name in ("hallo", "celebvhq")}
    fakes = {"hallo": sources["hallo"]}
    main, twin, rendered = Paths(tmp_path / "main"), Paths(tmp_path / "twin"), []
    real = clip.stage
    monkeypatch.setattr(clip, "stage", lambda scene, *rest: rendered.append(scene) or real(scene, *rest))
    corpus.write_corpus(main, RENDER, 3, both, 1, lambda *_: None, [(twin, 0.0)])
    assert len(rendered) == len(list(main.raw.rglob("*.mp4")))
    write(twin.root, fakes, fingerprint=0.0)
    assert len(rendered) == len(list(main.raw.rglob("*.mp4"))), "the twin's clips were there already"
    assert contents(twin) == contents(write(tmp_path / "alone", fakes, fingerprint=0.0))
    assert contents(twin).keys() < contents(main).keys()


@pytest.mark.parametrize("side", [80, 120, 128, 144, 160])
def test_every_frame_size_encodes_to_the_same_bytes(side):
    """An encoder that reads past its rows would show it here: memory holds something else each time."""
    rng = np.random.default_rng(5)
    y, x = np.mgrid[:side, :side]
    waves = [128 + 60 * np.sin(x / 9 + t / 3) + 40 * np.cos(y / 7 - t / 5) for t in range(24)]
    frames = np.clip(np.stack(waves)[..., None] + rng.normal(0, 3, (24, side, side, 3)), 0, 255).astype(np.uint8)
    clutter, made = [], set()
    for _ in range(8):
        clutter.append(rng.integers(0, 255, 200_000, dtype=np.uint8))
        made.add(encode.mp4(frames, Fraction(25), 18.0, None, None))
    assert len(made) == 1
