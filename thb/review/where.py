"""where: the chain from a cell, an exhibit or a sentence of the book back to the clips."""

from __future__ import annotations

import json
import re
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from thb.book import numbers, provenance
from thb.book.chain import CURRENT, UNSAID, Chain, Link, Tracer
from thb.book.numbers import Number
from thb.cells.questions import MEAN
from thb.core import origin
from thb.core.errors import DataError, ParamsError
from thb.core.params import Params
from thb.core.paths import Paths
from thb.report.load import open_results

HEX = 12  # digits shown of a hash; --json has all
FULL = 24  # links up to which a chain is told with all that is known of each
SHOWN = 4  # sentences or names that an error lists
NAME = re.compile(r"\{\{ *(\w+) *\}\}")
FENCED = re.compile(
    r"^(`{3,})(\{\w+\})?[^\n]*\n(.*?)^\1[ \t]*$", re.S | re.M
)  # of a directive, or code, which is no prose
NO_SENTENCE = re.compile(r"^(?:`{3,}|:{3,}|:\w+:|\(\w+\)=).*$", re.M)  # fences, options and labels
END = re.compile(r"(?<=[.!?;])\s+|\n\s*\n|\n(?=[-:|#] ?)")
MARKS = re.compile(r"\{\w+\}|\]\([^)]*\)|[*`\[\]|#]")


def run(paths: Paths, params: Params, words: Sequence[str], as_json: bool) -> None:
    """Print the chain of what the words name. Raises ParamsError if they name nothing, or several things."""
    chains = list(asked(paths, params, " ".join(" ".join(words).split())))
    if as_json:
        print(json.dumps([asdict(chain) for chain in chains], indent=1, ensure_ascii=False))
    else:
        print("\n\n".join("\n".join(_lines(chain)) for chain in chains))


def asked(paths: Paths, params: Params, question: str) -> Iterator[Chain]:
    """The chains of a cell, of an exhibit, or of every number of a sentence."""
    tracer, parts = Tracer(paths, params), question.split()
    if question in params.exhibits:
        yield tracer.exhibit(question)
    elif parts and parts[0] in params.protocols:
        yield tracer.cell(*_cell(params, parts))
    else:
        yield from _sentence(tracer, question)


# ---- cells --------------------------------------------------------------------------------------------


def _cell(params: Params, parts: Sequence[str]) -> tuple[str, str, str, str]:
    """Protocol, detector, generator and metric, by the names of params.yaml or those that the paper prints."""
    if len(parts) != 4:
        raise ParamsError(
            f"{' '.join(parts)!r} is no cell: a cell has a protocol, a detector, a generator (or {MEAN}) and a metric, "
            "as in `P1 tall hallo AUC`"
        )
    protocol, detector, generator, metric = parts
    generators = params.of_role(*params.protocols[protocol].fakes)
    names = {key: params.sources[key].printed for key in generators}
    return (
        protocol,
        _one("detector", detector, {key: entry.printed for key, entry in params.detectors.items()}),
        _one(f"generator of {protocol}", generator, {**names, MEAN: None}),
        _one("metric", metric, dict.fromkeys(["AUC", *params.metrics.fpr, "Brier", "EER"])),
    )


def _one(kind: str, word: str, known: Mapping[str, str | None]) -> str:
    for key, printed in known.items():
        if word.casefold() in (key.casefold(), (printed or key).casefold()):
            return key
    raise ParamsError(f"unknown {kind} {word!r}; known: {', '.join(known)}")


# ---- sentences ----------------------------------------------------------------------------------------


def _sentence(tracer: Tracer, question: str) -> Iterator[Chain]:
    """A chain for each number of the sentence; of a number alone, if the words are its name."""
    known, refused = {}, None
    try:
        known = numbers.all_numbers(open_results(tracer.paths.root))
    except DataError as fault:  # results of other code: the sentence can still be found, its numbers cannot be told
        refused = fault
    if (name := NAME.sub(r"\1", question)) in known:
        yield _number(tracer, name, known[name])
        return
    read = [(file, sentence, _read(sentence, known)) for file, sentence in sentences(tracer.paths.book)]
    wanted = _bare(_read(question, known))
    found = [(file, sentence) for file, sentence, said in read if wanted in _bare(said)]
    if len(found) != 1:
        raise ParamsError(_which(tracer, question, found, [*known, *(said for *_, said in read)]))
    file, sentence = found[0]
    where = tracer.paths.relative(file)
    names = list(dict.fromkeys(NAME.findall(sentence)))
    if not names:
        yield Chain(where, f"no number of a file stands in this sentence: {sentence}", [])
    if names and refused:
        raise refused
    for each in names:
        yield _number(tracer, each, known[each], f", in {where}")


def sentences(book: Path) -> Iterator[tuple[Path, str]]:
    """Each sentence, item or line of a table in the book's prose, on one line, with its file."""
    for file in sorted(book.rglob("*.md")):
        if not file.relative_to(book).parts[0].startswith("_"):
            prose = FENCED.sub(lambda block: block[3] if block[2] else "", file.read_text(encoding="utf-8"))
            for part in END.split(NO_SENTENCE.sub("", prose)):
                if words := " ".join(part.split()):
                    yield file, words


def _read(sentence: str, known: Mapping[str, Number]) -> str:
    """The sentence as a reader has it, its numbers in place."""
    return NAME.sub(lambda name: known[name[1]].shown if name[1] in known else name[0], sentence)


def _bare(words: str) -> str:
    return " ".join(MARKS.sub(" ", words).casefold().split())


def _which(tracer: Tracer, question: str, found: Sequence[tuple[Path, str]], known: Sequence[str]) -> str:
    """Why no one thing is meant, and what is nearest."""
    if found:
        shown = "; ".join(f"{_short(s)!r} ({tracer.paths.relative(file)})" for file, s in found[:SHOWN])
        return f"{len(found)} sentences of the book have {_short(question)!r}; say more of one: {shown}"
    names = {_bare(name): name for name in [*tracer.params.exhibits, *tracer.params.protocols, *known]}
    near = get_close_matches(_bare(question), names, SHOWN, 0.5)
    return f"{_short(question)!r} is no cell, exhibit, number or sentence of the book; " + (
        f"nearest: {', '.join(_short(names[name]) for name in near)}" if near else "try `P1 tall hallo AUC`, `table5`"
    )


def _short(words: str) -> str:
    return words if len(words) <= 60 else f"{words[:60]}…"


def _number(tracer: Tracer, name: str, number: Number, where: str = "") -> Chain:
    links = [link for source in number.source.split(", ") for link in _file(tracer, source)]
    return Chain(f"{{{{ {name} }}}}", f"{number.shown}{where}; from {number.source}", links)


def _file(tracer: Tracer, name: str) -> list[Link]:
    """What a number was read from: a result with all that it rests on, or a file that git alone keeps."""
    path = tracer.paths.root / name
    if path.is_relative_to(tracer.paths.results):
        return tracer.behind(path)
    changed = provenance.git(tracer.paths.root, "status", "--porcelain", "--", name)
    state = "no git checkout" if changed is None else "changed since the commit" if changed else "as committed"
    return [Link("file", name, origin.sha256(path), state=state)]


# ---- on the screen ------------------------------------------------------------------------------------


def _lines(chain: Chain) -> Iterator[str]:
    yield f"{chain.asked}: {chain.told}"
    full = len(chain.links) <= FULL
    for link in chain.links:
        yield " ".join(filter(None, (f"  {link.step:<8}", link.name, link.sha256[:HEX], f"- {link.state}")))
        if link.made_by and full:
            made = {key: value for key, value in link.made_by.items() if key != "stage"}
            yield _wrapped(f"made by {link.made_by.get('stage')}", made)
        if link.code not in (CURRENT, UNSAID) or (full and link.code == CURRENT):
            yield f"           code and settings: {link.code}"
        for kind, said in (("on record", link.facts), ("here", link.here)):
            if said and full:
                yield _wrapped(kind, said)
    if not full:
        yield f"  ({len(chain.links)} links; --json tells what made each)"


def _wrapped(kind: str, said: Mapping[str, Any]) -> str:
    text = f"{kind}: {', '.join(f'{key} {_plain(value)}' for key, value in said.items())}"
    return textwrap.fill(text, 120, initial_indent=" " * 11, subsequent_indent=" " * 13, break_on_hyphens=False)


def _plain(value: object) -> str:
    if isinstance(value, Mapping):
        return f"({len(value)} values, in --json)" if len(value) > 12 else f"({_pairs(value)})"
    return str(value)


def _pairs(value: Mapping[str, Any]) -> str:
    return ", ".join(f"{key} {each}" for key, each in value.items())
