"""What each stage of dvc.yaml should depend on, found by reading the code, and what it lacks or has too much.

Settings: every key of params.yaml that code reads which a command can reach, followed from function to function by
name, against those of the stage's list, which `thb code` writes. Code: the modules that answer a stage's commands, from
thb.cli.main's own imports on, against the list's. Data: declared once, in READS.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

from thb.cli import code_lists
from thb.core import code
from thb.core.params import Params, Profile, load

COMMANDS, CONTEXT = code.HOME / "cli", code.HOME / "cli" / "context.py"
CLI = COMMANDS / "main.py"
CHECKS = {"check_printed", "check_detector"}  # functions that refuse params.yaml or do nothing
CHECKED = {"detectors", "cells", "cells.printed"}  # modules that thb.cli.context asks for that alone
OF_DETECTOR = ("train", "score", "choice", "explain", "reencode-score")
MAKER = {
    "fetch": "of_raw",
    "prepare": "of_store",
    "split": "of_splits",
    "train": "of_fit",
    "score": "of_scores",
    "evaluate": "of_cells",
    "explain": "of_maps",
    "contact": "of_contact",
}  # in thb.core.origin

SCORING, START = ["data/clips", "data/splits"], "runs/{detector}/ffpp/start.json"
# What each kind of stage reads besides code and params.yaml. {x} stands for the stage's own; the book reads everything.
READS = {
    "code": ["thb", "notebooks", "paper", "leaderboard", "params.yaml"],
    "fetch": [],
    "prepare": ["data/raw/{folder}", "data/raw/listed_reals.csv", "data/raw/audio", "data/truth/{source}"],
    "split": ["data/clips", "data/raw", "paper/published/known_drivers.csv"],
    "identity": SCORING,
    "pretrain": ["data/splits/seen/{fit}.json"],  # a digest of all that a fit sees of clips and splits
    "train": ["data/splits/seen/{fit}.json", START],
    "train_without": ["data/splits/seen/{fit}.json", START],
    "score": [*SCORING, "runs/{detector}"],
    "score_shuffled": [*SCORING, "runs/{detector}/all"],
    "label_train": ["data/splits/seen/{fit}.json"],
    "label_score": [*SCORING, "runs/shuffled_labels/{detector}"],
    "choice": [*SCORING, START],
    "explain": [*SCORING, "data/truth", "runs/{detector}", "results/scores/{detector}", "results/scores/{reference}"],
    "evaluate": ["results/scores", "results/seeds", "results/clips.csv", "results/clips.json", "paper/published"],
    "variant_clips": ["data/clips", "paper/published/known_drivers.csv"],  # the reals of the main corpus
    "variant_train": ["data/variants/{variant}/splits/seen/{fit}.json", START],
    "variant_score": ["data/clips", "data/variants/{variant}", "runs/variants/{variant}/{detector}"],
    "variant_cells": [
        *(f"results/variants/{{variant}}/{name}" for name in ("scores", "clips.csv", "clips.json")),
        "paper/published",
    ],
    "containers": ["data/clips"],
    "reencode": ["reencode.yaml", "data/clips", "data/raw", "data/truth"],
    "reencode_score": [
        *("reencode.yaml", *SCORING, "data/reencoded", "runs/{detector}", "results/scores/{detector}"),
    ],
    "reencode_cells": ["reencode.yaml", "results/reencoded/scores", "results/scores"],
    "contact": ["data/clips"],
    "exhibit": ["results", "data/contact.npz"],
    "book": [
        "book/_config.yml",
        "book/_toc.yml",
        "book/_static",
        "book/index.md",
        "book/paper",
        "book/questions",
        "book/here",
        "book/_executed",
        "CITATION.cff",
        "data/clips",
        "results",
        "benchmarks/commands.csv",
        "benchmarks/coverage.csv",
        "benchmarks/face_resolution.csv",
        "benchmarks/faces.csv",
        "benchmarks/results",
        "thb/curate/reasons.csv",
    ],
}
WHOLE = ("exhibit", "book")  # whose lists hold params.yaml itself, and paper/
LIST_OF = {  # stages that share a list
    **dict.fromkeys(("pretrain", "train_without", "variant_train"), "train"),
    **dict.fromkeys(("score_shuffled", "variant_score"), "score"),
}

FITS = (
    "pretrain train train_without score score_shuffled label_train label_score variant_train variant_score choice "
    "reencode_score"
)
FITTED = f"{FITS} explain"
# Of a key, what alone is a stage's own (of others it is the whole): stages, key, the parts.
ALL = "*"
PARTS = [
    (ALL, "profiles.detectors", ["profiles.{profile}.detectors.{detector}"]),
    (ALL, "label_checks", ["label_checks.{detector}"]),
    (ALL, "ablations", ["ablations.{variant}"]),
    (ALL, "identity", ["identity.frames", "identity.embeddings.{net}"]),
    (ALL, "fetch", ["fetch.repo"]),  # the rest says how patiently it is asked
    (FITS, "detectors", ["detectors.{detector}.defaults"]),
    ("prepare", "sources", ["sources.{source}"]),
    ("prepare variant_clips reencode", "nets", ["nets.yunet"]),  # the one face finder that is a network
    ("identity", "nets", ["nets.{net}"]),
]

# Keys that code reads and that need not be listed: stages, key, why not.
CARRIED = [
    (ALL, "profiles.workers", "how many processes work, and never what comes out"),
    (ALL, "generators", "its names alone, which stand under `sources`; to fits they are the files in data/splits"),
    (
        FITTED + " fetch prepare split identity containers contact evaluate variant_cells reencode reencode_cells",
        "ablations",
        "the name given to --variant is known; fetch also puts clips where variant_clips looks at them anew",
    ),
    (FITTED, "sources", "names, roles and folders, which the tables of data/clips carry"),
    (FITTED, "profiles.store", "of clips that are refused unless they were prepared with it; other ones are new data"),
    (FITTED, "profiles.finder", "of the same clips"),
    (
        f"{FITTED.replace('label_train label_score ', '')} evaluate variant_cells reencode_cells",
        "label_checks",
        "of --shuffle-labels alone, and of its scores",
    ),
    (
        "fetch prepare split identity containers contact variant_clips reencode explain",
        "detectors",
        "their names are known",
    ),
    ("split reencode", "profiles.reals", "where clips lie; what they are, data/clips says"),
    ("variant_clips", "profiles.reals", "a control corpus is rendered; so are its reals"),
    ("variant_clips", "profiles.raw_dir", "nothing of it is taken over"),
    ("variant_clips", "profiles.revision", "nor fetched"),
    ("variant_clips", "fetch", "nor fetched"),
    ("evaluate", "ablated", "of --variant alone"),
    ("identity", "identity_checks", "of a call without names"),
    ("explain", "explained", "the stages are as many as it has names"),
    ("evaluate", "profiles.detectors", "a submitted detector has an empty entry there"),
    ("variant_cells", "profiles.detectors", "the same; of a control corpus nobody submits scores"),
    ("reencode_cells", "profiles.detectors", "of scores that are refused unless made with it; other ones are new data"),
    ("reencode_cells", "profiles.training_seed", "of the same scores"),
    ("explain", "profiles.detectors", "of weights that are refused unless made with it; other ones are new data"),
]


@dataclass(frozen=True)
class Stage:
    """One stage as DVC resolves it."""

    name: str
    commands: tuple[tuple[str, ...], ...]
    deps: frozenset[str]
    params: frozenset[str]  # keys of params.yaml in its list
    outs: frozenset[str]

    @property
    def kind(self) -> str:
        return self.name.partition("@")[0]


def stages(root: Path) -> list[Stage]:
    """Those of dvc.yaml."""
    from dvc.repo import Repo

    found, bases = [], code_lists.bases(load(root / "params.yaml"))
    with Repo(str(root)) as repo:
        for stage in repo.index.stages:
            commands = [stage.cmd] if isinstance(stage.cmd, str) else stage.cmd
            paths = {dep.def_path for dep in stage.deps}
            lists = [Path(path).stem for path in paths if path.startswith("data/code/")]
            found.append(
                Stage(
                    stage.name,
                    tuple(tuple(c.split()[1:]) for c in commands),
                    frozenset(paths),
                    frozenset(key for name in lists if name in bases for key in bases[name][1]),
                    frozenset(out.def_path for out in stage.outs),
                )
            )
    return found


def with_every_stage(root: Path, scratch: Path) -> Path:
    """A folder with dvc.yaml and params.yaml in which the optional stages are asked for too."""
    (scratch / ".dvc").mkdir()
    (scratch / ".dvc" / "config").write_text("[core]\n    no_scm = True\n")
    text = (root / "params.yaml").read_text(encoding="utf-8")
    on = text.replace("\nidentity_checks: []\n", "\nidentity_checks: [sface]\n")
    assert on != text
    (scratch / "params.yaml").write_text(on, encoding="utf-8")
    for name in ("dvc.yaml", "reencode.yaml"):
        (scratch / name).write_bytes((root / name).read_bytes())
    return scratch


def without(stage: Stage) -> Iterator[tuple[str, Stage]]:
    """The stage with each of its dependencies and settings struck out in turn."""
    for dep in sorted(stage.deps):
        yield dep, replace(stage, deps=stage.deps - {dep})
    for key in sorted(stage.params):
        yield key, replace(stage, params=stage.params - {key})


def faults(stage: Stage, params: Params) -> list[str]:
    """What the stage lacks, and what it would run again for without need."""
    wanted, settings = {*wanted_lists(stage, params), *wanted_data(stage, params)}, wanted_settings(stage, params)
    return [
        *(f"{stage.name} lacks {dep}" for dep in sorted(wanted - stage.deps)),
        *(f"{stage.name} does not need {dep}" for dep in sorted(stage.deps - wanted)),
        *(f"{stage.name} lacks the setting {name}" for name in sorted(settings - stage.params)),
        *(f"{stage.name} does not need the setting {name}" for name in sorted(stage.params - settings)),
    ]


# ---- code -------------------------------------------------------------------------------------------


def wanted_lists(stage: Stage, params: Params) -> set[str]:
    """The one list of a stage."""
    if stage.kind == "code":
        return set()
    kind, names = LIST_OF.get(stage.kind, stage.kind), _names(stage, params)
    of = {"sources": "source", "identity.embeddings": "net", "ablations": "variant"}
    basis = code_lists.BASES.get(kind)
    own = "notebook" if kind == "exhibit" else of.get(basis.of, "detector") if basis and basis.of else ""
    return {f"data/code/{'-'.join(filter(None, (kind, own and names[own])))}.txt"}


def modules_of_stage(stage: Stage) -> set[str]:
    """The modules that answer a stage's commands; a detector's, which is imported by name, beside them."""
    found = {module for words in stage.commands for module in modules_of(words[0])}
    return found | {f"detectors.{words[1]}" for words in stage.commands if words[0] in OF_DETECTOR}


def modules_of(command: str) -> set[str]:
    """The modules that answer a command: what its function in thb.cli.main imports, and what context does for it."""
    return _modules(_where(command), _function(command)) - {"cli.context"}


def _function(command: str) -> str:
    return command.replace("-", "_")


@cache
def _where(command: str) -> Path:
    """The file of thb/cli that a command stands in."""
    known = [CLI, *sorted(COMMANDS.glob("*.py"))]
    return next(file for file in known if _function(command) in Module.of(file).functions)


@cache
def _modules(file: Path, function: str) -> frozenset[str]:
    tree = ast.parse(file.read_text(encoding="utf-8"))
    body = next(node for node in tree.body if isinstance(node, ast.FunctionDef) and node.name == function)
    known = {node.name for node in _of_context().body if isinstance(node, ast.FunctionDef)}
    asked = {
        node.attr if isinstance(node, ast.Attribute) else node.id
        for node in ast.walk(body)
        if isinstance(node, ast.Attribute | ast.Name)
    } & known - CHECKS - {function}
    passed_on = frozenset().union(*(_modules(CONTEXT, name) for name in asked))
    return frozenset(code.imported(body) - CHECKED) | passed_on


def _of_context() -> ast.Module:
    return ast.parse(CONTEXT.read_text(encoding="utf-8"))


# ---- data -------------------------------------------------------------------------------------------


def wanted_data(stage: Stage, params: Params) -> set[str]:
    """READS of a stage, its names filled in."""
    return {place.format(**_names(stage, params)) for place in READS[stage.kind]}


def _names(stage: Stage, params: Params) -> dict[str, str]:
    """What stands for {x} in a stage's lists."""
    words, item = stage.commands[0], stage.name.partition("@")[2]
    names = {
        "profile": params.profile,
        "detector": words[1] if len(words) > 1 else "",
        "fit": words[2] if len(words) > 2 else "",
        "variant": words[-1],
        "net": item,
        "source": item,
        "reference": params.explain.reference,
    }
    if stage.kind == "prepare":
        names["folder"] = params.source(item).folder
    if stage.kind == "exhibit":
        names["notebook"] = params.exhibits[item]["notebook"]
    return names


# ---- settings ---------------------------------------------------------------------------------------


def wanted_settings(stage: Stage, params: Params) -> set[str]:
    """Settings that a stage's commands read, as far as they are the stage's own; none where all count."""
    if stage.kind in (*WHOLE, "code"):
        return set()
    keys = {key for words in stage.commands for key in keys_of(*words[: 1 + (words[0] in OF_DETECTOR)])}
    return {
        part.format(**_names(stage, params))
        for key in keys
        if not _of(CARRIED, stage, key)
        for part in _of(PARTS, stage, key) or [key.replace("profiles.", "profiles.{profile}.")]
    }


def _of(table: list[tuple[str, str, Any]], stage: Stage, key: str) -> Any:
    """What a table says of a stage's key, None if nothing."""
    return next(
        (said for kinds, known, said in table if known == key and (kinds == ALL or stage.kind in kinds.split())), None
    )


@cache
def keys_of(command: str, detector: str = "") -> frozenset[str]:
    """Keys of params.yaml that code reads which the command can reach."""
    roots = (*modules_of(command), "cli.context", *([f"detectors.{detector}"] if detector else []))
    return frozenset(Reach({*code.files_of(*roots), _where(command)}, command).keys)


class Reach:
    """What code the function of a command can reach: names as they are imported, methods by their name alone."""

    def __init__(self, files: set[Path], command: str) -> None:
        self.modules = {path: Module.of(path) for path in files}
        self.keys: set[str] = set()
        self._command, self._attributes, self._classes, self._seen = command, set(), [], set()
        self._fields = {
            field.target.id
            for module in self.modules.values()
            for kind in module.classes.values()
            for field in kind.body
            if isinstance(field, ast.AnnAssign)
        }
        home = _where(command)
        self._waiting: list[tuple[Path, ast.AST]] = [(home, self.modules[home].functions[_function(command)])]
        for path, module in self.modules.items():
            if path != home:
                self._waiting += [(path, node) for node in module.always]
            if {"detectors", "generators"} & set(path.parts):  # whose classes are had by name
                self._waiting += [(path, node) for node in (*module.functions.values(), *module.classes.values())]
        while self._waiting:
            self._follow(*self._waiting.pop())
            if not self._waiting:
                self._waiting += self._methods()

    def _follow(self, path: Path, node: ast.AST) -> None:
        if id(node) in self._seen:
            return
        self._seen.add(id(node))
        if isinstance(node, ast.ClassDef):
            self._classes.append((path, node))
        called = {id(part.func) for part in _walk(node) if isinstance(part, ast.Call)}
        for part in _walk(node):
            self.keys |= set(_key(part))
            if isinstance(part, ast.Name):
                self._resolve(path, part.id)
            elif isinstance(part, ast.Attribute) and isinstance(part.ctx, ast.Load):
                module = self._module(path, part.value)
                if module:
                    self._resolve(module, part.attr)
                elif id(part) in called or part.attr not in self._fields:
                    self._attributes.add(part.attr)

    def _resolve(self, path: Path, name: str) -> None:
        """A function or class that a name stands for in a module, followed from import to import."""
        if path.name == "origin.py" and name in MAKER.values() and name != MAKER.get(self._command):
            return  # what made its data, the data says, and those are made anew
        if name in CHECKS:
            return
        module = self.modules[path]
        if node := module.functions.get(name) or module.classes.get(name):
            self._waiting.append((path, node))
        elif (target := module.imports.get(name)) and target[0] in self.modules and target[1]:
            self._resolve(*target)

    def _module(self, path: Path, node: ast.AST) -> Path | None:
        target = self.modules[path].imports.get(node.id) if isinstance(node, ast.Name) else None
        return target[0] if target and not target[1] and target[0] in self.modules else None

    def _methods(self) -> list[tuple[Path, ast.AST]]:
        """Those of classes that were met, if something of their name was read; Python itself calls the dunders."""
        return [
            (path, node)
            for path, kind in self._classes
            for node in kind.body
            if isinstance(node, ast.FunctionDef)
            and id(node) not in self._seen
            and (node.name in self._attributes or node.name.startswith("__"))
        ]


@dataclass(frozen=True)
class Module:
    """One file: its functions and classes by name, what it does when it is imported, and what its names stand for."""

    functions: Mapping[str, ast.FunctionDef]
    classes: Mapping[str, ast.ClassDef]
    always: list[ast.stmt]
    imports: Mapping[str, tuple[Path, str]]  # name -> file, and the name there ('' is the module itself)

    @staticmethod
    @cache
    def of(path: Path) -> Module:
        tree = ast.parse(path.read_text(encoding="utf-8"))
        functions = {node.name: node for node in tree.body if isinstance(node, ast.FunctionDef)}
        if path.name == "params.py":
            functions = {}  # what reads and checks params.yaml looks at every key
        classes = {node.name: node for node in tree.body if isinstance(node, ast.ClassDef)}
        always = [node for node in tree.body if not isinstance(node, ast.FunctionDef | ast.ClassDef)]
        return Module(functions, classes, always, dict(_imports(tree)))


def _imports(tree: ast.Module) -> Iterator[tuple[str, tuple[Path, str]]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "thb":
            for alias in node.names:
                inside = _file(f"{node.module}.{alias.name}")
                yield alias.asname or alias.name, (inside, "") if inside else (_file(node.module), alias.name)


def _file(name: str) -> Path | None:
    place = code.HOME.joinpath(*name.split(".")[1:])
    return next((file for file in (place.with_suffix(".py"), place / "__init__.py") if file.is_file()), None)


def _walk(node: ast.AST) -> Iterator[ast.AST]:
    """A piece of code without the functions that are defined in a class of it."""
    for child in ast.iter_child_nodes(node):
        if not (isinstance(node, ast.ClassDef) and isinstance(child, ast.FunctionDef)):
            yield child
            yield from _walk(child)


def _key(node: ast.AST) -> Iterator[str]:
    """The key that `params.x`, `self.x` in Params or `….active.x` reads."""
    if not isinstance(node, ast.Attribute):
        return
    of, name = node.value, node.attr
    holder = of.id if isinstance(of, ast.Name) else of.attr if isinstance(of, ast.Attribute) else ""
    if holder in ("params", "p", "self") and name in Params.model_fields and name != "profiles":
        yield name
    if holder in ("active", "profile") and name in Profile.model_fields:
        yield f"profiles.{name}"
