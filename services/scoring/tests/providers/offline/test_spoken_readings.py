"""Reads texts aloud with a synthetic voice, and checks which reading the aligner chooses."""

import shutil
import subprocess

import numpy as np
import pytest
from scoring.audio.decoder import decode_recording
from scoring.audio.recording import Recording
from scoring.domain.scores import AudioInfo
from scoring.providers.offline.aligner import align
from scoring.providers.offline.encoder import SAMPLE_RATE, Encoder, Floats
from scoring.providers.offline.engine import Engine
from scoring.providers.offline.phone_head import average_log_posteriors
from scoring.providers.offline.pronouncer import load_pronouncer
from scoring.providers.offline.text_reader import read_text
from scoring.providers.offline.weights import ScorerWeights, load_weights

ESPEAK = shutil.which("espeak-ng")
MAX_LOSS_NATS = 0.01
"""Allowed loss of a frame's score compared with the text spelt out."""

MAX_LOSS_POINTS = 5

pytestmark = pytest.mark.skipif(ESPEAK is None, reason="espeak-ng is not installed")


@pytest.fixture(scope="module")
def weights() -> ScorerWeights:
    return load_weights()


@pytest.fixture(scope="module")
def engine() -> Engine:
    return Engine.load()


def speak(text: str) -> memoryview:
    command = [str(ESPEAK), "--stdout", "-s", "140", "-v", "en-us"]
    spoken = subprocess.run(command, input=text.encode(), capture_output=True, check=True)  # noqa: S603 - fixed
    return decode_recording(memoryview(spoken.stdout)).pcm


def listen(encoder: Encoder, weights: ScorerWeights, pcm: memoryview) -> Floats:
    samples = np.frombuffer(pcm, np.int16).astype(np.float32) / 32768
    return average_log_posteriors(weights.heads, encoder.encode(samples).inner.astype(np.float32))


READINGS = [
    ("I was born in 2010.", "i was born in twenty ten"),
    ("I was born in 2010.", "i was born in two thousand and ten"),
    ("Call 911", "call nine one one"),
    ("Call 911", "call nine eleven"),
    ("Room 101", "room one oh one"),
    ("Room 101", "room one hundred and one"),
    ("$1,250", "one thousand two hundred fifty dollars"),
    ("$1,250", "twelve hundred fifty dollars"),
    ("$9.99", "nine dollars and ninety nine cents"),
    ("$9.99", "nine ninety nine"),
    ("$5 million", "five million dollars"),
    ("It is 7.30", "it is seven thirty"),
    ("It is 7.30", "it is seven point three zero"),
    ("6.00 p.m.", "six p m"),
    ("7:45", "quarter to eight"),
    ("7:45", "seven forty five"),
    ("Jan. 3rd", "january third"),
    ("21 May", "the twenty first of may"),
    ("21 May", "may twenty first"),
    ("#1, No. 1", "number one number one"),
    ("the US and IT", "the u s and i t"),
    ("10\u00a0000 hours", "ten thousand hours"),
    ("pages 5-10", "pages five through ten"),
    ("Note: bring (some) water", "note bring some water"),
    ("Anna: Hello. Bob: Hi!", "hello hi"),
    ("version 3.2.1", "version three dot two dot one"),
]


@pytest.mark.parametrize(("text", "reading"), READINGS)
def test_the_spoken_reading_is_chosen(
    encoder: Encoder, weights: ScorerWeights, text: str, reading: str
) -> None:
    posteriors = listen(encoder, weights, speak(reading))
    result = align(posteriors, read_text(text, load_pronouncer()), weights.log_priors)
    spelt_out = align(posteriors, read_text(reading, load_pronouncer()), weights.log_priors)
    assert result is not None
    assert spelt_out is not None
    assert " ".join(word.text for word in result.words) == reading
    assert result.score > spelt_out.score - MAX_LOSS_NATS


@pytest.mark.parametrize(("text", "reading"), READINGS)
def test_a_numeral_scores_like_its_spelt_out_form(engine: Engine, text: str, reading: str) -> None:
    pcm = speak(reading)
    recording = Recording(pcm, AudioInfo(len(pcm) // 32, SAMPLE_RATE, "wav"))
    scores = [engine.assess(recording, spelling).pronunciation_score for spelling in (text, reading)]
    assert scores[0] == pytest.approx(scores[1], abs=MAX_LOSS_POINTS)
