"""The command line: fast help without torch, one line and exit code 2 for a user's error."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from thb.cli import context, main, own_files
from thb.cli.main import app
from thb.core.errors import ParamsError

COMMANDS = sorted(c.name or c.callback.__name__.replace("_", "-") for c in app.registered_commands)


def thb(*arguments: str, cwd: Path | None = None) -> subprocess.CompletedProcess:
    return subprocess.run([sys.executable, "-m", "thb", *arguments], cwd=cwd, capture_output=True, text=True)


# Each command's help is asked of a process that splits off from one that has loaded the command line alone.
HELPS = """
import io, json, os, sys
from contextlib import redirect_stdout
from thb.cli.main import main
for command in sys.argv[1:]:
    sys.stdout.flush()
    if child := os.fork():
        assert os.waitpid(child, 0)[1] == 0, command
    else:
        said, end = io.StringIO(), None
        sys.argv = ["thb", *([command] if command else []), "--help"]
        try:
            with redirect_stdout(said):
                main()
        except SystemExit as e:
            end = e.code
        heavy = {"torch", "pandas", "sklearn", "matplotlib", "dvc"} & set(sys.modules)
        print(json.dumps([command, [end, said.getvalue(), sorted(heavy)]]), flush=True)
        os._exit(0)
"""


@pytest.fixture(scope="module")
def helps() -> dict[str, list]:
    """command -> its exit code, what its help says, and which heavy packages were loaded for it."""
    done = subprocess.run([sys.executable, "-c", HELPS, "", *COMMANDS], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return dict(map(json.loads, done.stdout.splitlines()))


@pytest.mark.parametrize("command", ["", *COMMANDS])
def test_help_has_an_example_and_loads_no_torch(helps, command):
    end, said, heavy = helps[command]
    assert end in (0, None)
    assert said
    assert heavy == []
    assert not command or "Example" in said


@pytest.mark.parametrize("group", [(), ("data",), ("scores",)])
def test_no_line_of_help_is_cut_at_80_columns(group, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    _, found, commands = thb(*group, "--help").stdout.partition("\nCommands:\n")
    assert found
    assert max(map(len, commands.splitlines())) <= 80
    assert "..." not in commands
    assert "…" not in commands


@pytest.mark.parametrize(
    ("arguments", "names", "lists"),
    [
        (("prepare", "halo"), "'halo'", "hallo"),
        (("train", "tal", "all"), "'tal'", "tall"),
        (("train", "tall", "no-halo"), "'no-halo'", "no-hallo"),
        (("score", "tall", "some"), "'some'", "ffpp"),
        (("identity", "yunet"), "'yunet'", "sface"),
        (("exhibit", "table99"), "'table99'", "table5"),
        (("fetch", "--variant", "no_faces"), "'no_faces'", "no_fingerprint"),
        (("profile", "huge"), "'huge'", "mini"),
    ],
)
def test_an_unknown_name_is_one_line_and_exit_2(project, monkeypatch, capsys, arguments, names, lists):
    monkeypatch.setattr(sys, "argv", ["thb", *arguments])
    with pytest.raises(SystemExit) as end:
        main.main()
    told = capsys.readouterr().err
    assert end.value.code == 2
    assert re.fullmatch(r"thb: .*\n", told), told
    assert names in told
    assert lists in told
    assert sorted(p.name for p in project.root.iterdir()) == ["paper", "params.yaml", "reencode.yaml"]


def test_outside_a_clone_says_so(tmp_path):
    done = thb("evaluate", cwd=tmp_path)
    assert done.returncode == 2
    assert "params.yaml" in done.stderr


def test_a_stage_without_its_input_says_what_to_run(project):
    done = thb("evaluate", cwd=project.root)
    assert done.returncode == 2
    assert "dvc repro" in done.stderr


def test_ctrl_c_is_one_line_and_says_that_one_may_go_on(monkeypatch, capsys):
    def interrupted(_: str) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(context, "of_clone", interrupted)
    monkeypatch.setattr(sys, "argv", ["thb", "fetch"])
    with pytest.raises(SystemExit) as end:
        main.main()
    assert end.value.code == 130
    assert capsys.readouterr().err == "thb: interrupted; run the same command again to go on\n"


@pytest.mark.parametrize(
    ("given", "says"),
    [
        (["x=["], "--set x is not YAML"),
        (["x"], "'x' is not KEY=VALUE"),
        (["=1"], "'=1' is not KEY=VALUE"),
        (["x=1e3"], "--set x line 1: '1e3'"),
        (["x=1", "x=2"], "'x' twice"),
        (["x=!!set {}"], "tag"),
    ],
)
def test_a_setting_on_the_command_line_that_cannot_be_read_is_one_line(given, says):
    with pytest.raises(ParamsError) as error:
        own_files._changes(given)
    assert says in str(error.value)
    assert "\n" not in str(error.value)


def test_settings_on_the_command_line_are_read_as_params_yaml_is():
    assert own_files._changes(["a=1", "b=0.5", "c=[1, 2]", "d=none", "e=true"]) == {
        "a": 1,
        "b": 0.5,
        "c": [1, 2],
        "d": "none",
        "e": True,
    }


@pytest.mark.parametrize(("jobs", "says"), [("-1", "equal to 0"), ("100000", "equal to 1024"), ("two", "integer")])
def test_jobs_have_bounds(jobs, says):
    done = thb("reproduce", "--jobs", jobs)
    assert done.returncode == 2
    assert says in done.stderr
