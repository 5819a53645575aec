"""split: which clips train, validate and test each fit; what must be disjoint, proved or reported."""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Mapping

import pandas as pd

from thb.clips import clip_store
from thb.clips.clip_store import read_clips
from thb.core import csv_checks, origin
from thb.core.errors import ProtocolError
from thb.core.params import Params
from thb.core.paths import Paths
from thb.core.tables import (
    CORPUS_COLUMNS,
    COVERAGE_COLUMNS,
    CURATION_COLUMNS,
    ERROR,
    MISSING,
    OK,
    SPLIT_COLUMNS,
    TESTED_COLUMNS,
    read_csv,
    read_json,
    write_atomic,
    write_csv,
    write_json,
)
from thb.corpus.real_lists import list_name, official_ffpp
from thb.splits import assignment, leakage, protocols
from thb.splits.clips_of_fit import seen_digest


def run(paths: Paths, params: Params) -> None:
    """Write every fit's split, the leakage report, and the corpus as it was found."""
    sources = _sources(params, paths)
    clips = pd.concat([read_clips(paths, params, source) for source in sources], ignore_index=True)
    for record in (paths.splits_record, paths.tested_record):  # until all is written, nothing vouches for it
        record.unlink(missing_ok=True)
    write_csv(_corpus(clips, {s: params.source(s).role for s in sources}), paths.corpus, CORPUS_COLUMNS)
    write_csv(clips.loc[clips["status"] != OK], paths.coverage, COVERAGE_COLUMNS)
    _copy_curation(paths)
    usable, named = clips.loc[clips["status"] == OK], clips.loc[clips["status"].isin([OK, MISSING])]
    assigned = {fit: _assign(usable, fit) for fit in (["all"] if paths.variant else params.fits)}
    absent = _absent(assigned, params)
    found = _overlaps(params, {fit: _assign(named, fit) for fit in assigned}, sources)
    report = {
        "corpus": params.active.corpus,
        "reals": list_name(paths),
        "protocols": found,
        "whole": _whole(named, paths),
    }
    write_json(report, paths.leakage)
    _judge(found, params)
    stores = {source: clip_store.digest(paths, params, source) for source in sources}
    for fit, split in assigned.items():
        write_csv(split, paths.split(fit), SPLIT_COLUMNS)
        write_json(_seen(split, stores), paths.seen(fit))
    write_csv(named, paths.tested, TESTED_COLUMNS)
    _say_absent(absent, paths)
    _vouch(paths, params, sources, assigned)
    _report(assigned, found)


def _vouch(paths: Paths, params: Params, sources: list[str], fits: Iterable[str]) -> None:
    """Write what made the splits beside them, and what made the tables in results/, and the clips, beside those."""
    made_by = origin.of_splits(paths, params)
    tables = {source: origin.sha256(paths.clips(source) / clip_store.TABLE) for source in sources}
    write_json(
        origin.record(made_by, paths.splits, [paths.split(fit).name for fit in fits], clips=tables), paths.splits_record
    )
    before = {
        "fetch": read_json(paths.raw_record)["made_by"] if paths.raw_record.is_file() else None,
        "prepare": {source: clip_store.checked(paths, params, source)["made_by"] for source in sources},
    }
    written = [file.name for file in (paths.tested, paths.corpus, paths.coverage, paths.curation, paths.leakage)]
    write_json(origin.record(made_by, paths.results, written, clips_made_by=before), paths.tested_record)


def _sources(params: Params, paths: Paths) -> list[str]:
    """All sources; of a control corpus its own generators and the reals that it shares with the main one."""
    return [s for s in params.sources if not paths.variant or s in params.generators or s in paths.shared]


# ---- each fit ---------------------------------------------------------------------------------------


def _assign(clips: pd.DataFrame, fit: str) -> pd.DataFrame:
    """SPLIT_COLUMNS of one fit."""
    if len(twice := clips.loc[clips.duplicated("clip"), "clip"]):
        raise ProtocolError(f"clip {twice.iloc[0]!r} is in the corpus twice; it could both train and test")
    return clips.assign(use=assignment.uses(clips, fit)).loc[:, SPLIT_COLUMNS]


def _seen(split: pd.DataFrame, stores: Mapping[str, str]) -> dict[str, object]:
    """What a fit sees of clips and split: its clips with their uses, and the whole stores that they are in."""
    sources = set(split["source"][split["use"].isin(assignment.SEEN)])
    return {"clips": seen_digest(split), "stores": {source: stores[source] for source in sorted(sources)}}


def _absent(assigned: dict[str, pd.DataFrame], params: Params) -> dict[str, str]:
    """Fit -> why it cannot be made; a rendered corpus lacks nothing, the published one comes without its reals."""
    absent = {fit: why for fit, split in assigned.items() if (why := assignment.lacking(split))}
    if absent and params.active.corpus == "mini":
        fit, why = next(iter(absent.items()))
        raise ProtocolError(f"fit {fit!r} has {why}; results/coverage.csv says which clips could not be used, and why")
    return absent


def _say_absent(absent: dict[str, str], paths: Paths) -> None:
    """Write beside the splits which fits cannot be made, and print it; no file if all can."""
    if not absent:
        return paths.absent_fits.unlink(missing_ok=True)
    write_json(absent, paths.absent_fits)
    for fit, why in absent.items():
        print(f"fit {fit} cannot be made: {why}; `thb data status` says what there is")


def _overlaps(params: Params, assigned: dict[str, pd.DataFrame], sources: list[str]) -> dict[str, dict]:
    """Protocol -> kind -> what training and test share, over all of its trials that this corpus allows."""
    shared: dict[str, dict[str, set[str]]] = {}
    for trial in protocols.trials(params):
        if trial.generator not in sources or not set(trial.fits) <= set(assigned):
            continue
        if params.active.corpus != "mini" and not _has_both(assigned[trial.fits[0]], params, trial):
            continue  # nothing to be tested on: `thb data status` says so
        kinds = shared.setdefault(trial.protocol, {kind: set() for kind in leakage.KINDS})
        for fit in trial.fits:
            seen, tested = _sides(assigned[fit], params, trial, fit)
            for kind in leakage.KINDS:
                kinds[kind].update(leakage.overlap(kind, seen, tested))
    return {
        name: {
            kind: {"promised": kind in params.protocols[name].disjoint, **leakage.listed(sorted(things))}
            for kind, things in kinds.items()
        }
        for name, kinds in shared.items()
    }


def _has_both(split: pd.DataFrame, params: Params, trial: protocols.Trial) -> bool:
    protocol = params.protocols[trial.protocol]
    return bool(protocols.fakes(split, protocol, trial.generator).any() and protocols.reals(split, protocol).any())


def _sides(split: pd.DataFrame, params: Params, trial: protocols.Trial, fit: str) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The clips that a fit has seen, and those it is tested on; a clip on both sides is an error at once."""
    protocol = params.protocols[trial.protocol]
    fakes, reals = protocols.fakes(split, protocol, trial.generator), protocols.reals(split, protocol)
    for mask, kind in ((fakes, f"{trial.generator} clip"), (reals, "real clip")):
        if not mask.any():
            raise ProtocolError(f"{trial.protocol} has no {kind} to test on; see results/coverage.csv")
    tested = split.loc[fakes | reals]
    if len(wrong := tested.loc[tested["use"] != assignment.TEST, ["clip", "use"]]):
        clip, use = wrong.iloc[0]
        raise ProtocolError(
            f"{trial.protocol} would test fit {fit!r} on {clip!r}, whose use there is "
            f"{use!r}; only clips of use 'test' may test a fit"
        )
    return split.loc[split["use"].isin(assignment.SEEN)], tested


def _judge(found: dict[str, dict[str, dict]], params: Params) -> None:
    """A rendered corpus keeps every promise; the published one is taken as it is, and the report says how."""
    if params.active.corpus != "mini":
        return
    for name, kinds in found.items():
        for kind, entry in kinds.items():
            if entry["promised"] and entry["count"]:
                raise ProtocolError(
                    f"{name} promises disjoint {kind}, but training and test share "
                    f"{entry['count']}: {', '.join(entry['examples'])}"
                )


# ---- the corpus as it was found ---------------------------------------------------------------------


def _whole(clips: pd.DataFrame, paths: Paths) -> dict[str, dict[str, object]]:
    """Overlaps of the corpus as a whole, whatever the protocol."""
    known = read_csv(paths.known_drivers, ["clip", "generator", "seen"])
    found = {
        "reals_that_drive": leakage.reals_that_drive(clips, known),
        "repeated": leakage.repeated(clips),
        "swaps_across_splits": leakage.swaps_across_splits(clips),
        "trained_officially": leakage.trained_officially(clips, official_ffpp(paths)),
    }
    if paths.manifest.is_file():
        csv_checks.check_manifest(paths.manifest)
        found["same_files"] = leakage.same_files(clips, read_csv(paths.manifest, ["path", "sha256"]))
    return {name: leakage.listed(things) for name, things in found.items()}


def _corpus(clips: pd.DataFrame, roles: dict[str, str]) -> pd.DataFrame:
    """CORPUS_COLUMNS, a row per source and split, sources in the order of params.yaml; one of 0 for an empty source."""
    rows = []
    for source, role in roles.items():
        own = clips.loc[clips["source"] == source]
        for split in [split for split in clip_store.SPLITS if split in set(own["split"])] or [""]:
            about = {"source": source, "role": role, "split": split}
            rows.append(about | _facts(own.loc[own["split"] == split]))
    return pd.DataFrame(rows, columns=CORPUS_COLUMNS)


def _facts(group: pd.DataFrame) -> dict[str, object]:
    usable = group.loc[group["status"] == OK]
    sizes = sorted(set(zip(usable["width"], usable["height"], strict=True)))
    counts = {status: (group["status"] == status).sum() for status in (OK, MISSING, ERROR)}
    return {
        "clips": len(group),
        **counts,
        "seconds": usable["seconds"].sum(),
        "fps": "; ".join(f"{fps:.5g}" for fps in sorted(set(usable["fps"].round(3)))),
        "size": "; ".join(f"{width}x{height}" for width, height in sizes),
    }


def _copy_curation(paths: Paths) -> None:
    """Copy the curation counts to the other results; without a row where nobody counted."""
    if paths.raw_curation.is_file():
        csv_checks.check_curation(paths.raw_curation)
        write_atomic(paths.curation, lambda part: shutil.copyfile(paths.raw_curation, part))
    else:
        write_csv(pd.DataFrame(columns=CURATION_COLUMNS), paths.curation, CURATION_COLUMNS)


def _report(assigned: dict[str, pd.DataFrame], found: dict[str, dict[str, dict]]) -> None:
    """Real + fake clips of each fit; then how much of each kind a protocol has in training and in test."""
    print(_line("fit (real + fake)", assignment.USES))
    for fit, split in assigned.items():
        counts = split.groupby(["use", "label"]).size()
        print(_line(fit, (f"{counts.get((use, 0), 0)} + {counts.get((use, 1), 0)}" for use in assignment.USES)))
    print(_line("shared (*: promised 0)", leakage.KINDS))
    for name, kinds in found.items():
        counts = (f"{entry['count']}{'*' if entry['promised'] else ' '}" for entry in kinds.values())
        print(_line(name, counts))


def _line(name: str, cells: Iterable[str]) -> str:
    return f"{name:<24}" + "".join(f"{cell:>12}" for cell in cells)
