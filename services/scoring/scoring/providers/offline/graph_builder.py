"""The parts of Moonshine's decoder as operators of onnxruntime.

Numbers are quantised to 8 bits, in a range from the lowest to the highest, before a matrix multiplies them.
"""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from scoring.providers.offline.onnx_format import ModelWriter

type Weights = Mapping[str, NDArray[np.generic]]

HEADS, HEAD_WIDTH = 8, 36
EPSILON = 1e-5
MAX_LEVEL = 255
TINY = 1e-30


class GraphBuilder:
    """Quantises all tokens of a run together, as the released graph does."""

    def __init__(self, weights: Weights) -> None:
        self.writer = ModelWriter()
        self.add = self.writer.add
        self._weights = weights
        self._used = set[str]()

    def use(self, name: str) -> str:
        if name not in self._used:
            self.writer.add_weights(name, self._weights[name])
        self._used.add(name)
        return name

    def add_constant(self, name: str, values: Sequence[float] | NDArray[np.generic]) -> str:
        return self.writer.add_constant(name, np.asarray(values))

    def quantize(self, values: str) -> tuple[str, ...]:
        return self.writer.add_many("DynamicQuantizeLinear", values, output_names=("", "", ""))

    def project(self, quantized: tuple[str, ...], matrix: str) -> str:
        weights, scale, zero = self.use_matrix(matrix)
        return self.add(
            "MatMulIntegerToFloat", quantized[0], weights, quantized[1], scale, quantized[2], zero
        )

    def apply_linear(self, values: str, matrix: str, bias: str = "", output_name: str = "") -> str:
        quantized = self.use_matrix(matrix)
        return self.add(
            "DynamicQuantizeMatMul", values, *quantized, bias and self.use(bias), output_name=output_name
        )

    def embed(self, tokens: str) -> str:
        weights, scale, zero = self.use_quantized("model.decoder.embed_tokens.weight_merged_0")
        return self.add("DequantizeLinear", self.add("Gather", weights, tokens, axis=0), scale, zero, axis=1)

    def normalize(self, values: str, name: str) -> str:
        scale = self.use(f"model.decoder.{name}.weight_merged_0")
        return self.add("LayerNormalization", values, scale, epsilon=EPSILON, axis=-1)

    def split_heads(self, values: str, output_name: str = "") -> str:
        return self.add(
            "Transpose", self.add("Reshape", values, "heads"), perm=(0, 2, 1, 3), output_name=output_name
        )

    def attend(self, queries: str, keys: str, values: str, mask: str = "") -> str:
        scores = self.add("FusedMatMul", queries, keys, transB=1, alpha=1 / HEAD_WIDTH**0.5)
        shares = self.add("Softmax", self.add("Add", scores, mask) if mask else scores, axis=-1)
        merged_heads = self.add("Transpose", self.add("MatMul", shares, values), perm=(0, 2, 1, 3))
        return self.add("Reshape", merged_heads, "joined")

    def use_matrix(self, matrix: str) -> tuple[str, ...]:
        number, copy = matrix.split("_")
        return self.use_quantized(f"onnx::MatMul_{number}_merged_{copy}")

    def use_quantized(self, name: str) -> tuple[str, ...]:
        return tuple(self.use(f"{name}_{part}") for part in ("quantized", "scale", "zero_point"))


class RowGraphBuilder(GraphBuilder):
    """Quantises each token alone, so that its logits do not depend on the tokens that are read with it.

    onnxruntime has no operator for that: where `GraphBuilder` adds one, this adds several.
    """

    def __init__(self, weights: Weights) -> None:
        super().__init__(weights)
        for name, value in (("nothing", 0), ("tiny", TINY), ("max_level", MAX_LEVEL), ("one", 1)):
            self.add_constant(name, np.array(value, np.float32))
        self.add_constant("integer", np.array(0, np.int32))
        self.add_constant("column", [-1, 1])
        self.add_constant("other_axes", [0, 2])

    def quantize(self, values: str) -> tuple[str, ...]:
        """Return the quantised tokens, their scales (n,), and their zero points (n, 1) as 32-bit integers."""
        low = self.add("Min", self.add("ReduceMin", values, "other_axes", keepdims=0), "nothing")
        high = self.add("Max", self.add("ReduceMax", values, "other_axes", keepdims=0), "tiny")
        scales = self.add("Div", self.add("Sub", high, low), "max_level")
        zeros = self.add("QuantizeLinear", self.add("Div", self.add("Neg", low), scales), "one")
        quantized = self.add("QuantizeLinear", values, scales, zeros, axis=1)
        return quantized, scales, self.add("CastLike", self.add("Reshape", zeros, "column"), "integer")

    def project(self, quantized: tuple[str, ...], matrix: str, output_name: str = "") -> str:
        values, scales, zeros = quantized
        weights, scale, zero = self.use_matrix(matrix)
        product = self.add("MatMulInteger", values, weights, "", zero)
        # The operator takes a zero point only if it is that of all tokens, so its part is subtracted here.
        excess = self.add("Mul", zeros, self._add_sums(weights, zero))
        difference = self.add("Sub", product, excess)
        return self.add(
            "DequantizeLinear", difference, self.add("Mul", scales, scale), axis=1, output_name=output_name
        )

    def apply_linear(self, values: str, matrix: str, bias: str = "", output_name: str = "") -> str:
        if not bias:
            return self.project(self.quantize(values), matrix, output_name)
        return self.add(
            "Add", self.project(self.quantize(values), matrix), self.use(bias), output_name=output_name
        )

    def _add_sums(self, weights: str, zero: str) -> str:
        """Add the sums of a matrix's columns."""
        matrix, lowest = (self._weights[name].astype(np.int32) for name in (weights, zero))
        sums = (matrix - lowest).sum(axis=0, dtype=np.int32)
        return self.add_constant(f"{weights}.sums", sums)
