"""train: the same weights every time, also after a kill; chosen on validation clips and nothing else."""

from __future__ import annotations

import shutil
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
import vouching
from stores import FACE, rng, smoke, vouch, write_split_of_swaps, write_store

from thb import detectors
from thb.clips.clip_store import open_clips
from thb.core import code, origin
from thb.core.errors import DataError, ParamsError
from thb.core.paths import Paths
from thb.core.tables import read_json
from thb.detectors import base
from thb.detectors.base import Network
from thb.fits import loop, train
from thb.fits.feed import Feed, reframed
from thb.splits.clips_of_fit import clips_of_fit, usable

TINY = {"epochs": 3, "size": 32, "thumbnail": 64, "dim": 16, "window": 4}
LONGER = {**TINY, "repeats": 10}


@pytest.fixture(scope="module")
def tiny(params):
    return smoke(params, tall=TINY)


@pytest.fixture(scope="module")
def written(tmp_path_factory, tiny) -> Paths:
    """A store and its split; `store` hands out copies."""
    return write_store(tmp_path_factory.mktemp("written"), tiny)


@pytest.fixture
def store(tmp_path, written) -> Paths:
    shutil.copytree(written.root, tmp_path, dirs_exist_ok=True)
    return Paths(tmp_path)


@pytest.fixture(scope="module")
def longer(tmp_path_factory, written, params) -> tuple[bytes, pd.DataFrame]:
    """The weights and the log of a fit of LONGER that ran through."""
    paths = Paths(shutil.copytree(written.root, tmp_path_factory.mktemp("longer"), dirs_exist_ok=True))
    train.run(paths, smoke(params, tall=LONGER), "tall", "all")
    return weights(paths), pd.read_csv(paths.run("tall", "all") / "log.csv")


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory, written, tiny) -> bytes:
    """The weights of the tiny fit `all` of TALL."""
    paths = Paths(shutil.copytree(written.root, tmp_path_factory.mktemp("uninterrupted"), dirs_exist_ok=True))
    train.run(paths, tiny, "tall", "all")
    return weights(paths)


def weights(paths, fit="all", detector="tall") -> bytes:
    return (paths.run(detector, fit) / "weights.safetensors").read_bytes()


def forgotten(paths, detector="tall") -> bytes:
    """The weights of fit `all`, whose folder is removed."""
    found = weights(paths, detector=detector)
    shutil.rmtree(paths.run(detector, "all"))
    return found


def restored(paths, fit="all"):
    return detectors.restore(paths.run("tall", fit) / "weights.safetensors", "tall")


# ── The same every time ──────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("detector", detectors.names())
def test_two_runs_give_the_same_bytes(store, tiny, detector):
    train.run(store, tiny, detector, "all")
    first = forgotten(store, detector)
    train.run(store, tiny, detector, "all")
    assert weights(store, detector=detector) == first


@pytest.mark.parametrize("detector", ["tall", "container"])
def test_a_fits_key_knows_all_code_that_it_rests_on(store, tiny, detector, count_as_changed):
    job = train._job(store, tiny, detector, "all")
    before = train._key(job)
    for file in code.files_of("fits.train", f"detectors.{detector}"):
        count_as_changed(file)
        changed = replace(job)
        vars(changed)["stores"] = job.stores  # the clips are what they were
        assert train._key(changed) != before, file


def test_another_training_seed_gives_other_weights_of_the_same_clips(store, tiny, uninterrupted):
    changed = {tiny.profile: tiny.active.model_copy(update={"training_seed": 1})}
    other = tiny.model_copy(update={"profiles": {**tiny.profiles, **changed}})
    train.run(store, other, "tall", "all")
    assert weights(store) != uninterrupted


@pytest.mark.parametrize("whole", [1, 2, 3])
def test_an_interrupted_fit_ends_in_the_same_weights(store, tiny, uninterrupted, monkeypatch, whole):
    with monkeypatch.context() as patch:
        _interrupt_after(patch, whole)
        with pytest.raises(KeyboardInterrupt):
            train.run(store, tiny, "tall", "all")
    epochs = _count_epochs(monkeypatch)
    train.run(store, tiny, "tall", "all")
    assert weights(store) == uninterrupted
    assert len(epochs) == 3 - whole
    assert not store.partial("tall", "all").exists()


def _interrupt_after(patch, whole):
    """Ctrl-C in the epoch that follows `whole` whole ones, or just before the weights are written."""
    run_epoch = loop._run_epoch
    if whole == 3:
        return patch.setattr(train, "_write", lambda *a: (_ for _ in ()).throw(KeyboardInterrupt))

    def stop(fit, feeds, seed, epoch, bar):
        if epoch == whole:
            loop._train_epoch(fit, feeds[0], epoch, torch.Generator(), bar)
            raise KeyboardInterrupt
        return run_epoch(fit, feeds, seed, epoch, bar)

    patch.setattr(loop, "_run_epoch", stop)


def _count_epochs(patch) -> list[int]:
    seen, run_epoch = [], loop._run_epoch

    def count(fit, feeds, seed, epoch, bar):
        seen.append(epoch)
        return run_epoch(fit, feeds, seed, epoch, bar)

    patch.setattr(loop, "_run_epoch", count)
    return seen


def test_a_killed_fit_ends_in_the_same_weights(store, params, longer):
    """kill -9 after the first whole epoch of another process."""
    code = (
        "import sys; from pathlib import Path; from thb.core import params, paths;"
        "from thb.fits import train; sys.path.insert(0, sys.argv[2]); from stores import smoke;"
        f"tiny = smoke(params.load(Path(sys.argv[3])), tall={LONGER!r});"
        "train.run(paths.Paths(Path(sys.argv[1])), tiny, 'tall', 'all')"
    )
    here = Path(__file__).parent
    command = [sys.executable, "-c", code, str(store.root), str(here), str(here.parent / "params.yaml")]
    partial = store.partial("tall", "all")
    victim = subprocess.Popen(command, cwd=here.parent, stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 120
    while not list(partial.glob("*.pt")) and victim.poll() is None and time.monotonic() < deadline:
        time.sleep(0.02)
    victim.send_signal(signal.SIGKILL)
    assert victim.wait() == -signal.SIGKILL
    assert not store.run("tall", "all").exists()
    assert list(partial.glob("*.pt"))
    train.run(store, smoke(params, tall=LONGER), "tall", "all")
    assert weights(store) == longer[0]


def test_a_partial_fit_of_other_settings_is_not_taken_up(store, tiny, params, monkeypatch):
    with monkeypatch.context() as patch:
        _interrupt_after(patch, 2)
        with pytest.raises(KeyboardInterrupt):
            train.run(store, tiny, "tall", "all")
    epochs = _count_epochs(monkeypatch)
    train.run(store, smoke(params, tall={**TINY, "lr": 1e-3}), "tall", "all")
    assert epochs == [0, 1, 2]


# ── Chosen on validation clips ───────────────────────────────────────────────────────────────────


def test_test_clips_have_no_say(store, tiny, uninterrupted):
    rows = clips_of_fit(store, tiny, "all", ("test",))
    for source, group in rows[rows["row"] >= 0].groupby("source"):
        frames = np.load(store.clips(source) / "frames.npy", mmap_mode="r+")
        frames[group["row"]] = 0
        frames.flush()
        vouching.for_store(store, tiny, source)
    train.run(store, tiny, "tall", "all")
    assert weights(store) == uninterrupted


def test_the_best_epoch_is_kept(store, tiny, monkeypatch):
    """Epoch 2 has the best validation AUC here; its weights are those of a fit that was stopped there."""
    told = iter([(0.6, 0.5), (0.9, 0.7), (0.8, 0.1)])
    monkeypatch.setattr(loop, "validate", lambda scores, feed: next(told))
    kept = []
    keep = loop._keep
    monkeypatch.setattr(
        loop,
        "_keep",
        lambda fit, *entry: (
            keep(fit, *entry),
            kept.append({k: v.clone() for k, v in fit.network.state_dict().items()}),
        ),
    )
    train.run(store, tiny, "tall", "all")
    written = restored(store).state_dict()
    assert all(torch.equal(written[k], kept[1][k]) for k in written)
    assert read_json(store.run("tall", "all") / "run.json")["best_epoch"] == 2


def test_equal_auc_is_decided_by_the_loss_then_by_the_earlier():
    def entry(epoch, val_auc, val_loss):
        return {"epoch": epoch, "val_auc": val_auc, "val_loss": val_loss}

    a, b, c, d = entry(1, 0.9, 0.5), entry(2, 1.0, 0.4), entry(3, 1.0, 0.2), entry(4, 1.0, 0.2)
    assert loop.Fit(None, None, None, None, [a, b, c, d], {}, None).chosen is c


# ── What is written ──────────────────────────────────────────────────────────────────────────────


def test_a_run_says_what_it_was(store, tiny):
    train.run(store, tiny, "tall", "all")
    folder = store.run("tall", "all")
    about, log = read_json(folder / "run.json"), pd.read_csv(folder / "log.csv")
    assert sorted(p.name for p in folder.iterdir()) == ["log.csv", "run.json", "took.json", "weights.safetensors"]
    assert list(log.columns) == train.LOG_COLUMNS
    assert list(log["epoch"]) == [1, 2, 3]
    assert (about["settings"]["epochs"], about["epochs"], about["stopped_by"]) == (3, 3, "epochs")
    assert about["clips"] == {"train": 24, "val": 12}
    assert about["val_auc"] == pytest.approx(log["val_auc"].max())
    assert about["parameters"] == about["trainable"] > 0
    assert {"training_seed", "made_by", "files", "seen", "stores", "versions"} <= about.keys()
    took = read_json(folder / "took.json")
    assert (took["seconds"] > 0, len(took["epochs"]), "CPU" in took["hardware"]) == (True, 3, True)


@pytest.mark.parametrize("detector", ["tall", "container"])
def test_what_is_hashed_of_a_fit_is_the_same_twice(store, tiny, detector, repo):
    """All but what .dvcignore names, which holds times."""
    train.run(store, tiny, detector, "all")
    folder = store.run(detector, "all")
    first = {file.name: file.read_bytes() for file in folder.iterdir()}
    forgotten(store, detector)
    train.run(store, tiny, detector, "all")
    assert {name for name in first if (folder / name).read_bytes() != first[name]} <= {"took.json"}
    assert "/runs/**/took.json" in (repo / ".dvcignore").read_text().splitlines()


def test_the_synthetic_weave_is_learnt(longer):
    _, log = longer
    assert log["val_auc"].max() > 0.9
    assert log["loss"].iloc[-1] < log["loss"].iloc[0]


# ── Starting from the ffpp fit ───────────────────────────────────────────────────────────────────


def test_a_fit_starts_from_the_ffpp_fit(store, params):
    settings = smoke(
        params,
        tall={
            **TINY,
            "start_from": "ffpp",
            "epochs": 1,
            "lr": 1e-30,
            "min_lr": 0.0,
            "warmup_lr": 0.0,
            "weight_decay": 0.0,
        },
    )
    write_split_of_swaps(store, settings)
    with pytest.raises(DataError, match="tall/ffpp has no weights yet"):
        train.run(store, settings, "tall", "all")
    train.run(store, smoke(params, tall={**TINY, "start_from": "ffpp"}), "tall", "ffpp")
    with pytest.raises(DataError, match=r"tall/ffpp/weights.safetensors was made with other settings of train"):
        train.run(store, settings, "tall", "all")
    train.run(store, settings, "tall", "ffpp")
    train.run(store, settings, "tall", "all")
    ffpp, fit = (restored(store, name) for name in ("ffpp", "all"))
    for (key, one), two in zip(ffpp.named_parameters(), fit.parameters(), strict=True):
        assert torch.allclose(one, two, rtol=0, atol=1e-20), key
    assert read_json(store.run("tall", "all") / "run.json")["start_sha256"]


def test_what_the_others_start_from_is_said_beside_the_ffpp_fit(store, params):
    """Its weights, if they do, whoever trained them; else the same whatever they are."""
    scratch = smoke(params, tall=TINY)
    other = vouching.with_seed(scratch, 1)
    from_it = smoke(params, tall={**TINY, "start_from": "ffpp"})
    write_split_of_swaps(store, scratch)

    def said(settings) -> object:
        vouch(store, settings)
        train.run(store, settings, "tall", "ffpp")
        return read_json(store.start("tall"))["start_from"]

    assert (said(scratch), said(other)) == (None, None)
    first = said(from_it)
    assert first == origin.sha256(store.pretrained("tall") / "weights.safetensors")
    assert said(vouching.with_seed(from_it, 1)) != first
    vouch(store, from_it)
    train.run(store, from_it, "container", "all")
    assert not store.start("container").exists()


# ── What is refused ──────────────────────────────────────────────────────────────────────────────


def test_unknown_names_and_settings_are_refused(store, tiny, params):
    with pytest.raises(ParamsError, match="unknown detector 'tal'"):
        train.run(store, tiny, "tal", "all")
    with pytest.raises(ParamsError, match=r"unknown key in detectors\.tall 'epoch'; known: compat"):
        train.run(store, smoke(params, tall={"epoch": 3}), "tall", "all")
    with pytest.raises(DataError, match=r"missing data/splits/no-hallo.csv; run `thb split`"):
        train.run(store, tiny, "tall", "no-hallo")


@pytest.mark.parametrize(
    ("use", "label", "named"),
    [("train", 1, "no usable fake clip with use 'train'"), ("val", 0, "no usable real clip with use 'val'")],
)
@pytest.mark.parametrize("detector", detectors.names())
def test_a_set_without_both_classes_is_refused(store, tiny, detector, use, label, named, monkeypatch):
    rows = clips_of_fit(store, tiny, "all", ("train", "val"))
    left = rows[(rows["use"] != use) | (rows["label"] != label)]
    monkeypatch.setattr(train, "clips_of_fit", lambda *asked: left)
    with pytest.raises(DataError, match=named):
        train.run(store, tiny, detector, "all")
    assert not store.run(detector, "all").exists()


def test_a_loss_that_is_no_number_stops_the_fit(store, tiny, monkeypatch):
    step = loop.train_step
    monkeypatch.setattr(loop, "train_step", lambda *given: step(*given) * float("nan"))
    with pytest.raises(DataError, match="training loss became nan"):
        train.run(store, tiny, "tall", "all")


# ── The feed, and what a GPU adds ────────────────────────────────────────────────────────────────


class Whole(Network):
    sees = "whole"


def _feeds(store, params):
    rows = usable(clips_of_fit(store, params, "all", ("train",)), "train")
    clips = open_clips(store, params, sorted(set(rows["source"])))
    return Feed(clips, rows, torch.device("cpu"), Network), clips, rows


def test_a_feed_gives_the_frames_that_were_asked_for(store, tiny):
    feed, clips, rows = _feeds(store, tiny)
    taken = feed.take(torch.tensor([3, 20]), torch.tensor([[0, 6], [1, 5]]), 4)
    for b, i in enumerate((3, 20)):
        whole = clips.faces[rows["source"][i]][rows["row"][i]]
        for u, start in enumerate([[0, 6], [1, 5]][b]):
            assert np.array_equal(taken.frames[b, u].numpy(), whole[start : start + 4])
    assert taken.labels.tolist() == [rows["label"][3], rows["label"][20]]
    assert taken.boxes[1, 1, 3].tolist() == pytest.approx([0, 0, 0.5, 0.5])
    assert taken.landmarks[0, 0, 0].numpy() == pytest.approx(0.1 + 0.3 * FACE, abs=1e-5)
    assert taken.squares[0, 1, 2].tolist() == pytest.approx([80 / 256, 64 / 256, (80 + 64) / 256, (64 + 64) / 256])


def test_a_network_that_sees_whole_frames_has_places_in_those(store, tiny):
    rows = usable(clips_of_fit(store, tiny, "all", ("train",)), "train")
    clips = open_clips(store, tiny, sorted(set(rows["source"])))
    taken = Feed(clips, rows, torch.device("cpu"), Whole).take(torch.tensor([3]), torch.tensor([[6]]), 4)
    assert np.array_equal(taken.frames[0, 0].numpy(), clips.frames[rows["source"][3]][rows["row"][3]][6:10])
    assert taken.boxes[0, 0, 0].tolist() == pytest.approx([80 / 256, 64 / 256, (80 + 32) / 256, (64 + 32) / 256])
    assert taken.squares[0, 0, 0].tolist() == [0, 0, 1, 1]


def test_an_original_is_cut_where_its_swap_is():
    """A swap's square lies 3 px to the right of and 5 below its original's; what that lacks is the swap's own."""
    frame = torch.randint(256, (40, 40, 3), generator=rng(), dtype=torch.uint8)
    own = torch.full((1, 16, 16, 3), 7, dtype=torch.uint8)
    squares = [torch.tensor([[[x, y], [x + 16, y + 16]]], dtype=torch.float32) for x, y in ((8, 10), (11, 15))]
    cut = reframed(frame[None, 10:26, 8:24], *squares, own)
    assert torch.equal(cut[0, :11, :13], frame[15:26, 11:24])
    assert (cut[0, 11:] == 7).all()
    assert (cut[0, :, 13:] == 7).all()


def test_an_original_of_another_scale_is_brought_to_its_swap_s():
    ramp = torch.arange(32, dtype=torch.float32)[None, None, :, None].expand(1, 32, 32, 3) * 4
    theirs, ours = torch.tensor([[[0.0, 0], [64, 64]]]), torch.tensor([[[16.0, 16], [48, 48]]])
    cut = reframed(ramp.byte(), theirs, ours, torch.zeros(1, 32, 32, 3, dtype=torch.uint8))
    expected = ((16 + torch.arange(32) + 0.5) / 2 - 0.5) * 4
    assert (cut[0, 5, :, 0].float() - expected).abs().max() <= 0.5


def test_frames_kept_on_the_device_are_the_same(store, tiny, monkeypatch):
    feed, clips, rows = _feeds(store, tiny)
    monkeypatch.setattr(Feed, "_fits", lambda self: True)
    resident = Feed(clips, rows, torch.device("cpu"), Network)
    asked = torch.tensor([3, 20, 3]), torch.tensor([[0, 6], [1, 5], [5, 6]]), 4
    assert resident._resident is not None
    assert torch.equal(resident.take(*asked).frames, feed.take(*asked).frames)


@pytest.mark.parametrize("precision", ["bfloat16", "float16"])
def test_half_precision_trains_too(tmp_path, params, precision):
    half = smoke(params, tall={**TINY, "precision": precision})
    store = write_store(tmp_path, half)
    train.run(store, half, "tall", "all")
    log = pd.read_csv(store.run("tall", "all") / "log.csv")
    assert log["loss"].iloc[-1] < log["loss"].iloc[0]
    assert all(p.dtype == torch.float32 for p in restored(store).parameters())


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU here")
def test_a_gpu_gives_the_same_bytes_twice(store, tiny):
    train.run(store, tiny, "tall", "all")
    first = weights(store)
    train.run(store, tiny, "tall", "all")
    assert weights(store) == first


def test_df_adapters_published_schedule_begins_its_fall_after_the_warm_up(params):
    config = detectors.configure("df_adapter", params.detectors["df_adapter"].defaults)
    rates = {epoch: base.warm_cosine(config, epoch) for epoch in (0, 15, 57.5, 100)}
    assert rates == pytest.approx({0: 0, 15: 0.0125, 57.5: 0.00625, 100: 0}, abs=1e-12)
    assert base.warm_cosine(replace(config, schedule="cosine"), 15) == pytest.approx(0.01182, abs=1e-5)
    assert base.warm_cosine(replace(config, warmup_epochs=100), 100) == 0


def test_the_published_schedule(params):
    config = detectors.configure("tall", params.detectors["tall"].defaults)
    rates = [base.warm_cosine(config, epoch) for epoch in range(61)]
    assert rates[0] == pytest.approx(1.5e-8)
    assert rates[10] == pytest.approx(1.5e-7 + 1.485e-5 * (1 + np.cos(np.pi / 6)) / 2)
    assert rates[5] == pytest.approx(1.5e-8 + (1.5e-5 - 1.5e-8) / 2)
    assert rates[60] == pytest.approx(1.5e-7)
    assert base.warm_cosine(replace(config, warmup_epochs=0), 0) == pytest.approx(1.5e-5)
