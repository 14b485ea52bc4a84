import numpy as np
import pytest
from scoring.audio.recording import Recording
from scoring.providers.offline.decoder import State
from scoring.providers.offline.draft import Draft
from scoring.providers.offline.encoder import Encoder, Encoding, Floats
from scoring.providers.offline.evidence import EvidenceReader, format_sentence

SAID = "The train leaves at seven in the morning."
TEXT = ["the", "train", "leaves", "at", "seven", "in", "the", "morning"]


@pytest.fixture(scope="module")
def encoding(encoder: Encoder, recording: Recording) -> Encoding:
    return encoder.encode(np.frombuffer(recording.pcm, np.int16).astype(np.float32) / 32768)


def test_tokens_join_to_the_text_again(reader: EvidenceReader) -> None:
    words = [*format_sentence(TEXT), "naïve", "I'm", "日"]
    tokens = [token for word in words for token in reader.tokenizer.encode_word(word)]
    assert reader.tokenizer.decode(tokens) == " ".join(words)


def test_speech_is_transcribed(reader: EvidenceReader, encoding: Encoding) -> None:
    tokens = reader.decoder.transcribe(encoding, 0, Draft("", reader.tokenizer), max_tokens=40)
    assert reader.tokenizer.decode(tokens) == SAID


def test_the_transcript_has_a_limit(reader: EvidenceReader, encoding: Encoding) -> None:
    for text in ("", SAID):
        draft = Draft(text, reader.tokenizer)
        assert len(reader.decoder.transcribe(encoding, 0, draft, max_tokens=3)) == 3


@pytest.mark.parametrize(
    ("text", "runs"),
    [
        (SAID, 1),
        ("The plane leaves at seven in the morning.", 3),
        ("The slow train leaves at seven, early in the morning.", 3),
        ("leaves at seven in the morning", 5),
        ("Could you tell me where the museum is?", 10),
    ],
)
def test_a_draft_saves_runs_and_does_not_change_the_transcript(
    text: str, runs: int, reader: EvidenceReader, encoding: Encoding, monkeypatch: pytest.MonkeyPatch
) -> None:
    read, counted = reader.decoder.read_separately, list[int]()

    def count(recording: State, tokens: list[int], before: State) -> tuple[Floats, State]:
        counted.append(len(tokens))
        return read(recording, tokens, before)

    monkeypatch.setattr(reader.decoder, "read_separately", count)
    tokens = reader.decoder.transcribe(encoding, 0, Draft(text, reader.tokenizer), max_tokens=40)
    assert reader.tokenizer.decode(tokens) == SAID
    assert len(counted) == runs


def test_an_unspoken_word_is_unlikely(reader: EvidenceReader, encoding: Encoding) -> None:
    wrong = [*TEXT[:4], "eleven", *TEXT[5:]]
    right_words, wrong_words = (
        reader.read(encoding, words, [0] * len(words)).words for words in (TEXT, wrong)
    )
    assert right_words[4, 0] > wrong_words[4, 0] + 2
    assert right_words[:4, 0] == pytest.approx(wrong_words[:4, 0], abs=0.05)


def test_sentences_begin_with_a_capital_and_end_with_a_stop() -> None:
    assert format_sentence(["so", "i", "think", "i'm", "right"]) == ["So", "I", "think", "I'm", "right."]
