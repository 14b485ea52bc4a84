"""Turns a recording into frames of Moonshine's encoder. A frame has 24 ms (384 samples), and 288 numbers per
layer.
"""

from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import numpy as np
import onnxruntime
from numpy.typing import NDArray
from onnxruntime import OrtValue

from scoring.providers.offline.onnx_format import Model
from scoring.providers.offline.ort_format import add_outputs

type Floats = NDArray[np.floating[Any]]

SAMPLE_RATE = 16_000
SAMPLES_PER_FRAME = 384
SECONDS_PER_FRAME = SAMPLES_PER_FRAME / SAMPLE_RATE
OVERLAP_SAMPLES = 960
"""A part is encoded with this much of the next one, because the convolutions have a receptive field of 951
samples.
"""

INNER_LAYERS = tuple(f"/layers.{number}/Add_1_output_0" for number in (0, 2, 4))
"""The outputs of layers 1, 3 and 5 of 6. They distinguish phonemes better than the last layer."""

MIN_SAMPLES = 1_600
MAX_PART_SAMPLES = 20 * SAMPLE_RATE
"""The cost of attention grows with the square of the length, so longer recordings are cut at pauses."""
CUT_FROM, CUT_WITHIN = 6 * SAMPLE_RATE, 5 * SAMPLE_RATE
CUT_PAUSE_FRAMES = 5

LEVEL_WINDOW = 400
TARGET_LEVEL, MAX_GAIN = 0.1, 100.0


@dataclass(frozen=True)
class Encoding:
    """`inner` (frames, 864) are three layers side by side, and `last` (frames, 288) is the final one.

    `cuts` are the first frames of the parts, followed by the number of frames. `decoder_states` do not depend
    on the text: the decoder derives them from each part when they are first needed.
    """

    inner: Floats
    last: Floats
    cuts: tuple[int, ...]
    decoder_states: dict[int, dict[str, NDArray[np.float32]]] = field(default_factory=dict)


class Encoder:
    def __init__(self, model: bytes) -> None:
        self._session = create_session(add_outputs(model, INNER_LAYERS))

    def encode(self, samples: Floats) -> Encoding:
        """Encode mono samples of -1 to 1 at 16 kHz."""
        leveled = normalize_level(samples)
        leveled = np.pad(leveled, (0, max(0, MIN_SAMPLES - len(leveled))))
        bounds = [*find_cuts(leveled), len(leveled)]
        parts = [self._encode_part(leveled, start, end) for start, end in pairwise(bounds)]
        cuts = np.cumsum([0] + [len(last) for _, last in parts])
        inner, last = (np.concatenate(layers) for layers in zip(*parts, strict=True))
        return Encoding(inner, last, tuple(map(int, cuts)))

    def _encode_part(self, samples: Floats, start: int, end: int) -> tuple[Floats, Floats]:
        part = samples[start : end + OVERLAP_SAMPLES][None]
        feed = {"input_values": part, "attention_mask": np.ones(part.shape, np.int64)}
        last, *inner = (output[0] for output in self._session.run(None, feed))
        frames = len(last) if end == len(samples) else (end - start) // SAMPLES_PER_FRAME
        return np.concatenate(inner, axis=1)[:frames], last[:frames]


def create_session(model: bytes) -> onnxruntime.InferenceSession:
    """Load a model in ORT format for one thread."""
    options = _create_options()
    options.add_session_config_entry("session.load_model_format", "ORT")
    return onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])


def create_plain_session(model: Model) -> onnxruntime.InferenceSession:
    """Load a model in ONNX format for one thread, without fusing operators, which may round differently."""
    options = _create_options()
    # Copies, because values read from a file may be unaligned. The session makes its own.
    weights = [np.array(values) for values in model.weights.values()]
    options.add_external_initializers(list(model.weights), [*map(OrtValue.ortvalue_from_numpy, weights)])
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    return onnxruntime.InferenceSession(model.content, options, providers=["CPUExecutionProvider"])


def _create_options() -> onnxruntime.SessionOptions:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    # An arena would never release the memory that the longest recording needed.
    options.enable_cpu_mem_arena = False
    return options


def normalize_level(samples: Floats) -> Floats:
    """Scale samples so that the 95th percentile of the windows' root mean squares is TARGET_LEVEL."""
    centered = samples - samples.mean() if len(samples) else samples
    windows = centered[: len(centered) // LEVEL_WINDOW * LEVEL_WINDOW].reshape(-1, LEVEL_WINDOW)
    if not len(windows):
        return centered
    level = np.percentile(np.sqrt((windows**2).mean(axis=1)), 95)
    gain = min(MAX_GAIN, TARGET_LEVEL / max(float(level), 1e-9))
    return (centered * gain).astype(np.float32)


def find_cuts(samples: Floats) -> list[int]:
    """Return the starts of the parts, each at the quietest point 6 to 11 s after the previous one."""
    starts = [0]
    while len(samples) - starts[-1] > MAX_PART_SAMPLES:
        search_start = starts[-1] + CUT_FROM
        frames = samples[search_start : search_start + CUT_WITHIN]
        frames = frames[: len(frames) // SAMPLES_PER_FRAME * SAMPLES_PER_FRAME].reshape(-1, SAMPLES_PER_FRAME)
        energy = np.convolve((frames**2).mean(axis=1), np.ones(CUT_PAUSE_FRAMES), "valid")
        quietest = int(energy.argmin()) + CUT_PAUSE_FRAMES // 2
        starts.append((search_start // SAMPLES_PER_FRAME + quietest) * SAMPLES_PER_FRAME)
    return starts
