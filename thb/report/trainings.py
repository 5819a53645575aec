"""What other seeds of training give, beside what is reported."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from thb.cells import training_luck
from thb.cells.comparisons import ABOVE, BELOW, INCONCLUSIVE
from thb.cells.questions import MEAN
from thb.core.errors import check_known
from thb.core.tables import read_csv
from thb.report.load import Results, open_results

COLUMNS = ["training", "protocol", "detector", "metric", "value", "lo", "hi", "n_real", "n_fake", "resolvable"]
TOLD = {ABOVE, BELOW}
KINDS = {
    "protocol": "one protocol against another",
    "detector": "one detector against another",
    "generator": "one generator against another",
    "cell": "one cell against another",
    "metric": "one rate against another",
}


def trainings(metric: str, protocols: Sequence[str]) -> pd.DataFrame:
    """A row a training, protocol and detector: the mean over generators, and the rank that it gives the detector.

    `training` is `reported` or the further seed; of the reported one there are lo and hi too. Without a study there are
    the reported rows alone. Raises ParamsError for a metric or protocol that is not known.
    """
    results = open_results()
    results.check_metric(metric)
    check_known("protocol", protocols, results.params.protocols)
    labels = {entrant.key: entrant.label for entrant in results.entrants if entrant.key}
    reported = pd.concat([results.table(protocol) for protocol in protocols])
    ours = (reported["generator"] == MEAN) & (reported["metric"] == metric) & reported["detector"].isin(labels.values())
    others = [
        {"training": str(seed), "protocol": protocol, "detector": labels[detector], "metric": metric, "value": value}
        for protocol, detector, seed, value in _means(results, metric)
        if protocol in protocols
    ]
    rows = [*reported[ours].assign(training="reported").to_dict("records"), *others]
    found = pd.DataFrame(rows, columns=COLUMNS)
    low = metric in ("Brier", "EER")
    found["rank"] = found.groupby(["training", "protocol"])["value"].rank(ascending=low, method="min")
    return found


def _means(results: Results, metric: str) -> list[tuple[str, str, int, float]]:
    """Protocol, detector, seed, mean over generators of each further training that counts here."""
    luck = _luck(results)
    if not luck.seeds:
        return []
    rows = read_csv(training_luck.place(results.paths) / training_luck.CELLS, training_luck.SEED_COLUMNS)
    rows = rows[(rows["metric"] == metric) & ~rows["detector"].isin(list(luck.unknown))]
    means = rows.groupby(["protocol", "detector", "training_seed"], sort=False)["value"].mean()
    return [(*map(str, key[:2]), int(key[2]), float(value)) for key, value in means.items()]


def _luck(results: Results) -> training_luck.Luck:
    return training_luck.read(results.paths, results.params)


def _side_by_side(
    results: Results, luck: training_luck.Luck, name: str, of: Sequence[str]
) -> tuple[list[str], pd.DataFrame]:
    """The columns of the trainings, the reported one first, and a file of the study that has one each."""
    seeds = [str(seed) for seed in (results.params.active.training_seed, *luck.seeds)]
    return seeds, read_csv(training_luck.place(results.paths) / name, [*of, *seeds], as_text=True).fillna("")


def not_repeated() -> list[str]:
    """A sentence for what the study of further trainings does not tell here; none where it tells all."""
    luck = _luck(open_results())
    whys = {why: [name for name, other in luck.unknown.items() if other == why] for why in luck.unknown.values()}
    found = [f"Of {', '.join(names)} no further training is known: {why}." for why, names in whys.items()]
    if luck.older:
        found.append(f"Further fits of {', '.join(luck.older)} were trained by code that has changed since.")
    return found


def verdicts_by_training() -> pd.DataFrame:
    """A row a kind of question: how many are asked, told, and told the other way round by another training.

    `told`: by the reported training with the luck of clips alone; `told_now`: with the luck of training too. Empty
    without a study of every detector.
    """
    results = open_results()
    luck = _luck(results)
    if not luck.seeds or luck.unknown:
        return pd.DataFrame(columns=["question", "asked", "told", "contradicted", "told_now", "contradicted_now"])
    names = [str(seed) for seed in (results.params.active.training_seed, *luck.seeds)]
    told = read_csv(
        training_luck.place(results.paths) / training_luck.VERDICTS, [*training_luck.QUESTION, *names], as_text=True
    )
    now = read_csv(results.paths.comparisons, [*training_luck.QUESTION, "verdict"], as_text=True)
    told = told.fillna("").merge(now.fillna(""), on=training_luck.QUESTION, how="left", suffixes=("", "_now"))
    own, others = told[names[0]], told[names[1:]]
    turned = own.map({ABOVE: BELOW, BELOW: ABOVE})
    against = others.eq(turned, axis=0).any(axis=1)
    frame = pd.DataFrame(
        {
            "question": told["question"].map(lambda kind: KINDS.get(kind, kind)),
            "asked": 1,
            "told": own.isin(TOLD),
            "contradicted": against,
            "told_now": told["verdict"].isin(TOLD),
            "contradicted_now": told["verdict"].isin(TOLD) & against,
        }
    )
    return frame.groupby("question", sort=False).sum().astype(int).reset_index()


def claims_by_training() -> pd.DataFrame:
    """Claims that not every training judges alike: id, and for each verdict how many trainings give it.

    Empty without a study.
    """
    results = open_results()
    luck = _luck(results)
    if not luck.seeds or luck.unknown:
        return pd.DataFrame(columns=["id"])
    names, rows = _side_by_side(results, luck, training_luck.CLAIMS, ["id"])
    moved = rows.loc[rows[names].nunique(axis=1) > 1]
    counts = moved.set_index("id")[names].apply(lambda row: row.value_counts(), axis=1)
    return counts.reindex(columns=["holds", "does not hold", INCONCLUSIVE]).fillna(0).astype(int).reset_index()
