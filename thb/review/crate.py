"""RO-Crate: what each stage of dvc.lock was made from, as a Workflow Run Crate that any tool of the format reads."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

from thb import __version__
from thb.book import citation, provenance
from thb.core import origin
from thb.core.params import Params
from thb.core.paths import Paths
from thb.core.tables import read_json
from thb.fits import weights

FILE = "ro-crate-metadata.json"
WORKFLOW, SOFTWARE, DVC = "dvc.yaml", "#thb", "#dvc"
PROFILES = {
    "https://w3id.org/ro/wfrun/process/0.5": "Process Run Crate",
    "https://w3id.org/ro/wfrun/workflow/0.5": "Workflow Run Crate",
    "https://w3id.org/workflowhub/workflow-ro-crate/1.0": "Workflow RO-Crate",
}
BIOSCHEMAS = "https://bioschemas.org/profiles/ComputationalWorkflow/1.0-RELEASE"
# RO-Crate's terms, and the one used here that it lacks
CONTEXT = ["https://w3id.org/ro/crate/1.1/context", {"sha256": "https://w3id.org/ro/terms/workflow-run#sha256"}]
KINDS = {
    ".csv": "text/csv",
    ".json": "application/json",
    ".yaml": "application/yaml",
    ".html": "text/html",
    ".txt": "text/plain",
    ".md": "text/markdown",
}


def describe(paths: Paths, params: Params, files: Iterable[Path]) -> dict[str, Any]:
    """The crate of these files; what a stage read or wrote besides is named with its MD5, as dvc.lock has it."""
    names = [paths.relative(file) for file in files]
    held = {name: _file(paths, name) for name in names}
    stages = yaml.safe_load(paths.dvc_lock.read_text(encoding="utf-8"))["stages"] if paths.dvc_lock.is_file() else {}
    runs = [_stage(name, stage, held) for name, stage in stages.items()]
    elsewhere = {one["@id"]: one for stage in stages.values() for one in _elsewhere(stage, held)}
    read, written = ({part["@id"] for run in runs for part in run[key]} for key in ("object", "result"))
    whole = {
        "@id": "#run",
        "@type": "CreateAction",
        "name": f"dvc repro, profile {params.profile}, seed {params.active.seed}",
        "instrument": {"@id": WORKFLOW},
        "object": _refs(sorted(read - written)),
        "result": _refs(sorted(written)),
        "description": _took(paths),
    }
    root = {
        "@id": "./",
        "@type": "Dataset",
        **_about(paths),
        "conformsTo": _refs(PROFILES),
        "mainEntity": {"@id": WORKFLOW},
        "hasPart": _refs(names),
        "mentions": _refs(["#run", *(run["@id"] for run in runs)]),
    }
    graph = [_descriptor(), root, *_context(paths), *held.values(), *elsewhere.values(), whole, *runs]
    return {"@context": CONTEXT, "@graph": [_alone(one) for one in graph]}


def _alone(one: Mapping[str, Any]) -> dict[str, Any]:
    """An entity, in which a list of one is that one, as the format recommends."""
    return {key: value[0] if isinstance(value, list) and len(value) == 1 else value for key, value in one.items()}


def _refs(names: Iterable[str]) -> list[dict[str, str]]:
    return [{"@id": name} for name in names]


def _descriptor() -> dict[str, Any]:
    return {
        "@id": FILE,
        "@type": "CreativeWork",
        "conformsTo": _refs(["https://w3id.org/ro/crate/1.1", "https://w3id.org/workflowhub/workflow-ro-crate/1.0"]),
        "about": {"@id": "./"},
    }


def _about(paths: Paths) -> dict[str, Any]:
    known = citation.facts(paths)
    when = provenance.committed_on(paths.root)
    return {
        "name": known["title"],
        "description": f"Results of commit {provenance.commit(paths.root)}: what was run, and what it made.",
        "license": {"@id": _licence(known)},
        "author": _refs(_people(known)),
        **({"datePublished": when} if when else {}),
    }


def _licence(known: Mapping[str, Any]) -> str:
    return f"https://spdx.org/licenses/{known['license']}.html"


def _people(known: Mapping[str, Any]) -> list[str]:
    return [f"#author-{i}" for i, _ in enumerate(known["authors"], 1)]


def _context(paths: Paths) -> Iterator[dict[str, Any]]:
    """Who, under which licence, and with what."""
    known = citation.facts(paths)
    for name, author in zip(_people(known), known["authors"], strict=True):
        yield {"@id": name, "@type": "Organization", "name": author["name"]}
    yield {"@id": _licence(known), "@type": "CreativeWork", "name": known["license"]}
    for name, title in PROFILES.items():
        yield {"@id": name, "@type": "CreativeWork", "name": title, "version": name.rpartition("/")[2]}
    versions = provenance.versions()
    yield _program(SOFTWARE, "thb", __version__, known["preferred-citation"]["url"])
    yield {"@id": DVC, "@type": "ComputerLanguage", "name": "DVC", "url": {"@id": "https://dvc.org/"}} | (
        {"version": versions["dvc"]} if "dvc" in versions else {}
    )


def _program(name: str, title: str, version: str, url: str) -> dict[str, Any]:
    return {"@id": name, "@type": "SoftwareApplication", "name": title, "softwareVersion": version, "url": url}


def _file(paths: Paths, name: str) -> dict[str, Any]:
    file = paths.root / name
    one = {
        "@id": name,
        "@type": "File",
        "name": name,
        "contentSize": str(file.stat().st_size),
        "sha256": origin.sha256(file),
        "encodingFormat": KINDS.get(file.suffix, "application/octet-stream"),
    }
    if name == WORKFLOW:
        one |= {
            "@type": ["File", "SoftwareSourceCode", "ComputationalWorkflow"],
            "conformsTo": {"@id": BIOSCHEMAS},
            "programmingLanguage": {"@id": DVC},
            "version": __version__,
        }
    if name == "README.md":
        one |= {"about": {"@id": "./"}}
    return one


def _stage(name: str, stage: Mapping[str, Any], held: Mapping[str, Any]) -> dict[str, Any]:
    """One stage as an action: what it read, what it wrote, by which command."""
    return {
        "@id": f"#stage-{name}",
        "@type": "CreateAction",
        "name": name,
        "description": stage["cmd"] if isinstance(stage["cmd"], str) else "; ".join(stage["cmd"]),
        "instrument": {"@id": SOFTWARE},
        "object": _refs(_entity(one, held) for one in stage.get("deps", ())),
        "result": _refs(_entity(one, held) for one in stage.get("outs", ())),
    }


def _entity(one: Mapping[str, Any], held: Mapping[str, Any]) -> str:
    """A file of the crate by its name; anything else by its name and what it was then."""
    return one["path"] if one["path"] in held else f"#{one['path']}-{one['md5']}"


def _elsewhere(stage: Mapping[str, Any], held: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """What a stage read or wrote that is no file of the crate, a folder or what is too large for it."""
    for one in (*stage.get("deps", ()), *stage.get("outs", ())):
        if (name := _entity(one, held)).startswith("#"):
            yield {
                "@id": name,
                "@type": "CreativeWork",
                "name": one["path"],
                "identifier": f"md5:{one['md5']}",
                "size": f"{one['size']} B",
            }


def _took(paths: Paths) -> str:
    """What was run; how long all fits took, where they were made."""
    took = [read_json(file)["seconds"] for file in sorted((paths.root / "runs").glob(f"**/{weights.TOOK}"))]
    said = f"; the {len(took)} fits that lie here took {sum(took) / 60:.0f} minutes of training" if took else ""
    return f"Every stage of dvc.lock{said}."
