"""Every fit trained again with other seeds: what becomes of the cells, of the verdicts on them and of the claims."""

from __future__ import annotations

import shutil
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path

import pandas as pd
import yaml

from thb.cells import evaluate, training_luck
from thb.cells.claims import ledger
from thb.cells.columns import COMPARISON_COLUMNS, QUESTION
from thb.cells.comparisons import INCONCLUSIVE
from thb.core import origin, plain_yaml
from thb.core.errors import DataError, ParamsError
from thb.core.params import Params, load
from thb.core.paths import RECORD, Paths
from thb.core.tables import read_csv, write_csv, write_json
from thb.fits import score_files, weights
from thb.fits.score_files import ScoreFile
from thb.report.load import Results
from thb.review import workplace

LARGEST_SEED = 2**32 - 1
BEARING = ("profile", "sources", "protocols", "metrics", "detectors")  # keys of params.yaml


def run(paths: Paths, params: Params, trainings: int, jobs: int) -> None:
    """Write results/seeds of this many trainings, the reported one among them; what was trained before is kept.

    Raises DataError if there are no clips to train on, or if a fit fails, and ParamsError for fewer than two.
    """
    if trainings < 2:
        raise ParamsError(f"{trainings} trainings have no spread; ask for 2 or more")
    if not paths.splits_record.is_file():
        raise DataError("fits are trained on clips, and none are here; run `dvc repro split` first")
    first = params.active.training_seed
    others = [(first + k) % (LARGEST_SEED + 1) for k in range(1, trainings)]
    places = {seed: _place(paths, params, seed) for seed in (first, *others)}
    shutil.copytree(paths.results / "scores", places[first].results / "scores", dirs_exist_ok=True)
    _train(params, [places[seed] for seed in others], jobs)
    for own in places.values():
        evaluate.run(own, load(own.params))
    _keep(paths, params, {seed: Results(own, load(own.params)) for seed, own in places.items()})


def _place(paths: Paths, params: Params, seed: int) -> Paths:
    """Where the fits of a seed are trained: as it was left, unless its clips or settings are others now."""
    root, part = (paths.root / "runs" / "seeds" / name for name in (str(seed), f"{seed}.part"))
    shutil.rmtree(part, ignore_errors=True)
    part.mkdir(parents=True)
    own = workplace.made(paths, part)
    raw = plain_yaml.load(paths.params)
    raw["profiles"][params.profile]["training_seed"] = seed
    own.params.write_text(yaml.safe_dump(raw, sort_keys=False), encoding="utf-8")
    files = [path.relative_to(part) for path in (own.tested, own.tested_record)]
    kept = all((root / file).is_file() and (root / file).read_bytes() == (part / file).read_bytes() for file in files)
    if kept and _bearing(root / own.params.name) == _bearing(own.params):
        own.params.replace(root / own.params.name)
        shutil.rmtree(part)
        return Paths(root)
    shutil.rmtree(root, ignore_errors=True)
    part.rename(root)
    return Paths(root)


def _bearing(params: Path) -> dict[str, object]:
    """The settings on which a fit and its cells may rest; an exhibit more or less is none of them."""
    raw = plain_yaml.load(params)
    return {key: raw[key] for key in BEARING} | {"active": raw["profiles"][raw["profile"]]}


def _train(params: Params, places: Sequence[Paths], jobs: int) -> None:
    """Train and score what is not there yet, a detector of a place after the other, `jobs` of them at a time."""
    left = {(own, detector): _missing(own, detector) for own in places for detector in params.detectors}
    total, done, begun = sum(map(len, left.values())), 0, time.perf_counter()
    with ThreadPoolExecutor(jobs) as pool:
        waiting = {
            pool.submit(_fit, own, detector, fits): (own, detector, len(fits))
            for (own, detector), fits in left.items()
            if fits
        }
        try:
            for ended in as_completed(waiting):
                ended.result()
                own, detector, n = waiting[ended]
                done += n
                took = time.perf_counter() - begun
                print(f"{done:>4}/{total} fits  {detector:<12} seed {own.root.name:<12} {took:6.0f} s", flush=True)
        finally:
            pool.shutdown(wait=False, cancel_futures=True)


def _missing(own: Paths, detector: str) -> list[str]:
    """Fits of a detector without scores that its settings and code would give, the one that others start from first."""
    params, missing = load(own.params), []
    for fit in params.fits:
        try:
            score_files.about(ScoreFile(own, params, detector, fit))
        except DataError:
            missing.append(fit)
    return missing


def _fit(own: Paths, detector: str, fits: Sequence[str]) -> None:
    log = own.root / f"{detector}.log"
    if fits[0] != weights.START and not (own.pretrained(detector) / weights.FILE).is_file():
        fits = [weights.START, *fits]
    for fit in fits:
        workplace.thb(own, "train", detector, fit, log=log)
        workplace.thb(own, "score", detector, fit, log=log)


def _keep(paths: Paths, params: Params, found: Mapping[int, Results]) -> None:
    """Write the cells of further trainings, and the verdicts and claims of every one, none knowing of the others.

    A question that no training can tell is left out.
    """
    _, *others = found
    folder = training_luck.place(paths)
    cells = pd.concat([found[seed].cells.assign(training_seed=seed) for seed in others])
    write_csv(cells, folder / training_luck.CELLS, training_luck.SEED_COLUMNS)
    verdicts = _side_by_side({seed: _verdicts(one) for seed, one in found.items()})
    told = (verdicts.loc[:, list(map(str, found))] != INCONCLUSIVE).any(axis=1)
    write_csv(verdicts.loc[told], folder / training_luck.VERDICTS, list(verdicts.columns))
    claims = _side_by_side({seed: _claims(one) for seed, one in found.items()})
    write_csv(claims, folder / training_luck.CLAIMS, list(claims.columns))
    said = training_luck.record(paths, params, others)
    written = [training_luck.CELLS, training_luck.VERDICTS, training_luck.CLAIMS]
    write_json({**said, "files": {name: origin.sha256(folder / name) for name in written}}, folder / RECORD)
    print(f"{len(found)} trainings -> {paths.relative(folder)}; run `thb evaluate`, or `dvc repro`")


def _verdicts(one: Results) -> pd.Series:
    """What is told of each question; a level is no question."""
    rows = read_csv(one.paths.comparisons, COMPARISON_COLUMNS, as_text=True).fillna("")
    rows = rows.loc[rows["verdict"] != ""]
    return pd.Series(rows["verdict"].to_numpy(), index=pd.MultiIndex.from_frame(rows[QUESTION]))


def _claims(one: Results) -> pd.Series:
    """What becomes of each claim on these cells."""
    rows = ledger.ledger(one.params, one.paths, one.cells, one.verdicts)
    return pd.Series(rows["here"].to_numpy(), index=pd.Index(rows["id"], name="id"))


def _side_by_side(told: Mapping[int, pd.Series]) -> pd.DataFrame:
    """A row a question, a column a training."""
    return pd.DataFrame({str(seed): column for seed, column in told.items()}).reset_index()
