"""cost: what fits and stages took, by the records that a run leaves beside its work, and the room that they fill.

No two runs agree in them, so no result holds one: a fit's lies beside its weights, a stage's in `runs/.took`. What is
on disk is what dvc.lock says of each stage's outputs, here or not.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

import pandas as pd
import yaml

from thb.core.decimals import NONE
from thb.core.params import Params
from thb.core.paths import Paths
from thb.core.tables import read_csv, read_json
from thb.fits import weights

STAGES = "runs/.took"  # by `thb reproduce`: a folder a profile, a file a stage
PRINTED = "paper/published/costs.csv"
LAST = "book"  # which is made before its own record is
FIT_COLUMNS = ["fit", "n_fits", "hardware", "epochs", "minutes", "processor_minutes", "memory_mb", "disk_mb"]
STAGE_COLUMNS = ["stage", "n_runs", "n_recorded", "minutes", "processor_minutes", "memory_mb", "disk_mb"]
MAKING = "making of the videos"  # in costs.csv
MINUTE, MB = 60, 1e6
Record = Mapping[str, Any]


def of_stage(root: Path, profile: str, stage: str) -> Path:
    """Where the record of one stage's last run by `thb reproduce` lies, of one profile."""
    return root / STAGES / profile / f"{stage}.json"


def fits(paths: Paths, params: Params) -> pd.DataFrame:
    """FIT_COLUMNS, a row a stage that trains and whose record lies here, made in the active profile."""
    rows = []
    for stage, folder, size in _trained(paths):
        took = [read_json(file) for file in sorted((paths.root / folder).rglob(weights.TOOK)) if _is_of(file, params)]
        if took:
            whole = _record(paths, params, stage)
            rows.append(
                {
                    "fit": folder.removeprefix("runs/"),
                    "n_fits": len(took),
                    "hardware": ", ".join(dict.fromkeys(one["hardware"] for one in took)),
                    "epochs": str(sum(len(one["epochs"]) for one in took)),
                    "minutes": sum(one["seconds"] for one in took) / MINUTE,
                    **_used([whole] if whole else []),
                    "disk_mb": size / MB,
                }
            )
    return pd.DataFrame(rows, columns=FIT_COLUMNS)


def stages(paths: Paths, params: Params) -> pd.DataFrame:
    """STAGE_COLUMNS, a row a kind of stage in dvc.lock: of its runs, those with a record, what these took together, the
    largest process among them, and the outputs of all."""
    kinds: dict[str, list[str]] = {}
    for stage in _outputs(paths):
        kinds.setdefault(stage.partition("@")[0], []).append(stage)
    rows = []
    for kind, names in kinds.items():
        known = [record for name in names if (record := _record(paths, params, name))]
        minutes = sum(record["seconds"] for record in known) / MINUTE if known else float("nan")
        size = sum(size for name in names for _, size in _outputs(paths)[name])
        counted = {"stage": kind, "n_runs": len(names), "n_recorded": len(known)}
        rows.append({**counted, "minutes": minutes, **_used(known), "disk_mb": size / MB})
    return pd.DataFrame(rows, columns=STAGE_COLUMNS)


def beside_printed(paths: Paths, params: Params) -> pd.DataFrame:
    """what, printed, here: what the paper says of cost, and what the records here do; a dash where there is none."""
    printed = read_csv(paths.root / PRINTED, ["what", "printed", "where"], as_text=True)
    here = dict(_here(fits(paths, params), stages(paths, params), len(list(_trained(paths)))))
    if params.active.corpus != "mini":
        here.pop(MAKING, None)  # what took so long was a download
    return printed.assign(here=[here.get(what, NONE) for what in printed["what"]])


def _here(trained: pd.DataFrame, every: pd.DataFrame, n_trained: int) -> Iterator[tuple[str, str]]:
    known, (n_recorded, n_runs) = every[every["n_recorded"] > 0], (int(sum(every[n])) for n in ("n_recorded", "n_runs"))
    runs = f"{n_recorded} of {n_runs} runs of stages"
    told = f"{len(trained)} of {n_trained} stages that train, {runs}"
    yield "records", told if len(trained) or len(known) else "none: nothing was run here"
    if len(trained):
        single = trained[trained["n_fits"] == 1].set_index("fit")["minutes"].to_dict()
        longest = max(single, key=single.__getitem__, default="")
        yield "hardware", "; ".join(dict.fromkeys(trained["hardware"]))
        told = f"{single[longest]:.1f} min for the longest fit ({longest}); " if longest else ""
        yield (
            "training of a detector",
            f"{told}{trained['minutes'].sum():.1f} min for all {trained['n_fits'].sum()} fits",
        )
    if "fetch" in (made := known.set_index("stage")["minutes"].to_dict()):
        yield MAKING, f"{made['fetch']:.1f} min for all clips"
    if len(known):
        hours = known[["minutes", "processor_minutes"]].sum() / 60
        part = "" if n_recorded == n_runs else f"{runs} alone: "
        told = f"{hours['minutes']:.2f} h, one stage after the other; {hours['processor_minutes']:.2f} h of a core"
        yield "everything", part + told
        yield "memory", f"{known['memory_mb'].max():,.0f} MB for the largest process"
    if len(every):
        yield "disk", f"{every['disk_mb'].sum():,.0f} MB of outputs"


def _used(records: list[Record]) -> dict[str, float]:
    if not records:
        return {"processor_minutes": float("nan"), "memory_mb": float("nan")}
    return {
        "processor_minutes": sum(record["processor_seconds"] for record in records) / MINUTE,
        "memory_mb": max(record["memory_mb"] for record in records),
    }


def _record(paths: Paths, params: Params, stage: str) -> Record | None:
    file = of_stage(paths.root, params.profile, stage)
    return read_json(file) if file.is_file() else None


def _is_of(took: Path, params: Params) -> bool:
    """Whether the fit beside such a record was trained in the active profile, as its run.json says."""
    run = took.with_name(weights.RUN)
    return run.is_file() and read_json(run).get("profile") == params.profile


def _trained(paths: Paths) -> Iterator[tuple[str, str, int]]:
    """(stage, folder of the fit, bytes) of every stage that trains."""
    for stage, outputs in _outputs(paths).items():
        yield from ((stage, path, size) for path, size in outputs if path.startswith("runs/"))


def _outputs(paths: Paths) -> dict[str, list[tuple[str, int]]]:
    """stage -> its outputs with their bytes, as dvc.lock has them; nothing without that file."""
    lock = paths.dvc_lock
    return _read(lock, lock.stat().st_mtime_ns) if lock.is_file() else {}


@lru_cache(maxsize=2)
def _read(lock: Path, changed: int) -> dict[str, list[tuple[str, int]]]:
    text = lock.read_text(encoding="utf-8")
    known = yaml.load(text, getattr(yaml, "CSafeLoader", yaml.SafeLoader)) or {}
    return {
        name: [(out["path"], out["size"]) for out in stage.get("outs", ())]
        for name, stage in known.get("stages", {}).items()
        if name != LAST
    }
