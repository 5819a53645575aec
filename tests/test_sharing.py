"""What a run made goes to another clone by DVC's own means; what DVC shows of a change; the page that says so."""

from __future__ import annotations

import importlib.util
import json
import re
import shutil
import subprocess
from contextlib import chdir
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import yaml
from dvc.repo import Repo
from dvc_render import VegaRenderer

from thb.cells.columns import CELL_COLUMNS
from thb.core.tables import read_csv

MADE_AGAIN = ("data/", "book/_build/")  # clips, from which fits are not trained anew, and the book's pages
MAKE = """
import pathlib, sys
for place in sys.argv[1:]:
    path = pathlib.Path(place)
    path = path if path.suffix else path / "some.file"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(place)
"""


@pytest.fixture(scope="module")
def graph(repo) -> dict:
    return yaml.safe_load((repo / "dvc.yaml").read_text())


def outs(stage: dict) -> dict[str, dict]:
    """Each out of a stage, and how it is kept."""
    found = {}
    for one in (*stage.get("outs", ()), *stage.get("metrics", ())):
        found |= one if isinstance(one, dict) else {one: {}}
    return found


def git(folder: Path, *words: str) -> str:
    named = ("-c", "user.name=x", "-c", "user.email=x@example.org")
    done = subprocess.run(["git", "-C", folder, *named, *words], capture_output=True, text=True, check=False)
    assert done.returncode in (0, 1), done.stderr
    return done.stdout


def test_whatever_git_leaves_out_of_a_run_is_in_dvcs_cache_clips_apart(repo, graph):
    every = {}
    for stage in graph["stages"].values():
        every |= outs(stage.get("do", stage))
    ignored = set(git(repo, "check-ignore", "--no-index", *every).split("\n"))
    lost = [out for out in every if out in ignored and every[out].get("cache") is False]
    assert {out for out in lost if not out.startswith(MADE_AGAIN)} == set()
    assert "results/cams/${item.detector}" in ignored  # too large for git


@pytest.fixture(scope="module")
def finished(repo, graph, tmp_path_factory) -> Path:
    """A clone with one network's fits, scores, maps and an exhibit, kept as dvc.yaml keeps them; a file an out."""
    root = tmp_path_factory.mktemp("sharing") / "finished"
    root.mkdir()
    names = {"item.detector": "tall", "item.generator": "hallo", "key": "table5"}
    stages = {}
    for name in ("pretrain", "train", "train_without", "score", "explain", "exhibit"):
        stage = graph["stages"][name]
        text = yaml.safe_dump([{out: kept} for out, kept in outs(stage.get("do", stage)).items()])
        for word, value in names.items():
            text = text.replace(f"${{{word}}}", value)
        own = yaml.safe_load(text)
        stages[name] = {"cmd": f"python make.py {' '.join(out for one in own for out in one)}", "outs": own}
    (root / "dvc.yaml").write_text(yaml.safe_dump({"stages": stages}))
    (root / "make.py").write_text(MAKE)
    shutil.copy(repo / ".gitignore", root)
    git(root, "init", "-q")
    with chdir(root):  # DVC looks for stages where it is called
        Repo.init().close()
        with Repo() as made:
            call(made, "reproduce")
    git(root, "add", "-A")
    git(root, "commit", "-qm", "finished")
    return root


def call(clone: Repo, what: str) -> Any:
    """One of DVC's methods, whose types say that they are functions of the repository's."""
    return getattr(clone, what)()


def files(root: Path) -> dict[str, str]:
    return {
        file.relative_to(root).as_posix(): file.read_text()
        for folder in ("runs", "results", "book")
        for file in (root / folder).rglob("*")
        if file.is_file() and file.name != ".gitignore"
    }


def test_what_was_made_goes_by_a_folder_to_a_fresh_clone_that_has_nothing_left_to_do(finished):
    shared, fresh = finished.with_name("shared"), finished.with_name("fresh")
    git(finished.parent, "clone", "-q", str(finished), str(fresh))
    pulled = None
    for root, send in ((finished, True), (fresh, False)):
        (root / ".dvc" / "config.local").write_text(
            f"[core]\n    remote = shared\n['remote \"shared\"']\n    url = {shared}\n"
        )
        with chdir(root), Repo() as clone:
            if send:
                call(clone, "push")
                continue
            assert "runs/tall/all/some.file" not in files(root)
            call(clone, "pull")
            pulled = call(clone, "status")
    assert pulled == {}
    assert files(fresh) == files(finished)
    assert {"runs/tall/no-hallo/some.file", "results/cams/tall/some.file"} <= set(files(fresh))


def test_dvc_draws_each_detector_over_the_protocols(repo, graph):
    ((file, said),) = graph["plots"][0].items()
    assert file == "results/cells.csv"
    rows = read_csv(repo / file, CELL_COLUMNS)
    points = [{**row, "rev": rev} for rev in ("HEAD", "workspace") for row in rows.astype(str).to_dict("records")]
    drawn = VegaRenderer(points, file, **said, template_dir=str(repo / ".dvc" / "plots")).get_filled_template()
    spec = drawn if isinstance(drawn, dict) else json.loads(drawn)
    assert "<DVC_METRIC" not in json.dumps(spec)
    asked = {one["field"] for one in (*spec["facet"].values(), *spec["spec"]["encoding"].values())}
    filtered = {one["filter"]["field"]: one["filter"]["oneOf"] for one in spec["transform"]}
    assert asked | set(filtered) <= {*CELL_COLUMNS, "rev"}
    assert all(set(named) <= set(rows[column]) for column, named in filtered.items())


@pytest.fixture(scope="module")
def tool(repo) -> ModuleType:
    spec = importlib.util.spec_from_file_location("sharing_examples", repo / "tools" / "sharing_examples.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


PLACE = re.compile(r"(^|[\s'\"=(:]|file://)/\w")  # a path from the root of a machine


def test_a_path_of_one_machine_is_seen():
    assert all(map(PLACE.search, ("file:///tmp/x", "in /mnt/thb", "/var/me", "url='/srv/dvc'")))
    assert not any(
        map(PLACE.search, ("file://finished/dvc_plots", "../shared", "results/cells.csv", "https://dvc.org"))
    )


@pytest.mark.parametrize(("name", "commands"), [("sharing.txt", "SHARED"), ("experiment.txt", "CHANGED")])
def test_the_page_shows_what_the_tools_commands_said(repo, tool, params, name, commands):
    shown = (repo / "book" / "here" / name).read_text().splitlines()
    assert [line[2:] for line in shown if line.startswith("$ ") and not line.startswith("$ cd ")] == [
        command for _, command in getattr(tool, commands)
    ]
    assert sum(not line.startswith("$ ") for line in shown) > 5
    assert not [line for line in shown if PLACE.search(line) or "rror" in line]
    assert params.detectors["image_stats"].defaults["runs"] > 1  # which the example sets to 1
