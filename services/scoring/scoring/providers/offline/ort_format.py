"""Turns inner tensors of a model in ORT format into outputs, without rebuilding the model.

An .ort file is a FlatBuffer (https://flatbuffers.dev/internals) with the tables of onnxruntime's ort.fbs. A
field of a table is found through its vtable and holds the distance, as uint32, to what it points at. A new
vector of output names is appended to the file, and the graph's field is pointed at it.
"""

import struct
from collections.abc import Sequence

SESSION_MODEL, MODEL_GRAPH, GRAPH_OUTPUTS = 1, 7, 6
"""The positions of the fields in the tables InferenceSession, Model and Graph."""


def add_outputs(model: bytes, names: Sequence[str]) -> bytes:
    """Return the model with the tensors `names` behind the outputs it has."""
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
