"""What a claim can say of where heat lies: checks on the shares of heat that `explain` measured on every clip.

A check's keyword arguments are those of claims.yaml; `regions` are taken as one. The paper shows maps and measures
none, so nothing of this can be told from print.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from thb.cells import heat
from thb.cells.answers import Truth, all_of
from thb.cells.claims.cells import Estimate, Said, exceeds, most_of, negate, reaches, register
from thb.cells.questions import SHIFTS
from thb.core import metrics
from thb.core.decimals import signed
from thb.core.errors import check_known
from thb.core.params import Params
from thb.core.tables import REGIONS

BOUND = 0.5  # a fake that scores below it, or a real that does not, is misclassified
WRONG = ("fakes", "reals")
LISTED = 6  # differences that are told one by one
IN_PRINT = "shown as pictures; no share was measured"
CHECKS: dict[str, Callable[..., Said]] = {}
Names = str | Sequence[str]


@dataclass(frozen=True)
class Maps:
    """Where heat lies on each clip, a table a detector (CAM_COLUMNS); selected by the paper's names."""

    params: Params
    clips: heat.Clips | None  # None: of print, which has none

    def lacking(self, *detectors: str) -> str:
        """Why nothing can be told of one of these detectors; '' where its maps are at hand."""
        if self.clips is None:
            return IN_PRINT
        missing = [name for name in detectors if self._key(name) not in self.clips]
        return f"no heat map of {', '.join(missing)} is here; `dvc repro explain` makes them" if missing else ""

    def places(self, protocol: Names | None, generator: Names | None) -> Iterator[tuple[str, str]]:
        """(protocol, generator) of all that is chosen, P1 to P3 and the six generators where nothing is."""
        known = {self.params.sources[g].printed: g for g in self.params.generators}
        protocols, generators = _listed(protocol, SHIFTS), _listed(generator, known)
        check_known("protocol in claims.yaml", protocols, SHIFTS)
        check_known("generator in claims.yaml", generators, known)
        yield from ((p, g) for p in protocols for g in generators)

    def explained(self, detector: str, protocol: str, generator: str, of: str = "fakes") -> pd.DataFrame:
        """The clips that show any heat: fakes of one generator, or the reals under the fit that tests it."""
        own = (self.clips or {})[self._key(detector)]
        (source,) = (g for g in self.params.generators if self.params.sources[g].printed == generator)
        chosen = {"fakes": heat.fakes_of, "reals": heat.reals_of}[of](self.params, own, protocol, source)
        return chosen.loc[chosen[heat.MASS].notna().all(axis=1)]

    def estimate(self, replicates: np.ndarray) -> Estimate:
        """A number with its interval, of replicates [1 + bootstrap]."""
        return Estimate(float(replicates[0]), *metrics.interval(replicates[1:], self.params.metrics.confidence))

    def shares(self, clips: pd.DataFrame, regions: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
        """Replicates [1 + bootstrap] of the share of the heat on these regions, and of the picture."""
        check_known("region in claims.yaml", regions, REGIONS)
        found = heat.shares_of(self.params, clips)
        at = [REGIONS.index(region) for region in regions]
        return found["mass"][:, at].sum(axis=1), found["area"][:, at].sum(axis=1)

    def _key(self, detector: str) -> str:
        known = {entry.printed: name for name, entry in self.params.detectors.items() if entry.printed}
        check_known("detector in claims.yaml", [detector], known)
        return known[detector]


def _listed(names: Names | None, every: Sequence[str] | Mapping[str, str]) -> list[str]:
    return list(every) if names is None else [names] if isinstance(names, str) else list(names)


@register(CHECKS)
def leans(
    maps: Maps,
    detector: str,
    regions: Sequence[str],
    protocol: Names | None = None,
    generator: Names | None = None,
    most: bool = False,
    wrong: Sequence[str] = (),
) -> Said:
    """More of the heat lies there than of the picture: under all protocols and generators chosen, or most.

    `wrong`: fakes, or reals, that are misclassified alone, each judged by itself.
    """
    check_known("wrong in claims.yaml", wrong, WRONG)
    if why := maps.lacking(detector):
        return Said(None, why)
    found = {}
    for place in maps.places(protocol, generator):
        for of in wrong or ("fakes",):
            clips = maps.explained(detector, *place, of)
            if wrong:
                clips = clips.loc[(clips["score"] >= BOUND) != (clips["label"] == 1)]
            mass, area = maps.shares(clips, regions)
            name = " ".join((*place, *([f"misclassified {of} ({len(clips)})"] if wrong else [])))
            found[name] = maps.estimate(mass - area)
    truths = [exceeds(one, 0) for one in found.values()]
    said = f"heat less area on {' and '.join(regions)}: {_listing(found)}"
    return Said((most_of if most else all_of)(truths), f"{said}; {_so(truths)}")


@register(CHECKS)
def holds_share(
    maps: Maps, detector: str, regions: Sequence[str], protocol: Names, generator: Names, more_than: float
) -> Said:
    """So much of the heat lies there, whatever the regions cover."""
    if why := maps.lacking(detector):
        return Said(None, why)
    found = {
        " ".join(place): maps.estimate(maps.shares(maps.explained(detector, *place), regions)[0])
        for place in maps.places(protocol, generator)
    }
    said = ", ".join(f"{name} {one}" for name, one in found.items())
    return Said(all_of(exceeds(one, more_than) for one in found.values()), f"heat on {' and '.join(regions)}: {said}")


@register(CHECKS)
def fades(maps: Maps, detector: str, regions: Sequence[str], generator: str, before: str, after: Sequence[str]) -> Said:
    """Under later protocols the same regions hold less of the heat, beyond their area, than under the first."""
    if why := maps.lacking(detector):
        return Said(None, why)
    mass, area = maps.shares(maps.explained(detector, before, generator), regions)
    found, less = {before: maps.estimate(mass - area)}, {}
    for protocol in after:
        later_mass, later_area = maps.shares(maps.explained(detector, protocol, generator), regions)
        found[protocol] = maps.estimate(later_mass - later_area)
        less[f"{before} less {protocol}"] = maps.estimate((mass - area) - (later_mass - later_area))
    truth = all_of(exceeds(one, 0) for one in less.values())
    return Said(truth, f"heat less area on {' and '.join(regions)}: {_listing(found)}; {_listing(less)}")


@register(CHECKS)
def broader(maps: Maps, detector: str, than: str, most: bool = False) -> Said:
    """On the same clips its heat lies more as the picture does: the part of it that would have to move is smaller."""
    if why := maps.lacking(detector, than):
        return Said(None, why)
    found, truths = {}, []
    for place in maps.places(None, None):
        both = [_unevenness(maps.explained(name, *place)) for name in (detector, than)]
        rows = both[0].merge(both[1][["clip", "uneven"]], on="clip", suffixes=("", "_other"))
        own, other = heat.replicates_of(maps.params, rows, ["uneven", "uneven_other"]).T
        apart = maps.estimate(own - other)
        found[" ".join(place)] = apart
        truths.append(negate(reaches(apart, 0)))
    said = f"heat that would have to move to lie evenly, less {than}'s: {_listing(found)}"
    return Said((most_of if most else all_of)(truths), f"{said}; {_so(truths)}")


def _unevenness(clips: pd.DataFrame) -> pd.DataFrame:
    """The clips with half the sum over regions of |share of the heat less share of the picture|."""
    apart = np.abs(clips[heat.MASS].to_numpy(float) - clips[heat.AREA].to_numpy(float))
    return clips.assign(uneven=apart.sum(axis=1) / 2)


def _listing(found: Mapping[str, Estimate]) -> str:
    """'P1 Hallo 0.04 (0.02 to 0.06), …' of differences, a dash where no clip shows any heat; of many the two ends."""
    known = sorted((name for name, one in found.items() if not one.unknown), key=lambda name: found[name].value)
    shown = [known[0], known[-1]] if len(found) > LISTED and known else list(found)
    told = [
        f"{name} {signed(found[name].value)}"
        + ("" if found[name].unknown else f" ({signed(found[name].lo)} to {signed(found[name].hi)})")
        for name in shown
    ]
    return f"from {' up to '.join(told)}" if len(shown) < len(found) else ", ".join(told)


def _so(truths: Sequence[Truth]) -> str:
    yes, no, untold = (truths.count(truth) for truth in (True, False, None))
    return f"so for {yes} of {len(truths)}" + (f", not for {no}, and {untold} cannot be told" if no + untold else "")
