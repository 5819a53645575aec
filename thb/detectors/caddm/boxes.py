"""CADDM's boxes: the anchors of its four maps, what each should say, and the loss of what it says.

Boxes are x0 y0 x1 y1, fractions of the crop; anchors cx cy w h.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

# Of each map: cells a side, pixels of 224 between cells, and the sizes (w, h) of the two anchors of a cell.
SCALES = (
    (7, 32, ((40, 80), (80, 40))),
    (5, 45, ((80, 120), (120, 80))),
    (3, 75, ((120, 160), (160, 120))),
    (1, 224, ((224, 224), (224, 224))),
)
VARIANCES = (0.1, 0.2)  # units of an offset's centre and of its log size
OVERLAP = 0.5  # intersection over union from which an anchor is answerable for a box
NEGATIVES = 2  # unchanged anchors, the most mistaken, for each changed one of an image


def anchors() -> Tensor:
    """float [168, 4], by scale, row, column, and the two of a cell."""
    places = [
        ((column + 0.5) * step, (row + 0.5) * step, width, height)
        for cells, step, sizes in SCALES
        for row in range(cells)
        for column in range(cells)
        for width, height in sizes
    ]
    return (torch.tensor(places) / 224).clamp(0, 1)


def corners(centred: Tensor) -> Tensor:
    """cx cy w h -> x0 y0 x1 y1."""
    half = centred[..., 2:] / 2
    return torch.cat([centred[..., :2] - half, centred[..., :2] + half], dim=-1)


def encoded(boxes: Tensor, anchors: Tensor) -> Tensor:
    """Boxes [..., 168, 4] -> offsets from their anchors."""
    centre, sides = (boxes[..., :2] + boxes[..., 2:]) / 2, boxes[..., 2:] - boxes[..., :2]
    shift = (centre - anchors[:, :2]) / (anchors[:, 2:] * VARIANCES[0])
    return torch.cat([shift, (sides / anchors[:, 2:]).log() / VARIANCES[1]], dim=-1)


def decoded(offsets: Tensor, anchors: Tensor) -> Tensor:
    """Offsets [..., 168, 4] -> boxes."""
    centre = anchors[:, :2] + offsets[..., :2] * VARIANCES[0] * anchors[:, 2:]
    return corners(torch.cat([centre, anchors[:, 2:] * (offsets[..., 2:] * VARIANCES[1]).exp()], dim=-1))


def transposed(boxes: Tensor) -> Tensor:
    """x and y change places."""
    return boxes[..., [1, 0, 3, 2]]


def overlaps(truths: Tensor, anchors: Tensor) -> Tensor:
    """Intersection over union, [N, T, 168]; -1 for truths [N, T, 4] that are NaN."""
    mine, theirs = corners(anchors), truths[:, :, None]
    sides = (torch.minimum(mine[:, 2:], theirs[..., 2:]) - torch.maximum(mine[:, :2], theirs[..., :2])).clamp(min=0)
    both = sides.prod(dim=-1)
    union = (theirs[..., 2:] - theirs[..., :2]).prod(dim=-1) + anchors[:, 2:].prod(dim=-1) - both
    return (both / union).nan_to_num(nan=-1)


def matched(truths: Tensor, anchors: Tensor) -> tuple[Tensor, Tensor]:
    """Which anchors answer for a box, bool [N, 168], and for which of truths [N, T, 4], int64 [N, 168].

    Each anchor answers for the box that it overlaps most, if by OVERLAP; each box has its best anchor at
    least, of two boxes with the same best anchor the later.
    """
    shared = overlaps(truths, anchors)
    most, which = shared.max(dim=1)
    best = shared.argmax(dim=2)
    there = truths.isfinite().all(dim=2)
    at = torch.arange(len(anchors), device=truths.device)
    for i in range(truths.shape[1]):
        forced = there[:, i, None] & (best[:, i, None] == at)
        most, which = torch.where(forced, 2.0, most), torch.where(forced, i, which)
    return most >= OVERLAP, which


def multibox_loss(offsets: Tensor, changes: Tensor, truths: Tensor, anchors: Tensor) -> Tensor:
    """Offsets [N, 168, 4] and logits of change [N, 168, 2] against truths [N, T, 4]; 0 if there are none.

    Both losses are sums over anchors, divided by the number of matched ones in the batch. An image without
    a box has no say.
    """
    positive, which = matched(truths, anchors)
    wanted = encoded(truths.gather(1, which[:, :, None].expand(-1, -1, 4)), anchors)
    wrong = F.cross_entropy(changes.flatten(0, 1), positive.long().flatten(), reduction="none").view_as(positive)
    counted = positive | hardest(wrong.detach(), positive)
    placed = F.smooth_l1_loss(offsets, torch.where(positive[:, :, None], wanted, offsets.detach()), reduction="sum")
    return (placed + (wrong * counted).sum()) / positive.sum().clamp(min=1)


def hardest(wrong: Tensor, positive: Tensor) -> Tensor:
    """bool [N, 168]: of each image's unmatched anchors the most mistaken, NEGATIVES for each matched one."""
    ranks = wrong.masked_fill(positive, 0).argsort(dim=1, descending=True, stable=True).argsort(dim=1)
    wanted = (NEGATIVES * positive.sum(dim=1, keepdim=True)).clamp(max=wrong.shape[1] - 1)
    return (ranks < wanted) & ~positive
