"""identity: whose faces are alike in training and test, whatever they are called; optional, beside `split`'s names."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd
from tqdm import tqdm

from thb.clips.clip_store import SQUARE, inside, open_clips
from thb.core import model_files, origin
from thb.core.errors import DataError
from thb.core.params import Params
from thb.core.paths import Paths
from thb.core.processes import in_order
from thb.core.tables import LANDMARK_COLUMNS, write_json
from thb.splits import assignment, protocols
from thb.splits.clips_of_fit import read_split
from thb.splits.leakage import EXAMPLES, listed
from thb.splits.look_alikes import pairs
from thb.splits.look_alikes.align import SIDE
from thb.splits.look_alikes.embedder import Embedder
from thb.splits.look_alikes.pairs import Faces, Nearest

CHUNK = 16  # clips that a process looks at in one go
NO_FACE, NO_DIRECTION = "no face was found", "the network gives its face no direction"


def run(paths: Paths, params: Params, names: Sequence[str]) -> None:
    """Compare by each of these networks, or by those under `identity_checks`."""
    for name in names:
        params.embedding(name)
    for name in names or params.identity_checks:
        _check(paths, params, name)
    if not names and not params.identity_checks:
        print(
            "faces are not compared: identity_checks in params.yaml names no network; "
            f"known: {', '.join(params.identity.embeddings)}"
        )


def _check(paths: Paths, params: Params, name: str) -> None:
    entry, file = params.embedding(name), model_files.weights(name, params.nets)
    network = Embedder(file, entry.mean, entry.scale)
    network.face(np.zeros((SIDE, SIDE, 3), np.uint8))  # one that cannot be run is refused at once
    clips = open_clips(paths, params, list(params.sources)).rows
    compared, why = _with_directions(clips, paths, params, network, name)
    report = {
        "net": name,
        "sha256": params.nets[name].sha256,
        "settings": params.identity_settings(name),
        "corpus": params.active.corpus,
        "profile": params.profile,
        "finders": sorted(set(clips["finder"])),
        "compared": len(compared.rows),
        "left_out": {reason: listed(left) for reason, left in why.items()},
        "pairs": _calibrated(compared, entry.same),
        "protocols": dict(_protocols(compared, paths, params, entry.same)),
    }
    write_json({**report, "made_by": asdict(origin.of_faces(paths, params, name))}, paths.identity(name))
    _say(report)


# ---- every clip's direction -------------------------------------------------------------------------

Sides = tuple[np.ndarray, np.ndarray]  # bool [n], bool [n]: which clips test a fit, and which it has seen


@dataclass(frozen=True)
class Compared:
    """The clips that have a direction, and those directions."""

    rows: pd.DataFrame
    faces: Faces


@dataclass(frozen=True)
class Job:
    """Some clips of one source, and the folder of its store."""

    network: Embedder
    store: Path
    rows: np.ndarray  # int [n]
    looked_at: int


def _with_directions(
    clips: pd.DataFrame, paths: Paths, params: Params, network: Embedder, name: str
) -> tuple[Compared, dict[str, list[str]]]:
    """The clips that can be compared, and of the others which is left out for what reason."""
    faceless = clips[LANDMARK_COLUMNS].isna().any(axis=1)
    rows = clips.loc[~faceless].reset_index(drop=True)
    if rows.empty:
        raise DataError(f"{name} has nothing to compare: in no clip a face was found")
    found = _directions(list(_jobs(rows, paths, params, network)), params.active.workers, name)
    told = np.isfinite(found).all(axis=1)
    why = {NO_FACE: list(clips.loc[faceless, "clip"]), NO_DIRECTION: list(rows.loc[~told, "clip"])}
    rows = rows.loc[told].reset_index(drop=True)
    shown, portraits, videos = (
        np.asarray(names) for names in (protocols.identity(rows), rows["portrait"], rows["video"])
    )
    return Compared(rows, Faces.named(found[told], shown, portraits, videos)), why


def _jobs(rows: pd.DataFrame, paths: Paths, params: Params, network: Embedder) -> Iterator[Job]:
    """In the order of the rows, which come source by source."""
    for source, own in rows.groupby("source", sort=False):
        for start in range(0, len(own), CHUNK):
            part = own["row"].to_numpy()[start : start + CHUNK]
            yield Job(network, paths.clips(str(source)), part, params.identity.frames)


def _directions(jobs: list[Job], workers: int, name: str) -> np.ndarray:
    """float32 [n, d], clip by clip."""
    found = []
    with tqdm(total=sum(len(job.rows) for job in jobs), desc=f"identity {name}", unit="clip") as bar:
        for directions in in_order(look, jobs, workers, _died):
            found.append(directions)
            bar.update(len(directions))
    return np.concatenate(found)


def look(job: Job) -> np.ndarray:
    """float32 [n, d]: a direction for each clip, in a process of its own."""
    kept, places = (np.load(job.store / f"{name}.npy", mmap_mode="r") for name in ("faces", "places"))
    chosen = spread(kept.shape[1], job.looked_at)
    return np.stack([job.network.clip(kept[row, chosen], inside(places[row, chosen], SQUARE)[1]) for row in job.rows])


def spread(kept: int, wanted: int) -> np.ndarray:
    """Places 0..kept-1, an odd number of them, evenly spread, the middle one among them; fewer if there are fewer."""
    return np.unique((2 * np.arange(wanted) + 1) * kept // (2 * wanted))


def _died(job: Job) -> np.ndarray:
    raise DataError(f"the process that runs {job.network.file.name} on {job.store.name} dies")


# ---- what the pairs say -----------------------------------------------------------------------------


def _calibrated(compared: Compared, same: float) -> dict[str, dict]:
    """How well the network tells people apart in this corpus; swaps, which show two people at once, are left out."""
    plain = (compared.rows["role"] != "swap").to_numpy()
    return {
        name: {"count": tally.count, "reached": tally.reached, "quantiles": tally.quantiles()}
        for name, tally in zip(("one_name", "two_names"), pairs.tallied(compared.faces[plain], same), strict=True)
    }


def _protocols(compared: Compared, paths: Paths, params: Params, same: float) -> Iterator[tuple[str, dict]]:
    """Each protocol that has clips to test and clips that were seen."""

    @cache
    def use_of(fit: str) -> pd.Series:
        """What a fit uses each compared clip for; its split is read once for all trials."""
        split = read_split(paths, params, fit)
        return compared.rows.loc[:, "clip"].map(dict(zip(split["clip"], split["use"], strict=True)))

    for name, protocol in params.protocols.items():
        if sides := list(_sides(compared, params, name, use_of).values()):
            yield name, {"promised": "identity" in protocol.disjoint, **_protocol(compared, sides, same)}


def _sides(compared: Compared, params: Params, name: str, use_of: Callable[[str], pd.Series]) -> dict[str, Sides]:
    """Fit -> its clips of a protocol; no fit that lacks one of the two."""
    rows, protocol, found = compared.rows, params.protocols[name], {}
    for trial in protocols.trials(params, [name]):
        fakes, reals = protocols.fakes(rows, protocol, trial.generator), protocols.reals(rows, protocol)
        for fit in trial.fits if fakes.any() and reals.any() else ():
            use = use_of(fit)
            tested = ((fakes | reals) & (use == assignment.TEST)).to_numpy()
            before = found[fit][0] if fit in found else False
            found[fit] = tested | before, use.isin(assignment.SEEN).to_numpy()
    return {fit: (tested, seen) for fit, (tested, seen) in found.items() if tested.any() and seen.any()}


def _protocol(compared: Compared, sides: list[Sides], same: float) -> dict[str, object]:
    """Clips tested that look like one that a fit which they test has seen: under another name, and under their own."""
    two_names, one_name = (_nearest(compared, sides, one) for one in (False, True))
    tested, seen = (np.logical_or.reduce(masks) for masks in zip(*sides, strict=True))
    alike = tested & (two_names.similarity >= same)
    return {
        "tested": int(tested.sum()),
        "seen": int(seen.sum()),
        "alike": {
            "clips": int(alike.sum()),
            "people": len(set(compared.faces.shown[alike])),
            "examples": list(_examples(compared, two_names, alike)),
        },
        "expected": round(_by_chance(compared, tested, seen, same), 2),
        "named": {
            "clips": int(np.isfinite(one_name.similarity).sum()),
            "found": int((one_name.similarity >= same).sum()),
        },
    }


def _nearest(compared: Compared, sides: list[Sides], one_name: bool) -> Nearest:
    """Over all fits, for each of the n clips; -inf for those that none tests. Places are among the n."""
    best = Nearest(np.full(len(compared.rows), -np.inf, np.float32), np.zeros(len(compared.rows), np.int64))
    for tested, seen in sides:
        found = pairs.nearest(compared.faces[tested], compared.faces[seen], one_name)
        nearer = np.flatnonzero(tested)[better := found.similarity > best.similarity[tested]]
        best.similarity[nearer] = found.similarity[better]
        best.place[nearer] = np.flatnonzero(seen)[found.place[better]]
    return best


def _by_chance(compared: Compared, tested: np.ndarray, seen: np.ndarray, same: float) -> float:
    """How many would look like a stranger if they did so as often as the clips seen do among themselves, by class."""
    own = compared.faces[seen]
    alike = pairs.nearest(own, own, one_name=False).similarity >= same
    labels = compared.rows["label"].to_numpy()
    shares = {label: alike[labels[seen] == label].mean() for label in np.unique(labels[seen])}
    return float(np.sum([shares.get(label, alike.mean()) for label in labels[tested]]))


def _examples(compared: Compared, found: Nearest, alike: np.ndarray) -> Iterator[dict[str, object]]:
    """The most alike first."""
    names = compared.rows["clip"]
    order = np.flatnonzero(alike)[np.argsort(-found.similarity[alike], kind="stable")]
    for i in order[:EXAMPLES]:
        yield {"tested": names[i], "seen": names[found.place[i]], "similarity": round(float(found.similarity[i]), 3)}


# ---- what is said of it -----------------------------------------------------------------------------


def _say(report: dict) -> None:
    left = ", ".join(f"{entry['count']}: {why}" for why, entry in report["left_out"].items() if entry["count"])
    print(f"{report['net']}: {report['compared']} clips compared" + (f", left out {left}" if left else ""))
    for name, entry in report["protocols"].items():
        print(
            f"{name}: {entry['alike']['clips']} of {entry['tested']} test clips look like one that was seen under "
            f"another name; {entry['expected']:g} would by chance"
        )
