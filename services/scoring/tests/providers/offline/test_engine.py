from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from scoring.audio.decoder import decode_recording
from scoring.audio.recording import Recording
from scoring.domain.scores import AudioInfo, ScoringResult, WordScore
from scoring.errors import AudioTooLong, NotAssessable, UnpronounceableText, UnsupportedAudio
from scoring.providers.offline.engine import Engine
from scoring.text.words import to_spoken_words
from shared.errors import ParleyError
from tests.situations import make_wav

type Samples = NDArray[np.float32]
type Assess = Callable[[bytes, str], ScoringResult]

TEXT = "The train leaves at seven in the morning."
OTHER = "Could you tell me where the museum is?"
RATE = 16_000
TIME = np.arange(3 * RATE) / RATE
RANDOM = np.random.default_rng(2)
MAX_LOW_SCORE = 15
AUDIO = Path(__file__).parents[2] / "recordings"
LANGUAGES = ("french", "german", "hindi", "mandarin", "russian", "spanish")
"""Synthetic voices of eSpeak NG, saying that the train leaves at seven and that a ticket is lost."""


@pytest.fixture
def assess(engine: Engine) -> Assess:
    return lambda audio, text: engine.assess(decode_recording(memoryview(audio)), text)


def get_scores(assessment: ScoringResult) -> dict[str, float | None]:
    return {word.word: word.score for word in assessment.words}


def get_overall(assessment: ScoringResult) -> float:
    assert assessment.pronunciation_score is not None
    return assessment.pronunciation_score


def judge(engine: Engine, samples: Samples, text: str) -> float | str:
    """Score unchecked samples, and return their points or the reason for a refusal."""
    pcm = (np.clip(samples, -1, 1) * 32767).astype("<i2")
    source = AudioInfo(len(pcm) * 1000 // RATE, RATE, "wav")
    try:
        return get_overall(engine.assess(Recording(memoryview(pcm).cast("B"), source), text))
    except NotAssessable as error:
        return str(error.extra["reason"])


def is_low(judgement: float | str) -> bool:
    return isinstance(judgement, str) or judgement <= MAX_LOW_SCORE


def test_the_right_text_scores_high(assess: Assess, reading: bytes) -> None:
    right = assess(reading, TEXT)
    assert get_overall(right) > 85
    assert (right.recognized_text, right.completeness_score) == (" ".join(to_spoken_words(TEXT)), 100)
    assert {word.error_type for word in right.words} == {"none"}


@pytest.mark.parametrize("text", [OTHER, "Yes.", "We had dinner with my cousins at the new restaurant."])
def test_another_text_scores_low_or_is_refused(text: str, engine: Engine, voice: Samples) -> None:
    judgement = judge(engine, voice, text)
    assert judgement == "other_text" or is_low(judgement)


def test_the_wrong_word_is_the_weakest(assess: Assess, wrong_word: bytes) -> None:
    assessment = assess(wrong_word, TEXT)
    weakest = min(assessment.words, key=lambda word: 101 if word.score is None else word.score)
    assert (weakest.word, weakest.error_type) == ("train", "mispronunciation")
    assert "train" not in assessment.recognized_text.split()
    others = [word.score for word in assessment.words if word is not weakest]
    assert all(score is not None and score > 80 for score in others)
    assert assessment.completeness_score is not None
    assert assessment.completeness_score < 100


def test_words_and_phonemes_lie_in_order_inside_the_recording(assess: Assess, reading: bytes) -> None:
    assessment = assess(reading, TEXT)
    end = 0
    for word in assessment.words:
        assert word.offset_ms is not None
        assert word.duration_ms is not None
        assert word.offset_ms >= end
        assert word.phonemes[0].offset_ms == word.offset_ms
        assert sum(phoneme.duration_ms for phoneme in word.phonemes) == word.duration_ms
        end = word.offset_ms + word.duration_ms
    assert end <= assessment.audio.duration_ms
    assert [phoneme.symbol for phoneme in assessment.words[1].phonemes] == ["T", "R", "EY", "N"]


def test_an_unspoken_word_is_an_omission_without_a_score(assess: Assess, reading: bytes) -> None:
    assessment = assess(reading, "The train always leaves at seven in the morning.")
    assert assessment.words[2] == WordScore("always", None, "omission")
    assert assessment.completeness_score == pytest.approx(100 * 8 / 9, abs=0.1)
    assert get_overall(assessment) < get_overall(assess(reading, TEXT)) - 5


def test_words_that_are_not_in_the_text_are_insertions(assess: Assess, reading: bytes) -> None:
    words = assess(reading, "The train leaves in the morning.").words
    inserted = [
        (position, word.word) for position, word in enumerate(words) if word.error_type == "insertion"
    ]
    assert inserted == [(3, "at"), (4, "seven")]
    assert words[3].offset_ms is not None
    assert words[2].offset_ms is not None
    assert words[3].offset_ms > words[2].offset_ms


def test_a_reading_may_break_off_or_start_late(assess: Assess, reading: bytes) -> None:
    word_count = len(to_spoken_words(TEXT))
    other_text = "and no one knows whether there will be another one before the evening"
    early = [word.error_type for word in assess(reading, f"{TEXT} {other_text}").words]
    late = [word.error_type for word in assess(reading, f"{other_text} {TEXT}").words]
    assert early[:word_count] == late[-word_count:] == ["none"] * word_count
    assert early[word_count:].count("omission") >= 11
    assert late[:-word_count].count("omission") >= 11


def test_a_recording_scores_the_same_after_other_recordings(
    assess: Assess, reading: bytes, wrong_word: bytes
) -> None:
    first = assess(reading, TEXT)
    assess(wrong_word, TEXT)
    assert assess(reading, TEXT) == first


def test_a_word_that_cannot_be_pronounced_is_named(assess: Assess, reading: bytes) -> None:
    with pytest.raises(UnpronounceableText, match="поезд"):
        assess(reading, "The поезд leaves at seven in the morning.")


NOISES = {
    "silence": np.zeros(3 * RATE),
    "a quiet room": RANDOM.normal(0, 0.0003, 3 * RATE),
    "white noise": RANDOM.normal(0, 0.1, 3 * RATE),
    "a tone": 0.3 * np.sin(2 * np.pi * 440 * TIME),
    "beeping": 0.3 * np.sin(2 * np.pi * 440 * TIME) * (np.sin(2 * np.pi * 2 * TIME) > 0),
    "bursts of noise": RANDOM.normal(0, 0.1, 3 * RATE) * (np.sin(2 * np.pi * 2 * TIME) > 0),
    "knocking": 0.6 * (RANDOM.random(3 * RATE) < 0.0005),
}


@pytest.mark.parametrize("name", NOISES)
@pytest.mark.parametrize("text", [TEXT, "Yes."])
def test_sounds_other_than_speech_are_not_assessed(
    name: str, text: str, assess: Assess, encode: Callable[..., bytes]
) -> None:
    with pytest.raises(NotAssessable) as excinfo:
        assess(encode(NOISES[name].astype(np.float32)), text)
    assert excinfo.value.extra["reason"] in {"no_speech", "too_noisy"}


@pytest.mark.parametrize("name", NOISES)
def test_the_engine_alone_refuses_sounds_other_than_speech(name: str, engine: Engine) -> None:
    assert is_low(judge(engine, NOISES[name].astype(np.float32), TEXT))


def hold(vowel: Samples, seconds: int) -> Samples:
    return np.tile(np.concatenate([vowel, vowel[::-1]]), seconds * RATE // (2 * len(vowel)))


HARD: dict[str, tuple[Callable[[Samples], Samples], str]] = {
    "a twentieth of a second": (lambda voice: voice[8_000:8_800], TEXT),
    "one sample": (lambda voice: voice[:1], TEXT),
    "a minute of silence": (lambda voice: np.zeros(60 * RATE, np.float32), TEXT),
    "reversed speech": (lambda voice: voice[::-1].copy(), TEXT),
    "a vowel that is held for a minute": (lambda voice: hold(voice[9_600:10_400], 60), TEXT),
    "babble": (lambda voice: np.mean([np.roll(voice, 5_000 * place) for place in range(7)], axis=0), OTHER),
    "a text that is far too long": (lambda voice: voice[:32_000], "Would anyone like tea? " * 30),
}


@pytest.mark.parametrize("name", HARD)
def test_hard_recordings_are_refused_or_score_low(name: str, engine: Engine, voice: Samples) -> None:
    degrade, text = HARD[name]
    judgement = judge(engine, degrade(voice).astype(np.float32), text)
    assert is_low(judgement), judgement


@pytest.mark.parametrize("text", ["A", "x", "I.", "a " * 150, "twenty " * 150])
def test_hard_texts_are_scored(text: str, engine: Engine, voice: Samples) -> None:
    assert is_low(judge(engine, voice, text))


def test_a_squarely_clipped_recording_is_handled(engine: Engine, voice: Samples) -> None:
    assert isinstance(judge(engine, np.sign(voice).astype(np.float32), TEXT), float | str)


def test_invalid_numbers_are_treated_as_silence(assess: Assess) -> None:
    invalid_samples = np.full(3 * RATE, np.nan, "<f4").tobytes()
    with pytest.raises(NotAssessable):
        assess(make_wav(invalid_samples, kind=3, bits=32, rate=RATE, channels=1), TEXT)


@pytest.mark.parametrize("name", LANGUAGES)
def test_another_language_is_refused_or_scores_low(name: str, engine: Engine) -> None:
    recording = decode_recording(memoryview((AUDIO / "languages" / f"{name}.mp3").read_bytes()))
    samples = np.frombuffer(recording.pcm, "<i2").astype(np.float32) / np.float32(32767)
    judgement = judge(engine, samples, TEXT)
    assert is_low(judgement), judgement


def test_an_empty_recording_is_refused(assess: Assess, reading: bytes) -> None:
    with pytest.raises(UnsupportedAudio):
        assess(reading[:44], TEXT)


@pytest.mark.parametrize(("seconds", "refusal"), [(0.1, NotAssessable), (61, AudioTooLong)])
def test_lengths_out_of_range_are_refused(
    seconds: float, refusal: type[ParleyError], assess: Assess, encode: Callable[..., bytes]
) -> None:
    with pytest.raises(refusal):
        assess(encode(np.zeros(int(seconds * RATE), np.float32)), TEXT)
