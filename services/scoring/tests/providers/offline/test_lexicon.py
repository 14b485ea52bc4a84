import pytest
from scoring.providers.offline.lexicon import Lexicon, load_lexicon
from scoring.providers.offline.phonemes import to_ids


def test_a_word_has_its_pronunciations() -> None:
    assert set(load_lexicon().find("read")) == {to_ids(["R", "EH", "D"]), to_ids(["R", "IY", "D"])}


def test_arpabet_pronunciations_have_stress() -> None:
    assert ("R", "EH1", "K", "ER0", "D") in load_lexicon().find_arpabet("record")


@pytest.mark.parametrize("word", ["a", "'bout", "i'm", "zywicki"])
def test_the_first_and_last_words_of_the_dictionary_are_found(word: str) -> None:
    assert load_lexicon().find(word)


@pytest.mark.parametrize("word", ["", "~", "zzzz", "qwxy", "morni", "readd", "naïve", "READ"])
def test_unknown_words_have_none(word: str) -> None:
    assert load_lexicon().find(word) == ()


def test_first_and_last_line_are_found() -> None:
    lexicon = Lexicon(b"a AH0|EY1\nb B IY1\nz Z IY1\n")
    assert [len(lexicon.find(word)) for word in "abz"] == [2, 1, 1]
    assert lexicon.find("c") == ()
