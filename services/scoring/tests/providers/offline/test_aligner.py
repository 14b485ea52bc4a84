import pytest
from scoring.providers.offline.aligner import Alignment, align
from scoring.providers.offline.graph import FILLER, Penalties
from scoring.providers.offline.phonemes import SYMBOLS
from scoring.providers.offline.transcript import Reading, Transcript, to_transcript
from tests.spoken_frames import CAT, EVEN, SAT, THE, make_frames, make_word


def align_spoken(spoken: str, transcript: Transcript, penalties: Penalties | None = None) -> Alignment:
    result = align(make_frames(spoken), transcript, EVEN, penalties)
    assert result is not None
    return result


def describe(alignment: Alignment) -> str:
    names = (*SYMBOLS, "*")
    return " ".join(names[phoneme] for phoneme in alignment.segments.phonemes)


def test_each_phoneme_gets_its_frames() -> None:
    segments = align_spoken("DH AH K AE T", to_transcript((THE, CAT))).segments
    assert list(segments.words) == [0, 0, 1, 1, 1]
    assert list(segments.positions) == [0, 1, 0, 1, 2]
    assert list(segments.starts) == [0, 3, 6, 9, 12]
    assert list(segments.ends) == [3, 6, 9, 12, 15]


def test_the_recording_decides_between_pronunciations() -> None:
    result = align_spoken("DH IY K AE T", to_transcript((THE, CAT)))
    assert describe(result) == "DH IY K AE T"
    assert list(result.segments.pronunciations) == [1, 1, 0, 0, 0]


def test_pauses_lie_between_words_and_around_them() -> None:
    result = align_spoken("SIL DH AH SIL K AE T SIL", to_transcript((THE, CAT)))
    assert describe(result) == "SIL DH AH SIL K AE T SIL"
    assert list(result.segments.words) == [-1, 0, 0, -1, 1, 1, 1, -1]


def test_the_recording_decides_between_readings() -> None:
    seven: Reading = (make_word("seven", "S EH V AH N"),)
    clock: Reading = (*seven, make_word("o'clock", "AH K L AA K"))
    transcript: Transcript = ((clock, seven), ((make_word("sharp", "SH AA R P"),),))
    short = align_spoken("S EH V AH N SH AA R P", transcript)
    assert [word.text for word in short.words] == ["seven", "sharp"]
    long = align_spoken("S EH V AH N AH K L AA K SH AA R P", transcript)
    assert [word.text for word in long.words] == ["seven", "o'clock", "sharp"]
    assert list(long.segments.words[-4:]) == [2, 2, 2, 2]


def test_a_word_can_be_skipped() -> None:
    words = to_transcript((THE, CAT, SAT))
    result = align_spoken("DH AH S AE T", words, Penalties(skip=-6))
    assert list(result.segments.words) == [0, 0, 2, 2, 2]
    assert [word.text for word in result.words] == ["the", "cat", "sat"]


def test_other_speech_can_lie_between_words() -> None:
    result = align_spoken("DH AH F IH SH IY K AE T", to_transcript((THE, CAT)), Penalties(filler=-2))
    assert describe(result) == "DH AH * K AE T"
    assert result.segments.phonemes[2] == FILLER
    assert result.segments.words[2] == -1


def test_the_right_text_fits_better_than_a_wrong_one() -> None:
    right, wrong = (align_spoken("DH AH K AE T", to_transcript(words)) for words in ((THE, CAT), (SAT, THE)))
    assert right.score > wrong.score + 1


@pytest.mark.parametrize("count", [1, 4])
def test_a_recording_with_fewer_frames_than_phonemes_has_no_alignment(count: int) -> None:
    assert align(make_frames("DH AH K AE T")[:count], to_transcript((THE, CAT)), EVEN) is None
