"""AUC among clips whose files are alike, so that a frame rate is not taken for a face.

`containers` writes what kind of file each clip is, by the clip stores, to results/containers.csv, so that the rest
needs no clip. Two clips are alike that have the same frame rate, size, and codecs of picture and sound. A generator's
AUC is then the chance that a fake scores above a real of the same kind of file: over all such pairs, and no others.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cache

import numpy as np
import pandas as pd

from thb.cells.columns import CONTAINERS
from thb.cells.curves import Scores
from thb.cells.questions import MEAN
from thb.cells.trials import Clips, Measured, clips, mean_of, sample, tested
from thb.clips import clip_store
from thb.core import code, intervals, origin
from thb.core.metrics import AUC, auc_of
from thb.core.origin import Origin
from thb.core.params import Metrics, Params
from thb.core.paths import Paths
from thb.core.tables import read_csv, write_csv, write_json
from thb.splits import protocols
from thb.splits.protocols import Trial

COLUMNS = ["clip", "kind"]
MATCHED = ["protocol", "detector", "generator", "metric", "value", "lo", "hi", "n_real", "n_fake", "resolvable"]
FILE, RECORD, COMMAND = CONTAINERS, "containers.json", "thb containers"
RATE = 2  # decimals of a frame rate: 30000/1001 and 29.97 are one
SILENT = "no sound"
NAN = float("nan")


# ---- what kind of file each clip is -------------------------------------------------------------------


def run(paths: Paths, params: Params) -> None:
    """Write results/containers.csv, a row a usable clip."""
    rows = clip_store.open_clips(paths, params, list(params.sources)).rows
    table = pd.DataFrame({"clip": rows["clip"], "kind": kinds_of(rows)})
    write(paths, params, table)
    print(f"{len(table)} clips, {table['kind'].nunique()} kinds of file -> {paths.relative(paths.results / FILE)}")


def write(paths: Paths, params: Params, table: pd.DataFrame) -> None:
    """A table of COLUMNS, and beside it what made it."""
    write_csv(table, paths.results / FILE, COLUMNS)
    write_json(origin.record(made_by(paths, params), paths.results, [FILE]), paths.results / RECORD)


def kinds_of(rows: pd.DataFrame) -> list[str]:
    """Of rows with FACTS, the frame rate, size, and codecs of picture and sound: '25 fps, 128x128, h264, aac'."""
    facts = rows.loc[:, ["fps", "width", "height", "codec", "audio_codec"]].itertuples(index=False)
    return [
        f"{round(fps, RATE):g} fps, {width:g}x{height:g}, {codec}, {sound or SILENT}"
        for fps, width, height, codec, sound in facts
    ]


def made_by(paths: Paths, params: Params) -> Origin:
    """Of the table, as `containers` would make it of these stores."""
    stores, active = [asdict(origin.of_store(paths, params, source)) for source in params.sources], params.active
    own = code.digest("cells.containers")
    return Origin("containers", active.corpus, params.profile, active.seed, origin.digest(stores), own)


def read(paths: Paths, params: Params) -> dict[str, str]:
    """clip -> its kind of file; raises DataError where other clips, settings or code made the table."""
    file = paths.results / FILE
    record = origin.read(paths.results / RECORD, made_by(paths, params), paths, COMMAND, file)
    origin.check_files(paths, paths.results, record, [FILE], COMMAND)
    table = read_csv(file, COLUMNS)
    return dict(zip(table["clip"], table["kind"], strict=True))


# ---- AUC among files that are alike -------------------------------------------------------------------


def matched(params: Params, scores: Scores, kinds: Mapping[str, str], names: Sequence[str]) -> pd.DataFrame:
    """MATCHED: a row a protocol, detector and generator, and MEAN for the mean over generators.

    Counted are the reals and fakes that have a partner, a clip of the other class in the same kind of file. A generator
    without one has no number and is not in the mean.
    """
    rows = []
    for protocol in names:
        for detector in params.detectors:
            of_fit = cache(lambda fit, detector=detector: scores(detector, fit))
            of = {
                trial.generator: _measure(params, trial, [of_fit(fit) for fit in trial.fits], kinds)
                for trial in protocols.trials(params, [protocol])
            }
            rows += [{"protocol": protocol, "detector": detector, "metric": AUC} | row for row in _rows(params, of)]
    return pd.DataFrame(rows, columns=MATCHED)


def _rows(params: Params, of: Mapping[str, Measured | None]) -> Iterator[dict]:
    """Each generator's number, and their mean."""
    known = [one for one in of.values() if one]
    for generator, one in of.items():
        yield _row(generator, one and (float(one["replicates"][AUC][0]), *one["ends"][AUC]), [one] if one else [])
    yield _row(MEAN, mean_of(params, known, AUC) if known else None, known)


def _row(generator: str, number: tuple[float, float, float] | None, behind: Sequence[Measured]) -> dict:
    value, lo, hi = number or (NAN, NAN, NAN)
    return {
        **{"generator": generator, "value": value, "lo": lo, "hi": hi},
        "n_real": max((one["n_real"] for one in behind), default=0),
        "n_fake": sum(one["n_fake"] for one in behind),
        "resolvable": "firm" if behind else "",
    }


def _measure(params: Params, trial: Trial, tables: Sequence[pd.DataFrame], kinds: Mapping[str, str]) -> Measured | None:
    """One trial among files that are alike, its fits averaged; None where a fit has no such pair."""
    found = []
    for table in tables:
        reals, fakes = tested(table, params.protocols[trial.protocol], trial.generator)
        if (one := _alike(params.metrics, reals, fakes, kinds)) is None:
            return None
        found.append(one)
    resampled = np.mean([one.replicates for one in found], axis=0)
    reals, fakes = (sample([one.clips[i] for one in found], [one.said[i] for one in found]) for i in (0, 1))
    return {
        "n_real": len(reals.values),
        "n_fake": len(fakes.values),
        "replicates": {AUC: resampled},
        "ends": {AUC: intervals.auc_ends(float(resampled[0]), reals, fakes, params.metrics.confidence)},
        "trained": {AUC: resampled[:1]},
        "per_fit": {},
    }


@dataclass(frozen=True)
class _Alike:
    """The reals and the fakes of one fit that have a partner, and what their pairs say.

    replicates float [1 + bootstrap]: the AUC; said: of each real and of each fake, float [n], what its pairs add to the
    AUC, of which the AUC is the mean.
    """

    clips: tuple[Clips, Clips]
    replicates: np.ndarray
    said: tuple[np.ndarray, np.ndarray]


def _alike(m: Metrics, reals: pd.DataFrame, fakes: pd.DataFrame, kinds: Mapping[str, str]) -> _Alike | None:
    """None without a pair."""
    of = [rows.assign(kind=[kinds.get(clip) for clip in rows["clip"]]) for rows in (reals, fakes)]
    shared = sorted(set(of[0]["kind"].dropna()) & set(of[1]["kind"].dropna()))
    if not shared:
        return None
    of = [pd.concat([rows.loc[rows["kind"] == kind] for kind in shared]) for rows in of]
    parts = [tuple(clips(m, rows.loc[rows["kind"] == kind]).side for rows in of) for kind in shared]
    pairs = np.array([real.total * fake.total for real, fake in parts])
    replicates = (pairs * [auc_of(*part) for part in parts]).sum(axis=0) / pairs.sum(axis=0)
    right = [intervals.on_the_right_side(*part) for part in parts]  # a share of the partners of each clip
    said = [
        np.concatenate(
            [
                replicates[0] + (one[i] - replicates[0]) * len(part[1 - i].scores) * len(of[i]) / pairs[:, 0].sum()
                for one, part in zip(right, parts, strict=True)
            ]
        )
        for i in (0, 1)
    ]
    return _Alike((clips(m, of[0]), clips(m, of[1])), replicates, (said[0], said[1]))
