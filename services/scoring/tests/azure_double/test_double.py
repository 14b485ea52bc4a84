"""The double against the real SDK: each situation has the effect that the Speech service's clients know.

A changed outcome after an update of the SDK means that the provider's mapping of failures has to be checked.
"""

import asyncio
import subprocess
import sys
from collections.abc import AsyncIterator
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from tests.azure_double import KEY, AzureDouble
from tests.azure_double.scripts import Script, reset_after_phrase, scores
from tests.azure_double.sdk import IMPATIENT, QUICK, Outcome, recognize
from tests.azure_double.situations import SITUATIONS
from tests.azure_double.speech import TICKS_PER_SECOND

TEXT = "The train leaves at seven in the morning."
WORDS = ["the", "train", "leaves", "at", "seven", "in", "the", "morning"]
RECOGNIZED, HANGS = ("RecognizedSpeech", ""), ("Hangs", "")
RETRIES = 5

OUTCOMES: dict[str, tuple[tuple[str, str], int]] = {
    "success": (RECOGNIZED, 1),
    "two_phrases": (RECOGNIZED, 1),
    "throttled_once": (RECOGNIZED, 2),
    "unavailable_once": (RECOGNIZED, 2),
    "cut_once": (RECOGNIZED, 2),
    "closed_once": (RECOGNIZED, 2),
    "slow": (("Error", "ServiceTimeout"), 1),
    "http_400": (("Error", "BadRequest"), 1),
    "http_401": (("Error", "AuthenticationFailure"), 1),
    "http_403": (("Error", "AuthenticationFailure"), 1),
    "http_404": (("Error", "ServiceError"), RETRIES),
    "http_408": (("Error", "ServiceTimeout"), RETRIES),
    "http_429": (("Error", "TooManyRequests"), RETRIES),
    "http_500": (("Error", "ServiceError"), RETRIES),
    "http_502": (("Error", "ServiceError"), RETRIES),
    "http_503": (("Error", "ServiceUnavailable"), RETRIES),
    "http_504": (("Error", "ConnectionFailure"), RETRIES),
    "close_1000": (("Error", "ServiceTimeout"), RETRIES),
    "close_1001": (("Error", "ConnectionFailure"), RETRIES),
    "close_1002": (("Error", "ConnectionFailure"), 1),
    "close_1003": (("Error", "ConnectionFailure"), RETRIES),
    "close_1007": (("Error", "BadRequest"), 1),
    "close_1008": (("Error", "ConnectionFailure"), RETRIES),
    "close_1011": (("Error", "ServiceError"), RETRIES),
    "close_1013": (("Error", "ServiceError"), RETRIES),
    "close_4000": (("Error", "ConnectionFailure"), 1),
    "close_4429": (("Error", "TooManyRequests"), 1),
    "phrase_NoMatch": (("NoMatch", "NotRecognized"), 1),
    "phrase_InitialSilenceTimeout": (("NoMatch", "InitialSilenceTimeout"), 1),
    "phrase_BabbleTimeout": (("NoMatch", "InitialBabbleTimeout"), 1),
    "phrase_EndOfDictation": (("Error", "ServiceTimeout"), 1),
    "phrase_Error": (("Error", "ServiceError"), RETRIES),
    "phrase_TooManyRequests": (("Error", "TooManyRequests"), RETRIES),
    "phrase_Forbidden": (("Error", "Forbidden"), RETRIES),
    "phrase_BadRequest": (("Error", "BadRequest"), RETRIES),
    "phrase_Unknown": (("Error", "ServiceError"), RETRIES),
    "handshake_never_answered": (("Error", "ServiceTimeout"), 1),
    "handshake_hung_up": (("Error", "ConnectionFailure"), RETRIES),
    "cut_at_once": (("Error", "ConnectionFailure"), RETRIES),
    "cut_mid_stream": (("Error", "ConnectionFailure"), RETRIES),
    "cut_at_the_end": (("Error", "ConnectionFailure"), RETRIES),
    "no_reply": (("Error", "ServiceTimeout"), 1),
    "no_turn_start": (("Error", "ServiceTimeout"), 1),
    "no_phrase": (("Error", "ServiceTimeout"), 1),
    "no_phrase_no_turn_end": (("Error", "ServiceTimeout"), 1),
    "no_turn_end": (RECOGNIZED, 1),
    "wrong_request_id": (("Error", "ServiceTimeout"), 1),
    "not_json": (("Error", "ServiceError"), RETRIES),
    "empty": (("Error", "ServiceError"), RETRIES),
    "no_object": (("Error", "ServiceError"), RETRIES),
    "no_status": (("Error", "ServiceError"), RETRIES),
    "no_nbest": (RECOGNIZED, 1),
    "no_words": (RECOGNIZED, 1),
    "score_is_text": (RECOGNIZED, 1),
}
"""The outcome of a single-shot recognition, and the number of connections that the SDK opened."""

CONTINUOUS = {
    "success": RECOGNIZED,
    "phrase_EndOfDictation": ("", ""),
    "no_phrase": ("", ""),
    "no_turn_start": HANGS,
    "no_turn_end": HANGS,
    "close_1000": HANGS,
    "cut_mid_stream": ("Error", "ConnectionFailure"),
    "http_429": ("Error", "TooManyRequests"),
}


@pytest.fixture(scope="module")
async def double() -> AsyncIterator[AzureDouble]:
    async with AzureDouble().listen() as double:
        yield double


@pytest.fixture(scope="session")
def pcm(reading: bytes) -> bytes:
    return reading[44:]


async def assess(double: AzureDouble, pcm: bytes, *, key: str = KEY, text: str = TEXT, **how: Any) -> Outcome:
    return await asyncio.to_thread(recognize, double.url, key, pcm, text=text, **how)


def make_noise(seconds: float) -> bytes:
    samples: NDArray[np.int16] = np.random.default_rng(7).integers(
        -3000, 3000, int(16_000 * seconds), np.int16
    )
    return samples.tobytes()


def list_words(phrase: dict[str, Any]) -> list[tuple[str, str]]:
    words = phrase["NBest"][0]["Words"]
    return [(word["Word"], word["PronunciationAssessment"]["ErrorType"]) for word in words]


@pytest.mark.parametrize("situation", OUTCOMES)
async def test_a_situation_ends_as_with_the_real_service(
    double: AzureDouble, pcm: bytes, situation: str
) -> None:
    (reason, code), connections = OUTCOMES[situation]
    double.play(*SITUATIONS[situation])
    properties = IMPATIENT if code == "ServiceTimeout" else QUICK
    outcome = await assess(double, pcm, properties=properties)
    assert (outcome.reason, outcome.code) == (reason, code), outcome.details
    assert double.connected == connections
    assert len(outcome.phrases) == (reason == "RecognizedSpeech")


@pytest.mark.parametrize("situation", CONTINUOUS)
async def test_a_continuous_recognition_ends_differently(
    double: AzureDouble, pcm: bytes, situation: str
) -> None:
    double.play(*SITUATIONS[situation])
    ending = CONTINUOUS[situation]
    timeout = 1 if ending == HANGS else 10
    outcome = await assess(double, pcm, is_continuous=True, timeout_seconds=timeout)
    assert (outcome.reason, outcome.code) == ending, outcome.details


async def test_the_double_scores_the_text_of_the_request(double: AzureDouble, pcm: bytes) -> None:
    double.play(scores(weak={"seven"}))
    [phrase] = (await assess(double, pcm)).phrases
    assert list_words(phrase) == [(word, "Mispronunciation" if word == "seven" else "None") for word in WORDS]
    [best] = phrase["NBest"]
    assert best["PronunciationAssessment"].keys() >= {"PronScore", "ProsodyScore"}
    train = best["Words"][1]
    assert [phoneme["Phoneme"] for phoneme in train["Phonemes"]] == ["t", "ɹ", "æ", "i", "n"]
    assert best["Words"][-1]["Offset"] + best["Words"][-1]["Duration"] == phrase["Duration"]


async def test_the_double_records_the_audio_it_receives(double: AzureDouble, pcm: bytes) -> None:
    double.play(scores())
    await assess(double, pcm)
    [turn] = double.turns
    assert bytes(turn.audio) == pcm
    assert turn.wav_header.startswith(b"RIFF")
    assert turn.has_ended
    [connection] = double.connections
    assert (connection.key, connection.status, connection.audio_bytes) == (KEY, 101, len(pcm))
    assert connection.messages[:2] == ["speech.config", "speech.context"]
    assert turn.sent[-2:] == ["speech.phrase", "turn.end"]


async def test_the_double_marks_omitted_and_inserted_words(double: AzureDouble, pcm: bytes) -> None:
    double.play(scores(transcript="the ferry leaves at seven in the morning"))
    [phrase] = (await assess(double, pcm)).phrases
    assert list_words(phrase)[:4] == [
        ("the", "None"),
        ("train", "Omission"),
        ("ferry", "Insertion"),
        ("leaves", "None"),
    ]
    assert phrase["NBest"][0]["Words"][1].keys() == {"Word", "PronunciationAssessment"}


async def test_a_continuous_recognition_marks_no_miscues(double: AzureDouble) -> None:
    double.play(scores(transcript="the ferry leaves", phrases=2))
    pcm = make_noise(45)
    outcome = await assess(double, pcm, is_continuous=True)
    assert [list_words(phrase) for phrase in outcome.phrases] == [
        [("the", "None")],
        [("ferry", "None"), ("leaves", "None")],
    ]
    assert [turn.audio_bytes for turn in double.turns] == [len(pcm)]
    assert outcome.phrases[1]["Offset"] == 45 * TICKS_PER_SECOND // 2


async def test_a_single_shot_recognition_ends_with_the_first_phrase(double: AzureDouble, pcm: bytes) -> None:
    double.play(scores(phrases=2))
    [phrase] = (await assess(double, pcm)).phrases
    assert [word for word, _ in list_words(phrase)] == WORDS[:4]


async def test_a_reconnect_continues_after_the_last_phrase(double: AzureDouble) -> None:
    double.play(reset_after_phrase("the train", seconds=2), scores(transcript="leaves"))
    pcm = make_noise(6)
    outcome = await assess(double, pcm, is_continuous=True)
    assert [list_words(phrase)[0][0] for phrase in outcome.phrases] == ["the", "leaves"]
    first, second = double.turns
    assert second.request.skipped_ticks == 2 * TICKS_PER_SECOND
    assert first.audio_bytes == len(pcm)
    assert bytes(second.audio) == pcm[-second.audio_bytes :]
    assert second.audio_bytes == 4 * 32_000
    assert outcome.phrases[1]["Offset"] == 2 * TICKS_PER_SECOND
    assert len({connection.session_id for connection in double.connections}) == 1


async def test_silence_is_no_speech(double: AzureDouble) -> None:
    double.play(scores())
    outcome = await assess(double, bytes(64_000))
    assert (outcome.reason, outcome.code) == ("NoMatch", "InitialSilenceTimeout")


async def test_only_american_english_has_names_of_phonemes_and_prosody(
    double: AzureDouble, pcm: bytes
) -> None:
    double.play(scores())
    [phrase] = (await assess(double, pcm, text="Grüß Gott", language="de-DE")).phrases
    [best] = phrase["NBest"]
    assert {phoneme["Phoneme"] for word in best["Words"] for phoneme in word["Phonemes"]} == {""}
    assert "ProsodyScore" not in best["PronunciationAssessment"]


async def test_a_wrong_key_is_refused_in_every_script(double: AzureDouble, pcm: bytes) -> None:
    double.play(scores())
    outcome = await assess(double, pcm, key="wrong")
    assert (outcome.reason, outcome.code) == ("Error", "AuthenticationFailure")
    assert [connection.status for connection in double.connections] == [401]


async def test_a_key_can_expire_between_two_recordings(double: AzureDouble, pcm: bytes) -> None:
    double.play(*SITUATIONS["key_revoked_later"])
    assert (await assess(double, pcm)).reason == "RecognizedSpeech"
    assert (await assess(double, pcm)).code == "AuthenticationFailure"


async def test_the_double_can_run_without_storing_audio(pcm: bytes) -> None:
    async with AzureDouble(keeps_audio=False, remembers=1).listen() as double:
        await assess(double, pcm)
        await assess(double, pcm)
        assert double.connected == 2
        [turn] = double.turns
        assert (len(turn.audio), turn.audio_bytes) == (0, len(pcm))


async def test_errors_in_the_double_fail_the_test(pcm: bytes) -> None:
    async def fail(turn: object) -> None:
        raise LookupError("the script is wrong")

    double = AzureDouble(Script(fail))
    with pytest.raises(ExceptionGroup) as excinfo:
        async with double.listen():
            await assess(double, pcm, properties=IMPATIENT)
    assert excinfo.group_contains(LookupError)


def test_the_double_runs_as_a_program(pcm: bytes) -> None:
    command = [sys.executable, "-m", "tests.azure_double", "--situation", "phrase_NoMatch"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as program:  # noqa: S603 - our own command
        assert program.stdout is not None
        url, _, key = program.stdout.readline().strip().removeprefix("AZURE_SPEECH_ENDPOINT=").partition(" ")
        outcome = recognize(url, key.removeprefix("AZURE_SPEECH_KEY="), pcm, text=TEXT)
        program.terminate()
    assert (outcome.reason, program.returncode) == ("NoMatch", 0)
