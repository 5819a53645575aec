"""What 10,000 resamples for every cell cost, against a loop over scikit-learn's functions in the same run.

    python benchmarks/interval_speed.py [--draws 10000] [--loop 3]       # writes benchmarks/interval_speed.csv

Reads results/scores of the clone, and computes every metric of every cell with its interval as `evaluate` does. The
loop does what one would write without this package: draw clips, call roc_auc_score, roc_curve and brier_score_loss; it
is timed on `--loop` draws of each cell and scaled. Both in seconds of processor time, so that other work on the machine
hardly counts.
"""

from __future__ import annotations

import argparse
import resource
import sys
import time

import numpy as np
import pandas as pd
from sklearn.metrics import brier_score_loss, roc_auc_score, roc_curve

from thb.cells import evaluate, trials
from thb.core.params import Params, load
from thb.core.paths import Paths, find_root
from thb.core.tables import SCORE_COLUMNS, read_csv, write_csv
from thb.splits import protocols

COLUMNS = ["cells", "draws", "seconds", "loop_draws", "loop_seconds", "times", "megabytes"]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--draws", type=int, default=10_000, help="resamples of each cell")
    parser.add_argument("--loop", type=int, default=3, help="draws of each cell that the loop is timed on")
    asked = parser.parse_args()
    if asked.draws < 10 or asked.loop < 1:
        sys.exit(f"interval_speed: --draws {asked.draws} must be at least 10, --loop {asked.loop} at least 1")
    paths = Paths(find_root())
    params = load(paths.params)
    metrics = params.metrics.model_copy(update={"bootstrap": asked.draws})
    params = params.model_copy(update={"metrics": metrics})
    scores = {(d, f): read_csv(paths.scores(d, f), SCORE_COLUMNS) for d in params.detectors for f in params.fits}
    start = time.process_time()
    evaluated = evaluate.of_scores(params, scores, {})
    seconds = time.process_time() - start
    megabytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    loop = scikit_learn(params, scores, asked.loop)
    scaled = loop / asked.loop * asked.draws
    cells = sum(len(measured["ends"]) for *_, measured in evaluated)
    row = [cells, asked.draws, seconds, asked.loop, loop, scaled / seconds, megabytes]
    write_csv(pd.DataFrame([row], columns=COLUMNS), paths.root / "benchmarks" / "interval_speed.csv", COLUMNS, 4)
    print(f"{cells} cells, {asked.draws:,} draws: {seconds:.1f} s of processor time, {megabytes:.0f} MB; "
          f"a scikit-learn loop: {scaled:,.0f} s, {scaled / seconds:,.0f} times as long")  # fmt: skip


def scikit_learn(params: Params, scores: dict[tuple[str, str], pd.DataFrame], draws: int) -> float:
    """Seconds of so many draws of every cell."""
    rng, spent = np.random.default_rng(1), 0.0
    for detector in params.detectors:
        for trial in protocols.trials(params):
            for fit in trial.fits:
                table = scores[detector, fit]
                real, fake = trials.tested(table, params.protocols[trial.protocol], trial.generator)
                if fake.empty:
                    continue
                parts = [(one["label"].to_numpy(), one["score"].to_numpy()) for one in (real, fake)]
                start = time.process_time()
                for _ in range(draws):
                    chosen = [(part, rng.integers(0, len(part[0]), len(part[0]))) for part in parts]
                    labels, values = (np.concatenate([part[i][clips] for part, clips in chosen]) for i in (0, 1))
                    roc_auc_score(labels, values)
                    brier_score_loss(labels, values)
                    fpr, tpr, _ = roc_curve(labels, values)
                    for alpha in params.metrics.fpr.values():
                        tpr[fpr <= alpha].max()
                    fpr[np.abs(fpr - (1 - tpr)).argmin()]
                spent += time.process_time() - start
    return spent


if __name__ == "__main__":
    main()
