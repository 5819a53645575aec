"""The tree itself: pins agree, notebooks carry no outputs, nothing large or machine-bound is tracked."""

from __future__ import annotations

import json
import re
import subprocess
import tomllib
from importlib import metadata
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

import thb
from thb.rendered.fakes.strengths import CALIBRATION_SEEDS

PIN = re.compile(r"^[A-Za-z0-9._-]+==[A-Za-z0-9.!]+$")
CONDA_SPEC = re.compile(r"^[a-z0-9._-]+(=[0-9][0-9a-z.*]*)?$")


def lock(repo: Path) -> list[str]:
    lines = (repo / "requirements.lock").read_text().splitlines()
    return [line for line in lines if line and not line.startswith("#")]


def tracked(repo: Path) -> list[Path]:
    try:
        out = subprocess.run(["git", "ls-files", "-z"], cwd=repo, check=True, capture_output=True).stdout
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("not a git checkout")
    return [repo / name for name in out.decode().split("\0") if name and (repo / name).is_file()]


def test_the_lock_holds_exact_pins_without_hosts_or_build_tags(repo):
    for line in lock(repo):
        assert PIN.match(line), line


def test_environment_yml_holds_the_same_pins(repo):
    spec = yaml.safe_load((repo / "environment.yml").read_text())
    conda = [d for d in spec["dependencies"] if isinstance(d, str)]
    (pip,) = [d["pip"] for d in spec["dependencies"] if isinstance(d, dict)]
    assert pip == lock(repo)
    assert all(CONDA_SPEC.match(d) for d in conda), conda
    assert "python=3.11" in conda


def test_what_a_pinned_package_needs_is_pinned_too(repo):
    pinned = {canonicalize_name(line.split("==")[0]) for line in lock(repo)}
    for name in sorted(pinned):
        try:
            needed = metadata.requires(name) or []
        except metadata.PackageNotFoundError:  # a light installation
            continue
        for one in map(Requirement, needed):
            if one.marker is None or one.marker.evaluate({"extra": ""}):
                assert canonicalize_name(one.name) in pinned, f"{name} needs {one.name}"


def test_the_lock_satisfies_pyproject(repo):
    project = tomllib.loads((repo / "pyproject.toml").read_text())["project"]
    pins = {name.lower().replace("_", "-"): v for name, v in (line.split("==") for line in lock(repo))}
    extras = project["optional-dependencies"]
    assert extras["dev"][0] == "thb[full]"
    for requirement in map(Requirement, project["dependencies"] + extras["full"] + extras["dev"][1:]):
        assert requirement.specifier.contains(pins[requirement.name.lower()], prereleases=True), requirement


def test_one_version_everywhere(repo):
    citation = yaml.safe_load((repo / "CITATION.cff").read_text())
    assert citation["version"] == thb.__version__
    assert f"## {thb.__version__}" in (repo / "CHANGELOG.md").read_text()


def test_notebooks_carry_no_outputs_and_have_cell_ids(repo):
    notebooks = sorted((repo / "notebooks").glob("*.ipynb"))
    assert notebooks
    for path in notebooks:
        book = json.loads(path.read_text())
        assert (book["nbformat"], book["nbformat_minor"]) >= (4, 5), path.name
        for cell in book["cells"]:
            assert cell["id"], path.name
            assert not cell.get("outputs"), f"{path.name}: strip the outputs"
            assert cell.get("execution_count") is None, path.name


def test_nothing_large_is_tracked(repo):
    files = tracked(repo)
    assert sum(f.stat().st_size for f in files) < 20e6
    for file in files:
        assert file.stat().st_size < 1e6, f"{file.relative_to(repo)} is over 1 MB"


def test_no_clip_is_tracked(repo):
    media = {".mp4", ".wav", ".npy", ".npz", ".safetensors", ".parquet", ".pt", ".pth", ".pkl"}
    assert not [f for f in tracked(repo) if f.suffix in media]


def test_no_path_of_one_machine_and_no_registry_is_named(repo):
    hosts = ("".join(halves) for halves in (("python", "hosted"), ("npm", r"js\."), (r"deb\.", "debian")))  # read too
    bad = re.compile(r"(^|[\s\"'=:(])/(work|home|Users|root|opt)/\w|" + "|".join(hosts))
    for file in tracked(repo):
        if file.suffix in {".py", ".md", ".yaml", ".yml", ".toml", ".cfg", ".ipynb", ".lock", ""}:
            found = bad.search(file.read_text(encoding="utf-8", errors="ignore"))
            assert not found, f"{file.relative_to(repo)}: {found.group(0)!r}"


def test_modules_stay_small(repo):
    for file in sorted((repo / "thb").rglob("*.py")):
        assert len(file.read_text().splitlines()) <= 400, file.relative_to(repo)


def test_strengths_were_not_chosen_on_a_reported_seed(params):
    reported = {profile.seed for profile in params.profiles.values()}
    assert CALIBRATION_SEEDS
    assert not reported & set(CALIBRATION_SEEDS)


def test_no_broad_except_swallows(repo):
    for file in sorted((repo / "thb").rglob("*.py")):
        assert not re.search(r"except( Exception| BaseException)?:\s*(pass)?\s*$", file.read_text(), re.M), file.name
