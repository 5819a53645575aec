"""Faces alike in training and test whatever they are called: what the optional check by a network found."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass

from thb.core import origin
from thb.core.tables import read_json
from thb.report import tables
from thb.report.load import Results

OFF = (
    "Names only: the same person under two names is not found, as faces were not compared; "
    "<code>identity_checks</code> of <code>params.yaml</code> turns that on."
)
SEES = 0.5  # of the pairs of one name: a network that knows fewer of them again cannot clear anybody
NOTHING, CHANCE, LOOK, UNFIT = "nothing found", "no more than by chance", "look closer", "cannot tell"
CSS = {NOTHING: "holds", LOOK: "fails"}
HAAR = "haar"  # the finder that sees no eyes


@dataclass(frozen=True)
class Check:
    """What one network found, in the corpus and with the settings of params.yaml."""

    found: dict
    order: tuple[str, ...]  # of the protocols, as in params.yaml

    @property
    def net(self) -> str:
        return tables.text(self.found["net"])

    @property
    def same(self) -> str:
        return f"{self.found['settings']['same']:g}"

    def share(self, pairs: str) -> float:
        """Of the pairs of one name or of two, those that count as one person; nan without pairs."""
        entry = self.found["pairs"][pairs]
        return entry["reached"] / entry["count"] if entry["count"] else float("nan")

    def trust(self, entry: dict) -> str:
        """What a protocol's count means: nothing, where the network knows nobody again, or everybody."""
        if not self.share("one_name") >= SEES or entry["expected"] > SEES * entry["tested"]:
            return UNFIT
        if not entry["alike"]["clips"]:
            return NOTHING
        return LOOK if entry["alike"]["clips"] > entry["expected"] else CHANCE

    def protocols(self, names: Sequence[str] = ()) -> dict[str, dict]:
        """Those of these names, or all, that had clips to compare."""
        entries = self.found["protocols"]
        return {name: entries[name] for name in names or self.order if name in entries}


def checks(results: Results) -> list[Check]:
    """Of the networks under `identity_checks`, those whose files are of this corpus and these settings."""
    order = tuple(results.params.protocols)
    return [
        Check(read_json(results.paths.identity(net)), order)
        for net in results.params.identity_checks
        if not _missing(results, net)
    ]


def _missing(results: Results, net: str) -> str:
    """Why what a network found cannot be shown ('' if it can)."""
    path, params = results.paths.identity(net), results.params
    if not path.is_file():
        return "is not there"
    found, made_by = read_json(path), origin.of_faces(results.paths, params, net)
    same = found.get("net") == net and found.get("made_by") == asdict(made_by)
    return "" if same else "is of another corpus, other settings or other code"


# ---- sentences -----------------------------------------------------------------------------------------


def sentences(results: Results) -> list[str]:
    """What each network found, and how far it can be believed; or that nobody looked."""
    if not results.params.identity_checks:
        return [OFF]
    return [*_absent(results), *(line for check in checks(results) for line in (_told(check), _trusted(check)))]


def _absent(results: Results) -> list[str]:
    return [
        f"Faces are not compared by {tables.text(net)}: <code>{results.paths.identity(net).name}</code> {why}; run "
        f"<code>thb identity {tables.text(net)}</code>."
        for net in results.params.identity_checks
        if (why := _missing(results, net))
    ]


def _told(check: Check) -> str:
    parts = [
        f"{name} {entry['alike']['clips']:,}, by chance {entry['expected']:,.1f}: <b>{check.trust(entry)}</b>"
        for name, entry in check.protocols().items()
    ]
    left = sum(entry["count"] for entry in check.found["left_out"].values())
    return (
        f"Faces compared by {check.net}: test clips that look like one that was seen under another name: "
        f"{'; '.join(parts)}. {check.found['compared']:,} clips were compared, {left:,} could not be."
    )


def _trusted(check: Check) -> str:
    one, two = (_percent(check.share(pairs)) for pairs in ("one_name", "two_names"))
    guessed = (
        " Eyes, nose and mouth were not seen but estimated from the face's box, as Haar's finder does: less "
        "well aligned, people are told apart less well."
        if HAAR in check.found["finders"]
        else ""
    )
    return (
        f"At its threshold of {check.same}, {check.net} takes {one} of the pairs that share a name for one "
        f"person, and {two} of those that do not.{guessed}"
    )


def _percent(share: float) -> str:
    return tables.NONE if share != share else f"{100 * share:.3g} %"


# ---- tables --------------------------------------------------------------------------------------------


def rows(results: Results, protocols: Sequence[str] = ()) -> Iterator[dict]:
    """As the rows of leakage_table: a protocol x network."""
    for check in checks(results):
        for name, entry in check.protocols(protocols).items():
            yield {
                "scope": name,
                "kind": f"look-alikes by {check.found['net']}",
                "promised": entry["promised"],
                "count": entry["alike"]["clips"],
                "examples": _listed(entry),
                "trust": check.trust(entry),
            }


def _listed(entry: dict) -> str:
    examples = [f"{e['tested']} = {e['seen']} ({e['similarity']:.3f})" for e in entry["alike"]["examples"]]
    return "; ".join([*examples, *(["…"] if entry["alike"]["clips"] > len(examples) else [])])


def html(results: Results, protocols: Sequence[str] = ()) -> str:
    """Two tables a network; nothing where none was run."""
    return "\n".join(table for check in checks(results) for table in (_protocols(check, protocols), _pairs(check)))


def _protocols(check: Check, protocols: Sequence[str]) -> str:
    bodies = [
        tables.body([_protocol(name, entry, check.trust(entry))]) for name, entry in check.protocols(protocols).items()
    ]
    return tables.table(
        f"Test clips that look like a clip seen under another name <small>· by {check.net}</small>",
        ["Protocol", "Promised", "Tested", "Alike", "People", "By chance", "Trust", "Found of one name", "Examples"],
        bodies,
        words={"Promised", "Trust", "Found of one name", "Examples"},
    )


def _protocol(name: str, entry: dict, trust: str) -> str:
    counts = (entry["tested"], entry["alike"]["clips"], entry["alike"]["people"], entry["expected"])
    again = f"{entry['named']['found']:,} of {entry['named']['clips']:,}"
    return tables.row(
        tables.text(name),
        [
            tables.word("apart" if entry["promised"] else "nothing"),
            *map(tables.plain, counts),
            tables.word(trust, CSS.get(trust, "")),
            tables.plain(again),
            tables.plain(_listed(entry)),
        ],
    )


def _pairs(check: Check) -> str:
    quantiles = list(dict.fromkeys(q for entry in check.found["pairs"].values() for q in entry["quantiles"]))
    bodies = [
        tables.body(
            [
                tables.row(
                    words,
                    [
                        tables.plain(entry["count"]),
                        tables.plain(_percent(check.share(pairs))),
                        *(tables.plain(entry["quantiles"].get(q)) for q in quantiles),
                    ],
                )
            ]
        )
        for pairs, words in (("one_name", "one name"), ("two_names", "two names"))
        for entry in [check.found["pairs"][pairs]]
    ]
    return tables.table(
        f"How alike the faces of two clips are <small>· cosine, by {check.net}; quantiles</small>",
        ["Pairs with", "Pairs", f"at least {check.same}", *quantiles],
        bodies,
        words={f"at least {check.same}"},
    )


def notes(results: Results) -> list[str]:
    """How the tables are to be read; none where there are none."""
    return (
        [
            "“By chance”: so many test clips would look like one that was seen under another name, did they do "
            "so as often as the seen clips among themselves. People who are among the seen clips under two "
            "names raise it.",
            f"“{UNFIT.capitalize()}”: the network finds fewer than {SEES:.0%} of the pairs of one name, or finds so "
            f"many strangers alike that by chance more than {SEES:.0%} of the test clips would be.",
            "“Found of one name”: of the test clips whose person was seen under that same name, those that it finds "
            "again.",
            "Two names: no person shown, moving or swapped is common to both clips. Pairs that share only a driver, or "
            "the head of a swap, count as neither.",
        ]
        if checks(results)
        else []
    )
