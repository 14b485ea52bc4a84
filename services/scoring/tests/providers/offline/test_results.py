import numpy as np
import pytest
from scoring.domain.scores import AudioInfo, PhonemeScore, ScoringResult, WordScore
from scoring.providers.offline.aligner import align
from scoring.providers.offline.miscues import Delivery, Insertion
from scoring.providers.offline.observation import RawScores
from scoring.providers.offline.results import Points, build_result, to_points
from scoring.providers.offline.score_map import ScoreMap
from scoring.providers.offline.transcript import to_transcript
from tests.spoken_frames import CAT, SAT, THE, make_frames

AUDIO = AudioInfo(900, 44_100, "m4a")
OVERALL = {"accuracy": 81.26, "fluency": 70.0, "prosody": 60.0, "total": 80.0}


def build(
    words: tuple[float, ...] = (90.0, 80.0, 70.0),
    *,
    spoken: tuple[bool, ...] = (True, True, True),
    insertions: tuple[Insertion, ...] = (),
    audio: AudioInfo = AUDIO,
) -> ScoringResult:
    delivery = Delivery((THE, CAT, SAT), spoken, ())
    phonemes = " ".join(
        sounds for sounds, is_spoken in zip(("DH AH", "K AE T", "S AE T"), spoken, strict=True) if is_spoken
    )
    alignment = align(make_frames(phonemes), to_transcript(delivery.spoken_words), np.zeros(40))
    assert alignment
    segments = alignment.segments
    points = Points(np.full(int(segments.spoken.sum()), 66.66), np.array(words), OVERALL)
    return build_result(
        delivery, segments, points, insertions=insertions, recognized=["the", "cat"], audio=audio
    )


def test_scores_are_those_of_the_models() -> None:
    result = build()
    assert (result.pronunciation_score, result.accuracy_score) == (80.0, 81.3)
    assert (result.fluency_score, result.prosody_score, result.completeness_score) == (70.0, 60.0, 100.0)
    assert [word.score for word in result.words] == [90.0, 80.0, 70.0]
    assert (result.recognized_text, result.audio, result.provider) == ("the cat", AUDIO, "offline")


def test_positions_are_in_milliseconds() -> None:
    second_word = build().words[1]
    assert (second_word.offset_ms, second_word.duration_ms) == (144, 216)
    assert second_word.phonemes[0] == PhonemeScore("K", 66.7, 144, 72)
    assert [phoneme.symbol for phoneme in second_word.phonemes] == ["K", "AE", "T"]


def test_positions_lie_inside_the_recording() -> None:
    last_word = build(audio=AudioInfo(500, 16_000, "wav")).words[2]
    assert (last_word.offset_ms, last_word.duration_ms) == (360, 140)


def test_an_omitted_word_has_no_score_and_lowers_the_whole() -> None:
    result = build((90.0, 70.0), spoken=(True, False, True))
    assert result.words[1] == WordScore("cat", None, "omission")
    assert result.completeness_score == pytest.approx(66.7)
    assert result.pronunciation_score == pytest.approx(53.3)
    assert result.accuracy_score == 81.3


def test_a_bad_word_is_flagged() -> None:
    assert [word.error_type for word in build((59.9, 60.0, 100.0)).words] == [
        "mispronunciation",
        "none",
        "none",
    ]


def test_a_replaced_word_counts_as_missing() -> None:
    assert build((34.9, 35.0, 100.0)).completeness_score == pytest.approx(66.7)


def test_insertions_are_placed_where_they_were_spoken() -> None:
    result = build(insertions=(Insertion("old", 1, 6, 8), Insertion("down", 3, 20, 30)))
    assert [word.word for word in result.words] == ["the", "old", "cat", "sat", "down"]
    assert result.words[1] == WordScore("old", None, "insertion", 144, 48)


def test_a_single_word_has_no_fluency() -> None:
    result = build((90.0,), spoken=(False, True, False))
    assert (result.fluency_score, result.prosody_score) == (None, None)


def test_scores_stay_within_0_and_100() -> None:
    steep = ScoreMap(np.array([0.0, 10.0]), np.array([-5.0, 105.0]))
    maps = dict.fromkeys(("phonemes", "words", *OVERALL), steep)
    points = to_points(RawScores(np.zeros(8), np.array([0.0, 5, 10]), np.full(4, 5.0)), maps)
    assert points.words.tolist() == [-5.0, 50.0, 105.0]
    assert [word.score for word in build(tuple(points.words)).words] == [0.0, 50.0, 100.0]
