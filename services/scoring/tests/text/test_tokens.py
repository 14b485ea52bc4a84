"""Every usual reading of a text is among its possible readings."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scoring.text.readings import MAX_READINGS
from scoring.text.tokens import tokenize

SAID = [
    # Years, and numbers that look like years
    ("I was born in 2010.", "i was born in twenty ten", "i was born in two thousand and ten"),
    ("2005", "two thousand five", "two thousand and five", "twenty oh five"),
    ("1905", "nineteen oh five", "nineteen hundred five"),
    ("1500 people", "fifteen hundred people", "one thousand five hundred people"),
    ("1990–1995", "nineteen ninety to nineteen ninety five", "nineteen ninety nineteen ninety five"),
    ("the 1990s, the '90s", "the nineteen nineties the nineties"),
    ("my 20's", "my twenties"),
    # Counts
    ("10 000 and 10\u00a0000 and 10\u202f000", "ten thousand and ten thousand and ten thousand"),
    (
        "1,250",
        "one thousand two hundred fifty",
        "twelve hundred and fifty",
        "a thousand two hundred and fifty",
    ),
    ("1½ hours", "one and a half hours", "one and one half hours"),
    ("and ½ a cup", "and half a cup"),
    ("¾ of 2/3", "three quarters of two thirds", "three fourths of two over three"),
    ("24/7", "twenty four seven"),
    ("2.05", "two point zero five", "two point oh five"),
    ("0.5 and .5", "zero point five and point five", "point five and zero point five"),
    ("3,5", "three point five", "three comma five"),
    ("21st and 101st", "twenty first and one hundred and first"),
    ("007", "zero zero seven", "double oh seven"),
    ("version 3.2.1", "version three point two point one", "version three dot two dot one"),
    # Codes and telephone numbers
    ("Call 911", "call nine one one", "call nine eleven"),
    ("Room 101", "room one oh one", "room one hundred one", "room one hundred and one"),
    ("a 747", "a seven forty seven", "a seven four seven"),
    ("555-1234", "five five five one two three four", "five five five twelve thirty four"),
    ("+1 (800) 555-0199", "plus one eight hundred five five five oh one nine nine"),
    (
        "Flight BA123, an A4 page",
        "flight b a one two three an a four page",
        "flight b a one twenty three an a four page",
    ),
    ("MP3, H2O, 3D", "m p three h two o three d"),
    ("NaCl, CaCO3, C#", "n a c l c a c o three c sharp"),
    (
        "v1.2.3, USB3.0",
        "version one point two point three u s b three point zero",
        "v one dot two dot three u s b three dot zero",
    ),
    # Money
    ("$5 million", "five million dollars"),
    ("$1,250", "one thousand two hundred fifty dollars", "twelve hundred fifty dollars"),
    ("$9.99", "nine dollars and ninety nine cents", "nine ninety nine", "nine dollars ninety nine"),
    ("£3.50", "three pounds and fifty pence", "three pounds fifty", "three pound fifty"),
    ("¥500, 50¢, 5 €", "five hundred yen fifty cents five euros"),
    ("$5-10", "five to ten dollars"),
    ("$20/month", "twenty dollars per month", "twenty dollars a month"),
    ("$1.5m", "one point five million dollars"),
    ("€1.234,56", "one thousand two hundred thirty four euros and fifty six cents"),
    ("A$5, 20 EUR", "five dollars twenty euros", "five australian dollars twenty euros"),
    ("USD 5", "five dollars", "five u s dollars", "five u s d"),
    # Times and dates
    ("7:00 p.m.", "seven p m", "seven o'clock p m"),
    ("6.00 p.m.", "six p m"),
    ("at 7.30", "at seven thirty", "at half past seven"),
    ("It is 7.30", "it is seven thirty", "it is seven point three zero"),
    ("7:05", "seven oh five", "five past seven"),
    ("7:45", "seven forty five", "quarter to eight", "a quarter to eight"),
    ("19:30", "nineteen thirty", "seven thirty"),
    ("12:00", "twelve o'clock", "noon", "midnight", "twelve"),
    ("7pm or 10 a.m.", "seven p m or ten a m"),
    ("Jan. 3rd", "january third", "january the third"),
    ("May 21, 1984", "may twenty first nineteen eighty four", "may twenty one nineteen eighty four"),
    ("21 May", "the twenty first of may", "twenty first may", "may twenty first"),
    ("5/21/2026", "may twenty first twenty twenty six", "the twenty first of may twenty twenty six"),
    ("2026-05-21", "may twenty first twenty twenty six"),
    ("2026/05/21", "may twenty first twenty twenty six", "the twenty first of may twenty twenty six"),
    ("25/12", "december twenty fifth", "the twenty fifth of december"),
    ("on 4/7", "on april seventh", "on the seventh of april", "on july fourth"),
    ("you may 5 times", "you may five times"),
    ("the 3 may win", "the three may win"),
    ("the 3rd may win", "the third may win"),
    ("the score was 21:15", "the score was twenty one fifteen", "the score was twenty one to fifteen"),
    ("45:05", "forty five oh five", "forty five to zero five"),
    ("98:95, 3-0", "ninety eight to ninety five three zero", "ninety eight ninety five three nil"),
    ("Mon–Fri", "monday to friday", "monday through friday"),
    # Measures and signs
    ("−5 °C", "minus five degrees celsius", "negative five degrees"),
    ("20℃", "twenty degrees celsius", "twenty degrees centigrade"),
    ("80 km/h", "eighty kilometers per hour", "eighty kilometers an hour"),
    ("1 kg, 5km, 3 m²", "one kilogram five kilometers three square meters"),
    ("5'11\"", "five foot eleven", "five feet eleven inches"),
    ("30%", "thirty percent"),
    ("5 × 3 = 15", "five times three equals fifteen", "five by three is fifteen"),
    ("6 ÷ 2", "six divided by two", "six over two"),
    ("x < y > 2", "x is less than y is greater than two", "x less than y greater than two"),
    ("~20 people", "about twenty people", "approximately twenty people"),
    ("5 - 3", "five minus three"),
    ("pages 5-10", "pages five to ten", "pages five through ten"),
    ("#1, No. 1", "number one number one", "hashtag one number one"),
    ("No 5", "number five", "no five"),
    ("1/1000, 1/100", "one thousandth a hundredth", "a thousandth one hundredth"),
    ("1.000", "one point zero zero zero", "one thousand"),
    ("a/b/c", "a b c", "a slash b slash c"),
    ("No. He said no.", "no he said no"),
    ("5 in 10", "five in ten"),
    ("5 in.", "five inches", "five in"),
    ('a 27" screen', "a twenty seven inch screen", "a twenty seven inches screen"),
    ('he said "27"', "he said twenty seven"),
    ("50° N", "fifty degrees north", "fifty degrees n"),
    ("10⁻³", "ten to the power of minus three", "ten to the minus three"),
    ("20ºC", "twenty degrees celsius"),
    ("A & B", "a and b"),
    ("½ * # ~", "one half"),
    # Letters, capitals and abbreviations
    ("the US and IT", "the u s and i t", "the us and it"),
    ("I AM here", "i am here", "i a m here"),
    ("TVs on TV", "t v's on t v"),
    ("DON'T, I'M", "don't i'm"),
    ("NASA's UK", "nasa's u k"),
    ("U.S.A., a.k.a.", "u s a also known as", "u s a a k a"),
    ("e.g. this, i.e. that, etc.", "for example this that is that et cetera", "e g this i e that et cetera"),
    ("Dr. Smith, Elm Dr.", "doctor smith elm drive"),
    ("St. John, 12 Main St.", "saint john twelve main street"),
    ("A, B, C", "a b c"),
    ("an X-ray, a T-shirt", "an x ray a t shirt"),
    ("iPhone, YouTube", "iphone youtube", "i phone you tube"),
    ("dvd, html, hmm", "d v d h t m l hmm"),
    ("Henry VIII", "henry the eighth", "henry eight"),
    ("World War II, Chapter IV", "world war two chapter four", "world war the second chapter four"),
    ("Anna and I", "anna and i"),
    ("rock 'n' roll, 'em", "rock n roll em", "rock and roll them"),
    # Addresses
    ("anna.k@example.com", "anna dot k at example dot com"),
    ("www.example.org/map", "w w w dot example dot org slash map"),
    ("#travel @anna", "hashtag travel at anna"),
    ("he/she and/or", "he or she and or", "he she and or", "he slash she and slash or"),
    # What is not spoken
    ("[laughs] Hello (applause)", "hello"),
    ("Anna: Hello. Bob: Hi!", "hello hi"),
    ("A: Hi.\nB: Hello.", "hi hello"),
    ("Note: bring (some) water", "note bring some water"),
    ("[Where is it?]", "where is it"),
    # Characters
    ("co\u00adop, zero\u200cwidth, wo\u2060rd", "coop zerowidth word"),
    ("don\u2032t, don\u201bt, Hawai\u02bbi", "don't don't hawai'i"),
    ("Straße, Æsop, Øre, œuvre, Łódź", "strasse aesop ore oeuvre lodz"),
]


@pytest.mark.parametrize(("text", "readings"), [(text, readings) for text, *readings in SAID])
def test_all_common_readings_are_listed(text: str, readings: list[str]) -> None:
    for reading in readings:
        assert is_reading(text, reading), f"{text!r} is not read {reading!r}"


@pytest.mark.parametrize(
    ("text", "reading"),
    [
        ("1½ hours", "eleven two hours"),
        ("$5 million", "five dollars million"),
        ("10 000", "ten zero zero zero"),
        ("7:00 p.m.", "seven p m o'clock"),
        ("The cat", "the c a t"),
        ("it is us", "i t is u s"),
        ("1,984", "nineteen eighty four"),
        ("the 3rd may win", "the three may win"),
        ("4/7 of it", "april seventh of it"),
        ("10:05", "ten to five"),
        ("0 degrees", "love degrees"),
    ],
)
def test_unusual_readings_are_rejected(text: str, reading: str) -> None:
    assert not is_reading(text, reading)


def is_reading(text: str, reading: str) -> bool:
    """Whether the reading can be composed from one reading of each token."""
    prefixes = {tuple[str, ...]()}
    words = tuple(reading.split())
    for token in tokenize(text):
        longer = {prefix + choice for prefix in prefixes for choice in token.readings}
        prefixes = {prefix for prefix in longer if prefix == words[: len(prefix)]}
    return words in prefixes


@given(st.text(max_size=200))
def test_readings_are_few_and_distinct(text: str) -> None:
    for token in tokenize(text):
        assert 0 < len(token.readings) <= MAX_READINGS
        assert len(set(token.readings)) == len(token.readings)


@pytest.mark.parametrize(
    "text",
    [
        *("㎯" * 500, "2010 " * 100, "1/2 " * 125, "a." * 250, "1" * 500, "[" * 500, "+1-" * 166, "A-" * 250),
        *("1.234," * 80, '1"' * 250, "a1." * 160, "º" * 500, "USD" * 160, "on 1/2 " * 70),
    ],
)
def test_hostile_texts_are_read_quickly(text: str) -> None:
    # Time of this process: other work on the machine does not count.
    started = time.process_time()
    tokens = tokenize(text)
    assert time.process_time() - started < 0.5
    assert sum(len(reading) for token in tokens for reading in token.readings) < 10_000
