"""Measures of heat maps: shares of mass on regions, whether the hottest pixel is a fault, likeness of two maps."""

from __future__ import annotations

import numpy as np
from scipy.stats import rankdata


def shares(heat: np.ndarray, masks: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mass and area on each region, float [R] each, as shares of all frames'; an empty map has mass NaN.

    heat float [F, h, w], 0 or more; masks float [F, R, h, w], how far each pixel belongs to each region.
    """
    total = heat.sum(dtype=float)
    mass = np.einsum("fhw,frhw->r", heat, masks, dtype=float)
    return mass / total if total > 0 else np.full(masks.shape[1], np.nan), masks.mean(axis=(0, 2, 3), dtype=float)


def pointing(heat: np.ndarray, fault: np.ndarray) -> tuple[float, float, float]:
    """Of frames with a fault, the share whose hottest pixel is one; for the middle pixel; for one sampled at random.

    heat float [F, h, w]; fault bool [F, h, w]. An empty map counts as a miss. Without any fault all three are NaN.
    """
    faulty = fault.any(axis=(1, 2))
    if not faulty.any():
        return np.nan, np.nan, np.nan
    heat, fault = heat[faulty].reshape(faulty.sum(), -1), fault[faulty]
    at_peak = fault.reshape(heat.shape)[np.arange(len(heat)), heat.argmax(axis=1)] & (heat.max(axis=1) > 0)
    height, width = fault.shape[1:]
    return float(at_peak.mean()), float(fault[:, height // 2, width // 2].mean()), float(fault.mean())


def rank_correlation(one: np.ndarray, other: np.ndarray) -> tuple[float, bool]:
    """Spearman's of two maps of one shape, and whether there is none to tell (either is flat; then it counts as 0)."""
    ranks = [rankdata(heat) for heat in (one, other)]
    if any(np.ptp(r) == 0 for r in ranks):
        return 0.0, True
    return float(np.corrcoef(ranks)[0, 1]), False


def distinct(boxes: np.ndarray, sure: np.ndarray, least: float, most: int, same: float = 0.5) -> np.ndarray:
    """int [n]: of boxes [M, 4] the surest, at most `most`, each above `least` and none much like a surer one.

    `same`: intersection over union from which two boxes are one.
    """
    kept: list[int] = []
    for i in np.argsort(-sure, kind="stable"):
        if sure[i] <= least or len(kept) == most:
            break
        if all(overlap(boxes[i], boxes[k]) < same for k in kept):
            kept.append(int(i))
    return np.array(kept, int)


def overlap(one: np.ndarray, other: np.ndarray) -> float:
    """Intersection over union of two boxes, each x0 y0 x1 y1."""
    sides = np.clip(np.minimum(one[2:], other[2:]) - np.maximum(one[:2], other[:2]), 0, None)
    both = sides.prod()
    return float(both / ((one[2:] - one[:2]).prod() + (other[2:] - other[:2]).prod() - both))
