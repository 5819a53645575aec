"""Where the networks look in a probed folder: heat maps of two of its clips, and what heat lies on in all of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from tqdm import tqdm

from thb.cells import heat
from thb.clips.clip_store import ClipStore
from thb.core import metrics
from thb.core.params import Params
from thb.core.tables import REGIONS
from thb.detect.detect import draw, feed_of
from thb.detect.probe_numbers import Probed
from thb.detect.verdicts import Judge

Read = Callable[[Judge, Mapping[str, Any], Path], ClipStore]  # a clip of the folder, as a judge's training read clips
ATTENTION_COLUMNS = ["detector", "region", "mass", "mass_lo", "mass_hi", "area", "verdict", "clips", "cold"]


def strips(
    part: Path, found: Probed, networks: Sequence[Judge], read: Read, fakes: pd.DataFrame
) -> list[tuple[str, str, str]]:
    """Heat maps of the clip that is found most easily and of the one that is found least: (which, detector, file)."""
    order = found.easiest_first()
    rows = fakes.set_index("clip", drop=False)
    scores = found.fakes.set_index("clip")
    told = []
    for which, name in {order[-1]: ("hardest", order[-1]), order[0]: ("easiest", order[0])}.values():
        for judge in networks:
            if np.isnan(score := float(scores.loc[name, judge.name])):
                continue
            file = rows.loc[name, "file"]
            store, target = read(judge, rows.loc[name].to_dict(), file), f"{which}-{judge.name}.png"
            draw(judge, feed_of(judge, store), part / target, Path(name), f"{judge.name}   score {score:.4f}")
            told.append((f"{which}: {name}", judge.name, target))
    return told


def attention(
    params: Params, found: Probed, networks: Sequence[Judge], read: Read, fakes: pd.DataFrame
) -> pd.DataFrame:
    """ATTENTION_COLUMNS: a row a network and region, the share of its heat beside the region's share of the picture.

    Regions are estimated from the face that was found, as nothing else is known of a stranger's clip. Clips are
    resampled, each as a person of its own; `cold` counts those without any heat.
    """
    scores = found.fakes.set_index("clip")
    rows: list[dict[str, Any]] = []
    for judge in networks:
        usable = [row for row in fakes.to_dict("records") if not np.isnan(scores.loc[row["clip"], judge.name])]
        measured = [
            {**row, "portrait": row["clip"], **_shares(judge, read(judge, row, row["file"]), params)}
            for row in tqdm(usable, desc=f"heat: {judge.name}", unit="clip", disable=None)
        ]
        if measured:
            rows += _regions(params, judge.name, heat.shares_of(params, pd.DataFrame(measured)))
    return pd.DataFrame(rows, columns=ATTENTION_COLUMNS)


def _shares(judge: Judge, store: ClipStore, params: Params) -> dict[str, float]:
    """heat.MASS and heat.AREA of one clip, over as many of its units as `explain` looks at."""
    import torch

    from thb.cams import grad_cam, regions, shares
    from thb.detectors.base import spans

    network, feed = judge.model, feed_of(judge, store)
    starts = spans(1, feed.windows, feed.run, network.length, params.active.explain.units, None, feed.tested)
    clips = feed.take(torch.tensor([0]), starts, network.length)
    places = regions.estimated(store.rows.iloc[0].to_dict())
    each = np.stack([places == place for place in range(len(REGIONS))])
    seen = grad_cam.masks(network, clips, np.broadcast_to(each, (*clips.frames.shape[:3], *each.shape)))
    hot = grad_cam.heat(network, clips)
    large = grad_cam.enlarged(hot.maps, *hot.pictures.shape[2:4])
    mass, area = shares.shares(np.concatenate(large), np.concatenate(seen))
    return dict(zip([*heat.MASS, *heat.AREA], [*mass, *area], strict=True))


def _regions(params: Params, detector: str, measured: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    mass, area, confidence = measured["mass"], measured["area"], params.metrics.confidence
    ends, apart = metrics.intervals(mass[1:].T, confidence), metrics.intervals((mass - area)[1:].T, confidence)
    for i, region in enumerate(REGIONS):
        yield {
            "detector": detector,
            "region": region,
            "mass": float(mass[0, i]),
            "mass_lo": ends[i][0],
            "mass_hi": ends[i][1],
            "area": float(area[0, i]),
            "verdict": heat.leaning(*apart[i]),
            "clips": measured["clips"],
            "cold": measured["cold"],
        }
