"""The first page's three columns: what is asked, what was found, how far to trust it."""

from __future__ import annotations

from thb.book.sentences import bullets
from thb.cells.comparisons import OPEN
from thb.core.metrics import AUC, is_resolvable
from thb.report import ablation_table, claims_ledger, findings, shifts, vouched
from thb.report.load import Entrant, Results
from thb.report.tables import decimal, text
from thb.report.verdicts import say


def found_in_short(results: Results) -> str:
    """How the findings come out here, and who falls from P1 to P3."""
    verdicts = [f.verdict for f in findings.findings(results, findings.headline(results))]
    counts = ", ".join(
        f"{verdicts.count(v)} {word}"
        for v, word in ((shifts.HOLDS, "hold"), (shifts.FAILS, "do not"), (shifts.OPEN, "cannot be told"))
    )
    rows = "".join(_fall_row(results, e) for e in results.entrants if e.key)
    head = f"<tr><th>mean {AUC}</th><th>P1</th><th>P3</th><th>falls?</th></tr>"
    table = _small_table(head, rows)
    return f"Of {len(verdicts)} findings put to the test, {counts}.\n\n{table}"


def claims_in_short(results: Results) -> str:
    """How the paper's claims do on its own tables."""
    return claims_ledger.sentences(results)[0]


def _fall_row(results: Results, entrant: Entrant) -> str:
    """One detector or control in the first page's table; the intervals are shown on hover."""
    a, b = (shifts.mean(results, protocol, entrant, AUC) for protocol in ("P1", "P3"))
    told = results.verdicts.falls(AUC, "P1", "P3", entrant.key)
    word = say(told, "yes", "no, it rises", OPEN)
    cells = "".join(f'<td title="{mean}">{decimal(mean.value)}</td>' for mean in (a, b))
    kind = " <small>(control)</small>" if entrant.control else ""
    inside = f"fall {told.shown}{told.without}" if told.known else "no number on one side at least"
    return f'<tr><th>{text(entrant.label)}{kind}</th>{cells}<td title="{text(inside)}">{word}</td></tr>'


def printed_in_short(results: Results) -> str:
    """A small table: what the paper printed, averaged over detectors and generators, by protocol."""
    metric = findings.headline(results)[1]
    rows = "".join(
        f"<tr><th>{protocol}</th><td>{text(results.protocol(protocol).title.lower())}</td>"
        f"<td>{shifts.printed_over_detectors(results, protocol, metric)}</td></tr>"
        for protocol in shifts.SHIFTS
    )
    return _small_table(f"<tr><th></th><th>new in the test</th><th>mean {metric}</th></tr>", rows)


def _small_table(head: str, rows: str) -> str:
    return f'<table class="thb-small"><thead>{head}</thead><tbody>{rows}</tbody></table>'


def trust_in_short(results: Results) -> str:
    """What a newcomer must know before believing a number, in a few lines."""
    own = results.params.active.corpus == "mini"
    corpus = (
        "Every clip was **drawn by this package**: compare the shape of the findings, never a number, with the paper's."
        if own
        else "The clips are the published ones and the builder's own copies of the reals."
    )
    return bullets([corpus, _resolved(results), _promises(results), *_switched_off(results)])


def _promises(results: Results) -> str:
    """Whether training and test are apart where they must be."""
    found = vouched.leakage(results.paths, results.params)["protocols"]
    kinds = [entry for entries in found.values() for entry in entries.values()]
    broken = sum(entry["count"] for entry in kinds if entry["promised"])
    told = f"{broken} shared things break a promise" if broken else "every promise of separation is kept"
    return f"Between training and test {told}."


def _resolved(results: Results) -> str:
    """Which metrics the number of test reals can carry."""
    reals = int(results.cells["n_real"].max())
    few = [name for name, alpha in results.params.metrics.fpr.items() if not is_resolvable(alpha, reals)]
    told = f"too few for {' and '.join(few)}, shown as ⊘" if few else "enough for every threshold"
    return f"{reals} real test clips: {told}; every number has an interval."


def _switched_off(results: Results) -> list[str]:
    """How much of a detector's number the control corpora take away."""
    rows = ablation_table.ablation(results, AUC)
    if rows.empty:
        return []
    return ablation_table.sentences(results, rows[~rows["control"].astype(bool)], AUC)
