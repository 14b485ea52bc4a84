"""Writes models in ONNX format (onnx.proto3), with the features that the decoder needs.

A file is a Protocol Buffers message (https://protobuf.dev/programming-guides/encoding). Numeric literals are
the numbers of its fields.
"""

import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

NUMBER, CONTENT, FLOAT32 = 0, 2, 5
"""How a value is stored: as an integer of variable length, as its length and bytes, or in four bytes."""
TYPES = {"float32": 1, "uint8": 2, "int32": 6, "int64": 7}
IR_VERSION, OPSET, EXTENSION_OPSET = 10, 18, 1
EXTENSIONS = "com.microsoft"
EXTENDED = {"DynamicQuantizeMatMul", "FusedMatMul", "MatMulIntegerToFloat", "QuickGelu"}
"""Operators that onnxruntime adds to the standard."""

EXTERNAL = 1
"""The location of a tensor's values: not in the file."""

type Attribute = int | float | Sequence[int]


@dataclass(frozen=True)
class Model:
    """A file, and the weights that it refers to by their names.

    onnxruntime would keep a second copy of weights that are in the file.
    """

    content: bytes
    weights: Mapping[str, NDArray[np.generic]]


class ModelWriter:
    """Collects the operators of a graph. Tensors are identified by name."""

    def __init__(self) -> None:
        self._graph = bytearray()
        self._weights: dict[str, NDArray[np.generic]] = {}
        self._count = 0

    def add_input(self, name: str, kind: str, shape: Sequence[int | str]) -> str:
        """Declare an input. A variable dimension has a name instead of a size."""
        self._graph += _write_content(11, _write_tensor_type(name, kind, shape))
        return name

    def add_output(self, name: str, kind: str, shape: Sequence[int | str]) -> None:
        self._graph += _write_content(12, _write_tensor_type(name, kind, shape))

    def add_constant(self, name: str, values: NDArray[np.generic]) -> str:
        return self._add_tensor(name, values, _write_content(9, values.tobytes()))

    def add_weights(self, name: str, values: NDArray[np.generic]) -> str:
        """Add a constant whose values stay outside the file."""
        self._weights[name] = values
        entry = _write_content(1, b"location") + _write_content(2, b"memory")
        return self._add_tensor(name, values, _write_content(13, entry) + _write_number(14, EXTERNAL))

    def _add_tensor(self, name: str, values: NDArray[np.generic], content: bytes) -> str:
        sizes = b"".join(_write_number(1, size) for size in values.shape)
        kind = _write_number(2, TYPES[values.dtype.name])
        self._graph += _write_content(5, sizes + kind + _write_content(8, name.encode()) + content)
        return name

    def add(self, operator: str, *inputs: str, output_name: str = "", **attributes: Attribute) -> str:
        """Add an operator with one output and return the output's name."""
        [output] = self.add_many(operator, *inputs, output_names=(output_name,), **attributes)
        return output

    def add_many(
        self, operator: str, *inputs: str, output_names: Sequence[str], **attributes: Attribute
    ) -> tuple[str, ...]:
        """Add an operator with several outputs, and name those that have no name."""
        outputs = tuple(name or f"{self._count}.{index}" for index, name in enumerate(output_names))
        self._count += 1
        node = b"".join(_write_content(1, name.encode()) for name in inputs)
        node += b"".join(_write_content(2, name.encode()) for name in outputs)
        node += _write_content(4, operator.encode())
        node += b"".join(_write_content(5, _write_attribute(*attribute)) for attribute in attributes.items())
        node += _write_content(7, EXTENSIONS.encode() if operator in EXTENDED else b"")
        self._graph += _write_content(1, node)
        return outputs

    def finish(self) -> Model:
        opset = _write_content(8, _write_number(2, OPSET))
        extended = _write_content(
            8, _write_content(1, EXTENSIONS.encode()) + _write_number(2, EXTENSION_OPSET)
        )
        graph = _write_content(7, _write_content(2, b"graph") + bytes(self._graph))
        return Model(_write_number(1, IR_VERSION) + opset + extended + graph, self._weights)


def _write_attribute(name: str, value: Attribute) -> bytes:
    start = _write_content(1, name.encode())
    if isinstance(value, int):
        return start + _write_number(3, value) + _write_number(20, 2)
    if isinstance(value, float):
        return start + _write_key(2, FLOAT32) + struct.pack("<f", value) + _write_number(20, 1)
    return start + b"".join(_write_number(8, number) for number in value) + _write_number(20, 7)


def _write_tensor_type(name: str, kind: str, shape: Sequence[int | str]) -> bytes:
    sizes = (
        _write_number(1, size) if isinstance(size, int) else _write_content(2, size.encode())
        for size in shape
    )
    dimensions = b"".join(_write_content(1, size) for size in sizes)
    tensor = _write_number(1, TYPES[kind]) + _write_content(2, dimensions)
    return _write_content(1, name.encode()) + _write_content(2, _write_content(1, tensor))


def _write_key(field: int, storage: int) -> bytes:
    return _write_varint(field << 3 | storage)


def _write_number(field: int, value: int) -> bytes:
    return _write_key(field, NUMBER) + _write_varint(value)


def _write_content(field: int, content: bytes) -> bytes:
    return _write_key(field, CONTENT) + _write_varint(len(content)) + content


def _write_varint(value: int) -> bytes:
    """Write 7 bits per byte, the lowest ones first. Negative numbers are 64-bit two's complements."""
    remaining, encoded = value & (1 << 64) - 1, bytearray()
    while remaining > 127:
        encoded.append(remaining & 127 | 128)
        remaining >>= 7
    return bytes([*encoded, remaining])
