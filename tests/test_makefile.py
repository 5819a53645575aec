"""The Makefile from a folder with a space and an umlaut in its path: what it runs stays inside the clone."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
from pathlib import Path

import pytest

# Stands for a Python 3.11: empties and fills every folder that `-m venv` names, as the real one does; notes the rest.
PYTHON = """#!/usr/bin/env bash
set -eu
printf '%s\\n' "${PYTHONDONTWRITEBYTECODE-}$0 $*" >> "$STUB_LOG"
test "${1:-} ${2:-}" = "-m venv" || exit 0
shift 2
for folder in "$@"; do
  case "$folder" in --*) continue ;; esac
  rm -rf -- "$folder"; mkdir -p -- "$folder/bin"; cp -- "$STUB" "$folder/bin/python"
done
"""


@pytest.fixture
def clone(repo, tmp_path) -> Path:
    """A clone beside folders with files of a stranger's, whose names are the words of its path."""
    place = tmp_path / "a b ü" / "thb"
    place.mkdir(parents=True)
    (place / "tools").mkdir()
    for name in ("Makefile", "requirements.lock", "pyproject.toml", "tools/validators.txt"):
        shutil.copy(repo / name, place / name)
    for folder in ("a", "b", "thb", "ü"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "kept").write_text("mine")
    return place


def make(clone: Path, *words: str) -> str:
    stub = clone.parent / "an interpreter" / "python"
    stub.parent.mkdir(exist_ok=True)
    stub.write_text(PYTHON)
    stub.chmod(0o755)
    told = {"STUB": str(stub), "STUB_LOG": str(clone.parent / "log"), "PYTHON": str(stub)}
    bare = {name: value for name, value in os.environ.items() if not name.startswith("MAKE")}  # of a `make test`
    done = subprocess.run(["make", *words], cwd=clone, env={**bare, **told}, text=True, capture_output=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


def commands(clone: Path, *words: str) -> list[list[str]]:
    """The words of each command line that a target would run, as a shell takes them apart."""
    said = make(clone, "-n", *words, "PROFILE=smoke").replace("\\\n", " ")
    return [shlex.split(line) for line in said.splitlines() if line]


def test_install_empties_its_own_environment_and_no_strangers_folder(clone, tmp_path):
    make(clone, "install")
    assert (clone / ".venv" / "bin" / "python").is_file()
    assert (clone / ".venv" / ".installed").is_file()
    for folder in ("a", "b", "thb", "ü"):
        assert [f.name for f in (tmp_path / folder).iterdir()] == ["kept"]
    assert {f.name for f in tmp_path.iterdir()} == {"a", "b", "thb", "ü", "a b ü"}
    assert {f.name for f in (tmp_path / "a b ü").iterdir()} == {"thb", "an interpreter", "log"}
    assert "Nothing to be done" in make(clone, "install")  # and the second time it sees that it is there


def test_what_python_compiles_is_kept_whatever_the_environment_says(clone, monkeypatch):
    monkeypatch.setenv("PYTHONDONTWRITEBYTECODE", "says not to")
    make(clone, "install")
    done = (clone.parent / "log").read_text()
    assert "import thb.cli.preload" in done
    assert "says not to" not in done


def test_recomputing_installs_no_torch_and_takes_a_whole_environment_where_there_is_one(clone):
    light = [words for words in commands(clone, "recompute") if "pip" in words]
    assert [words[-4:] for words in light] == [["-c", "requirements.lock", "-e", "."]]
    make(clone, "install")
    assert not [words for words in commands(clone, "recompute") if "pip" in words]


@pytest.mark.parametrize(
    "target", ["install", "reproduce", "recompute", "test", "check", "rehearse", "book", "open", "lock", "clean"]
)
def test_no_word_of_a_command_is_a_piece_of_the_clones_path(clone, tmp_path, target):
    """Half of a path that fell apart at its space is a path of somebody else's."""
    words = [word for command in commands(clone, target) for word in command]
    assert words
    pieces = [word for word in words if str(tmp_path / "a") in word and str(clone.parent) not in word]
    assert not pieces


def test_a_rehearsal_is_at_full_size_only_if_it_is_asked_for(clone):
    road = ["python", "tests/published_made.py"]
    assert commands(clone, "rehearse")[-1] == road
    assert commands(clone, "rehearse", "FULL=1")[-1] == [*road, "--full"]


def test_the_book_is_named_by_one_path(clone):
    line = [command for command in commands(clone, "book") if command[0] == "echo"][-1]
    assert line == ["echo", "$PWD/book/_build/html/index.html"]
