"""probe: how well the trained networks find the clips of a generator that none of them saw; nothing is trained.

The clips of a folder are read and scored like a user's own videos, and held against the benchmark's test reals, read by
the same face finder: else the way in which a face was found would tell them apart.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from tqdm import tqdm

from thb import detectors
from thb.clips import clip, clip_store, faces
from thb.clips.clip_store import ClipStore
from thb.clips.media import DAMAGE, plain
from thb.core import origin
from thb.core.errors import DataError, ParamsError, ThbError, printable
from thb.core.folders import building
from thb.core.params import Params
from thb.core.paths import Paths, check_name
from thb.core.tables import ERROR, FACTS, OK, read_csv, write_csv
from thb.corpus import layout
from thb.detect import own_videos, probe_heat, probe_page
from thb.detect.detect import SOURCE, feed_of, in_memory, scored, unusable
from thb.detect.probe_numbers import FIT, Probed, known_numbers, numbers
from thb.detect.verdicts import Judge, appoint
from thb.fits import weights
from thb.reencoded import conditions
from thb.reencoded.conditions import TESTED, Reencoding
from thb.reencoded.encode import encode

FEWEST = 2  # clips of which an AUC can be computed at all
COLUMNS = ["clip", "source", "role", "label", "split", "portrait", "video", *FACTS, "face_share", "status", "reason"]


@dataclass(frozen=True)
class Asked:
    """What the user asks for."""

    folder: Path
    name: str
    reals: Path | None  # the user's own, in place of the benchmark's
    finder: str
    out: Path | None
    reencode: bool


def run(paths: Paths, params: Params, asked: Asked) -> Path:
    """Write the report and return its page.

    Raises DataError if too few clips can be scored or a file is one of the benchmark's, ParamsError for a name or a
    place that is taken.
    """
    out = _checked(paths, params, asked)
    readers = Readers(paths, appoint(paths, _trained(paths, params), FIT, asked.finder, params.metrics), params)
    fakes = _own(paths, asked.folder, asked.name, "generator")
    reals = _own(paths, asked.reals, f"{asked.name}_reals", "real") if asked.reals else None
    scored_fakes = readers.read(fakes, "probe")
    scored_reals = None if reals is None else readers.read(reals, "reals")
    benchmark = _kept(paths, _benchmark(paths, params), readers)
    found = Probed(
        asked.name,
        scored_fakes,
        benchmark.loc[benchmark["role"] == "real"] if scored_reals is None else scored_reals,
        benchmark.loc[benchmark["role"] != "real"],
        {judge.name: judge.model.reads == "frames" for judge in readers.judges},
        str(asked.reals or ""),
        readers.judges[0].finder,
    )
    _refuse_too_few(found)
    told = numbers(params, found)
    survived = _survived(paths, params, found, readers, fakes) if asked.reencode else None
    networks = [judge for judge in readers.judges if found.is_network[judge.name]]
    looked_at = probe_heat.attention(params, found, networks, readers.store, fakes)
    with building(out) as part:
        strips = probe_heat.strips(part, found, networks, readers.store, fakes)
        write_csv(found.fakes, part / "clips.csv", [*COLUMNS, *found.detectors])
        probe_page.write(part, params, found, told, known_numbers(params, found), survived, looked_at, strips)
    return out / probe_page.PAGE


def _checked(paths: Paths, params: Params, asked: Asked) -> Path:
    """Where the report goes; a folder that holds anything but an older report is left alone."""
    check_name("name", asked.name)
    if asked.name in {*params.sources, *params.detectors}:
        raise ParamsError(f"--name {asked.name!r} is taken by params.yaml; choose another")
    out = asked.out or paths.root / "probes" / asked.name
    if out.exists() and not (out / probe_page.REPORT).is_file() and not (out.is_dir() and not any(out.iterdir())):
        raise ParamsError(f"--out {out} is there and holds no report of `thb probe`; name another place")
    return out


def _refuse_too_few(found: Probed) -> None:
    for what, rows in (("clips", found.fakes), ("reals", found.reals)):
        usable = np.count_nonzero(rows["status"] == OK)
        if usable < FEWEST:
            whys = rows.loc[rows["status"] != OK, "reason"]
            first = f"; first: {whys.iloc[0]}" if len(whys) else ""
            raise DataError(f"{usable} of {len(rows)} {what} can be scored, and {FEWEST} are the fewest{first}")
    if max(np.count_nonzero(found.fakes[name].notna()) for name in found.networks) < FEWEST:
        raise DataError(f"no network can score {FEWEST} of the clips; first: {found.fakes['reason'].iloc[0]}")


# ---- which clips ------------------------------------------------------------------------------------


def _trained(paths: Paths, params: Params) -> list[str]:
    """Every detector with weights, the networks first; DataError if no network has any."""
    there = [name for name in params.detectors if (paths.run(name, FIT) / weights.FILE).is_file()]
    networks = [name for name in there if detectors.kind(name).reads == "frames"]
    return networks and networks + [name for name in there if name not in networks]


def _own(paths: Paths, folder: Path, source: str, role: str) -> pd.DataFrame:
    """A row a video of a folder, named by its path in it; DataError if one of them is a clip of the benchmark."""
    if not folder.is_dir():
        raise ParamsError(f"{str(folder)!r} is no folder; name one with video files")
    said: list[str] = []
    files = own_videos.listed([folder], lambda file, why: said.append(f"{printable(str(file))}: {why}"))
    if not files:
        raise DataError("; ".join(said))
    names = [f"{source}/{printable(str(file.relative_to(folder)))}" for file in files]
    _refuse_known(paths, folder, dict(zip(names, files, strict=True)))
    of = {**dict.fromkeys(COLUMNS, ""), "source": source, "role": role, "label": int(role != "real"), "split": TESTED}
    return pd.DataFrame([{**of, "clip": name, "file": file} for name, file in zip(names, files, strict=True)])


def _refuse_known(paths: Paths, folder: Path, files: Mapping[str, Path]) -> None:
    """Networks may have been trained on the benchmark's own clips; a file is known by its bytes."""
    manifest = paths.raw / "manifest.csv"
    if not manifest.is_file():
        return
    known = pd.read_csv(manifest)
    names, sizes = dict(zip(known["sha256"], known["path"], strict=True)), set(known["bytes"])
    same = [
        f"{name} is {names[digest]}"
        for name, file in files.items()
        if file.stat().st_size in sizes and (digest := origin.sha256(file)) in names
    ]
    if same:
        raise DataError(
            f"{len(same)} files of {folder} are clips of this benchmark, on which networks may have been trained; "
            f"first: {same[0]}"
        )


def _benchmark(paths: Paths, params: Params) -> pd.DataFrame:
    """The usable test clips of the benchmark, reals and known generators, and where their files are."""
    sources = params.of_role("real", "generator", "unseen")
    rows = pd.concat([clip_store.read_clips(paths, params, source) for source in sources], ignore_index=True)
    rows = rows.loc[(rows["status"] == OK) & (rows["split"] == TESTED)].reset_index(drop=True)
    if not (rows["role"] == "real").any():
        raise DataError("the benchmark has no test real here; run `dvc repro split`")
    return rows.assign(file=[paths.clip_file(str(path)) for path in rows["path"]])


# ---- reading and scoring ----------------------------------------------------------------------------


class Readers:
    """The trained detectors, and what finds the faces for them."""

    def __init__(self, paths: Paths, judges: Sequence[Judge], params: Params) -> None:
        self.paths, self.judges = paths, judges
        self.finders = {judge.finder: faces.finder(judge.finder, paths, params.nets) for judge in judges}

    def read(self, rows: pd.DataFrame, title: str) -> pd.DataFrame:
        """The rows with facts, status and every detector's score; nan where one could not score a clip."""
        bar = tqdm(rows.to_dict("records"), desc=title, unit="clip", disable=None)
        done = [self.one(row, row["file"]) for row in bar]
        return pd.DataFrame(done, columns=[*COLUMNS, *(judge.name for judge in self.judges)])

    def one(self, row: Mapping[str, Any], file: Path) -> dict[str, Any]:
        """One clip, read as each detector's training read clips; why it is left out stands in `reason`."""
        kept = {name: row[name] for name in COLUMNS if name in row} | {"status": OK, "reason": ""}
        stores: dict[str, ClipStore] = {}
        for judge in self.judges:
            alike = repr((judge.store, judge.finder))
            if alike not in stores:
                try:
                    stores[alike] = self.store(judge, row, file)
                except DataError as fault:
                    return kept | {"status": ERROR, "reason": str(fault)}
                kept |= stores[alike].rows.iloc[0][[*FACTS, "face_share"]].to_dict()
            try:
                kept[judge.name] = float(f"{_score(judge, stores[alike]):.10g}")  # as a score file keeps it
            except ThbError as fault:
                kept |= {judge.name: np.nan, "reason": f"{judge.name}: {fault}"}
        return kept

    def store(self, judge: Judge, row: Mapping[str, Any], file: Path) -> ClipStore:
        """The clip in memory; DataError if it cannot be used, or shows no face."""
        beside = layout.sound_file(self.paths, dict(row)) if row.get("path") else file.with_suffix(".wav")
        known: clip.Row = {"clip": row["clip"], "source": SOURCE, "path": str(file), "status": OK, "reason": ""}
        done = clip.prepare(known, file, judge.finder, self.finders[judge.finder], judge.store, beside)
        held = in_memory(done, judge.store)
        if not done.row["face_share"]:
            raise DataError(f"no face found (finder {judge.finder})")
        return held


def _score(judge: Judge, store: ClipStore) -> float:
    if why := unusable(judge, store):
        raise DataError(why)
    return scored(judge, store, feed_of(judge, store))


def _kept(paths: Paths, rows: pd.DataFrame, readers: Readers) -> pd.DataFrame:
    """The benchmark's test clips with their scores, kept until weights, clips or finder change."""
    of = [
        *((one.name, one.finder, origin.sha256(paths.run(one.name, FIT) / weights.FILE)) for one in readers.judges),
        *(
            (name, (about := file.stat()).st_size, about.st_mtime_ns)
            for name, file in rows[["clip", "file"]].to_numpy()
        ),
    ]
    folder = paths.data / "probes"
    file = folder / f"benchmark-{origin.digest([list(map(str, one)) for one in of])}.csv"
    columns = [*COLUMNS, *(judge.name for judge in readers.judges)]
    if not file.is_file():
        found = readers.read(rows, "benchmark")
        folder.mkdir(parents=True, exist_ok=True)
        for older in folder.glob("benchmark-*.csv"):
            older.unlink()
        write_csv(found, file, columns)
    return read_csv(file, columns)


# ---- what survives re-encoding ----------------------------------------------------------------------


def _survived(paths: Paths, params: Params, found: Probed, readers: Readers, fakes: pd.DataFrame) -> pd.DataFrame:
    """A row a condition and detector: the share of clips at or above the threshold before and after."""
    settings: Reencoding = conditions.load(paths, params)
    usable = fakes.loc[(found.fakes["status"] == OK).to_numpy()]
    before = found.fakes.loc[found.fakes["status"] == OK].set_index("clip")
    rows = []
    with tempfile.TemporaryDirectory(prefix="thb-") as scratch:
        again = Path(scratch) / "again.mp4"
        for condition in settings.conditions.values():
            after = []
            for row in tqdm(usable.to_dict("records"), desc=f"re-encode: {condition.says}", unit="clip", disable=None):
                try:
                    encode(row["file"], again, condition, str(row["clip"]))
                    after.append(readers.one({**row, "path": ""}, again))
                except (DataError, *DAMAGE) as fault:
                    why = str(fault) if isinstance(fault, DataError) else plain(fault)
                    after.append({**row, "status": ERROR, "reason": why})
            table = pd.DataFrame(after).reindex(columns=[*COLUMNS, *found.detectors]).set_index("clip")
            rows += list(_shares(params, condition.says, found, before, table))
    return pd.DataFrame(rows)


def _shares(
    params: Params, says: str, found: Probed, before: pd.DataFrame, after: pd.DataFrame
) -> Iterator[dict[str, object]]:
    for name in found.detectors:
        limit, one, other = found.threshold(params, name), before[name].to_numpy(float), after[name].to_numpy(float)
        both = ~np.isnan(one) & ~np.isnan(other)
        n = int(np.count_nonzero(both))
        shares = [float(np.mean(scores[both] >= limit)) if n else np.nan for scores in (one, other)]
        yield {"condition": says, "detector": name, "n": n, "before": shares[0], "after": shares[1]}
