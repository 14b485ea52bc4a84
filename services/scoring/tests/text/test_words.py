import pytest
from hypothesis import given
from hypothesis import strategies as st
from scoring.text.numerals import spell_cardinal, spell_numbers, spell_year
from scoring.text.words import is_english, to_spoken_words


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("Where is the train station?", "where is the train station"),
        ("It’s Anna’s. Don't!", "it's anna's don't"),  # noqa: RUF001 - curly on purpose
        ("“Rock 'n' roll,” she said — twice…", "rock n roll she said twice"),
        ("A well-known café, naïve", "a well known cafe naive"),
        ("Mr. Smith & Dr. Jones", "mister smith and doctor jones"),
        ("100% at 20 °C", "one hundred percent at twenty degrees c"),
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
def test_words_are_what_is_said(text: str, words: str) -> None:
    assert " ".join(to_spoken_words(text)) == words


@pytest.mark.parametrize("text", ["", " ", "...?!", "— “ ” —", "' '", "_ * #"])
def test_punctuation_is_nothing_to_say(text: str) -> None:
    assert to_spoken_words(text) == ()


def test_other_alphabets_are_kept_but_not_english() -> None:
    words = to_spoken_words("Say привет, please")
    assert words == ("say", "привет", "please")
    assert [is_english(word) for word in words] == [True, False, True]


@given(st.text(max_size=200))
def test_any_text_comes_apart_into_words(text: str) -> None:
    for word in to_spoken_words(text):
        assert word == word.lower()
        assert all(character.isalnum() or character == "'" for character in word)
        assert word[0] != "'"


@given(st.integers(0, 10**15 - 1))
def test_a_cardinal_can_be_counted_back(number: int) -> None:
    assert counted(spell_cardinal(str(number))) == number


def counted(words: str) -> int:
    """The number that was spelled, by the rules of arithmetic instead of the table of scales."""
    small = {spell_cardinal(str(n)): n for n in (*range(20), *range(20, 100, 10))}
    scales = {"thousand": 10**3, "million": 10**6, "billion": 10**9, "trillion": 10**12}
    total = part = 0
    for word in words.split():
        if word in scales:
            total, part = total + part * scales[word], 0
        else:
            part = part * 100 if word == "hundred" else part + small[word]
    return total + part


@pytest.mark.parametrize(
    ("digits", "spoken"),
    [
        ("1900", "nineteen hundred"),
        ("1905", "nineteen oh five"),
        ("2000", "two thousand"),
        ("2026", "twenty twenty six"),
    ],
)
def test_years(digits: str, spoken: str) -> None:
    assert spell_year(digits) == spoken


def test_a_grouped_number_is_no_year() -> None:
    assert " ".join(spell_numbers("1,984").split()) == "one thousand nine hundred eighty four"
