import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scoring.domain.scores import PhonemeScore, WordScore
from scoring.errors import InvalidProviderResponse
from scoring.providers.azure.phrases import PhraseScores, parse_phrase

type Json = dict[str, Any]


def make_answer() -> Json:
    """A response as the service documents it."""
    phoneme = {"Phoneme": "ð", "Offset": 1_000_000, "Duration": 900_000}
    phoneme |= {"PronunciationAssessment": {"AccuracyScore": 71.25}}
    spoken = {"Word": "The", "Offset": 1_000_000, "Duration": 2_500_000, "Phonemes": [phoneme]}
    spoken |= {"PronunciationAssessment": {"AccuracyScore": 41, "ErrorType": "Mispronunciation"}}
    omitted = {"Word": "train", "PronunciationAssessment": {"ErrorType": "Omission"}}
    scores = {"AccuracyScore": 76.7, "FluencyScore": 92, "CompletenessScore": 50.0, "PronScore": 83.1}
    reading = {"Confidence": 0.9, "Display": "The", "Words": [spoken, omitted]}
    reading |= {"PronunciationAssessment": {**scores, "ProsodyScore": 81.5}}
    return {"RecognitionStatus": "Success", "DisplayText": "The.", "NBest": [reading]}


def get_first_word(response: Json) -> Json:
    word: Json = response["NBest"][0]["Words"][0]
    return word


def test_a_response_is_converted_to_scores_and_words() -> None:
    phrase = parse_phrase(json.dumps(make_answer()))
    assert phrase is not None
    assert phrase.scores == PhraseScores(76.7, 83.1, 92.0, 50.0, 81.5)
    phonemes = (PhonemeScore("ð", 71.2, 100, 90),)
    assert phrase.words == (
        WordScore("the", 41.0, "mispronunciation", 100, 250, phonemes),
        WordScore("train", None, "omission"),
    )


def test_missing_scores_are_none() -> None:
    response = make_answer()
    response["NBest"][0]["PronunciationAssessment"] = {"AccuracyScore": 76.7}
    phrase = parse_phrase(json.dumps(response))
    assert phrase is not None
    assert phrase.scores == PhraseScores(76.7)


@pytest.mark.parametrize("error_type", ["None", "UnexpectedBreak", "MissingBreak", "Monotone"])
def test_breaks_and_intonation_are_not_errors_of_a_word(error_type: str) -> None:
    response = make_answer()
    get_first_word(response)["PronunciationAssessment"]["ErrorType"] = error_type
    phrase = parse_phrase(json.dumps(response))
    assert phrase is not None
    assert (phrase.words[0].error_type, phrase.words[0].score) == ("none", 41.0)


def test_an_insertion_has_a_position_but_no_score() -> None:
    response = make_answer()
    get_first_word(response)["PronunciationAssessment"]["ErrorType"] = "Insertion"
    phrase = parse_phrase(json.dumps(response))
    assert phrase is not None
    assert phrase.words[0] == WordScore("the", None, "insertion", 100, 250)


def test_phonemes_without_names_are_omitted() -> None:
    response = make_answer()
    get_first_word(response)["Phonemes"][0]["Phoneme"] = ""
    phrase = parse_phrase(json.dumps(response))
    assert phrase is not None
    assert phrase.words[0].phonemes == ()


@pytest.mark.parametrize("readings", [[], [{"Display": ""}], [{"Words": []}]])
def test_an_empty_phrase_is_silence(readings: list[Json]) -> None:
    assert parse_phrase(json.dumps(make_answer() | {"DisplayText": "", "NBest": readings})) is None


def remove(*path: str) -> Callable[[Json], object]:
    return lambda response: find(response, path).pop(path[-1])


def replace(value: object, *path: str) -> Callable[[Json], object]:
    return lambda response: find(response, path).__setitem__(path[-1], value)


def find(response: Json, path: tuple[str, ...]) -> Json:
    part = response["NBest"][0] if len(path) < 3 else get_first_word(response)
    for step in path[1:-1] if len(path) >= 3 else path[:-1]:
        part = part[step]
        part = part[0] if isinstance(part, list) else part
    return part


@pytest.mark.parametrize(
    ("change", "field"),
    [
        (lambda response: response.pop("NBest"), "NBest"),
        (lambda response: response.update(NBest=[]), "NBest"),
        (lambda response: response.update(NBest=[None]), "NBest"),
        (remove("PronunciationAssessment"), "NBest.PronunciationAssessment"),
        (remove("Words"), "NBest.Words"),
        (replace([], "Words"), "NBest.Words"),
        (
            remove("PronunciationAssessment", "AccuracyScore"),
            "NBest.PronunciationAssessment.AccuracyScore",
        ),
        (replace("91", "PronunciationAssessment", "PronScore"), "NBest.PronunciationAssessment.PronScore"),
        (replace(100.1, "PronunciationAssessment", "PronScore"), "NBest.PronunciationAssessment.PronScore"),
        (
            replace(float("nan"), "PronunciationAssessment", "FluencyScore"),
            "NBest.PronunciationAssessment.FluencyScore",
        ),
        (replace(True, "PronunciationAssessment", "PronScore"), "NBest.PronunciationAssessment.PronScore"),
        (lambda response: get_first_word(response).update(Offset=-1), "NBest.Words.Offset"),
        (lambda response: get_first_word(response).update(Offset=10**18), "NBest.Words.Offset"),
        (lambda response: get_first_word(response).update(Word=""), "NBest.Words.Word"),
        (lambda response: get_first_word(response).pop("Offset"), "NBest.Words"),
        (
            lambda response: get_first_word(response).pop("PronunciationAssessment"),
            "NBest.Words.PronunciationAssessment",
        ),
        (
            replace(None, "Words", "Phonemes", "PronunciationAssessment"),
            "NBest.Words.Phonemes.PronunciationAssessment",
        ),
    ],
)
def test_the_error_for_an_invalid_response_names_the_field(
    change: Callable[[Json], object], field: str
) -> None:
    response = make_answer()
    change(response)
    with pytest.raises(InvalidProviderResponse) as excinfo:
        parse_phrase(json.dumps(response))
    assert excinfo.value.fields == [field]
    assert "train" not in str(excinfo.value)


@pytest.mark.parametrize(
    "document", ["", "[]", "null", "{", '"NBest"', '{"NBest": {}}', '{"NBest": "\\ud800"}']
)
def test_a_response_that_is_not_an_object_is_rejected(document: str) -> None:
    with pytest.raises(InvalidProviderResponse):
        parse_phrase(document)


VALUES = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["NBest", "Words", "Word", "PronunciationAssessment", "AccuracyScore", "Offset"]),
            inner,
        )
    ),
)


@given(VALUES)
def test_arbitrary_responses_are_parsed_or_rejected(answer: object) -> None:
    try:
        phrase = parse_phrase(json.dumps(answer))
    except InvalidProviderResponse:
        return
    assert phrase is None or 0 <= phrase.scores.accuracy <= 100
