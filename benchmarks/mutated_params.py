"""Nonsense in params.yaml, as a hand or a tool writes it: each must be refused in one line, or mean what it says.

    python benchmarks/mutated_params.py                 # 600 of them, some minutes
    python benchmarks/mutated_params.py --mutations 150 --seed 3

Each mutation is written to a file and read as every command reads it (thb.core.params, then thb.cli.context's checks of
printed names and of each detector in each profile; an exhibit's own, if it was touched). What is lawful is not asked of
that code: `lawful_params.py` beside this file holds the documented ranges and what must go together, written apart.
Accepted settings must also be the same to DVC's reader. The table goes to mutated_params.md; the exit status is 1
unless nothing wrong was accepted, nothing lawful was refused, and nothing ended in a traceback.
"""

from __future__ import annotations

import argparse
import copy
import random
import sys
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from dvc.utils.serialize import YAMLFileCorruptedError, parse_yaml

sys.path.append(str(Path(__file__).resolve().parent))
from lawful_params import fault

from thb import detectors
from thb.book import provenance
from thb.cells.printed import check_printed
from thb.cli import context
from thb.core import params, plain_yaml
from thb.core.errors import ThbError
from thb.core.paths import Paths, find_root

ROOT = find_root(Path(__file__))
OUTCOMES = ("refused in one line", "accepted and lawful", "accepted and wrong", "refused though lawful", "traceback")
FINE, ACCEPTED = OUTCOMES[:2], OUTCOMES[1:3]
Tree = dict[str, Any]
Path_ = tuple[Any, ...]  # keys and places that lead to a value


@dataclass(frozen=True)
class Mutation:
    """A changed file: what was done to it and where; its bytes, or the settings that it is to hold.

    `lawful` where the kind alone decides.
    """

    kind: str
    where: str
    given: bytes | None = None
    lawful: bool | None = None
    tree: Tree | None = None

    @property
    def content(self) -> bytes:
        if self.given is not None:
            return self.given
        text = yaml.safe_dump(self.tree, sort_keys=False, allow_unicode=True, width=120)
        return text.encode("utf-8", "surrogatepass")


# ---- the tree ---------------------------------------------------------------------------------------


def leaves(node: Any, at: Path_ = ()) -> Iterator[tuple[Path_, Any]]:
    inner = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
    if not inner or not node:
        yield at, node
    for key, value in inner:
        yield from leaves(value, (*at, key))


def inside(node: Any, at: Path_) -> Any:
    for key in at:
        node = node[key]
    return node


def put(tree: Tree, at: Path_, value: Any) -> Tree:
    changed = copy.deepcopy(tree)
    inside(changed, at[:-1])[at[-1]] = value
    return changed


def twins(tree: Tree, at: Path_) -> list[Path_]:
    """A generator stands in `generators` and, by a merge, in `sources`: whoever edits the file edits both."""
    if len(at) > 1 and at[0] in ("generators", "sources") and at[1] in tree["generators"]:
        return [(block, *at[1:]) for block in ("generators", "sources")]
    return [at]


def renamed(tree: Tree, at: Path_, name: Any) -> Tree:
    """The same with another key in the same place."""
    changed = copy.deepcopy(tree)
    for way in twins(tree, at):
        holder = inside(changed, way[:-1])
        items = [(name if key == way[-1] else key, value) for key, value in holder.items()]
        holder.clear()
        holder.update(items)
    return changed


# ---- what is done to a value: (value, chance) -> another value, or KeyError where it cannot be -------


def is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def only(test: Callable[[Any], bool], change: Callable[[Any, random.Random], Any]) -> Callable:
    def changed(value: Any, rng: random.Random) -> Any:
        if not test(value):
            raise KeyError
        return change(value, rng)

    return changed


def is_text(value: Any) -> bool:
    return isinstance(value, str)


VALUES: dict[str, Callable[[Any, random.Random], Any]] = {
    "text for a number": only(is_number, lambda v, rng: rng.choice(["many", "1 2", "ten"])),
    "number in quotes": only(is_number, lambda v, rng: str(v)),
    "yes for a number": only(is_number, lambda v, rng: rng.random() < 0.5),
    "number for a text": only(is_text, lambda v, rng: rng.choice([0, 7, 0.5])),
    "list for a value": lambda v, rng: [v],
    "mapping for a value": lambda v, rng: {"value": v},
    "negative": only(is_number, lambda v, rng: -v if v else -1),
    "zero": only(lambda v: is_number(v) and v != 0, lambda v, rng: type(v)(0)),
    "huge": only(is_number, lambda v, rng: rng.choice([10**9 + 7, 10**30, 1.0e30])),
    "fraction": only(is_number, lambda v, rng: v + rng.choice([0.5, 0.25])),
    "a little more or less": only(
        is_number, lambda v, rng: v + rng.choice([1, -1, 2]) if isinstance(v, int) else v * rng.choice([1.1, 0.9, 1.5])
    ),
    "twice or half": only(is_number, lambda v, rng: rng.choice([v * 2, v // 2 if isinstance(v, int) else v / 2])),
    "NaN": only(is_number, lambda v, rng: float("nan")),
    "infinite": only(is_number, lambda v, rng: rng.choice([1, -1]) * float("inf")),
    "empty": lambda v, rng: rng.choice(["", [], {}]) if v is not None else "",
    "null": only(lambda v: v is not None, lambda v, rng: None),
    "misspelt word": only(is_text, lambda v, rng: v + rng.choice(["x", "_", " "]) if v else "x"),
    "hostile text": only(
        is_text, lambda v, rng: rng.choice(["../../x", "/etc/passwd", "a\nb", "\x1b[31m", "x" * 5000])
    ),
    "other letters": only(lambda v: is_text(v) and v, lambda v, rng: v.swapcase()),
}


def changed_value(kind: str) -> Callable[[Tree, random.Random], Mutation]:
    def mutate(tree: Tree, rng: random.Random) -> Mutation:
        at, value = _leaf(tree, rng)
        return of_tree(kind, at, _put_all(tree, at, VALUES[kind](value, rng)))

    return mutate


def _leaf(tree: Tree, rng: random.Random) -> tuple[Path_, Any]:
    """Half the time each block is as likely as another, half the time each value: some blocks are large."""
    block = rng.choice(list(tree))
    return rng.choice(list(leaves(tree[block], (block,)) if rng.random() < 0.5 else leaves(tree)))


def _put_all(tree: Tree, at: Path_, value: Any) -> Tree:
    for way in twins(tree, at):
        tree = put(tree, way, value)
    return tree


def others_value(tree: Tree, rng: random.Random) -> Mutation:
    """That of another leaf: of one of the same name, or of the same type in the same block."""
    at, value = _leaf(tree, rng)
    own = list(leaves(tree[at[0]], at[:1]))
    alike = [v for a, v in own if v != value and (a[-1] == at[-1] or type(v) is type(value))]
    return of_tree("another's value", at, _put_all(tree, at, _one_of(alike, rng)))


def _one_of(given: list, rng: random.Random) -> Any:
    if not given:
        raise KeyError
    return rng.choice(given)


def _holder(tree: Tree, rng: random.Random) -> Path_:
    """A mapping that is not empty, each block as often as another."""
    block = rng.choice(["", *tree])
    if not block:
        return ()
    ways = {at[:n] for at, _ in leaves(tree[block], (block,)) for n in range(1, len(at))}
    return _one_of(sorted((way for way in ways if isinstance(inside(tree, way), dict)), key=str), rng)


def misspelt_key(tree: Tree, rng: random.Random) -> Mutation:
    at = _holder(tree, rng)
    key = rng.choice(list(inside(tree, at)))
    return of_tree("misspelt key", (*at, key), renamed(tree, (*at, key), key + rng.choice(["s", "x", "_"])))


def hostile_key(tree: Tree, rng: random.Random) -> Mutation:
    at = _holder(tree, rng)
    key = rng.choice(list(inside(tree, at)))
    name = rng.choice(["../x", "a b", "a/b", "-x", "é", "", "x" * 80, "a;b", "${x}", "a\nb", "a.b"])
    return of_tree("hostile key", (*at, key), renamed(tree, (*at, key), name))


def removed_key(tree: Tree, rng: random.Random) -> Mutation:
    at = _holder(tree, rng)
    key = rng.choice(list(inside(tree, at)))
    changed = copy.deepcopy(tree)
    for way in twins(tree, (*at, key)):
        del inside(changed, way[:-1])[way[-1]]
    return of_tree("removed key", (*at, key), changed)


def added_key(tree: Tree, rng: random.Random) -> Mutation:
    at = _holder(tree, rng)
    changed = copy.deepcopy(tree)
    for way in twins(tree, (*at, "extra")):
        inside(changed, way[:-1])["extra"] = rng.choice([1, "x", {}, []])
    return of_tree("added key", (*at, "extra"), changed)


def changed_list(tree: Tree, rng: random.Random) -> Mutation:
    block = rng.choice(list(tree))
    lists = {at[:-1] for at, _ in leaves(tree[block], (block,)) if isinstance(at[-1], int)}
    at = _one_of(sorted(lists, key=str), rng)
    old = inside(tree, at)
    new = rng.choice([[*old, old[0]], old[1:], old[::-1], [*old, "nobody"], [*old, None]])
    return of_tree("changed list", at, put(tree, at, new))


def of_tree(kind: str, at: Path_, tree: Tree) -> Mutation:
    return Mutation(kind, ".".join(map(str, at)), tree=tree)


# ---- what is done to the file's text ----------------------------------------------------------------


def duplicated_key(text: str, rng: random.Random) -> Mutation:
    """A line that sets a key, once more under itself, at times with another value."""
    lines = text.splitlines()
    at = _one_of([i for i, line in enumerate(lines) if _sets_a_key(line)], rng)
    again = lines[at] if rng.random() < 0.5 else lines[at].split(":")[0] + ": 1"
    return of_text("duplicated key", at, [*lines[: at + 1], again, *lines[at + 1 :]], lawful=False)


def _sets_a_key(line: str) -> bool:
    """By itself, and whole: a flow mapping that goes on in the next line, or an anchor, cannot be doubled so."""
    word, colon, rest = line.partition("#")[0].rstrip().partition(": ")
    whole = rest and rest.count("{") == rest.count("}") and rest.count("[") == rest.count("]") and "&" not in rest
    return bool(colon and whole and word.strip().replace("_", "").isalnum() and not rest.startswith(("*", "{")))


def two_readings(text: str, rng: random.Random) -> Mutation:
    """A number or a text as YAML 1.1 and 1.2 read differently, or as only one of the two reads at all."""
    lines = text.splitlines()
    at = _one_of([i for i, line in enumerate(lines) if _sets_a_key(line)], rng)
    word = rng.choice(
        [
            "on",
            "No",
            "yes",
            "012",
            "1_000",
            "1e3",
            "1:30",
            "2024-05-20",
            "0o17",
            "0x1F",
            "0b11",
            "1.5e3",
            ".inf",
            "-.INF",
            ".nan",
            "1.0e+999",
            "=",
            "!!int '3'",
            "!!python/name:os.system ''",
        ]
    )
    line = f"{lines[at].split(':')[0]}: {word}"
    return of_text("two readings", at, [*lines[:at], line, *lines[at + 1 :]], lawful=False)


def not_utf8(text: str, rng: random.Random) -> Mutation:
    content = text.encode()
    at = rng.randrange(len(content))
    odd = rng.choice([b"\xff", b"\xe9a", b"\xc0\x80"])
    return Mutation("not UTF-8", f"byte {at}", content[:at] + odd + content[at:], lawful=False)


def control(text: str, rng: random.Random) -> Mutation:
    at = rng.randrange(len(text))
    odd = rng.choice(["\0", "\x1b", "\x07", "\x7f"])
    return Mutation("control character", f"character {at}", (text[:at] + odd + text[at:]).encode(), lawful=False)


def deep(text: str, rng: random.Random) -> Mutation:
    levels = rng.choice([30, 500, 20_000])
    extra = rng.choice(["[" * levels + "]" * levels, "{a: " * levels + "1" + "}" * levels])
    return Mutation("deep", f"{levels} levels", f"{text}\ndeep: {extra}\n".encode(), lawful=False)


def aliases(text: str, rng: random.Random) -> Mutation:
    """A billion values in few lines, or a list that holds itself."""
    bomb = "\n".join(f"b{i}: &b{i} [{', '.join([f'*b{i - 1}'] * 10) if i else 'x'}]" for i in range(10))
    extra = rng.choice([bomb, "b: &b [*b]", "b: &b {a: *b}", "b: *nobody"])
    return Mutation("aliases", extra[:12], f"{text}\n{extra}\n".encode(), lawful=False)


def other_document(text: str, rng: random.Random) -> Mutation:
    content = rng.choice(
        [
            "",
            "   \n",
            "# nothing\n",
            "- a\n- b\n",
            "42\n",
            "just words\n",
            "null\n",
            f"{text}\n---\na: 1\n",
            "{}\n",
            "%YAML 9.9\n---\n" + text,
            text + "\n\tx: 1\n",
        ]
    )
    return Mutation("no settings at all", repr(content[:12]), content.encode(), lawful=False)


def cut(text: str, rng: random.Random) -> Mutation:
    """As a disk that is full leaves it; the rules say what is left."""
    at = rng.randrange(1, len(text.rstrip()) - 300)
    return Mutation("cut off", f"character {at}", text[:at].encode())


def only_looks(text: str, rng: random.Random) -> Mutation:
    """Other line ends, a mark at the beginning, comments, blanks: all mean the same."""
    way = rng.choice(["CRLF", "BOM", "comments", "blank lines", "no end of line", "one document"])
    looks = {
        "CRLF": text.replace("\n", "\r\n"),
        "BOM": "\ufeff" + text,
        "comments": "# é: on, 012\n" + text,
        "blank lines": text.replace("\n\n", "\n\n\n"),
        "no end of line": text.rstrip("\n"),
        "one document": f"---\n{text}...\n",
    }
    return Mutation("only looks", way, looks[way].encode(), lawful=True)


def of_text(kind: str, line: int, lines: list[str], lawful: bool) -> Mutation:
    return Mutation(kind, f"line {line + 1}", ("\n".join(lines) + "\n").encode(), lawful)


OF_TREE = {
    **{kind: changed_value(kind) for kind in VALUES},
    "another's value": others_value,
    "misspelt key": misspelt_key,
    "hostile key": hostile_key,
    "removed key": removed_key,
    "added key": added_key,
    "changed list": changed_list,
}
OF_TEXT = {
    "duplicated key": duplicated_key,
    "two readings": two_readings,
    "not UTF-8": not_utf8,
    "control character": control,
    "deep": deep,
    "aliases": aliases,
    "no settings at all": other_document,
    "cut off": cut,
    "only looks": only_looks,
}


def mutations(text: str, count: int, seed: int) -> Iterator[Mutation]:
    """`count` of them, kind by kind in turn; the chance of each hangs on the seed and its number alone."""
    tree, kinds = parse_yaml(text, "params.yaml"), [*OF_TREE.items(), *OF_TEXT.items()]
    for number in range(count):
        kind, make = kinds[number % len(kinds)]
        rng = random.Random(f"{seed}/{number}")
        while True:
            try:
                yield make(tree if kind in OF_TREE else text, rng)
                break
            except KeyError:
                continue  # this value cannot be changed so: another one


# ---- the judgement ----------------------------------------------------------------------------------


def is_lawful(mutation: Mutation, shipped: Tree) -> tuple[bool, str]:
    """By the kind, or by the rules that are written apart, of the settings as DVC reads them; and why not."""
    if mutation.lawful is not None:
        return mutation.lawful, "its kind"
    try:
        tree = mutation.tree or parse_yaml(mutation.content.decode(), "params.yaml")
    except (YAMLFileCorruptedError, UnicodeDecodeError, ValueError) as e:
        return False, f"DVC: {type(e).__name__}"
    why = fault(tree, shipped)
    return not why, why


def check(given: params.Params, where: str) -> None:
    """As the commands do, for every detector."""
    paths = Paths(ROOT)
    if odd := [name for name in given.detectors if name not in detectors.names()]:
        detectors.load(odd[0])
    check_printed(paths.published, given)
    for name in given.detectors:
        context.check_detector(given, name)
    for name in given.exhibits if where.startswith("exhibits") else ():
        from thb.book import exhibit

        entry = provenance.entry(given, name)
        exhibit._check(exhibit._notebook(paths, name, entry["notebook"]), name, provenance.arguments(given, name))


def judged(mutation: Mutation, folder: Path, shipped: Tree) -> tuple[str, str]:
    """One of OUTCOMES, and what was said."""
    lawful, why = is_lawful(mutation, shipped)
    file = folder / "params.yaml"
    file.write_bytes(mutation.content)
    outcome, said = outcome_of(lambda: params.load(file), mutation.where, lawful)
    if outcome in ACCEPTED and parse_yaml(mutation.content.decode("utf-8-sig"), "params.yaml") != plain_yaml.load(file):
        return "accepted and wrong", "DVC reads other values"
    return outcome, said or why


def outcome_of(read: Callable[[], params.Params], where: str, lawful: bool) -> tuple[str, str]:
    """One of OUTCOMES, and what was said ('' if nothing)."""
    try:
        check(read(), where)
    except ThbError as error:
        said = str(error)
        if len(said.splitlines()) != 1:
            return "traceback", f"not one line: {said[:200]!r}"
        return ("refused though lawful" if lawful else "refused in one line"), said
    except Exception:
        return "traceback", traceback.format_exc().strip().splitlines()[-1]
    return ACCEPTED[0 if lawful else 1], ""


def table(counts: dict[str, Counter]) -> str:
    rows = [["mutation", "files", *OUTCOMES]]
    rows += [[kind, str(sum(c.values())), *(str(c[o]) for o in OUTCOMES)] for kind, c in counts.items()]
    total = sum(counts.values(), Counter())
    rows.append(["**all**", str(sum(total.values())), *(str(total[o]) for o in OUTCOMES)])
    rows.insert(1, ["---"] * len(rows[0]))
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def run(count: int, seed: int) -> tuple[dict[str, Counter], list[str]]:
    """Outcomes by kind, and a line for each that should not be."""
    text = (ROOT / "params.yaml").read_text(encoding="utf-8")
    counts: dict[str, Counter] = {}
    wrong, shipped = [], parse_yaml(text, "params.yaml")
    with tempfile.TemporaryDirectory() as folder:
        for mutation in mutations(text, count, seed):
            outcome, said = judged(mutation, Path(folder), shipped)
            counts.setdefault(mutation.kind, Counter())[outcome] += 1
            if outcome not in FINE:
                wrong.append(f"{outcome}: {mutation.kind} at {mutation.where}: {said}")
    return counts, wrong


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--mutations", type=int, default=600)
    parser.add_argument("--seed", type=int, default=0)
    wanted = parser.parse_args()
    began = time.perf_counter()
    counts, wrong = run(wanted.mutations, wanted.seed)
    print(table(counts), *wrong, f"{wanted.mutations} files, {time.perf_counter() - began:.0f} s", sep="\n")
    if wanted.mutations == parser.get_default("mutations") and not wrong:
        (ROOT / "benchmarks" / "mutated_params.md").write_text(HEAD.format(**vars(wanted)) + table(counts) + "\n")
    if wrong:
        sys.exit(f"{len(wrong)} of {wanted.mutations} files were not taken as they should be")


HEAD = """# Mutations of params.yaml

Printed by `python benchmarks/mutated_params.py --seed {seed}`: {mutations} changed files, each read as the commands
read params.yaml, all detectors in all profiles included. What is lawful, `lawful_params.py` says, or the kind of
mutation; neither is the code under test. Wrong would be the last three columns.

"""


if __name__ == "__main__":
    main()
