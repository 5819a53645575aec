"""Controls: how far a detector gets that sees no face, and one that learns from labels that say nothing."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import pandas as pd

from thb.core.errors import ParamsError
from thb.core.metrics import AUC
from thb.report import classes, control_dots, label_checks, means, protocol_table, shifts, tables
from thb.report.exhibit import Exhibit
from thb.report.label_checks import IS_CHANCE, Check
from thb.report.load import MEAN, TABLE_COLUMNS, Entrant, Results, open_results
from thb.report.style import CHANCE

COLUMNS = ["part", *(c for c in TABLE_COLUMNS if c != "printed"), "fits", "verdict"]
TRUE, DRAWN = "true labels", "labels that say nothing"
SOLVED = 0.9  # AUC that the lower end of a control's interval must reach to solve a generator alone


def build(
    protocols: Sequence[str] = (), metrics: Sequence[str] = (), one_by_one: str = "P1", solved: float = SOLVED
) -> Exhibit:
    """The exhibit; protocols default to those the paper prints, metrics to AUC and the first rate."""
    results = open_results()
    if not CHANCE < solved <= 1:
        raise ParamsError(f"solved = {solved} is no AUC above chance; choose one above {CHANCE} and up to 1")
    shown = list(protocols) or [p for p, entry in results.params.protocols.items() if entry.printed]
    chosen = [results.check_metric(m) for m in metrics or (AUC, next(iter(results.params.metrics.fpr)))]
    cells = pd.concat([results.table(p) for p in dict.fromkeys((*shown, one_by_one))], ignore_index=True)
    checks = label_checks.checks(results)
    return Exhibit(
        title="Controls",
        html=_html(results, cells, shown, chosen, one_by_one, solved, checks),
        rows=_rows(results, cells, chosen, checks),
        drawing=control_dots.draw(results, cells, shown, checks),
        alt="Dots with intervals. Above: mean AUC of each detector and control under each protocol. Below: mean AUC "
        "of fits on labels that say nothing, each fit and their mean, beside a dotted line at chance.",
    )


def _rows(results: Results, cells: pd.DataFrame, metrics: Sequence[str], checks: Sequence[Check]) -> pd.DataFrame:
    own = [e.label for e in results.entrants if e.key]
    kept = cells[cells["metric"].isin(metrics) & cells["detector"].isin(own)]
    drawn = [
        {
            "part": DRAWN,
            "protocol": label_checks.PROTOCOL,
            "detector": entrant(results, check).label,
            "control": entrant(results, check).control,
            "generator": generator,
            "metric": AUC,
            **vars(check.mean(generator)),
            "n_real": check.n_real,
            "n_fake": check.n_fake[generator],
            "resolvable": True,
            "fits": check.fits,
            "verdict": check.verdict if generator == MEAN else "",
        }
        for check in checks
        for generator in check.aucs
    ]
    true = kept.assign(part=TRUE, fits=1, verdict="")[COLUMNS]
    return pd.concat([true, pd.DataFrame(drawn, columns=COLUMNS)] if drawn else [true], ignore_index=True)


def entrant(results: Results, check: Check) -> Entrant:
    """The row of the tables that a check is about."""
    return next(e for e in results.entrants if e.key == check.detector)


# ── Sentences ────────────────────────────────────────────────────────────────────────────────────


def sentences(results: Results) -> list[str]:
    """What each control reaches and solves alone, then what labels that say nothing taught."""
    return [*_controls(results), *label_checks.sentences(results)]


def _controls(results: Results, protocol: str = "P1", solved: float = SOLVED) -> Iterator[str]:
    cells = results.table(protocol)
    for e in (e for e in results.entrants if e.control):
        if not cells.loc[cells["detector"] == e.label, "n_fake"].any():
            yield f"The control {tables.text(e.label + e.aside)} has no numbers here."
            continue
        alone = tables.text(", ".join(results.label(g) for g in solved_alone(cells, e, solved)))
        means = ", ".join(f"{shifts.mean(results, p, e, AUC)} in {p}" for p in ("P1", "P2", "P3"))
        yield (
            f"The control {tables.text(e.label + e.aside)} reaches mean AUC {means}; alone it solves "
            f"{alone or 'no generator'} (in {protocol}, the interval of its AUC at or above {solved:g})."
        )


def solved_alone(cells: pd.DataFrame, one: Entrant, solved: float) -> list[str]:
    """Generators on which the whole interval of an entrant's AUC lies at or above `solved`."""
    own = cells[(cells["detector"] == one.label) & (cells["metric"] == AUC) & (cells["generator"] != MEAN)]
    return list(own.loc[(own["n_fake"] > 0) & (own["lo"] >= solved), "generator"])


# ── Tables ───────────────────────────────────────────────────────────────────────────────────────


def _html(
    results: Results,
    cells: pd.DataFrame,
    shown: Sequence[str],
    metrics: Sequence[str],
    one_by_one: str,
    solved: float,
    checks: Sequence[Check],
) -> str:
    by_one = cells[(cells["protocol"] == one_by_one) & (cells["metric"] == AUC)]
    notes = [
        *_controls(results, one_by_one, solved),
        *protocol_table.unresolvable(results, cells[cells["protocol"].isin(shown)], metrics),
        f"A generator that a control solves alone says nothing about faces: a detector may take the same way. Bold: in "
        f"the first tables the best of a column, the controls apart; in the table of generators, solved alone (the "
        f"interval of the AUC at or above {solved:g}).",
        *label_checks.sentences(results),
        "Labels are drawn anew within each source, for training and validation clips alike, a half of them fake; test "
        "clips keep their own. A single fit may lie far from chance by luck, as it ranks whole sources by what it "
        "made of noise, so the interval is Student's over the fits; the wider it is, the larger a leak must be to "
        "show.",
        *(f"{tables.text(d)} has no such fit here." for d in label_checks.absent(results)),
    ]
    return "\n".join(
        [
            tables.interval_switch("controls", results.params.metrics.confidence),
            *(_means(results, cells, shown, metric) for metric in metrics),
            classes.legend(),
            _by_generator(results, by_one, solved),
            _checked(results, checks),
            tables.notes(notes),
        ]
    )


def _means(results: Results, cells: pd.DataFrame, shown: Sequence[str], metric: str) -> str:
    """Mean over generators: a row an entrant, a column a protocol."""
    rows = cells[(cells["generator"] == MEAN) & (cells["metric"] == metric)]
    grid, classed = rows.set_index(["detector", "protocol"]), metric in results.params.metrics.fpr
    known = {key: means.known(cell).value for key, cell in grid.iterrows()}
    best = {p: tables.best_of(known[e.label, p] for e in results.tested) for p in shown}
    bodies = [
        _body(
            e,
            [
                tables.number(
                    grid.loc[(e.label, p)], classed, not e.control and tables.is_best(known[e.label, p], best[p])
                )
                for p in shown
            ],
        )
        for e in results.entrants
        if e.key
    ]
    heads = ["Detector", *(tables.text(p.replace("_", " ")) for p in shown)]
    return tables.table(f"Mean {tables.text(metric)} over generators <small>· by protocol</small>", heads, bodies)


def _by_generator(results: Results, rows: pd.DataFrame, solved: float) -> str:
    """AUC of each control on each generator, below that of the best detector."""
    rows = rows[rows["generator"] != MEAN]
    columns = list(dict.fromkeys(rows["generator"]))
    bodies = [
        tables.body(
            [
                tables.row(
                    "Best detector",
                    [
                        tables.number(_best(rows[(rows["generator"] == g) & ~rows["control"]]), False, False)
                        for g in columns
                    ],
                )
            ]
        )
    ]
    for e in (e for e in results.entrants if e.control):
        grid, alone = rows[rows["detector"] == e.label].set_index("generator"), solved_alone(rows, e, solved)
        bodies.append(_body(e, [tables.number(grid.loc[g], False, g in alone) for g in columns]))
    heads = ["Detector", *(tables.name(results.label(g)) for g in columns)]
    return tables.table(f"Generator by generator <small>· AUC, {rows['protocol'].iloc[0]}</small>", heads, bodies)


def _checked(results: Results, checks: Sequence[Check]) -> str:
    if not checks:
        return ""
    columns = [g for g in results.generators(label_checks.PROTOCOL) if any(g in check.aucs for check in checks)]
    bodies = [
        _body(
            entrant(results, check),
            [
                f'<td class="{"holds" if check.verdict == IS_CHANCE else "fails"}">{check.verdict}</td>',
                tables.plain(check.fits),
                *(_mean(check, g) for g in (MEAN, *columns)),
            ],
        )
        for check in checks
    ]
    heads = ["Detector", "Is it chance?", "Fits", "Mean", *(tables.name(results.label(g)) for g in columns)]
    return tables.table(f"Fits on labels that say nothing <small>· AUC, {label_checks.PROTOCOL}</small>", heads, bodies)


def _mean(check: Check, generator: str) -> str:
    """<td> of a mean over fits; a dash where no clip of the generator was scored."""
    if generator not in check.aucs:
        return tables.plain(None)
    row = vars(check.mean(generator)) | {"n_real": check.n_real, "n_fake": check.n_fake[generator], "resolvable": True}
    return tables.number(row, classed=False, best=False)


def _body(e: Entrant, cells: Sequence[str]) -> str:
    label = tables.text(e.label) + (" <small>(control)</small>" if e.control else "")
    return tables.body([tables.row(label, cells)], "control" if e.control else "")


def _best(rows: pd.DataFrame) -> pd.Series:
    """The cell with the highest value; the first where none has one."""
    return rows.loc[rows["value"].idxmax()] if rows["value"].notna().any() else rows.iloc[0]
