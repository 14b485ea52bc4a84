import pytest
from scoring.providers.offline.aligner import Alignment, align
from scoring.providers.offline.graph import FILLER, Penalties
from scoring.providers.offline.phonemes import SYMBOLS
from scoring.providers.offline.transcript import Reading, Transcript, to_transcript
from tests.spoken_frames import CAT, EVEN, SAT, THE, frames, word


def aligned(spoken: str, transcript: Transcript, penalties: Penalties | None = None) -> Alignment:
    found = align(frames(spoken), transcript, EVEN, penalties)
    assert found is not None
    return found


def described(alignment: Alignment) -> str:
    names = (*SYMBOLS, "*")
    return " ".join(names[phoneme] for phoneme in alignment.segments.phonemes)


def test_each_phoneme_gets_its_frames() -> None:
    segments = aligned("DH AH K AE T", to_transcript((THE, CAT))).segments
    assert list(segments.words) == [0, 0, 1, 1, 1]
    assert list(segments.positions) == [0, 1, 0, 1, 2]
    assert list(segments.starts) == [0, 3, 6, 9, 12]
    assert list(segments.ends) == [3, 6, 9, 12, 15]


def test_the_recording_decides_between_pronunciations() -> None:
    found = aligned("DH IY K AE T", to_transcript((THE, CAT)))
    assert described(found) == "DH IY K AE T"
    assert list(found.segments.pronunciations) == [1, 1, 0, 0, 0]


def test_pauses_lie_between_words_and_around_them() -> None:
    found = aligned("SIL DH AH SIL K AE T SIL", to_transcript((THE, CAT)))
    assert described(found) == "SIL DH AH SIL K AE T SIL"
    assert list(found.segments.words) == [-1, 0, 0, -1, 1, 1, 1, -1]


def test_the_recording_decides_between_readings() -> None:
    seven: Reading = (word("seven", "S EH V AH N"),)
    clock: Reading = (*seven, word("o'clock", "AH K L AA K"))
    transcript: Transcript = ((clock, seven), ((word("sharp", "SH AA R P"),),))
    short = aligned("S EH V AH N SH AA R P", transcript)
    assert [each.text for each in short.words] == ["seven", "sharp"]
    long = aligned("S EH V AH N AH K L AA K SH AA R P", transcript)
    assert [each.text for each in long.words] == ["seven", "o'clock", "sharp"]
    assert list(long.segments.words[-4:]) == [2, 2, 2, 2]


def test_a_word_can_be_skipped() -> None:
    words = to_transcript((THE, CAT, SAT))
    found = aligned("DH AH S AE T", words, Penalties(skip=-6))
    assert list(found.segments.words) == [0, 0, 2, 2, 2]
    assert [each.text for each in found.words] == ["the", "cat", "sat"]


def test_other_speech_can_lie_between_words() -> None:
    found = aligned("DH AH F IH SH IY K AE T", to_transcript((THE, CAT)), Penalties(filler=-2))
    assert described(found) == "DH AH * K AE T"
    assert found.segments.phonemes[2] == FILLER
    assert found.segments.words[2] == -1


def test_a_right_text_fits_better_than_a_wrong_one() -> None:
    right, wrong = (aligned("DH AH K AE T", to_transcript(words)) for words in ((THE, CAT), (SAT, THE)))
    assert right.score > wrong.score + 1


@pytest.mark.parametrize("count", [1, 4])
def test_a_recording_with_fewer_frames_than_phonemes_has_no_alignment(count: int) -> None:
    assert align(frames("DH AH K AE T")[:count], to_transcript((THE, CAT)), EVEN) is None
