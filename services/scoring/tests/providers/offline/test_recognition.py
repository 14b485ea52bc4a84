import numpy as np
import pytest
from scoring.providers.offline.encoder import Encoder, Encoding
from scoring.providers.offline.evidence import EvidenceReader
from scoring.providers.offline.recognition import Recognizer, drop_repetitions
from tests.spoken_frames import make_frames

SAID = "The train leaves at seven in the morning."


@pytest.fixture(scope="session")
def recognizer(reader: EvidenceReader) -> Recognizer:
    return Recognizer(reader.decoder, reader.tokenizer)


def make_speech(encoding: Encoding) -> np.ndarray:
    """Return frames that are all clearly speech."""
    return make_frames("K", frames_per_phoneme=len(encoding.last))


def make_silence(encoding: Encoding) -> np.ndarray:
    return make_frames("SIL", frames_per_phoneme=len(encoding.last))


def test_speech_is_recognised_as_words(recognizer: Recognizer, encoder: Encoder, voice: np.ndarray) -> None:
    encoding = encoder.encode(voice)
    assert recognizer.recognize(encoding, make_speech(encoding), SAID) == tuple(
        ["the", "train", "leaves", "at", "seven", "in", "the", "morning"]
    )


def test_silence_has_no_words(recognizer: Recognizer, encoder: Encoder) -> None:
    encoding = encoder.encode(np.zeros(48_000, np.float32))
    assert recognizer.recognize(encoding, make_silence(encoding), SAID) == ()


def test_a_part_without_speech_has_no_words(
    recognizer: Recognizer, encoder: Encoder, voice: np.ndarray
) -> None:
    encoding = encoder.encode(np.concatenate([voice, np.zeros(30 * 16_000, np.float32)]))
    posteriors = make_silence(encoding)
    posteriors[: encoding.cuts[1]] = make_frames("K", frames_per_phoneme=encoding.cuts[1])
    assert len(encoding.cuts) > 2
    assert recognizer.recognize(encoding, posteriors, SAID)[:3] == ("the", "train", "leaves")
    assert len(recognizer.recognize(encoding, posteriors, SAID)) < 12


@pytest.mark.parametrize(
    ("transcript", "expected"),
    [
        ("no no no", "no no no"),
        ("no no no no no", "no"),
        ("well thank you thank you thank you thank you bye", "well thank you bye"),
        ("a b c d a b c d a b c d a b c d a b", "a b c d a b"),
        ("a b c d e " * 6, "a b c d e " * 6),
        ("", ""),
    ],
)
def test_endless_repetitions_of_the_decoder_are_dropped(transcript: str, expected: str) -> None:
    assert drop_repetitions(transcript.split()) == expected.split()
