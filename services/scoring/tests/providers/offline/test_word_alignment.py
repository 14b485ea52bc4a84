from scoring.providers.offline.word_alignment import WordAlignment, align_words

TEXT = ["the", "train", "leaves", "at", "seven"]


def test_all_words_of_an_identical_transcript_are_recognized() -> None:
    assert align_words(TEXT, TEXT) == WordAlignment({0, 1, 2, 3, 4}, {})


def test_extra_words_are_found_at_their_places() -> None:
    recognized = ["well", "the", "big", "old", "train", "leaves", "at", "seven", "now"]
    assert align_words(TEXT, recognized).extra == {0: ["well"], 1: ["big", "old"], 5: ["now"]}


def test_a_mistaken_or_omitted_word_is_neither_recognized_nor_extra() -> None:
    assert align_words(TEXT, ["the", "trains", "leave", "seven"]) == WordAlignment({0, 4}, {})


def test_texts_may_be_empty() -> None:
    assert align_words([], ["cat"]) == WordAlignment(set(), {0: ["cat"]})
    assert align_words(["cat"], []) == WordAlignment()


def test_letters_outside_of_english_are_compared() -> None:
    assert align_words(["café", "поезд"], ["café", "поезд"]).recognized == {0, 1}
