"""dvc.yaml lists what each stage rests on, code, data and settings, and nothing else; a struck out line is seen."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path

import dvc_deps
import pytest

from thb.cli import code_lists as lists
from thb.core import code, origin
from thb.core.paths import Paths


@pytest.fixture(scope="module")
def stages(repo, tmp_path_factory):
    return dvc_deps.stages(dvc_deps.with_every_stage(repo, tmp_path_factory.mktemp("every")))


@pytest.fixture(scope="module")
def listed(repo, params) -> dict[str, tuple[str, ...]]:
    """Name of a list -> the modules that it is of."""
    return {name: of[0] for name, of in {**lists.bases(params), **lists.documents(Paths(repo))}.items()}


def test_every_stage_lists_what_it_reads_and_nothing_else(stages, params):
    assert {stage.kind for stage in stages} == set(dvc_deps.READS)
    assert [fault for stage in stages for fault in dvc_deps.faults(stage, params)] == []


def test_whatever_is_struck_out_is_missed(stages, params):
    struck = [
        (stage.name, line, dvc_deps.faults(poorer, params))
        for stage in stages
        for line, poorer in dvc_deps.without(stage)
    ]
    assert len(struck) > 500
    assert [(name, line) for name, line, found in struck if not found] == []


def test_whatever_is_too_much_is_named(stages, params):
    train = next(stage for stage in stages if stage.name == "train@tall")
    for change in (
        {"deps": train.deps | {"results/scores"}},
        {"deps": train.deps | {"thb/fits/loop.py"}},
        {"params": train.params | {"metrics"}},
    ):
        assert any("does not need" in fault for fault in dvc_deps.faults(replace(train, **change), params))


def test_a_list_holds_all_code_that_its_stages_can_import(stages, listed, repo, params):
    """From the imports of thb.cli.main's own functions on, the detector's or the notebook's module beside them."""
    for stage in stages:
        if stage.kind == "code":
            continue
        (name,) = (Path(dep).stem for dep in stage.deps if dep.startswith("data/code/"))
        roots = dvc_deps.modules_of_stage(stage) | ({lists.PLUGIN} if stage.kind == "book" else set())
        if stage.kind == "exhibit":
            notebook = repo / "notebooks" / f"{params.exhibits[stage.commands[0][1]]['notebook']}.ipynb"
            cells = json.loads(notebook.read_text())["cells"]
            lines = [line for cell in cells for line in "".join(cell["source"]).splitlines()]
            found = [re.match(r"from (thb[\w.]*) import (.+)", line) for line in lines]
            names = [f"{one[1]}.{name}" for one in found if one for name in one[2].split(", ")]
            roots |= {name for name in (n.removeprefix("thb.") for n in names) if is_module(name)}
            roots |= {n.rsplit(".", 1)[0] for n in (n.removeprefix("thb.") for n in names) if not is_module(n)}
            assert len(roots) > len(dvc_deps.modules_of("exhibit")), name
        assert set(code.files_of(*listed[name])) == set(code.files_of(*roots)), stage.name


def is_module(name: str) -> bool:
    place = code.HOME.joinpath(*name.split("."))
    return place.is_dir() or place.with_suffix(".py").is_file()


@pytest.mark.parametrize(
    ("name", "file"),
    [
        ("train-tall", "fits/train.py"),
        ("score-tall", "fits/score.py"),
        ("explain-tall", "cams/explain.py"),
        ("train-tall", "fits/loop.py"),
        ("train-tall", "core/metrics.py"),
        ("train-tall", "fits/feed.py"),
        ("evaluate", "core/metrics.py"),
        ("evaluate", "cells/printed.py"),
        ("split", "splits/leakage.py"),
        ("train-caddm", "detectors/caddm/swap.py"),
        ("exhibit-radar", "report/means.py"),
        ("exhibit-tpr_curve", "cells/curves.py"),
        ("fetch", "rendered/fakes/generators/hallo.py"),
        ("prepare-hallo", "clips/faces/haar.py"),
    ],
)
def test_code_that_was_once_forgotten_is_listed(listed, name, file):
    assert code.HOME / file in code.files_of(*listed[name])


@pytest.mark.parametrize(
    ("stage", "of"),
    [
        ("fetch", ()),
        ("prepare", ("hallo",)),
        ("split", ()),
        ("train", ("tall",)),
        ("score", ("tall",)),
        ("explain", ("tall",)),
        ("evaluate", ()),
        ("contact", ()),
    ],
)
def test_a_result_says_the_code_of_its_whole_stage(project, params, listed, stage, of, monkeypatch):
    """A result's origin is a digest of what DVC looks at, but for what the command line asks of beforehand."""
    asked, seen = [], f"{stage}-{of[0]}" if of else stage
    monkeypatch.setattr(code, "digest", lambda *modules: asked.append(modules) or "")
    getattr(origin, dvc_deps.MAKER[stage])(project, params, *of)
    (modules,) = asked
    assert code.DOORS[stage] in modules
    assert set(modules) <= set(listed[seen])
    assert set(listed[seen]) - set(modules) <= {*lists.ALWAYS, lists.LACKING, "corpus.own_reals"}


@pytest.mark.parametrize(
    ("name", "file"),
    [
        ("train-tall", "detectors/caddm/swap.py"),
        ("train-tall", "detectors/caddm/network.py"),
        ("train-tall", "detectors/lipfd/__init__.py"),
        ("evaluate", "fits/loop.py"),
        ("exhibit-radar", "cells/curves.py"),
        ("contact", "detectors/tall.py"),
    ],
)
def test_code_of_others_is_not(listed, name, file):
    assert (code.HOME / file).is_file()
    assert code.HOME / file not in code.files_of(*listed[name])


def test_the_lists_are_written_and_stay_what_they_are(project, params, repo, listed):
    (project.root / "notebooks").symlink_to(repo / "notebooks")
    lists.run(project, params)
    first = {file.name: file.read_bytes() for file in (project.root / "data" / "code").iterdir()}
    assert set(first) == {f"{name}.txt" for name in listed}
    assert b"\nfits/loop.py " in first["train-tall.txt"]
    assert b'\nprofiles.mini.finder: "truth"\n' in first["prepare-hallo.txt"]
    for own in (b"notebooks/radar.ipynb ", b"params.yaml ", b"paper/claims.yaml "):
        assert b"\n" + own in first["exhibit-radar.txt"]
    lists.run(project, params)
    assert first == {file.name: file.read_bytes() for file in (project.root / "data" / "code").iterdir()}


def test_every_notebook_and_detector_of_params_has_its_list(listed, params):
    assert {f"exhibit-{entry['notebook']}" for entry in params.exhibits.values()} <= set(listed)
    assert {f"{command}-{name}" for command in ("train", "score") for name in params.detectors} <= set(listed)


def test_a_setting_changes_the_lists_that_hold_it_and_no_others(project, params, monkeypatch):
    """Each list's own keys in turn; a list of what shows all settings changes with the file."""
    (project.root / "notebooks").mkdir()
    before, held = dict(lists._texts(project, params)), {name: of[1] for name, of in lists.bases(params).items()}
    for key in {key for keys in held.values() for key in keys} - {"profile"}:
        with monkeypatch.context() as patch:
            patch.setattr(type(params), "model_dump", changed(params, key))
            after = dict(lists._texts(project, params))
        told = {name for name, keys in held.items() if any(f"{key}.".startswith(f"{own}.") for own in keys)}
        assert {name for name in before if after[name] != before[name]} == told, key
    project.params.write_text(project.params.read_text() + "# a remark\n")
    after = dict(lists._texts(project, params))
    assert {name for name in before if after[name] != before[name]} == {"book"}


def changed(params, key):
    """What gives all settings, with another value under one key."""
    values = params.model_dump(mode="json")
    *above, last = key.split(".")
    holder = values
    for part in above:
        holder = holder[part]
    was = holder[last]
    holder[last] = {**was, "more": 1} if isinstance(was, dict) else [was]
    return lambda *_, **__: values


def test_settings_are_followed_to_where_they_are_read():
    """The numbers of the paper are found by a source's printed name, three calls below the command."""
    assert {"sources", "detectors", "metrics", "protocols"} <= dvc_deps.keys_of("evaluate")
    assert "profiles.reals" in dvc_deps.keys_of("prepare")
    assert "profiles.revision" not in dvc_deps.keys_of("prepare")
