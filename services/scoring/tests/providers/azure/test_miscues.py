import pytest
from hypothesis import given
from hypothesis import strategies as st
from scoring.domain.scores import WordScore
from scoring.providers.azure.miscues import align_words

WORDS = st.lists(st.sampled_from(["the", "train", "leaves", "at", "seven"]), max_size=12)


def speak(*words: str) -> list[WordScore]:
    return [WordScore(word, 80.0, "none", 100 * index, 90) for index, word in enumerate(words)]


def describe(words: tuple[WordScore, ...]) -> str:
    signs = {"none": "", "omission": "-", "insertion": "+", "mispronunciation": "!"}
    return " ".join(signs[word.error_type] + word.word for word in words)


@pytest.mark.parametrize(
    ("spoken", "aligned"),
    [
        ("the train leaves at seven", "the train leaves at seven"),
        ("the train at seven", "the train -leaves at seven"),
        ("the train leaves early at seven", "the train leaves +early at seven"),
        ("the ferry leaves at seven", "the +ferry -train leaves at seven"),
        ("the the train leaves at", "+the the train leaves at -seven"),
        ("good morning", "+good +morning -the -train -leaves -at -seven"),
        ("", "-the -train -leaves -at -seven"),
    ],
)
def test_words_are_omitted_or_inserted(spoken: str, aligned: str) -> None:
    reference = ["the", "train", "leaves", "at", "seven"]
    assert describe(align_words(reference, speak(*spoken.split()))) == aligned


def test_an_omitted_or_inserted_word_has_no_score() -> None:
    inserted, omitted = align_words(["train"], speak("ferry"))
    assert inserted == WordScore("ferry", None, "insertion", 0, 90)
    assert omitted == WordScore("train", None, "omission")


def test_spellings_of_the_same_word_match() -> None:
    words = speak("Café,", "DON'T", "mr")
    assert [word.error_type for word in align_words(["cafe", "don't", "mister"], words)] == ["none"] * 3


def test_words_that_are_frequent_in_a_long_recording_match() -> None:
    reference = ["no", "yes"] * 150
    assert {word.error_type for word in align_words(reference, speak(*reference))} == {"none"}


@given(WORDS, WORDS)
def test_every_word_of_the_text_and_of_the_recording_appears_once(
    reference: list[str], spoken: list[str]
) -> None:
    aligned = align_words(reference, speak(*spoken))
    assert [word.word for word in aligned if word.error_type != "insertion"] == reference
    assert [word.word for word in aligned if word.error_type != "omission"] == spoken
