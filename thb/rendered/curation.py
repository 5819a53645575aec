"""Which candidates the authors would have thrown away: a cheap preview shows how far a clip is off."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import groupby

import numpy as np

from thb.core.errors import ParamsError
from thb.rendered.plan import ClipPlan
from thb.rendered.scene import casting, compare, set_scene

CURATED = ("generator", "unseen")
PREVIEW_SIDE = 40  # px
PREVIEW_FRAMES = 4
WORST_AREA = 0.04  # of the frame: the part where it is most wrong is what the eye finds
PLAIN = 0.12  # its mean error in the worst frame that counts as a visible fault of 0.5

Judge = Callable[[Sequence[ClipPlan]], Iterable[float]]


def visible_fault(plan: ClipPlan) -> float:
    """How far a few small frames are from the faithful ones, 0 (equal) to 1."""
    scene, (generator, faults) = set_scene(plan), casting(plan)
    frames = np.unique(np.linspace(0, len(scene.moments) - 1, PREVIEW_FRAMES).round().astype(int))
    wrong, right = compare(scene, PREVIEW_SIDE, generator, faults, frames)
    off = np.sort(np.abs(wrong - right).mean(axis=-1).reshape(len(frames), -1), axis=1)
    worst = off[:, -int(WORST_AREA * PREVIEW_SIDE**2) :].mean(axis=1).max()
    return float(1.0 - 0.5 ** (worst / PLAIN))


@dataclass
class Tray:
    """Candidates of one source and split, tried in order until enough are kept."""

    source: str
    candidates: Sequence[ClipPlan]
    wanted: int
    kept: list[ClipPlan] = field(default_factory=list)
    made: int = 0

    @property
    def open(self) -> bool:
        return len(self.kept) < self.wanted

    def next(self) -> Sequence[ClipPlan]:
        """Half as many again as are missing: some will be thrown away."""
        if not self.open:
            return ()
        missing = self.wanted - len(self.kept)
        batch = self.candidates[self.made : self.made + missing + missing // 2 + 1]
        if not batch:
            raise ParamsError(
                f"render.curation is too strict: of {self.made} {self.source} candidates "
                f"{len(self.kept)} passed, and {self.wanted} are wanted"
            )
        return batch

    def judge(self, plan: ClipPlan, fault: float, limit: float) -> None:
        """Candidates after the last one wanted do not count as made."""
        if self.open:
            self.made += 1
            if fault <= limit:
                self.kept.append(plan)


def curate(plans: Sequence[ClipPlan], wanted: Mapping[tuple[str, str], int], limit: float, judge: Judge) -> list[Tray]:
    """A tray for each source and split, filled with its first acceptable candidates; `judge` gives visible faults."""
    groups = groupby(plans, key=lambda plan: (plan.source, plan.split))
    trays = [Tray(source, list(group), wanted[source, split]) for (source, split), group in groups]
    for tray in trays:
        if tray.candidates[0].role not in CURATED:
            tray.kept, tray.made = list(tray.candidates), len(tray.candidates)
    while any(tray.open for tray in trays):
        batches = [(tray, plan) for tray in trays for plan in tray.next()]
        for (tray, plan), fault in zip(batches, judge([_at_full_fault(plan) for _, plan in batches]), strict=True):
            tray.judge(plan, fault, limit)
    return trays


def _at_full_fault(plan: ClipPlan) -> ClipPlan:
    """A control corpus without faults keeps the same clips, so that nothing else differs from the main one."""
    return plan if plan.artefacts else replace(plan, artefacts=1.0)
