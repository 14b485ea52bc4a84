"""Moonshine's decoder and its weights as graphs for onnxruntime: one of the recording, and two of the text.

The released graph computes the shapes of all tensors again in every step, in 600 of its 900 operators. Here
they are fixed. `GraphBuilder` keeps the other operators, so that the outputs are the same.
"""

from typing import NamedTuple

import numpy as np

from scoring.providers.offline.graph_builder import (
    HEAD_WIDTH,
    HEADS,
    GraphBuilder,
    RowGraphBuilder,
    Weights,
)
from scoring.providers.offline.onnx_format import Model

WIDTH = HEADS * HEAD_WIDTH
ROTARY_DIMENSIONS = 32
"""The position rotates pairs of the first numbers of a head (Su 2021, arXiv 2104.09864)."""
VOCABULARY = 32_768


class Layer(NamedTuple):
    """The parts of the names of a layer's matrices that differ: see `GraphBuilder.use_matrix`."""

    queries: str
    keys: str
    values: str
    joined: str
    recording_queries: str
    recording_keys: str
    recording_values: str
    recording_joined: str
    wide: str
    narrow: str


LAYERS = (
    Layer("3083_0", "3202_0", "3093_0", "3273_0", "3274_0", "3277_0", "3284_0", "3188_0", "3313_0", "3190_0"),
    Layer("3191_0", "3194_0", "3325_0", "3381_0", "3258_0", "3385_0", "3392_0", "3420_0", "3421_0", "3422_0"),
    Layer("3291_0", "3294_0", "3433_0", "3357_0", "3490_0", "3493_0", "3500_0", "3388_0", "3529_0", "3390_0"),
    Layer("3391_0", "3394_0", "3401_0", "3457_0", "3458_0", "3601_0", "3608_0", "3488_0", "3637_0", "3490_1"),
    Layer("3639_0", "3494_0", "3501_0", "3557_0", "3558_0", "3709_0", "3716_0", "3744_0", "3745_0", "3746_0"),
    Layer("3747_0", "3750_0", "3757_0", "3813_0", "3814_0", "3817_0", "3824_0", "3852_0", "3689_0", "3854_0"),
)
OUTPUT_MATRIX = "3691_0"
RECORDING_STATES = tuple(f"{kind}.{layer}" for layer in range(len(LAYERS)) for kind in ("keys", "values"))
"""Keys and values of the recording, by layer: (1, 8, frames, 36)."""
TEXT_STATES = tuple(f"past_{name}" for name in RECORDING_STATES)
"""Keys and values of the tokens before: (1, 8, before, 36)."""
NEXT_STATES = tuple(f"next_{name}" for name in TEXT_STATES)
"""The same with the tokens' own."""


def build_recording_graph(weights: Weights) -> Model:
    """Build the graph from `encoded` (1, frames, 288) to RECORDING_STATES."""
    build = GraphBuilder(weights)
    build.add_constant("heads", [0, -1, HEADS, HEAD_WIDTH])
    quantized = build.quantize(build.writer.add_input("encoded", "float32", (1, "frames", WIDTH)))
    matrices = [
        matrix_name for layer in LAYERS for matrix_name in (layer.recording_keys, layer.recording_values)
    ]
    for name, matrix in zip(RECORDING_STATES, matrices, strict=True):
        build.split_heads(build.project(quantized, matrix), output_name=name)
        build.writer.add_output(name, "float32", (1, HEADS, "frames", HEAD_WIDTH))
    return build.writer.finish()


def build_text_graph(weights: Weights) -> Model:
    """Build the graph of the text. Its outputs are `logits` (1, n, 32768) and NEXT_STATES.

    Its inputs are `tokens` (1, n), `positions` (n, 1), `mask` (n, before + n), which is added to the
    attention's scores, TEXT_STATES and RECORDING_STATES.
    """
    return _build_text_graph(GraphBuilder(weights))


def build_row_graph(weights: Weights) -> Model:
    """Build the graph of the text that gives each token the logits that it has when read alone."""
    return _build_text_graph(RowGraphBuilder(weights))


def _build_text_graph(build: GraphBuilder) -> Model:
    add_input = build.writer.add_input
    build.add_constant("heads", [0, -1, HEADS, HEAD_WIDTH])
    build.add_constant("joined", [0, 0, WIDTH])
    hidden = build.embed(add_input("tokens", "int64", (1, "n")))
    angles = _add_angles(build, add_input("positions", "float32", ("n", 1)))
    add_input("mask", "float32", ("n", "all"))
    for number, layer in enumerate(LAYERS):
        hidden = _add_layer(build, hidden, number, layer, angles)
    build.apply_linear(build.normalize(hidden, "norm"), OUTPUT_MATRIX, output_name="logits")
    build.writer.add_output("logits", "float32", (1, "n", VOCABULARY))
    return build.writer.finish()


def _add_angles(build: GraphBuilder, positions: str) -> tuple[str, str]:
    """Return cosines and sines (n, 36) of the rotation. Numbers that are not rotated have 1 and 0."""
    one = np.float32(1)
    steps = one / np.float32(10_000) ** (
        np.arange(0, ROTARY_DIMENSIONS, 2, dtype=np.float32) / np.float32(ROTARY_DIMENSIONS)
    )
    frequencies = np.pad(np.repeat(steps, 2), (0, HEAD_WIDTH - ROTARY_DIMENSIONS))[None]
    angles = build.add("Mul", positions, build.add_constant("frequencies", frequencies))
    build.add_constant("swapped", np.arange(HEAD_WIDTH) ^ 1)
    signs = np.tile(np.array([-1, 1], np.float32), HEAD_WIDTH // 2)
    sines = build.add("Mul", build.add("Sin", angles), build.add_constant("signs", signs))
    return build.add("Cos", angles), sines


def _rotate(build: GraphBuilder, values: str, angles: tuple[str, str]) -> str:
    cosines, sines = angles
    swapped = build.add("Gather", values, "swapped", axis=3)
    return build.add("Add", build.add("Mul", values, cosines), build.add("Mul", swapped, sines))


def _add_layer(build: GraphBuilder, hidden: str, number: int, layer: Layer, angles: tuple[str, str]) -> str:
    name = f"layers.{number}"
    quantized = build.quantize(build.normalize(hidden, f"{name}.input_layernorm"))
    queries, keys, values = (
        build.split_heads(build.project(quantized, matrix))
        for matrix in (layer.queries, layer.keys, layer.values)
    )
    keys = _extend(build, f"past_keys.{number}", _rotate(build, keys, angles))
    values = _extend(build, f"past_values.{number}", values)
    attention_output = build.attend(_rotate(build, queries, angles), keys, values, "mask")
    hidden = build.add("Add", hidden, build.apply_linear(attention_output, layer.joined))
    normalized = build.normalize(hidden, f"{name}.post_attention_layernorm")
    queries = build.split_heads(build.apply_linear(normalized, layer.recording_queries))
    states = [f"{kind}.{number}" for kind in ("keys", "values")]
    for state in states:
        build.writer.add_input(state, "float32", (1, HEADS, "frames", HEAD_WIDTH))
    hidden = build.add(
        "Add", hidden, build.apply_linear(build.attend(queries, *states), layer.recording_joined)
    )
    return _add_perceptron(build, hidden, number, layer)


def _extend(build: GraphBuilder, state: str, current: str) -> str:
    """Append the tokens' own keys or values to those of the tokens before."""
    build.writer.add_input(state, "float32", (1, HEADS, "before", HEAD_WIDTH))
    build.writer.add_output(f"next_{state}", "float32", (1, HEADS, "all", HEAD_WIDTH))
    return build.add("Concat", state, current, axis=2, output_name=f"next_{state}")


def _add_perceptron(build: GraphBuilder, hidden: str, number: int, layer: Layer) -> str:
    name = f"layers.{number}"
    biases = [f"model.decoder.{name}.mlp.{part}.bias_merged_0" for part in ("fc1", "fc2")]
    wide = build.apply_linear(build.normalize(hidden, f"{name}.final_layernorm"), layer.wide, biases[0])
    content, gate = build.writer.add_many("Split", wide, output_names=("", ""), axis=-1, num_outputs=2)
    gated = build.add("Mul", build.add("QuickGelu", gate, alpha=1.0), content)
    return build.add("Add", hidden, build.apply_linear(gated, layer.narrow, biases[1]))
