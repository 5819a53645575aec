"""explain: where each network looks. Heat maps of clips that it is tested on, the regions they cover, some to show."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

import numpy as np
import pandas as pd
import torch
import torch.nn.functional as F
from torch import Tensor
from tqdm import tqdm

from thb.cams import choice, shares
from thb.cams.grad_cam import enlarged, heat, masks, sound_heat
from thb.cams.regions import Atlas
from thb.clips.clip_store import open_clips
from thb.core import origin
from thb.core.errors import ParamsError, unknown
from thb.core.folders import building
from thb.core.params import Explain, Params
from thb.core.paths import Paths
from thb.core.tables import (
    CAM_COLUMNS,
    OK,
    PANEL_COLUMNS,
    POOL_COLUMNS,
    POOLS,
    REGIONS,
    SANITY_COLUMNS,
    write_csv,
    write_json,
)
from thb.detectors.base import Clips, Network, fake_probability, spans
from thb.fits import loop, score_files, weights
from thb.fits.feed import Feed
from thb.fits.score_files import ScoreFile
from thb.splits import protocols
from thb.splits.clips_of_fit import clips_of_fit, soundless_marked

HALF = 0.5  # of a pixel: from there on it is a fault
SPECTROGRAM = (100, 250)  # pixels of one that is shown


def run(paths: Paths, params: Params, detector: str) -> None:
    """Write results/cams/<detector> and results/pools/<detector>.csv."""
    if detector not in params.explained:
        raise ParamsError(unknown("network in explained", detector, params.explained))
    own, reference = (_scores(paths, params, name) for name in (detector, params.explain.reference))
    paths.pools(detector).with_suffix(".json").unlink(missing_ok=True)
    chosen, measured, shown = choice.choose(params, detector, own, reference), [], {}
    atlas = Atlas(paths, params.active.store.windows, params.active.store.run)
    with building(paths.cams(detector)) as folder:
        for fit in tqdm(list(own), desc=f"explain {detector}", unit="fit"):
            subject = _subject(paths, params, detector, fit)
            measured.append(_measured(subject, params, atlas, own[fit]))
            shown |= _shown(subject, params, list(chosen.loc[chosen["fit"] == fit, "clip"]))
            if fit == "all":
                write_csv(_sanity(subject, params), folder / "sanity.csv", SANITY_COLUMNS)
                write_csv(_pools(subject, own[fit]), paths.pools(detector), POOL_COLUMNS)
        write_csv(pd.concat(measured), folder / "clips.csv", CAM_COLUMNS)
        write_json({**atlas.told(), "units": params.active.explain.units}, folder / "regions.json")
        _write_panels(chosen, shown, folder)
        names = sorted(file.name for file in folder.iterdir())
    origin.write_maps(paths, params, detector, names, scores=_read(paths, params, {detector, params.explain.reference}))


def _read(paths: Paths, params: Params, names: Iterable[str]) -> dict[str, str]:
    """A hash of each score file that decided on what is shown."""
    return {f"{name}/{fit}": origin.sha256(paths.scores(name, fit)) for name in sorted(names) for fit in _fits(params)}


def _fits(params: Params) -> list[str]:
    return [fit for fit in params.fits if fit != "ffpp"]


def _scores(paths: Paths, params: Params, detector: str) -> dict[str, pd.DataFrame]:
    """The scores of every fit that some protocol tests by itself, face swaps aside."""
    return {fit: score_files.read(ScoreFile(paths, params, detector, fit)) for fit in _fits(params)}


# ---- a network and its clips ------------------------------------------------------------------------


@dataclass(frozen=True)
class Subject:
    """One fit of a network, with the validation and test clips that it can read."""

    fit: str
    network: Network
    rows: pd.DataFrame  # CLIP_COLUMNS and `use`, index 0..n-1
    feed: Feed

    def starts(self, units: int) -> Tensor:
        """int64 [units]: the first frames of units of a clip, as in a test."""
        return spans(1, self.feed.windows, self.feed.run, self.network.length, units, None, self.feed.tested)[0]

    def batches(self, places: np.ndarray, units: int) -> Iterator[tuple[pd.DataFrame, Clips]]:
        """The rows at `places`, in batches of one size, each clip with so many units; the last row more than once."""
        starts = self.starts(units)
        for index, _ in loop.in_batches(torch.from_numpy(places), self.network.config.score_batch):
            clips = self.feed.take(index, starts.expand(len(index), -1), self.network.length)
            yield self.rows.iloc[index.numpy()], clips


def _subject(paths: Paths, params: Params, detector: str, fit: str) -> Subject:
    network = weights.of_fit(paths, params, detector, fit).model
    assert isinstance(network, Network)
    rows = soundless_marked(clips_of_fit(paths, params, fit, ("val", "test")), network.hears)
    rows = rows.loc[rows["status"] == OK].reset_index(drop=True)
    device = loop.prepare_torch(params.active.seed)
    store = open_clips(paths, params, sorted(set(rows["source"])))
    return Subject(fit, network.to(device).eval(), rows, Feed(store, rows, device, network))


# ---- what the maps lie on ---------------------------------------------------------------------------


def _measured(subject: Subject, params: Params, atlas: Atlas, scores: pd.DataFrame) -> pd.DataFrame:
    """CAM_COLUMNS of the clips that protocols test on this fit alone."""
    units, length = params.active.explain.units, subject.network.length
    frames = (subject.starts(units)[:, None] + torch.arange(length)).numpy()
    rows = []
    for batch, clips in subject.batches(_tested(subject, params), units):
        hot, listed = heat(subject.network, clips), batch.to_dict("records")
        seen = masks(subject.network, clips, atlas.layers(listed, frames))
        large = enlarged(hot.maps, *hot.pictures.shape[2:4])
        for clip, own, layers in zip(listed, _by_clip(large, clips), _by_clip(seen, clips), strict=True):
            rows.append({"clip": clip["clip"], **_facts(own, layers, atlas.exact and clip["label"] == 1)})
    facts = pd.DataFrame(rows).drop_duplicates("clip")
    return scores.assign(fit=subject.fit).merge(facts, on="clip", validate="one_to_one")


def _by_clip(units: np.ndarray, clips: Clips) -> np.ndarray:
    """[B * U, L, ...] -> [B, U * L, ...]."""
    return units.reshape(len(clips.labels), -1, *units.shape[2:])


def _tested(subject: Subject, params: Params) -> np.ndarray:
    """int [n]: places of the fakes, and of some reals, the same reals for every network and fit."""
    rows, used = subject.rows, np.zeros(len(subject.rows), bool)
    for trial in protocols.trials(params):
        if trial.fits == (subject.fit,):
            used |= protocols.fakes(rows, params.protocols[trial.protocol], trial.generator)
    reals = _sampled(rows, ((rows["role"] == "real") & (rows["use"] == "test")).to_numpy(), params)
    return np.union1d(np.flatnonzero(used), reals[: params.active.explain.reals or None])


def _sampled(rows: pd.DataFrame, which: np.ndarray, params: Params) -> np.ndarray:
    """int [n]: the places of these rows in an order that depends on the seed and the clips' names alone."""
    keys = [sha256(f"{params.active.seed} {clip}".encode()).digest() for clip in rows["clip"][which]]
    return np.flatnonzero(which)[sorted(range(len(keys)), key=keys.__getitem__)]


def _facts(hot: np.ndarray, layers: np.ndarray, faulty: bool) -> dict[str, float]:
    """Of one clip: hot [F, h, w], layers [F, len(LAYERS), h, w]; `faulty`: its true faults are known."""
    parts, fault = layers[:, :-1], layers[:, -1:]
    parts = np.concatenate([parts, 1 - parts.sum(axis=1, keepdims=True)], axis=1)
    mass, area = shares.shares(hot, parts)
    some = (fault > HALF).any(axis=(1, 2, 3)) & faulty
    on_fault = shares.shares(hot[some], fault[some]) if some.any() else ([np.nan], [np.nan])
    pointed = shares.pointing(hot[some], fault[some, 0] > HALF)
    return {
        **{f"mass_{region}": share for region, share in zip(REGIONS, mass, strict=True)},
        **{f"area_{region}": share for region, share in zip(REGIONS, area, strict=True)},
        "fault_mass": on_fault[0][0],
        "fault_area": on_fault[1][0],
        **dict(zip(("pointed", "centre_pointed", "random_pointed"), pointed, strict=True)),
    }


# ---- clips that are shown ---------------------------------------------------------------------------


def _shown(subject: Subject, params: Params, names: list[str]) -> dict[tuple[str, str], dict[str, np.ndarray]]:
    """(fit, clip) -> arrays of the clip's own, as panels.npz stacks them."""
    shown = params.explain.shown
    units = max(subject.network.config.test_units, -(-shown // subject.network.length))
    at = np.linspace(0, units * subject.network.length - 1, shown).round().astype(int)
    places, arrays = np.flatnonzero(subject.rows["clip"].isin(names)), {}
    for batch, clips in subject.batches(places, units):
        parts = {**_pictures(subject.network, clips, at), **_boxes(subject.network, clips, at, params.explain)}
        arrays |= {
            (subject.fit, clip): {name: values[i] for name, values in parts.items()}
            for i, clip in enumerate(batch["clip"])
        }
    if subject.network.hears:
        for batch, clips in subject.batches(places, 1):
            for name, values in _sound(subject.network, clips).items():
                for clip, value in zip(batch["clip"], values, strict=True):
                    arrays[subject.fit, clip][name] = value
    return arrays


def _pictures(network: Network, clips: Clips, at: np.ndarray) -> dict[str, np.ndarray]:
    """The frames `at` of each clip, the heat over them, and when they are."""
    hot = heat(network, clips)
    return {
        "pictures": (_by_clip(hot.pictures, clips)[:, at] * 255).round().astype(np.uint8),
        "maps": _by_clip(hot.maps, clips)[:, at].astype(np.float16),
        "times": clips.times.flatten(1).cpu().numpy()[:, at].astype(np.float32),
    }


def _boxes(network: Network, clips: Clips, at: np.ndarray, asked: Explain) -> dict[str, np.ndarray]:
    """The network's own boxes in those frames, the surest first; nothing if it draws none."""
    with torch.no_grad():
        found = network.boxes(network.view(clips, None))
    if found is None:
        return {}
    boxes, sure = (_by_clip(part.cpu().numpy()[:, None], clips)[:, at // network.length] for part in found)
    kept = np.full((*boxes.shape[:2], asked.boxes, 5), np.nan, np.float16)
    for place in np.ndindex(boxes.shape[:2]):
        best = shares.distinct(boxes[place], sure[place], asked.sure, asked.boxes)
        kept[place][: len(best)] = np.column_stack([boxes[place][best], sure[place][best]])
    return {"boxes": kept[..., :4], "box_sure": kept[..., 4]}


def _sound(network: Network, clips: Clips) -> dict[str, np.ndarray]:
    """Of each clip's first window: its spectrogram, low frequencies at the top, the heat over it, from when to when."""
    picture = F.interpolate(network.sound_shown(clips), SPECTROGRAM, mode="area").permute(0, 2, 3, 1)
    first, last = (clips.times[:, 0, i].cpu().numpy() for i in (0, -1))
    end = last + (last - first) / (network.length - 1)
    return {
        "sound": (picture.cpu().numpy() * 255).round().astype(np.uint8),
        "sound_maps": sound_heat(network, clips).astype(np.float16),
        "sound_times": np.stack([first, end], axis=1).astype(np.float32),
    }


def _write_panels(chosen: pd.DataFrame, shown: dict[tuple[str, str], dict[str, np.ndarray]], folder: Path) -> None:
    """panels.csv and panels.npz: row i is index i."""
    clips = [shown[place] for place in zip(chosen["fit"], chosen["clip"], strict=True)]
    write_csv(chosen, folder / "panels.csv", PANEL_COLUMNS)
    arrays = {name: np.stack([clip[name] for clip in clips]) for name in clips[0]}
    np.savez(folder / "panels.npz", allow_pickle=False, **arrays)


# ---- is it the weights? and what if units were pooled otherwise? --------------------------------------


def _sanity(subject: Subject, params: Params) -> pd.DataFrame:
    """SANITY_COLUMNS of some test clips, half of them fakes: the trained map against that of random weights."""
    torch.manual_seed(params.active.seed)
    other = type(subject.network)(subject.network.config).to(subject.feed.device).eval()
    labels, test = subject.rows["label"].to_numpy(), (subject.rows["use"] == "test").to_numpy()
    half = params.explain.sanity // 2
    places = [_sampled(subject.rows, test & (labels == label), params)[:half] for label in (1, 0)]
    told = []
    for batch, clips in subject.batches(np.concatenate(places), params.active.explain.units):
        pairs = zip(*(_by_clip(heat(network, clips).maps, clips) for network in (subject.network, other)), strict=True)
        alike, empty = zip(*(shares.rank_correlation(*pair) for pair in pairs), strict=True)
        told.append(batch.assign(rank_correlation=alike, empty=empty))
    return pd.concat(told).drop_duplicates("clip").astype({"empty": int})


def _pools(subject: Subject, scores: pd.DataFrame) -> pd.DataFrame:
    """POOL_COLUMNS of the validation and test clips; one that cannot be read has no number."""
    network, told = subject.network, []
    with torch.inference_mode():
        for batch, clips in subject.batches(np.arange(len(subject.rows)), network.config.test_units):
            told.append(batch[["clip"]].assign(**pooled(network.unit_logits(clips).double().cpu())))
    found = pd.concat(told).drop_duplicates("clip")
    return scores.merge(found, on="clip", how="left", validate="one_to_one")


def pooled(logits: Tensor) -> dict[str, np.ndarray]:
    """Unit logits [B, U, 1 or 2] -> the clips' scores [B] under each of POOLS."""
    each = fake_probability(logits)
    ways = (
        fake_probability(logits.mean(dim=1)),
        each.mean(dim=1),
        each.amax(dim=1),
        each.quantile(0.5, dim=1),
        each[:, 0],
    )
    return {name: values.numpy() for name, values in zip(POOLS, ways, strict=True)}
