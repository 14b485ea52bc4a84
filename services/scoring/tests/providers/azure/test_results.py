import pytest
from scoring.domain.scores import AudioInfo, WordScore
from scoring.errors import InvalidProviderResponse, NotAssessable
from scoring.providers.azure.phrases import Phrase, PhraseScores
from scoring.providers.azure.results import build_result, combine_phrases, compute_pronunciation
from scoring.types import ErrorType

AUDIO = AudioInfo(4200, 44_100, "m4a")
TEXT = "The train leaves."


def say(word: str, score: float, at_ms: int, *, error_type: ErrorType = "none") -> WordScore:
    return WordScore(word, score, error_type, at_ms, 490)


def test_the_comparison_by_the_service_is_used() -> None:
    words = (say("the", 90, 0), WordScore("train", None, "omission"), say("leaves", 30, 500))
    phrase = Phrase(PhraseScores(60.04, 55.55, 80.0, 66.7, None), words)
    result = build_result([phrase], text=TEXT, audio=AUDIO, compared=True)
    assert result.recognized_text == "the leaves"
    assert (result.accuracy_score, result.pronunciation_score) == (60.0, 55.5)
    assert (result.fluency_score, result.completeness_score, result.prosody_score) == (80.0, 66.7, None)
    assert (result.words, result.audio) == (words, AUDIO)


@pytest.mark.parametrize("compared", [True, False])
def test_without_a_phrase_there_is_no_result(compared: bool) -> None:
    with pytest.raises(InvalidProviderResponse):
        build_result([], text=TEXT, audio=AUDIO, compared=compared)


@pytest.mark.parametrize("compared", [True, False])
def test_another_text_is_not_assessable(compared: bool) -> None:
    words = tuple(WordScore(word, None, "omission") for word in ("the", "train", "leaves"))
    inserted = WordScore("hello", 80.0, "insertion", 0, 490)
    phrase = Phrase(PhraseScores(0.0, 0.0, 0.0, 0.0), (inserted, *words) if compared else (inserted,))
    with pytest.raises(NotAssessable) as excinfo:
        build_result([phrase], text=TEXT, audio=AUDIO, compared=compared)
    assert excinfo.value.extra == {"reason": "other_text"}


def test_phrases_are_combined() -> None:
    first = Phrase(PhraseScores(99.0, prosody=70.0), (say("the", 90, 0), say("um", 50, 500)))
    second = Phrase(PhraseScores(99.0, prosody=80.0), (say("leaves", 60, 1500),))
    scores, words = combine_phrases([first, second], TEXT)
    assert [word.error_type for word in words] == ["none", "insertion", "omission", "none"]
    # Two of the three words of the text, which took 1 s of the 1.99 s between the first and the last.
    assert scores.accuracy == 50.0
    assert scores.completeness == pytest.approx(66.67, abs=0.01)
    assert scores.fluency == pytest.approx(100 * 1000 / 1990)
    assert scores.prosody == 75.0
    assert scores.pronunciation == pytest.approx(0.4 * 50 + 0.2 * (66.67 + 50.25 + 75), abs=0.01)


def test_a_mispronounced_word_is_not_complete() -> None:
    words = (say("the", 90, 0), say("train", 20, 500, error_type="mispronunciation"), say("leaves", 80, 1000))
    scores, _ = combine_phrases([Phrase(PhraseScores(99.0), words)], TEXT)
    assert scores.completeness == pytest.approx(66.67, abs=0.01)
    assert scores.accuracy == pytest.approx(63.33, abs=0.01)
    assert scores.prosody is None


def test_fluent_speech_scores_no_more_than_100() -> None:
    words = tuple(say(word, 90, 490 * index) for index, word in enumerate(("the", "train", "leaves")))
    scores, _ = combine_phrases([Phrase(PhraseScores(99.0), words)], TEXT)
    assert scores.fluency == 100.0


def test_without_a_span_of_time_there_is_no_fluency() -> None:
    scores, _ = combine_phrases([Phrase(PhraseScores(99.0), (WordScore("the", 90.0, "none", 0, 0),))], TEXT)
    assert (scores.fluency, scores.pronunciation) == (None, None)


@pytest.mark.parametrize(
    ("prosody", "pronunciation"), [(None, 0.6 * 40 + 0.2 * (90 + 70)), (60, 0.4 * 40 + 0.2 * (90 + 70 + 60))]
)
def test_the_lowest_score_has_the_largest_weight(prosody: float | None, pronunciation: float) -> None:
    assert compute_pronunciation(90, 40, 70, prosody=prosody) == pytest.approx(pronunciation)
