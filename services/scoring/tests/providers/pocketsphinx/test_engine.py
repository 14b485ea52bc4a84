from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray
from scoring.audio.decoder import decode_recording
from scoring.domain.scores import ScoringResult, WordScore
from scoring.errors import AudioTooLong, NotAssessable, UnpronounceableText, UnsupportedAudio
from scoring.providers.pocketsphinx import espeak
from scoring.providers.pocketsphinx.engine import Engine
from scoring.text.words import to_spoken_words
from shared.errors import ParleyError

type Samples = NDArray[np.float32]
type Assess = Callable[[bytes, str], ScoringResult]

TEXT = "The train leaves at seven in the morning."
OTHER = "Could you tell me where the museum is?"
RATE = 16_000
TIME = np.arange(3 * RATE) / RATE
RANDOM = np.random.default_rng(2)


@pytest.fixture
def assess(engine: Engine) -> Assess:
    return lambda audio, text: engine.assess(decode_recording(memoryview(audio)), to_spoken_words(text))


def scores_of(assessment: ScoringResult) -> dict[str, float | None]:
    return {word.word: word.score for word in assessment.words}


def overall(assessment: ScoringResult) -> float:
    assert assessment.pronunciation_score is not None
    return assessment.pronunciation_score


def test_the_right_text_scores_high_and_a_wrong_one_low(assess: Assess, reading: bytes) -> None:
    right, wrong = assess(reading, TEXT), assess(reading, OTHER)
    assert overall(right) > 85
    assert overall(wrong) < 30
    assert (right.recognized_text, right.completeness_score) == (" ".join(to_spoken_words(TEXT)), 100)
    assert wrong.completeness_score is not None
    assert wrong.completeness_score < 50
    assert right.prosody_score is None


def test_the_wrong_word_is_the_weakest(assess: Assess, wrong_word: bytes) -> None:
    assessment = assess(wrong_word, TEXT)
    weakest = min(assessment.words, key=lambda word: 101 if word.score is None else word.score)
    assert (weakest.word, weakest.error_type) == ("train", "mispronunciation")
    assert "train" not in assessment.recognized_text.split()
    others = [word.score for word in assessment.words if word is not weakest]
    assert all(score is not None and score > 60 for score in others)


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


def test_a_word_that_is_not_there_is_left_out_without_a_score(assess: Assess, reading: bytes) -> None:
    assessment = assess(reading, "The train always leaves at seven in the morning.")
    assert assessment.words[2] == WordScore("always", None, "omission")
    assert assessment.completeness_score == pytest.approx(100 * 8 / 9, abs=0.1)
    assert overall(assessment) < overall(assess(reading, TEXT)) - 5


def test_a_reading_may_break_off_or_start_late(assess: Assess, reading: bytes) -> None:
    own, more = (
        len(to_spoken_words(TEXT)),
        "and nobody knows whether there will be another one before the evening",
    )
    early = [word.error_type for word in assess(reading, f"{TEXT} {more}").words]
    late = [word.error_type for word in assess(reading, f"{more} {TEXT}").words]
    assert early[:own] == late[-own:] == ["none"] * own
    assert early[own:].count("omission") >= 11
    assert late[:-own].count("omission") >= 11


def test_the_same_recording_scores_the_same_whatever_came_before(
    assess: Assess, reading: bytes, wrong_word: bytes
) -> None:
    first = assess(reading, TEXT)
    assess(wrong_word, OTHER)
    assert assess(reading, TEXT) == first


@pytest.mark.parametrize("kind", ["mp3", "m4a", "ogg"])
def test_a_compressed_recording_scores_alike(
    kind: str, assess: Assess, encode: Callable[..., bytes], voice: Samples, reading: bytes
) -> None:
    assert overall(assess(encode(voice, kind), TEXT)) == pytest.approx(overall(assess(reading, TEXT)), abs=8)


def test_a_word_without_a_known_pronunciation_gets_no_score_and_spoils_no_other(
    assess: Assess, reading: bytes
) -> None:
    assessment = assess(reading, "The поезд leaves at seven in the morning.")
    unknown = assessment.words[1]
    assert (unknown.word, unknown.score, unknown.error_type, unknown.phonemes) == ("поезд", None, "none", ())
    assert unknown.offset_ms is not None
    known = [score for word, score in scores_of(assessment).items() if word != "поезд"]
    assert all(score is not None and score > 70 for score in known)
    assert assessment.completeness_score == 100


def test_without_espeak_the_rest_is_still_scored(
    assess: Assess, reading: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", "")
    espeak._to_ipa.cache_clear()
    scores = scores_of(assess(reading, "The qwortlex leaves at seven in the morning."))
    espeak._to_ipa.cache_clear()
    assert scores.pop("qwortlex") is None
    assert all(score is not None and score > 70 for score in scores.values())


def test_espeak_is_given_up_after_it_was_too_slow_once(
    assess: Assess, reading: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []

    def slow(word: str) -> str:
        asked.append(word)
        raise espeak.EspeakTimeout

    monkeypatch.setattr(espeak, "pronounce", slow)
    assess(reading, "The qwortlez leaves at blurfty in the morning.")
    assert asked == ["qwortlez"]


@pytest.mark.parametrize("text", ["поезд", "поезд утром " * 5 + TEXT])
def test_a_text_of_too_many_unknown_words(text: str, assess: Assess, reading: bytes) -> None:
    with pytest.raises(UnpronounceableText):
        assess(reading, text)


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
def test_what_is_no_speech_is_not_assessed(
    name: str, text: str, assess: Assess, encode: Callable[..., bytes]
) -> None:
    with pytest.raises(NotAssessable) as caught:
        assess(encode(NOISES[name].astype(np.float32)), text)
    assert caught.value.extra["reason"] in {"no_speech", "too_noisy"}


def test_a_recording_of_nothing(assess: Assess, reading: bytes) -> None:
    with pytest.raises(UnsupportedAudio):
        assess(reading[:44], TEXT)


@pytest.mark.parametrize(("seconds", "refusal"), [(0.1, NotAssessable), (61, AudioTooLong)])
def test_lengths_out_of_range(
    seconds: float, refusal: type[ParleyError], assess: Assess, encode: Callable[..., bytes]
) -> None:
    with pytest.raises(refusal):
        assess(encode(np.zeros(int(seconds * RATE), np.float32)), TEXT)
