import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from scoring.text.words import find_foreign_word, is_english, to_spoken_text, to_spoken_words


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("Where is the train station?", "where is the train station"),
        ("It’s Anna’s. Don't!", "it's anna's don't"),
        ("“Rock 'n' roll,” she said — twice…", "rock n roll she said twice"),
        ("A well-known café, naïve", "a well known cafe naive"),
        ("Mr. Smith & Dr. Jones", "mister smith and doctor jones"),
        ("100% at 20 °C", "one hundred percent at twenty degrees celsius"),
        ("I was born on May 21st, 1984.", "i was born on may twenty first nineteen eighty four"),
        ("the 1990s; my 20's", "the nineteen nineties my twenties"),
        ("At 7:05, 12:00 and 6:30", "at seven oh five twelve o'clock and six thirty"),
        (
            "$3.50, £1.01, €1,000,000",
            "three dollars and fifty cents one pound and one penny one million euros",
        ),
        ("It grew by 2.05 in 2005", "it grew by two point zero five in two thousand five"),
        ("Call 0049", "call zero zero four nine"),
        ("1" * 16, " ".join(["one"] * 16)),
    ],
)
def test_words_are_spoken_words(text: str, words: str) -> None:
    assert " ".join(to_spoken_words(text)) == words


@pytest.mark.parametrize(
    ("text", "spoken"),
    [
        ("Where is it,  please?", "Where is it, please?"),
        ("It’s 7:05 — hurry!", "It's seven oh five — hurry!"),
        ("Tom & I paid $3.50.", "Tom and I paid three dollars and fifty cents ."),
    ],
)
def test_a_spoken_text_keeps_its_punctuation(text: str, spoken: str) -> None:
    assert to_spoken_text(text) == spoken


@pytest.mark.parametrize("text", ["", " ", "...?!", "— “ ” —", "' '", "_ * #"])
def test_punctuation_is_not_spoken(text: str) -> None:
    assert to_spoken_words(text) == ()


def test_a_word_in_another_script_is_named() -> None:
    assert find_foreign_word("Say (привет), please") == "привет"
    assert find_foreign_word("Straße, Łódź, œuvre, 5 °C") is None


def test_other_alphabets_are_kept_but_are_not_english() -> None:
    words = to_spoken_words("Say привет, please")
    assert words == ("say", "привет", "please")
    assert [is_english(word) for word in words] == [True, False, True]


@given(st.text(max_size=200))
def test_any_text_can_be_split_into_words(text: str) -> None:
    for word in to_spoken_words(text):
        assert word == word.lower()
        assert all(character.isalnum() or character == "'" for character in word)
        assert word[0] != "'"


@given(st.text(max_size=200))
@example("A\u00b4A")
@example("A\u1fefA")
def test_a_spoken_text_has_the_same_words(text: str) -> None:
    assert to_spoken_words(to_spoken_text(text)) == to_spoken_words(text)
