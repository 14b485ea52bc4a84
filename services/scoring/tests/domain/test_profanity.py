import codecs
from dataclasses import replace

import pytest
from scoring.domain.profanity import PROFANITY, mask_profanity
from scoring.domain.scores import AudioInfo, ScoringResult, WordScore

BAD, WORSE = (codecs.decode(word, "rot13") for word in ("fuvg", "zbgureshpxre'f"))
RESULT = ScoringResult(
    recognized_text=f"the {BAD} is white",
    pronunciation_score=70,
    accuracy_score=70,
    fluency_score=70,
    completeness_score=75,
    prosody_score=None,
    words=(
        WordScore("the", 90, "none"),
        WordScore("sheet", 20, "mispronunciation"),
        WordScore("is", 90, "none"),
        WordScore(WORSE, None, "insertion"),
        WordScore("white", 90, "none"),
    ),
    audio=AudioInfo(900, 16_000, "wav"),
    provider="offline",
    scorer="offline-1",
)


def test_vulgar_words_that_are_not_in_the_text_are_hidden() -> None:
    masked = mask_profanity(RESULT)
    assert masked.recognized_text == "the **** is white"
    assert [word.word for word in masked.words] == ["the", "sheet", "is", "*" * len(WORSE), "white"]
    assert replace(masked, recognized_text=RESULT.recognized_text, words=RESULT.words) == RESULT


def test_words_of_the_text_are_shown() -> None:
    text = replace(RESULT, words=(WordScore(BAD.title(), 90, "none"), WordScore(BAD, None, "insertion")))
    assert mask_profanity(text) == text


def test_an_omitted_word_belongs_to_the_text() -> None:
    omitted = replace(RESULT, words=(WordScore(BAD, None, "omission"),))
    assert mask_profanity(omitted) == omitted


def test_an_empty_recognition_stays_empty() -> None:
    silent = replace(RESULT, recognized_text="", words=RESULT.words[:1])
    assert mask_profanity(silent) == silent


@pytest.mark.parametrize("word", ["fuvgf", "FUVGGL", "ovgpurf", "nffubyr'f", "pbpx", "ohyyfuvg", "shpxre"])
def test_inflected_forms_are_masked(word: str) -> None:
    assert PROFANITY.fullmatch(codecs.decode(word, "rot13"))


INNOCENT = (
    "assess asset class passage assume bass cocktail peacock cockpit dickens scunthorpe essex sextant sixty "
    "sheet shift shiitake beach pitch peach therapist analysis title tights titan document cumin scrap "
    "circumstance hello penistone button grape pass canal niggle retardant swank vulgar"
)


def test_similar_words_are_not_masked() -> None:
    assert not [word for word in INNOCENT.split() if PROFANITY.fullmatch(word)]
