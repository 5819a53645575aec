"""Importing published checkpoints: whatever container, nothing run, nothing missing, nothing left over."""

from __future__ import annotations

import argparse
import json
import os
import shutil

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from stores import random_clips, smoke
from typer.testing import CliRunner

from thb import detectors
from thb.absence import Fit
from thb.cli import app
from thb.errors import DataError, ParamsError
from thb.paths import Paths
from thb.records import write_json
from thb.stages import import_weights

NETWORKS = import_weights.importable()


@pytest.fixture
def small(params, name):
    """What makes the detector small."""
    return {**smoke(params).active.detectors[name], **import_weights.AS_PUBLISHED}


@pytest.fixture
def theirs(params, name, small):
    """A network with weights of its own, whose state stands for a published one."""
    torch.manual_seed(7)
    network = detectors.load(name).Detector(
        detectors.configure(name, {**params.detectors[name].defaults, **small}))
    for tensor in network.state_dict().values():
        if tensor.is_floating_point():
            tensor.copy_(torch.rand(tensor.shape) * 0.2 + 0.1)
    return network.eval()


def published_state(network) -> dict[str, torch.Tensor]:
    names = network.published_names()
    return {names[own]: tensor for own, tensor in network.state_dict().items()}


def bring_in(tmp_path, params, name, file, small, fit="imported"):
    paths = Paths(tmp_path)
    import_weights.run(paths, params, name, file, fit, small)
    return detectors.restore(paths.imported(name, fit) / "weights.safetensors", name)


CONTAINERS = {
    "network": lambda state: {"network": state, "opt_state": {"state": {}, "param_groups": [{"lr": 0.1}]}, "epoch": 3},
    "model": lambda state: {"model": state, "optimizer": {}, "args": argparse.Namespace(lr=1e-5, name="x"),
                            "max_accuracy": 97.5},
    "best": lambda state: {"best_val_auc": np.float64(0.93), "best_state_dict": state},
    "state_dict": lambda state: {"epoch": np.int64(4), "state_dict": {f"module.{k}": v for k, v in state.items()}},
    "bare": lambda state: state,
    "bench": lambda state: {f"model.{k}": v for k, v in state.items()},
}


@pytest.mark.parametrize("container", CONTAINERS)
@pytest.mark.parametrize("name", NETWORKS)
def test_a_checkpoint_gives_the_same_scores_whatever_it_lies_in(tmp_path, params, name, small, theirs, container):
    torch.save(CONTAINERS[container](published_state(theirs)), tmp_path / "c.pth")
    ours = bring_in(tmp_path, params, name, tmp_path / "c.pth", small)
    clips = random_clips(2, length=ours.length)
    assert ours.config.compat == "official"
    assert torch.equal(ours.score(clips), theirs.score(clips))


@pytest.mark.parametrize("name", NETWORKS)
def test_safetensors_and_half_precision_are_read(tmp_path, params, name, small, theirs):
    state = {k: v.half() if v.is_floating_point() else v for k, v in published_state(theirs).items()}
    save_file({k: v.contiguous() for k, v in state.items()}, tmp_path / "c.safetensors")
    ours = bring_in(tmp_path, params, name, tmp_path / "c.safetensors", small)
    assert [v.dtype for v in ours.state_dict().values()] == [v.dtype for v in theirs.state_dict().values()]


@pytest.mark.parametrize("name", NETWORKS)
def test_what_does_not_fit_is_named(tmp_path, params, name, small, theirs):
    state = published_state(theirs)
    first = next(iter(state))
    torch.save({k: v for k, v in state.items() if k != first}, tmp_path / "short.pth")
    torch.save({**state, "sighs": torch.zeros(1)}, tmp_path / "long.pth")
    torch.save({**state, first: torch.zeros(2, 3, 5, 7)}, tmp_path / "odd.pth")
    for file, said in {"short": f"1 names missing, first '{first}'; 0 names unexpected",
                       "long": "0 names missing; 1 names unexpected, first 'sighs'",
                       "odd": f"'{first}' has shape \\(2, 3, 5, 7\\) there"}.items():
        with pytest.raises(DataError, match=said):
            bring_in(tmp_path, params, name, tmp_path / f"{file}.pth", small)
    assert not (tmp_path / "runs").exists()


class Trap:
    """What a hostile pickle does: it would touch a file."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.mkdir, (str(self.path),)


def test_a_pickle_that_would_run_code_is_refused_and_runs_none(tmp_path):
    torch.save({"model": {"w": torch.zeros(1)}, "args": Trap(tmp_path / "ran")}, tmp_path / "trap.pth")
    with pytest.raises(DataError, match=r"trap.pth needs \w+\.mkdir, which could run code and is refused; .*save_file"):
        import_weights.read_checkpoint(tmp_path / "trap.pth")
    assert not (tmp_path / "ran").exists()


@pytest.mark.filterwarnings("ignore")      # torch advises against making such archives
def test_other_files_are_named_for_what_they_are(tmp_path):
    (tmp_path / "noise.pth").write_bytes(os.urandom(200))
    (tmp_path / "noise.safetensors").write_bytes(os.urandom(200))
    torch.save({"epoch": 3, "lr": 0.1}, tmp_path / "empty.pth")
    torch.save([torch.zeros(1)], tmp_path / "list.pth")
    torch.jit.save(torch.jit.trace(torch.nn.Linear(2, 1), torch.zeros(1, 2)), tmp_path / "script.pt")
    for name, said in {"noise.pth": "noise.pth", "noise.safetensors": "not a whole safetensors file",
                       "empty.pth": "holds no state dict.*found epoch, lr", "list.pth": "found list",
                       "script.pt": "TorchScript archive", "gone.pth": "is not a file"}.items():
        with pytest.raises(DataError, match=said):
            import_weights.read_checkpoint(tmp_path / name)


def test_a_control_has_nothing_to_import(tmp_path, params):
    torch.save({"w": torch.zeros(1)}, tmp_path / "c.pth")
    with pytest.raises(ParamsError, match="'container' is a control.*tall"):
        import_weights.run(Paths(tmp_path), params, "container", tmp_path / "c.pth", "imported", {})


def test_the_command_checks_its_words(repo, tmp_path, monkeypatch):
    shutil.copy(repo / "params.yaml", tmp_path)
    monkeypatch.setenv("THB_ROOT", str(tmp_path))
    for words, said in {("tal", "x.pth"): "unknown detector 'tal'",
                        ("tall", "x.pth", "--fit", "all"): "'all' is trained here",
                        ("tall", "x.pth", "--set", "dim"): "'dim' is not KEY=VALUE",
                        ("tall", "x.pth"): "x.pth is not a file"}.items():
        done = CliRunner().invoke(app, ["import-weights", *words])
        assert said in str(done.exception), words


@pytest.mark.parametrize("name", ["tall"])
def test_a_fit_that_cannot_be_made_is_given_weights_by_its_own_name(project, params, name, small, theirs):
    torch.save(published_state(theirs), project.root / "c.pth")
    words = ["import-weights", name, str(project.root / "c.pth"), "--fit", "all",
             *(word for key, value in small.items() for word in ("--set", f"{key}={json.dumps(value)}"))]
    assert "'all' is trained here" in str(CliRunner().invoke(app, words).exception)
    write_json({"all": "no usable real clip of use 'train'"}, project.absent_fits)
    assert Fit(project, params, name, "all").skips_scoring()
    assert CliRunner().invoke(app, words).exit_code == 0
    assert not Fit(project, params, name, "all").skips_scoring()
