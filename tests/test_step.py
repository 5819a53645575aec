"""The training step: recorded or plain, the same numbers; and nothing in it asks the device for one."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from stores import random_clips, rng, smoke, write_store

from thb import detectors
from thb.clips.clip_store import open_clips
from thb.core.paths import Paths
from thb.detectors.caddm import augment, swap
from thb.fits import loop
from thb.fits import step as steps
from thb.fits.feed import Feed
from thb.fits.step import Step
from thb.splits.clips_of_fit import clips_of_fit, usable

NETWORKS = [name for name in detectors.names() if detectors.kind(name).reads == "frames"]
CPU = torch.device("cpu")


class StandIn:
    """What a CUDA graph does, without a card: after some steps it replays, on the tensors of the step that it recorded.

    It holds on to its buffers by their addresses, as a graph does: a step that read from others would go unseen.
    """

    def __init__(self, work) -> None:
        self.work, self.calls = work, 0
        StandIn.last = self

    def __call__(self) -> torch.Tensor:
        self.calls += 1
        (buffers,) = (cell.cell_contents._buffers for cell in self.work.__closure__)
        addresses = [buffer.data_ptr() for buffer in buffers]
        if self.calls == 1:
            self.addresses, self.loss = addresses, torch.zeros(())
        assert addresses == self.addresses
        self.loss.copy_(self.work())
        return self.loss


@pytest.fixture(params=NETWORKS)
def name(request):
    return request.param


@pytest.fixture(scope="module")
def written(tmp_path_factory, params) -> Paths:
    """A store that is only read."""
    return write_store(tmp_path_factory.mktemp("written"), smoke(params))


@pytest.fixture
def feed(written, params, name):
    """Twenty clips, which are no multiple of a batch of eight."""
    rows = usable(clips_of_fit(written, smoke(params), "all", ("train",)), "train").head(20)
    rows = rows.assign(label=np.arange(len(rows)) % 2)
    store = open_clips(written, smoke(params), sorted(set(rows["source"])))
    return Feed(store, rows, CPU, detectors.kind(name))


def network_of(params, name, **changes):
    torch.manual_seed(0)
    config = detectors.configure(name, {**smoke(params).detector(name), "batch": 8, **changes})
    return detectors.load(name).Detector(config)


def trained(network, feed, recorder, tmp_path, monkeypatch):
    monkeypatch.setattr(loop, "Step", lambda *given: Step(*given, recorder))
    fit = loop.train(network, (feed, feed), 5, tmp_path / f"{recorder}.pt", "step")
    return fit, [entry["loss"] for entry in fit.log]


@pytest.mark.parametrize(
    ("name", "changes"),
    [
        *((name, {}) for name in NETWORKS),
        ("df_adapter", {"precision": "bfloat16"}),
        ("df_adapter", {"precision": "float16", "clip_grad": 0.1, "optimiser": "sgd"}),
    ],
    indirect=["name"],
)
def test_a_recorded_fit_has_the_plain_ones_numbers(params, name, feed, changes, tmp_path, monkeypatch):
    (plain, told), (recorded, same) = (
        trained(network_of(params, name, **changes), feed, recorder, tmp_path, monkeypatch)
        for recorder in (None, StandIn)
    )
    assert told == same
    assert len(set(told)) == len(told)
    for key, weight in plain.network.state_dict().items():
        assert torch.equal(weight, recorded.network.state_dict()[key]), key
    if name == "lipfd":  # small: how many windows are real changes from step to step
        return
    assert StandIn.last.calls == 2 * 2  # of three batches of an epoch, the last is small and runs unrecorded


def test_each_loss_outlives_the_next_replay(params, name, feed):
    network = network_of(params, name)
    fit = loop.begun(network, CPU)
    fit.step = Step(network, fit.optimiser, fit.scaler, CPU, StandIn)
    network.train()
    losses = [loop.train_step(fit, feed, torch.arange(8) + i, rng(i)) for i in range(3)]
    assert len({float(loss) for loss in losses}) == 3


@pytest.mark.parametrize(("last", "sizes"), [("keep", [8, 8, 4]), ("drop", [8, 8]), ("fill", [8, 8, 8])])
def test_the_last_small_batch_is_kept_dropped_or_filled(params, feed, last, sizes):
    network = network_of(params, "tall", last_batch=last)
    batches = loop._batches(feed, network, rng())
    assert [len(batch) for batch in batches] == sizes
    assert loop._steps(feed, network) == len(sizes)
    if last == "fill":
        assert torch.equal(torch.cat(batches)[20:], batches[0][:4])
    network.config = replace(network.config, batch=30)
    assert [len(b) for b in loop._batches(feed, network, rng())] == [{"keep": 20, "drop": 20, "fill": 30}[last]]


def test_few_clips_fill_a_large_batch_in_turns(params, feed):
    network = network_of(params, "tall", last_batch="fill", batch=64)
    (batch,) = loop._batches(feed, network, rng())
    assert sorted(torch.bincount(batch, minlength=20).tolist()) == [3] * 16 + [4] * 4


def test_the_rate_is_written_where_a_recorded_step_reads_it(params):
    network = network_of(params, "tall")
    optimiser = network.optimiser()
    step = Step(network, optimiser, steps.scaler(network, CPU), CPU)
    step.set_rate(0.25)
    assert [group["lr"] for group in optimiser.param_groups] == [0.25] * 2
    tensors = [torch.zeros(()) for _ in optimiser.param_groups]
    for group, tensor in zip(optimiser.param_groups, tensors, strict=True):
        group["lr"] = tensor
    step.set_rate(0.5)
    assert [float(tensor) for tensor in tensors] == [0.5] * 2


# ── Nothing asks the device ──────────────────────────────────────────────────────────────────────


@pytest.fixture
def blind(monkeypatch):
    """A device on which there are shapes and no numbers: whatever asks it for one fails. Draws come from nowhere."""
    for draw in ("rand", "randn", "randint"):
        made = getattr(torch, draw)
        monkeypatch.setattr(
            torch,
            draw,
            lambda *given, made=made, generator=None, device=None, **more: (
                made(*given, generator=generator, **more) if device is None else made(*given, device=device, **more)
            ),
        )
    for module in (augment, swap):
        monkeypatch.setattr(module, "beside", lambda rng, device: torch.Generator())
    return torch.device("meta")


@pytest.mark.parametrize("compat", ["fixed", "official"])
def test_no_step_asks_the_device_for_a_number(params, name, compat, blind):
    changes = {"augment": 1.0, "poisson": 0.5, "self_blend": 0.5} if name == "caddm" else {}
    network = network_of(params, name, compat=compat, **changes).to(blind)
    clips = random_clips(16, length=network.length)
    on_device = ("frames", "times", "boxes", "landmarks", "mel", "originals")
    clips = replace(clips, **{key: getattr(clips, key).to(blind) for key in on_device})
    batch = network.training_batch(clips, rng())
    assert {part.device for part in batch} == {blind}
    with pytest.raises(RuntimeError, match="meta"):
        batch[0].sum().item()  # as any question does
    network.loss_of(batch).backward()
