"""Reads the weights of a model in ORT format, and turns inner tensors into outputs without rebuilding the
model.

An .ort file is a FlatBuffer (https://flatbuffers.dev/internals) with the tables of onnxruntime's ort.fbs. The
vtable of a table gives the positions of its fields. A field holds the distance, as uint32, to its value. A
new vector of output names is appended to the file, and the graph's field is changed to refer to it.
"""

import struct
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

SESSION_MODEL, MODEL_GRAPH, GRAPH_WEIGHTS, GRAPH_OUTPUTS = 1, 7, 0, 6
TENSOR_NAME, TENSOR_SIZES, TENSOR_TYPE, TENSOR_CONTENT = 0, 2, 3, 4
"""The positions of the fields in the tables InferenceSession, Model, Graph and Tensor."""
TYPES: dict[int, type[np.generic]] = {1: np.float32, 2: np.uint8, 7: np.int64}


def add_outputs(model: bytes, names: Sequence[str]) -> bytes:
    """Return the model with the tensors `names` as outputs after its existing ones."""
    graph = _follow(model, _find_field(model, _follow_field(model, 0, SESSION_MODEL), MODEL_GRAPH))
    field = _find_field(model, graph, GRAPH_OUTPUTS)
    patched = bytearray(model) + bytes(-len(model) % 4)
    vector = len(patched)
    outputs = [*_read_names(model, _follow(model, field)), *names]
    struct.pack_into("<I", patched, field, vector - field)
    patched += struct.pack(f"<I{len(outputs)}x", len(outputs)) + bytes(3 * len(outputs))
    for number, name in enumerate(outputs):
        slot = vector + 4 + 4 * number
        struct.pack_into("<I", patched, slot, len(patched) - slot)
        content = name.encode()
        patched += struct.pack("<I", len(content)) + content + bytes(4 - len(content) % 4)
    return bytes(patched) + bytes(-len(patched) % 8)


def read_weights(model: bytes) -> dict[str, NDArray[np.generic]]:
    """Return the constants of the main graph by name, as views of the model."""
    graph = _follow(model, _find_field(model, _follow_field(model, 0, SESSION_MODEL), MODEL_GRAPH))
    tensors = _follow(model, _find_field(model, graph, GRAPH_WEIGHTS))
    [count] = struct.unpack_from("<I", model, tensors)
    positions = [_follow(model, tensors + 4 + 4 * number) for number in range(count)]
    return dict(_read_tensor(model, position) for position in positions)


def _read_tensor(data: bytes, table: int) -> tuple[str, NDArray[np.generic]]:
    name, sizes, content = (
        _follow(data, _find_field(data, table, field))
        for field in (TENSOR_NAME, TENSOR_SIZES, TENSOR_CONTENT)
    )
    [kind] = struct.unpack_from("<i", data, _find_field(data, table, TENSOR_TYPE))
    shape = _read_array(data, sizes, np.dtype(np.int64))
    values = _read_array(data, content, np.dtype(np.uint8)).view(TYPES[kind])
    return data[name + 4 : _find_end(data, name)].decode(), values.reshape(shape)


def _read_array(data: bytes, vector: int, kind: np.dtype[np.generic]) -> NDArray[np.generic]:
    [count] = struct.unpack_from("<I", data, vector)
    return np.frombuffer(data, kind, count, vector + 4)


def _follow(data: bytes, position: int) -> int:
    return position + int(struct.unpack_from("<I", data, position)[0])


def _follow_field(data: bytes, root: int, number: int) -> int:
    return _follow(data, _find_field(data, _follow(data, root), number))


def _find_field(data: bytes, table: int, number: int) -> int:
    vtable = table - struct.unpack_from("<i", data, table)[0]
    return table + int(struct.unpack_from("<H", data, vtable + 4 + 2 * number)[0])


def _read_names(data: bytes, vector: int) -> list[str]:
    [count] = struct.unpack_from("<I", data, vector)
    starts = [_follow(data, vector + 4 + 4 * number) for number in range(count)]
    return [data[start + 4 : _find_end(data, start)].decode() for start in starts]


def _find_end(data: bytes, string: int) -> int:
    return string + 4 + int(struct.unpack_from("<I", data, string)[0])
