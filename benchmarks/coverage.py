"""How often the intervals of `evaluate` hold the truth: simulated scores whose AUC and rates are known.

    python benchmarks/coverage.py [--runs 300] [--draws 200] [--seed 1]       # writes benchmarks/coverage.csv

Reals are normal, fakes lie above them and are as wide or twice as wide; clips of one person are alike (`people`:
repeat) or everybody has one clip (apart). Each run draws clips anew, asks the functions that `evaluate` asks for
intervals at the confidence of params.yaml, and counts how many hold the true value. Below single cells stand the mean
over six generators that share people and reals, and the fall of that mean from one detector to a poorer one that is
tested on the same clips. 300 runs tell a coverage to about 1.3 points (one standard deviation); all takes minutes.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import product

import numpy as np
import pandas as pd
from scipy import integrate, special, stats
from tqdm import tqdm

from thb.cells import trials
from thb.core import metrics
from thb.core.intervals import Ends, Estimates
from thb.core.metrics import AUC, BRIER, EER
from thb.core.params import load
from thb.core.params_schema import Metrics
from thb.core.paths import find_root
from thb.core.tables import write_csv

LEVELS, SPREADS, SIZES = (0.7, 0.85, 0.95, 0.99, 0.998), {"equal": 1.0, "fakes twice": 2.0}, ((210, 28), (800, 150))
ALIKE = 0.5  # correlation of the scores of one person's clips, where people repeat
CLIPS = (1, 1, 2, 1, 2, 3)  # clips of one person after another, where they repeat: as in the corpus's test split
GENERATORS, SHARED = 6, 0.5  # of a mean; correlation of what two detectors make of the same clips
POORER = 0.7  # of the shift is what the poorer detector has
MEAN, FALL = f"mean of {GENERATORS}", f"fall of a mean of {GENERATORS}"
COLUMNS = ["what", "reals", "fakes", "people", "spread", "metric", "true_auc", "truth", "covered", "width", "runs"]
Held = Callable[[str, float, Ends], None]


@dataclass(frozen=True)
class Setting:
    """One simulated test: how many clips, whose, and where fakes lie above the reals."""

    what: str
    reals: int
    fakes: int
    people: str
    spread: str
    auc: float

    @property
    def width(self) -> float:
        return SPREADS[self.spread]

    @property
    def shift(self) -> float:
        return float(special.ndtri(self.auc)) * np.sqrt(1 + self.width**2)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=300, help="simulated tests of each kind")
    parser.add_argument("--draws", type=int, default=200, help="resamples of each")
    parser.add_argument("--seed", type=int, default=1)
    asked = parser.parse_args()
    if min(asked.runs, asked.draws) < 10:
        sys.exit(f"coverage: --runs {asked.runs} and --draws {asked.draws} must be at least 10")
    root = find_root()
    m = load(root / "params.yaml").metrics.model_copy(update={"bootstrap": asked.draws})
    rows = []
    for setting in tqdm(list(settings()), unit="setting"):
        rows += measured(setting, m, asked.runs, np.random.default_rng([asked.seed, len(rows)]))
    table = pd.DataFrame(rows, columns=COLUMNS)
    write_csv(table, root / "benchmarks" / "coverage.csv", COLUMNS, 6)
    print(table.to_string(index=False))
    for metric, own in table.groupby("metric", sort=False):
        least = own.loc[own["covered"].idxmin()]
        where = ", ".join(
            f"{name} {least[name]}" for name in ("what", "reals", "fakes", "people", "spread", "true_auc")
        )
        print(f"{metric}: the smallest is {least['covered']:.3f} ({where})")


def settings() -> Iterator[Setting]:
    for (reals, fakes), people, spread, auc in product(SIZES, ("apart", "repeat"), SPREADS, LEVELS):
        yield Setting("cell", reals, fakes, people, spread, auc)
    for what, auc in product((MEAN, FALL), LEVELS):
        yield Setting(what, *SIZES[0], "repeat", "equal", auc)


def measured(setting: Setting, m: Metrics, runs: int, rng: np.random.Generator) -> list[dict]:
    """A row a metric."""
    true, held, widths = truth(setting, m), {}, {}

    def note(name: str, value: float, ends: Ends) -> None:
        held.setdefault(name, []).append(ends[0] <= value <= ends[1])
        widths.setdefault(name, []).append(ends[1] - ends[0])

    for _ in range(runs):
        (cell if setting.what == "cell" else pooled)(setting, m, rng, true, note)
    return [
        {**{k: v for k, v in vars(setting).items() if k != "auc"}, "true_auc": setting.auc}
        | {"metric": name, "truth": true[name], "runs": runs}
        | {"covered": float(np.mean(held[name])), "width": float(np.mean(widths[name]))}
        for name in held
    ]


def truth(setting: Setting, m: Metrics, less: float = 1.0) -> dict[str, float]:
    """The true value of each metric; `less` is what a poorer detector has of the shift."""
    shift, width = setting.shift * less, setting.width
    known = {AUC: float(special.ndtr(shift / np.sqrt(1 + width**2))), EER: float(special.ndtr(-shift / (1 + width)))}
    known |= {name: float(special.ndtr((shift - special.ndtri(1 - alpha)) / width)) for name, alpha in m.fpr.items()}
    real, fake = (
        integrate.quad(lambda x, f=f, at=at, w=w: stats.norm.pdf(x, at, w) * (f - score(x, setting)) ** 2, -12, 25)[0]
        for f, at, w in ((0, 0.0, 1.0), (1, shift, width))
    )
    return known | {BRIER: (real * setting.reals + fake * setting.fakes) / (setting.reals + setting.fakes)}


def score(x: np.ndarray | float, setting: Setting) -> np.ndarray:
    return special.expit(x - setting.shift / 2)


def cell(setting: Setting, m: Metrics, rng: np.random.Generator, true: dict[str, float], note: Held) -> None:
    """One cell's intervals, and whether they hold the truth; a rate that the reals cannot tell has none."""
    real = drawn(rng, people_of("r", setting.reals, setting.people), setting, m, 0, 1)
    fake = drawn(rng, people_of("f", setting.fakes, setting.people), setting, m, setting.shift, setting.width)
    for name, values in metrics.all_of(real.side, fake.side, m.fpr, m.roc).items():
        if name not in m.fpr or metrics.resolved(m.fpr[name], setting.reals):
            note(name, true[name], trials.ends(m, name, values, [(real, fake)]))


def people_of(kind: str, clips: int, people: str) -> np.ndarray:
    """Whom each clip shows."""
    each = np.resize(CLIPS if people == "repeat" else (1,), clips)
    return np.array([f"{kind}{i}" for i in np.repeat(np.arange(clips), each)[:clips]])


def normal(rng: np.random.Generator, people: np.ndarray, alike: float) -> np.ndarray:
    """Standard normal numbers, those of one person correlated."""
    _, place = np.unique(people, return_inverse=True)
    return np.sqrt(alike) * rng.normal(size=place.max() + 1)[place] + np.sqrt(1 - alike) * rng.normal(size=len(people))


def drawn(
    rng: np.random.Generator, people: np.ndarray, setting: Setting, m: Metrics, shift: float, width: float
) -> trials.Clips:
    alike = ALIKE if setting.people == "repeat" else 0.0
    return as_clips(people, score(shift + width * normal(rng, people, alike), setting), m)


def as_clips(people: np.ndarray, scores: np.ndarray, m: Metrics) -> trials.Clips:
    weights = metrics.resamples(people, m.bootstrap, m.seed)
    return trials.Clips(np.arange(len(people)), people, metrics.side(scores, weights))


def pooled(setting: Setting, m: Metrics, rng: np.random.Generator, true: dict[str, float], note: Held) -> None:
    """The mean over generators that show the same people, of one detector; or its fall to the poorer one."""
    reals, n = people_of("r", setting.reals, "repeat"), GENERATORS * setting.fakes
    known = people_of("f", setting.fakes, "repeat")
    fakes = np.tile(known, GENERATORS)  # the same people for every generator
    both = {people[0][0]: two_detectors(rng, people) for people in (reals, fakes)}
    wanted = (1.0, POORER) if setting.what == FALL else (1.0,)
    found: dict[str, list[tuple[float, Ends, np.ndarray]]] = {}
    for d, less in enumerate(wanted):
        real = as_clips(reals, score(both["r"][d], setting), m)
        scores = score(setting.shift * less + setting.width * both["f"][d], setting)
        for part in np.split(np.arange(n), GENERATORS):
            fake = as_clips(fakes[part], scores[part], m)
            told = {
                name: metrics.tpr_at_fpr_of(real.side, fake.side, alpha, m.roc)
                for name, alpha in m.fpr.items()
                if metrics.resolved(alpha, setting.reals)
            }
            for name, values in {AUC: metrics.auc_of(real.side, fake.side), **told}.items():
                found.setdefault(name, []).append((values[0], trials.ends(m, name, values, [(real, fake)]), values[1:]))
    poorer = truth(setting, m, POORER) if setting.what == FALL else {}
    for name, cells in found.items():
        weights = np.repeat([1.0, -1.0][: len(wanted)], GENERATORS)[None] / GENERATORS
        _, lo, hi = Estimates.of(*zip(*cells, strict=True)).sums(weights)
        note(name, true[name] - poorer.get(name, 0.0), (float(lo[0]), float(hi[0])))


def two_detectors(rng: np.random.Generator, people: np.ndarray) -> list[np.ndarray]:
    """What each makes of the clips: partly the same."""
    same, *own = (normal(rng, people, ALIKE) for _ in range(3))
    return [np.sqrt(SHARED) * same + np.sqrt(1 - SHARED) * one for one in own]


if __name__ == "__main__":
    main()
