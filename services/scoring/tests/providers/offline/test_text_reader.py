import time
import timeit
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scoring.errors import UnpronounceableText
from scoring.providers.offline.phonemes import SYMBOLS
from scoring.providers.offline.pronouncer import load_pronouncer
from scoring.providers.offline.text_reader import MAX_PHONEMES, read_text
from scoring.providers.offline.transcript import Transcript

MAX_SECONDS = 0.05


def read(text: str) -> Transcript:
    return read_text(text, load_pronouncer())


def find_sounds(word: str) -> set[str]:
    return {" ".join(SYMBOLS[number] for number in sounds) for sounds in load_pronouncer().find(word)}


def test_a_slot_has_all_readings_of_its_token() -> None:
    first, year = read("Born 2005")
    assert [[word.text for word in reading] for reading in first] == [["born"]]
    assert ["two", "thousand", "five"] in [[word.text for word in reading] for reading in year]
    assert ["twenty", "oh", "five"] in [[word.text for word in reading] for reading in year]


def test_an_optional_token_is_first_read_as_unspoken() -> None:
    label, _ = read("Anna: hello")
    assert [len(reading) for reading in label] == [0, 1]
    note, _ = read("Note: hello")
    assert [len(reading) for reading in note] == [0, 1]


@pytest.mark.parametrize("text", ["", "...?!", "* # ~"])
def test_a_text_without_words_is_refused(text: str) -> None:
    with pytest.raises(UnpronounceableText, match="The text has no words"):
        read(text)


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("Say привет, please.", "привет"),
        ("Say 你好!", "你好"),
        ("Say Hеllo", "Hеllo"),
        ("αβγ is Greek", "αβγ"),
        ("a" * 50, "a" * 40),
    ],
)
def test_a_word_that_cannot_be_pronounced_is_named(text: str, word: str) -> None:
    with pytest.raises(UnpronounceableText, match=f"'{word}'"):
        read(text)


AWKWARD = [
    "$1,234,567.89", "-$5.5m", "€1.234,56", "US$0.01", "5 zł", "$", "£5–£10 a day", "$.50",
    "5/6/2026", "31/02/2026", "2026-13-45", "00/00/0000", "'99", "Feb. 30", "you may 5 times", "12 may come",
    "25:61", "99:99:99", "7.30am–8.45pm", "24:00", "14h30", "13 p.m.", "0:00",
    "0/0", "1/0", "22/7", "1/1000", "½½", "1 1/2/3", "10⁻³", "3-2, 0–0, 21:15",
    "https://example.com/a/b?c=d&e=f#g", "http://localhost:8000", "a@b.c.d", "@@@a", "www.", "#1#2",
    "C6H12O6", "NaCl", "Fe³⁺", "H₂SO₄ + 2NaOH", "x²+y²=z²", "E=mc²", "C++, C#", "v1.2.3.4.5",
    "I 😀 you", "👨\u200d👩\u200d👧 family", "e\u0301\u0301", "𝓗𝓮𝓵𝓵𝓸", "\ufeffhi", "a\x00b", "\u202eabc",
    "THIS IS ALL CAPS", "WTF IS THE US", "XYZZY QWRTP", "a-" * 250, "very-" * 100, "'" * 499 + "a",
    "1 " * 250, "12345 " * 83, "1" * 500, "MMXXVI " * 70, "5/21/2026 " * 50,
    "a.b@c.de " * 55, "(" * 250 + "a",
]  # fmt: skip


@pytest.mark.parametrize("text", AWKWARD)
def test_awkward_texts_are_read_quickly(text: str) -> None:
    assert any(word.pronunciations for slot in read(text) for reading in slot for word in reading)
    # The minimum of several, because other work on the machine may disturb one.
    assert min(timeit.repeat(lambda: read(text), number=1, timer=time.process_time)) < MAX_SECONDS


@given(st.text(max_size=60))
def test_any_text_is_read_or_refused(text: str) -> None:
    with suppress(UnpronounceableText):
        assert any(read(text))


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
    assert sounds in find_sounds(word)
