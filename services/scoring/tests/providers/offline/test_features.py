import numpy as np
import pytest
from scoring.providers.offline.aligner import Segments, align
from scoring.providers.offline.evidence import Evidence
from scoring.providers.offline.phone_features import (
    DURATION,
    EVIDENCE,
    GOP_NAMES,
    POSTERIORS,
    WIDTH,
    describe_segments,
)
from scoring.providers.offline.transcript import to_transcript
from scoring.providers.offline.utterance_features import describe_utterance
from tests.spoken_frames import CAT, EVEN, THE, make_frames

DURATIONS = np.tile(np.array([np.log(3), 0.5], np.float32), (40, 1))
EVIDENCE_OF_TWO = Evidence(
    np.array([[-1, -1, -0.5, 1], [-40, -40, -30, 2]], np.float32),
    np.array([-2, -5, -1, 0.5, -90], np.float32),
)


def describe(spoken: str) -> tuple[Segments, np.ndarray, np.ndarray]:
    log_posteriors = make_frames(spoken)
    alignment = align(log_posteriors, to_transcript((THE, CAT)), EVEN)
    assert alignment is not None
    rows = describe_segments(log_posteriors, alignment.segments, EVIDENCE_OF_TWO, DURATIONS)
    utterance_features = describe_utterance(np.zeros(32), alignment, rows, EVIDENCE_OF_TWO, DURATIONS)
    return alignment.segments, rows, utterance_features


def get_column(rows: np.ndarray, name: str) -> list[float]:
    return [float(value) for value in rows[:, GOP_NAMES.index(name)]]


def test_a_spoken_phoneme_has_high_posteriors() -> None:
    _, rows, _ = describe("DH AH K AE T")
    assert rows.shape == (5, WIDTH)
    assert get_column(rows, "probability") == pytest.approx([0.9] * 5)
    assert get_column(rows, "mean") == pytest.approx([np.log(0.9)] * 5)
    assert get_column(rows, "margin") == pytest.approx([np.log(0.9 / (0.1 / 39))] * 5, rel=1e-4)
    assert get_column(rows, "is_best") == [1] * 5


def test_another_phoneme_in_its_place_has_a_negative_margin() -> None:
    _, rows, _ = describe("DH AH K IH T")
    assert get_column(rows, "margin")[3] < -3
    assert get_column(rows, "is_best")[3] == 0
    assert get_column(rows, "gap")[3] == pytest.approx(-np.log(0.9 / (0.1 / 39)), rel=1e-4)


def test_an_average_duration_scores_zero() -> None:
    segments, rows, _ = describe("DH AH AH K AE T")
    assert list(segments.frames) == [3, 6, 3, 3, 3]
    assert rows[:, DURATION] == pytest.approx([0, np.log(2) / 0.5, 0, 0, 0], abs=1e-6)


def test_phonemes_of_a_word_share_its_bounded_evidence() -> None:
    _, rows, _ = describe("DH AH SIL K AE T")
    assert rows[0, EVIDENCE] == pytest.approx([-1, -1, -0.5, 1])
    assert rows[2, EVIDENCE] == pytest.approx([0, 0, 0, 0])
    assert rows[3, EVIDENCE] == pytest.approx([-15, -15, -15, 2])
    assert rows[:, POSTERIORS].min() >= -12


def test_pauses_lower_the_tempo() -> None:
    (_, _, fluent), (_, _, halting) = describe("DH AH K AE T"), describe("DH AH SIL SIL SIL SIL K AE T")
    assert fluent.shape == (60,)
    phonemes_a_second, pause_share = 32, 36
    assert fluent[phonemes_a_second] == pytest.approx(1 / 0.072, rel=1e-4)
    assert halting[phonemes_a_second] < 0.6 * fluent[phonemes_a_second]
    assert (fluent[pause_share], halting[pause_share]) == (0, pytest.approx(4 / 9))


def test_silence_around_a_reading_does_not_affect_the_features() -> None:
    _, _, without_silence = describe("DH AH K AE T")
    _, _, padded = describe("SIL SIL SIL DH AH K AE T SIL SIL")
    np.testing.assert_allclose(padded[:-6], without_silence[:-6], atol=1e-5)
