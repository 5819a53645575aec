"""choice: a detector's fit on every generator, under a choice that other training or validation clips answer; scored.

It is made by the steps of `train` and `score`, which are private there: to open them would train every fit again.
"""

from __future__ import annotations

from dataclasses import replace

from thb.core.params import Params
from thb.core.paths import Paths
from thb.core.tables import OK
from thb.fits import score, score_files, train, weights
from thb.fits.score_files import ScoreFile
from thb.splits import assignment, otherwise
from thb.splits.otherwise import FIT

CLASSES = ("real", "fake")  # by label


def run(paths: Paths, params: Params, detector: str, choice: str) -> None:
    """Write the fit's weights to runs/choices, and the scores of the main fit's test clips to results/choices."""
    own = otherwise.place(paths, params, choice)
    main = train._job(paths, params, detector, FIT)
    job = replace(main, paths=own, rows=otherwise.kept(main.rows, choice, params.active.seed))
    train._run(job)
    fit = weights.vouched(own, job.folder, detector, FIT)
    rows = score._scored(fit.model, paths, params, detector, FIT, uses=(assignment.TEST,))
    usable = job.rows.loc[job.rows["status"] == OK]
    said = {
        use: {name: int(((usable["use"] == use) & (usable["label"] == i)).sum()) for i, name in enumerate(CLASSES)}
        for use in assignment.SEEN
    }
    score_files.write(ScoreFile(own, params, detector, FIT), rows, [fit], seen=said, best_epoch=fit.run["best_epoch"])
    train._forget([job])


def leave_out(paths: Paths, params: Params, detector: str, choice: str, why: str) -> None:
    """An empty table in the place of the scores, with why there are none, and a folder in that of the weights."""
    own = otherwise.place(paths, params, choice)
    own.run(detector, FIT).mkdir(parents=True, exist_ok=True)
    score_files.leave_out(ScoreFile(own, params, detector, FIT), why)
