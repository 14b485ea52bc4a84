import pytest
from scoring.errors import UnpronounceableText
from scoring.providers.offline.phonemes import SYMBOLS
from scoring.providers.offline.pronouncer import load_pronouncer
from scoring.providers.offline.text_reader import MAX_PHONEMES, read_text
from scoring.providers.offline.transcript import Transcript


def read(text: str) -> Transcript:
    return read_text(text, load_pronouncer())


def sounds_of(word: str) -> set[str]:
    return {" ".join(SYMBOLS[number] for number in sounds) for sounds in load_pronouncer().find(word)}


def test_a_slot_has_all_readings_of_its_token() -> None:
    born, year = read("Born 2005")
    assert [[word.text for word in reading] for reading in born] == [["born"]]
    assert ["two", "thousand", "five"] in [[word.text for word in reading] for reading in year]
    assert ["twenty", "oh", "five"] in [[word.text for word in reading] for reading in year]


def test_what_may_be_left_unspoken_comes_first() -> None:
    label, _ = read("Anna: hello")
    assert [len(reading) for reading in label] == [0, 1]
    note, _ = read("Note: hello")
    assert [len(reading) for reading in note] == [0, 1]


@pytest.mark.parametrize("text", ["", "...?!", "* # ~"])
def test_a_text_with_nothing_to_say_is_refused(text: str) -> None:
    with pytest.raises(UnpronounceableText, match="The text has no words"):
        read(text)


@pytest.mark.parametrize(
    ("text", "word"), [("Say привет, please.", "привет"), ("Say 你好!", "你好"), ("a" * 50, "a" * 40)]
)
def test_a_word_that_cannot_be_pronounced_is_named(text: str, word: str) -> None:
    with pytest.raises(UnpronounceableText, match=f"'{word}'"):
        read(text)


@pytest.mark.parametrize("text", ["2010 " * 75, "1250 " * 36, "$9.99 " * 25, "5/21/2026 " * 16, "a " * 150])
def test_long_texts_keep_fewer_readings(text: str) -> None:
    transcript = read(text)
    words = [word for slot in transcript for reading in slot for word in reading]
    assert sum(len(sounds) for word in words for sounds in word.pronunciations) <= MAX_PHONEMES


@pytest.mark.parametrize(
    ("word", "sounds"),
    [
        ("colour", "K AH L ER"),
        ("favourites", "F EY V ER IH T S"),
        ("emphasised", "EH M F AH S AY Z D"),
        ("paralyse", "P EH R AH L AY Z"),
        ("centred", "S EH N T ER D"),
        ("skilful", "S K IH L F AH L"),
        ("pyjamas", "P AH JH AA M AH Z"),
        ("colourful", "K AH L ER F AH L"),
        ("z", "Z EH D"),
        ("tv's", "T IY V IY Z"),
        ("goin", "G OW AH N"),
        ("megawatts", "M EH G AH W AA T S"),
        ("lighthouse's", "L AY T HH AW S IH Z"),
        ("overcooked", "OW V ER K UH K T"),
        ("unfunnier", "AH N F AH N IY ER"),
    ],
)
def test_words_outside_the_dictionary_are_derived(word: str, sounds: str) -> None:
    assert sounds in sounds_of(word)
