import numpy as np
import pytest
from scoring.audio.recording import Recording
from scoring.providers.offline.encoder import Encoder, Encoding
from scoring.providers.offline.evidence import EvidenceReader, to_written

TEXT = ["the", "train", "leaves", "at", "seven", "in", "the", "morning"]


@pytest.fixture(scope="module")
def encoding(encoder: Encoder, recording: Recording) -> Encoding:
    return encoder.encode(np.frombuffer(recording.pcm, np.int16).astype(np.float32) / 32768)


def test_tokens_join_to_the_text_again(reader: EvidenceReader) -> None:
    words = [*to_written(TEXT), "naïve", "I'm", "日"]
    tokens = [token for word in words for token in reader.tokenizer.encode_word(word)]
    assert reader.tokenizer.decode(tokens) == " ".join(words)


def test_speech_is_transcribed(reader: EvidenceReader, encoding: Encoding) -> None:
    tokens = reader.decoder.transcribe(encoding, 0, max_tokens=40)
    assert reader.tokenizer.decode(tokens) == "The train leaves at seven in the morning."


def test_the_transcript_has_a_limit(reader: EvidenceReader, encoding: Encoding) -> None:
    assert len(reader.decoder.transcribe(encoding, 0, max_tokens=3)) == 3


def test_an_unspoken_word_is_unlikely(reader: EvidenceReader, encoding: Encoding) -> None:
    wrong = [*TEXT[:4], "eleven", *TEXT[5:]]
    right_words, wrong_words = (
        reader.read(encoding, words, [0] * len(words)).words for words in (TEXT, wrong)
    )
    assert right_words[4, 0] > wrong_words[4, 0] + 2
    assert right_words[:4, 0] == pytest.approx(wrong_words[:4, 0], abs=0.05)


def test_sentences_begin_with_a_capital_and_end_with_a_stop() -> None:
    assert to_written(["so", "i", "think", "i'm", "right"]) == ["So", "I", "think", "I'm", "right."]
