"""The graphs give the logits of the released decoder, which computes its shapes itself."""

import numpy as np
import onnxruntime
import pytest
from numpy.typing import NDArray
from scoring.audio.recording import Recording
from scoring.providers.offline.decoder import EMPTY_TEXT, Decoder
from scoring.providers.offline.encoder import SAMPLES_PER_FRAME, Encoder, Encoding, create_session
from scoring.providers.offline.model_files import ModelFiles
from scoring.providers.offline.tokenizer import START

type Floats = NDArray[np.float32]

TOKENS = [START, 450, 7945, 11308, 472, 9881, 297, 278, 7250]
NO_PAST = np.zeros((1, 8, 0, 36), np.float32)


@pytest.fixture(scope="module")
def released(model_files: ModelFiles) -> onnxruntime.InferenceSession:
    return create_session(model_files.decoder)


@pytest.fixture(scope="module")
def encoding(encoder: Encoder, recording: Recording) -> Encoding:
    return encoder.encode(np.frombuffer(recording.pcm, np.int16).astype(np.float32) / 32768)


def run_released(session: onnxruntime.InferenceSession, encoding: Encoding, tokens: list[int]) -> Floats:
    inputs = {
        "input_ids": np.array([tokens], np.int64),
        "encoder_hidden_states": encoding.last[None],
        "encoder_attention_mask": np.ones((1, len(encoding.last) * SAMPLES_PER_FRAME), np.int64),
        "use_cache_branch": np.array([False]),
    }
    past_states = {
        model_input.name: NO_PAST for model_input in session.get_inputs() if model_input.name not in inputs
    }
    [logits] = session.run(["logits"], inputs | past_states)
    return np.asarray(logits[0])


def test_a_text_has_the_same_logits(
    released: onnxruntime.InferenceSession, decoder: Decoder, encoding: Encoding
) -> None:
    logits, _ = decoder.read(decoder.encode_recording(encoding, 0), TOKENS, EMPTY_TEXT)
    np.testing.assert_allclose(logits, run_released(released, encoding, TOKENS), atol=0.02)


def test_tokens_continue_the_tokens_before(decoder: Decoder, encoding: Encoding) -> None:
    """Not exactly: quantised together, tokens are rounded together."""
    recording = decoder.encode_recording(encoding, 0)
    together, _ = decoder.read(recording, TOKENS, EMPTY_TEXT)
    _, text = decoder.read(recording, TOKENS[:4], EMPTY_TEXT)
    parts, _ = decoder.read(recording, TOKENS[4:], text)
    np.testing.assert_allclose(parts, together[4:], atol=3)


def test_tokens_decoded_separately_have_the_logits_of_single_runs(
    decoder: Decoder, encoding: Encoding
) -> None:
    """Except where rounding moves a number to the next of its 256 levels."""
    recording, text, single = decoder.encode_recording(encoding, 0), EMPTY_TEXT, list[Floats]()
    for token in TOKENS:
        logits, text = decoder.read(recording, [token], text)
        single.append(logits[0])
    together, apart = (
        np.abs(read(recording, TOKENS, EMPTY_TEXT)[0] - single).max(axis=1)
        for read in (decoder.read, decoder.read_separately)
    )
    assert np.median(apart) < 0.1 * np.median(together)
