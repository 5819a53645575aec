"""What `explain` leaves behind, without a network: plausible heat maps and their shares from arithmetic alone."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd

from thb.core.params import Params
from thb.core.paths import Paths
from thb.core.tables import (
    CAM_COLUMNS,
    PANEL_COLUMNS,
    POOL_COLUMNS,
    POOLS,
    REGIONS,
    SANITY_COLUMNS,
    SCORE_COLUMNS,
    read_csv,
    write_csv,
    write_json,
)

AREA = (0.45, 0.06, 0.12, 0.09, 0.28)  # of the regions
SIDE, GRID, BOXES = 32, 7, 3
THRESHOLD = 0.8
REALS, SHOWN_SANITY = 12, 8  # test reals measured a fit, clips compared with random weights
RULES = ("caught_fake", "missed_fake", "accused_real", "cleared_real")


def write(paths: Paths, params: Params) -> None:
    """results/cams and results/pools of every network; the score files must be there."""
    for d, detector in enumerate(params.explained):
        rng, folder = np.random.default_rng([7, d]), paths.cams(detector)
        scores = {fit: read_csv(paths.scores(detector, fit), SCORE_COLUMNS) for fit in params.fits}
        write_csv(_clips(rng, scores), folder / "clips.csv", CAM_COLUMNS)
        write_json(
            {
                "regions": "truth",
                "units": params.active.explain.units,
                "agreement": dict(zip(REGIONS, (0.82, 0.61, 0.44, 0.57, 0.88), strict=True)),
            },
            folder / "regions.json",
        )
        panels = pd.DataFrame(list(_panels(params, detector, scores)))
        write_csv(panels, folder / "panels.csv", PANEL_COLUMNS)
        np.savez(folder / "panels.npz", **_arrays(rng, params, detector, len(panels)))
        write_csv(_sanity(rng, scores["all"]), folder / "sanity.csv", SANITY_COLUMNS)
        write_csv(_pools(rng, scores["all"]), paths.pools(detector), POOL_COLUMNS)


def _explained(fit: str, rows: pd.DataFrame) -> pd.DataFrame:
    """The clips of a fit that are measured."""
    reals = rows[(rows["role"] == "real") & (rows["split"] == "test")].head(REALS)
    if fit == "all":
        fakes = rows[rows["role"].isin(["generator", "unseen"]) & (rows["split"] == "test")]
    else:
        fakes = rows[(rows["source"] == fit.removeprefix("no-")) & rows["split"].isin(["train", "test"])]
    return pd.concat([fakes, reals]).assign(fit=fit)


def _clips(rng: np.random.Generator, scores: dict[str, pd.DataFrame]) -> pd.DataFrame:
    rows = pd.concat([_explained(fit, table) for fit, table in scores.items() if fit != "ffpp"], ignore_index=True)
    area = rng.dirichlet(np.array(AREA) * 300, len(rows))
    mass = rng.dirichlet(np.array(AREA)[[1, 0, 2, 3, 4]] * 8, len(rows))
    mass[::17] = np.nan  # a map of nothing has no shares
    faulty = (rows["label"] == 1) & (np.arange(len(rows)) % 5 > 0)
    fault = rng.uniform(0.02, 0.2, len(rows))
    told = {
        "fault_mass": np.where(np.isfinite(mass[:, 0]), np.minimum(1, 1.4 * fault), np.nan),
        "fault_area": fault,
        "pointed": rng.integers(0, 5, len(rows)) / 4,
        "centre_pointed": rng.integers(0, 3, len(rows)) / 4,
        "random_pointed": fault,
    }
    return rows.assign(
        **{f"mass_{r}": mass[:, i] for i, r in enumerate(REGIONS)},
        **{f"area_{r}": area[:, i] for i, r in enumerate(REGIONS)},
        **{name: np.where(faulty, values, np.nan) for name, values in told.items()},
    )


def _panels(params: Params, detector: str, scores: dict[str, pd.DataFrame]) -> Iterator[dict[str, Any]]:
    """A row a clip shown: by the detector's own scores, then the reference's."""
    for protocol, fits in (("P1", ["all"]), *((p, [f"no-{g}" for g in params.generators]) for p in ("P2", "P3"))):
        for fit in fits:
            rows = scores[fit]
            rows = rows[rows["split"] == ("train" if protocol == "P2" else "test")]
            own = [fit.removeprefix("no-")] if fit != "all" else list(params.generators)
            for generator in own:
                for place, rule in ((-1, RULES[0]), (0, RULES[1])):
                    yield _panel(detector, fit, protocol, generator, rule, rows[rows["source"] == generator], place)
                if detector != params.explain.reference:
                    yield _panel(
                        params.explain.reference,
                        fit,
                        protocol,
                        generator,
                        RULES[0],
                        rows[rows["source"] == generator],
                        1,
                    )
            for place, rule in ((-1, RULES[2]), (0, RULES[3])):
                reals = scores[fit][(scores[fit]["role"] == "real") & (scores[fit]["split"] == "test")]
                yield _panel(detector, fit, protocol, "" if fit == "all" else own[0], rule, reals, place)


def _panel(
    chosen_by: str, fit: str, protocol: str, generator: str, rule: str, rows: pd.DataFrame, place: int
) -> dict[str, Any]:
    """The clip at `place` of those in order of score."""
    clip = rows.sort_values(["score", "clip"]).iloc[place]
    return {
        "chosen_by": chosen_by,
        "fit": fit,
        "protocol": protocol,
        "generator": generator,
        "rule": rule,
        **clip[["clip", "source", "label", "score"]],
        "threshold": THRESHOLD,
        "called": clip["score"] >= THRESHOLD,
    }


def _arrays(rng: np.random.Generator, params: Params, detector: str, n: int) -> dict[str, np.ndarray]:
    shown = params.explain.shown
    maps = rng.gamma(1.0, 0.1, (n, shown, GRID, GRID)).astype(np.float16)
    maps[::11] = 0
    arrays = {
        "pictures": rng.integers(0, 256, (n, shown, SIDE, SIDE, 3), dtype=np.uint8),
        "maps": maps,
        "times": np.tile(np.linspace(0, 1.6, shown, dtype=np.float32), (n, 1)),
    }
    if detector == "caddm":
        corners = rng.uniform(0, 0.6, (n, shown, BOXES, 2))
        boxes = np.concatenate([corners, corners + 0.3], axis=3)
        boxes[:, :, 1:] = np.nan  # most frames have one box
        sure = np.where(np.isfinite(boxes[..., 0]), rng.uniform(0.5, 1, boxes.shape[:3]), np.nan)
        arrays |= {"boxes": boxes.astype(np.float16), "box_sure": sure.astype(np.float16)}
    if detector in params.sound_checks:
        arrays |= {
            "sound": rng.integers(0, 256, (n, 20, 50, 3), dtype=np.uint8),
            "sound_maps": rng.gamma(1.0, 0.1, (n, 1, 5)).astype(np.float16),
            "sound_times": np.tile(np.float32([0.0, 0.2]), (n, 1)),
        }
    return arrays


def _sanity(rng: np.random.Generator, rows: pd.DataFrame) -> pd.DataFrame:
    rows = rows[rows["split"] == "test"]
    rows = pd.concat([rows[rows["label"] == label].head(SHOWN_SANITY // 2) for label in (1, 0)])
    empty = np.arange(len(rows)) % 4 == 0
    return rows.assign(
        rank_correlation=np.where(empty, 0, rng.normal(0.1, 0.2, len(rows)).clip(-1, 1)), empty=empty.astype(int)
    )


def _pools(rng: np.random.Generator, rows: pd.DataFrame) -> pd.DataFrame:
    rows = rows[rows["use"].isin(["val", "test"])]
    odds = np.log(rows["score"] / (1 - rows["score"]))
    return rows.assign(
        **{pool: 1 / (1 + np.exp(-odds - rng.normal(0, 0.3 * i, len(rows)))) for i, pool in enumerate(POOLS)}
    )
