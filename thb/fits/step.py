"""One training step: forward, backward, limited gradients, the optimiser's move.

On a GPU the step is recorded once, as a CUDA graph, and replayed: the card then runs it without waiting for Python. The
first steps of a fit run as they are, on a stream of their own, so that memory is found and kernels are chosen; each
counts. A recorded step reads what it learns from, and its rate, from tensors that stay where they are. A batch of
another shape, as the last one of an epoch may have, runs unrecorded. The numbers are those of the plain step.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from thb.core.errors import DataError
from thb.detectors.base import Network

WARM = 3  # steps before one is recorded

Work = Callable[[], Tensor]  # a step on the tensors that stay; its loss
Recorder = Callable[[Work], Work]  # what makes of it one that need not run Python again


class Step:
    """Learns from one batch after another."""

    def __init__(
        self,
        network: Network,
        optimiser: torch.optim.Optimizer,
        scaler: torch.amp.GradScaler,
        device: torch.device,
        recorder: Recorder | None = None,
    ) -> None:
        """`recorder`: none is that of the device, a CUDA graph on a GPU, if the network's `record` is auto."""
        self.network, self.optimiser, self.scaler, self.device = network, optimiser, scaler, device
        if device.type == "cuda":
            for group in optimiser.param_groups:
                group["lr"] = torch.as_tensor(group["lr"], dtype=torch.float32, device=device)
        if recorder is None and device.type == "cuda" and network.config.record == "auto":
            recorder = CudaGraph
        self._recorder, self._buffers, self._replay = recorder, (), None

    def set_rate(self, rate: float) -> None:
        for group in self.optimiser.param_groups:
            if isinstance(group["lr"], Tensor):
                group["lr"].fill_(rate)
            else:
                group["lr"] = rate

    def __call__(self, batch: Sequence[Tensor]) -> Tensor:
        """One step on what `Network.training_batch` gave; its loss, still on the device."""
        if self._recorder is None:
            return self._learn(batch)
        if self._replay is None:
            self._buffers = tuple(map(torch.empty_like, batch))
            self._replay = self._recorder(lambda: self._learn(self._buffers))
        if _shapes(batch) != _shapes(self._buffers):
            return self._learn(batch)
        for buffer, given in zip(self._buffers, batch, strict=True):
            buffer.copy_(given, non_blocking=True)
        return self._replay().clone()  # the next replay writes over it

    def _learn(self, batch: Sequence[Tensor]) -> Tensor:
        with precision(self.network, self.device):
            loss = self.network.loss_of(batch)
        self.optimiser.zero_grad(set_to_none=True)
        self.scaler.scale(loss).backward()
        if limit := self.network.config.clip_grad:
            self.scaler.unscale_(self.optimiser)
            torch.nn.utils.clip_grad_value_(self.network.parameters(), limit)
        self.scaler.step(self.optimiser)
        self.scaler.update()
        return loss.detach()


def _shapes(tensors: Sequence[Tensor]) -> list[tuple[torch.Size, torch.dtype]]:
    return [(tensor.shape, tensor.dtype) for tensor in tensors]


class CudaGraph:
    """A step recorded as a CUDA graph, after WARM steps that run as they are."""

    def __init__(self, work: Work) -> None:
        self.work, self.done, self.graph, self.loss = work, 0, None, torch.empty(0)
        self.aside = torch.cuda.Stream()

    def __call__(self) -> Tensor:
        self.done += 1
        if self.done <= WARM:
            return self._aside()
        if self.graph is None:
            self.graph = self._recorded()
        self.graph.replay()
        return self.loss

    def _aside(self) -> Tensor:
        self.aside.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(self.aside):
            loss = self.work()
        torch.cuda.current_stream().wait_stream(self.aside)
        return loss

    def _recorded(self) -> torch.cuda.CUDAGraph:
        graph = torch.cuda.CUDAGraph()
        try:
            with torch.cuda.graph(graph, stream=self.aside):
                self.loss = self.work()
        except RuntimeError as fault:
            why = " ".join(str(fault).split())[:200]
            raise DataError(f"the training step cannot be recorded on this GPU ({why}); set record: off") from fault
        return graph


def precision(network: Network, device: torch.device) -> torch.autocast:
    """Products in the network's own precision; weights, losses and all scoring stay float32."""
    asked = getattr(torch, network.config.precision)
    return torch.autocast(device.type, asked, enabled=asked != torch.float32, cache_enabled=False)


def scaler(network: Network, device: torch.device) -> torch.amp.GradScaler:
    """Scales a float16 fit's loss; a step whose gradients overflow is left out, and the scale halved."""
    return torch.amp.GradScaler(device.type, enabled=network.config.precision == "float16")
