"""Small ONNX networks, written byte by byte: what OpenCV is given where the published weights are not at hand."""

from __future__ import annotations

from pathlib import Path

import numpy as np

FLOAT, FLOATS, INT, INTS, TENSOR = 1, 6, 2, 7, 4  # ONNX's own numbers for kinds of attributes
STRIDES = (8, 16, 32)


def write_yunet(path: Path, stride: int = 32, width: float = 2.0) -> Path:
    """A stand-in for YuNet with its inputs and outputs: it sees a face, `width` cells wide, in each bright blue cell.

    Cells are `stride` pixels; the box is centred on the cell's corner, the points lie on a line to its right.
    """
    nodes, constants, outputs = [], [], []
    for s in STRIDES:
        blue = np.zeros((1, 3, s, s), np.float32)
        blue[0, 0] = 1 / 255 / s / s if s == stride else 0
        for kind, weight, bias in (
            ("cls", blue, [0.0]),
            ("obj", 0 * blue, [1.0]),
            ("bbox", np.zeros((4, 3, s, s)), [0, 0, np.log(width), np.log(width)]),
            ("kps", np.zeros((10, 3, s, s)), [0, 0, 0.2, 0, 0.4, 0, 0.6, 0, 0.8, 0]),
        ):
            nodes += _per_cell(f"{kind}_{s}", s)
            constants += [
                _tensor(f"{kind}_{s}_w", np.asarray(weight, np.float32)),
                _tensor(f"{kind}_{s}_b", np.array(bias, np.float32)),
            ]
            outputs.append(_value(f"{kind}_{s}", [1, "cells", len(bias)]))
    constants += [_tensor(f"rows_{n}", np.array([1, -1, n], np.int64)) for n in (1, 4, 10)]
    return _write(path, nodes, constants, [_value("input", [1, 3, "height", "width"])], outputs)


def write_means(path: Path, side: int = 112) -> Path:
    """A stand-in for an embedding: the mean of each of 4 x 4 patches of each channel, 48 numbers."""
    cell = side // 4
    weight = np.zeros((3, 3, cell, cell), np.float32)
    weight[range(3), range(3)] = 1 / cell / cell
    nodes = [
        _node("Conv", ["data", "w"], "patches", kernel_shape=[cell, cell], strides=[cell, cell]),
        _node("Flatten", ["patches"], "embedding", axis=1),
    ]
    return _write(
        path, nodes, [_tensor("w", weight)], [_value("data", [1, 3, side, side])], [_value("embedding", [1, 48])]
    )


def _per_cell(name: str, stride: int) -> list[bytes]:
    """[1, c, rows, columns] of a convolution, as [1, cells, c]."""
    channels = {"cls": 1, "obj": 1, "bbox": 4, "kps": 10}[name.split("_")[0]]
    cells = {"kernel_shape": [stride] * 2, "strides": [stride] * 2}
    return [
        _node("Conv", ["input", f"{name}_w", f"{name}_b"], f"{name}_c", **cells),
        _node("Transpose", [f"{name}_c"], f"{name}_t", perm=[0, 2, 3, 1]),
        _node("Reshape", [f"{name}_t", f"rows_{channels}"], name),
    ]


# ---- protocol buffers, as far as they are needed ----------------------------------------------------


def _write(path: Path, nodes: list[bytes], constants: list[bytes], inputs: list[bytes], outputs: list[bytes]) -> Path:
    graph = (
        b"".join(_field(1, n) for n in nodes)
        + _field(2, b"made")
        + b"".join(_field(5, c) for c in constants)
        + b"".join(_field(11, i) for i in inputs)
        + b"".join(_field(12, o) for o in outputs)
    )
    path.write_bytes(_number(1, 8) + _field(7, graph) + _field(8, _number(2, 13)))
    return path


def _node(kind: str, inputs: list[str], output: str, **attributes: int | list[int]) -> bytes:
    listed = b"".join(_field(1, i.encode()) for i in inputs)
    return (
        listed
        + _field(2, output.encode())
        + _field(3, output.encode())
        + _field(4, kind.encode())
        + b"".join(_field(5, _attribute(name, value)) for name, value in attributes.items())
    )


def _attribute(name: str, value: int | list[int]) -> bytes:
    if isinstance(value, int):
        return _field(1, name.encode()) + _number(3, value) + _number(20, INT)
    return _field(1, name.encode()) + b"".join(_number(8, v) for v in value) + _number(20, INTS)


def _tensor(name: str, values: np.ndarray) -> bytes:
    kind = {"float32": 1, "int64": 7}[values.dtype.name]
    return (
        b"".join(_number(1, d) for d in values.shape)
        + _number(2, kind)
        + _field(8, name.encode())
        + _field(9, values.tobytes())
    )


def _value(name: str, shape: list[int | str]) -> bytes:
    sides = [_number(1, s) if isinstance(s, int) else _field(2, s.encode()) for s in shape]
    tensor = _number(1, 1) + _field(2, b"".join(_field(1, s) for s in sides))
    return _field(1, name.encode()) + _field(2, _field(1, tensor))


def _field(number: int, content: bytes) -> bytes:
    return _varint(number << 3 | 2) + _varint(len(content)) + content


def _number(number: int, value: int) -> bytes:
    return _varint(number << 3) + _varint(value % (1 << 64))


def _varint(value: int) -> bytes:
    out = bytearray()
    while True:
        value, low = value >> 7, value & 127
        out.append(low | (128 if value else 0))
        if not value:
            return bytes(out)
