import numpy as np
from scoring.providers.offline.miscues import (
    Delivery,
    Insertion,
    OtherSpeech,
    find_delivery,
    find_insertions,
)
from scoring.providers.offline.transcript import Transcript, Word, to_transcript
from tests.spoken_frames import CAT, SAT, THE, make_frames, make_word

NO_PRIORS = np.zeros(40, np.float32)
SEVEN, DOG = make_word("seven", "S EH V AH N"), make_word("dog", "D AO G")


def deliver(spoken: str, *words: Word) -> Delivery:
    return deliver_transcript(spoken, to_transcript(words))


def deliver_transcript(spoken: str, transcript: Transcript) -> Delivery:
    result = find_delivery(make_frames(spoken), transcript, NO_PRIORS)
    assert result
    return result


def test_a_complete_reading_has_all_words_and_no_insertions() -> None:
    result = deliver("SIL DH AH K AE T SIL S AE T SIL", THE, CAT, SAT)
    assert result == Delivery((THE, CAT, SAT), (True, True, True), ())
    assert result.spoken_words == (THE, CAT, SAT)


def test_an_omitted_word_is_found() -> None:
    result = deliver("DH AH S AE T", THE, SEVEN, SAT)
    assert result.spoken == (True, False, True)
    assert result.spoken_words == (THE, SAT)


def test_a_reading_may_break_off() -> None:
    assert deliver("DH AH K AE T", THE, CAT, *[SEVEN, DOG] * 5).spoken == (True, True, *[False] * 10)


def test_a_reading_may_start_late() -> None:
    assert deliver("DH AH K AE T", *[SEVEN, DOG] * 5, THE, CAT).spoken == (*[False] * 10, True, True)


def test_other_speech_is_found_between_words() -> None:
    result = deliver("DH AH SIL S EH V AH N SIL K AE T", THE, CAT)
    assert result.spoken == (True, True)
    assert result.other == (OtherSpeech(1, 9, 24),)


def test_other_speech_is_found_before_and_after_the_text() -> None:
    result = deliver("D AO G SIL DH AH K AE T SIL S EH V AH N", THE, CAT)
    assert [insertion.words_before for insertion in result.other] == [0, 2]


def test_the_recording_chooses_the_reading() -> None:
    transcript = (((THE,),), ((DOG,), (CAT, SAT)))
    assert deliver_transcript("DH AH K AE T S AE T", transcript).words == (THE, CAT, SAT)
    assert deliver_transcript("DH AH D AO G", transcript).words == (THE, DOG)


def test_a_recording_that_is_too_short_for_any_word_has_none() -> None:
    result = find_delivery(make_frames("DH", frames_per_phoneme=1), to_transcript((SEVEN,)), NO_PRIORS)
    assert result is not None
    assert result.spoken_words == ()


def test_a_text_that_is_too_long_for_the_recording_has_omissions() -> None:
    assert sum(deliver("DH AH K AE T", *[THE, CAT, SEVEN] * 50).spoken) <= 4


def test_a_recognised_word_is_not_omitted() -> None:
    result = deliver("DH AH S AE T", THE, SEVEN, SAT)
    assert result.mark_recognized({0, 1}).spoken == (True, True, True)


def test_an_extra_word_counts_if_other_speech_was_found() -> None:
    assert find_insertions({2: ["really"]}, [OtherSpeech(2, 40, 52)]) == [Insertion("really", 2, 40, 52)]


def test_an_extra_word_without_other_speech_does_not_count() -> None:
    assert find_insertions({2: ["really"]}, []) == []
    assert find_insertions({2: ["really"]}, [OtherSpeech(4, 40, 52)]) == []
    assert find_insertions({2: ["really"]}, [OtherSpeech(2, 40, 41)]) == []


def test_other_speech_without_an_extra_word_does_not_count() -> None:
    assert find_insertions({}, [OtherSpeech(2, 40, 52)]) == []


def test_several_words_share_the_other_speech() -> None:
    result = find_insertions({1: ["old", "grey"]}, [OtherSpeech(1, 10, 20), OtherSpeech(1, 30, 40)])
    assert result == [Insertion("old", 1, 10, 15), Insertion("grey", 1, 15, 20)]
