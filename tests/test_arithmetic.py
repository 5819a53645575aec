"""Numbers do not depend on the processor: libraries run the code that was chosen for them, which gives known bits."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from thb.core import arithmetic, code

THERE = arithmetic.PROCESSORS.is_file() and " avx2 " in arithmetic.PROCESSORS.read_text()
only_there = pytest.mark.skipif(not THERE, reason="the choices are for Linux on x86-64 with AVX2")

LIBRARIES = """
import thb, numpy, scipy.linalg, torch, threadpoolctl
from numpy._core._multiarray_umath import __cpu_features__ as features
blas = [(one["architecture"], one["num_threads"]) for one in threadpoolctl.threadpool_info()
        if one["internal_api"] == "openblas"]
print(torch.backends.cpu.get_cpu_capability(), *blas, features["X86_V4"], features["AVX512_ICL"])
torch.randn(3, 4) @ torch.randn(4, 5)
torch.nn.functional.conv2d(torch.randn(8, 16, 32, 32), torch.randn(32, 16, 3, 3))
"""
# What networks are made of, some steps of training, and numpy's functions; a digest of the bytes of each.
NUMBERS = """
import thb, hashlib
import numpy as np, torch
from torch.nn import functional as F

def told(name, *values):
    every = [v.detach().numpy() if isinstance(v, torch.Tensor) else np.asarray(v) for v in values]
    print(name, hashlib.sha256(b"".join(np.ascontiguousarray(v).tobytes() for v in every)).hexdigest()[:12])

torch.set_num_threads(1), torch.manual_seed(0), torch.use_deterministic_algorithms(True)
one, other = torch.randn(300, 192), torch.randn(192, 96)
told("products", one @ other, torch.bmm(torch.randn(8, 49, 32), torch.randn(8, 32, 49)))
for size, stride, groups, inner, outer in ((3, 1, 1, 16, 32), (1, 1, 1, 16, 32), (3, 1, 32, 32, 32), (4, 4, 1, 3, 16)):
    x = torch.randn(4, inner, 32, 32, requires_grad=True)
    w = torch.randn(outer, inner // groups, size, size, requires_grad=True)
    y = F.conv2d(x, w, padding=size // 2 if stride == 1 else 0, stride=stride, groups=groups)
    (y * y).sum().backward()
    told(f"convolution {size}/{stride}/{groups}", y, w.grad, x.grad)
for name, f in {"exp": torch.exp, "tanh": torch.tanh, "sigmoid": torch.sigmoid, "gelu": F.gelu, "silu": F.silu,
                "log": lambda v: v.abs().log(), "softmax": lambda v: v.view(50, 100).softmax(1),
                "norm": lambda v: F.layer_norm(v.view(50, 100), (100,)), "sum": torch.sum}.items():
    z = torch.randn(5000, requires_grad=True)
    y = f(z)
    (y * y).sum().backward()
    told(name, y, z.grad)
q = torch.randn(2, 4, 49, 16)
told("attention", F.scaled_dot_product_attention(q, q, q))
told("batch norm", torch.nn.BatchNorm2d(8)(torch.randn(4, 8, 9, 9)))
weights = torch.nn.Parameter(torch.randn(1000))
optimiser = torch.optim.AdamW([weights], fused=True)
for _ in range(5):
    optimiser.zero_grad()
    (weights.sin() ** 2).sum().backward()
    optimiser.step()
told("steps", weights)
n = np.random.default_rng(0).standard_normal(3000)
told("numpy", np.exp(n), np.log(abs(n)), np.sin(n), abs(n) ** 2.2, abs(n).astype("f4") ** np.float32(2.2), n.sum())
told("numpy's products", n.reshape(30, 100) @ n.reshape(100, 30), np.linalg.eigvalsh(n[:900].reshape(30, 30)))
"""
# As an AMD EPYC 9005 gave them and, emulated by QEMU 7.2, an Intel Haswell and an AMD EPYC 7003.
KNOWN = """
products b5476d522796
convolution 3/1/1 ca0ea1d2a201
convolution 1/1/1 f4bca0419b0c
convolution 3/1/32 60abd951ef9a
convolution 4/4/1 f6ee319a3b81
exp 4ff74c7235d0
tanh 0e7743fa49bb
sigmoid c69bfe74be2c
gelu 6e14cbf796a7
silu 59e809fe649f
log 2600a195cf04
softmax 4fc3ef59ab2c
norm fcff3f5b6cf5
sum a29bbdb4557b
attention f2e1718d1e67
batch norm 85c63eaed897
steps 0a6e4fc62b99
numpy 97c74c8f6c0a
numpy's products 947e2fb0019f
"""


def said(script, **environment):
    own = {name: value for name, value in os.environ.items() if name not in arithmetic.CHOICES}
    run = [sys.executable, "-c", script]
    return subprocess.run(run, env=own | environment, capture_output=True, text=True, check=True).stdout.strip()


@only_there
def test_libraries_run_the_code_that_was_chosen():
    lines = said(LIBRARIES, MKL_VERBOSE="1", ONEDNN_VERBOSE="1").splitlines()
    assert "AVX2 ('Haswell', 1) ('Haswell', 1) False False" in lines
    assert any("SGEMM" in line and "CNR:COMPATIBLE" in line for line in lines)
    assert any("isa:Intel AVX2" in line for line in lines)
    run = [line for line in lines if ",exec," in line]
    assert run
    assert not any("avx512" in line for line in run)


@only_there
def test_numbers_have_the_bits_that_they_have_on_other_processors():
    assert said(NUMBERS) == KNOWN.strip()


def test_choices_are_made_where_the_user_has_made_none_and_the_processor_can(tmp_path, monkeypatch):
    monkeypatch.setattr(arithmetic.platform, "machine", lambda: "x86_64")
    processors, own = tmp_path / "cpuinfo", {"MKL_CBWR": "AVX512"}
    processors.write_text("flags\t\t: fpu avx avx2 fma\n")
    arithmetic.settle(own, processors)
    assert own == {**arithmetic.CHOICES, "MKL_CBWR": "AVX512"}
    for odd, machine in (("flags\t\t: fpu avx fma\n", "x86_64"), ("flags\t\t: fpu avx2 fma\n", "aarch64")):
        processors.write_text(odd)
        monkeypatch.setattr(arithmetic.platform, "machine", lambda machine=machine: machine)
        own = {}
        arithmetic.settle(own, processors)
        assert own == {}
    arithmetic.settle(own, tmp_path / "none")
    assert own == {}


def test_every_stage_rests_on_these_choices():
    for door in code.DOORS.values():
        assert "core/arithmetic.py " in code.listing(door), door
