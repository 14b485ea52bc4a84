import asyncio
import gc
import statistics
import time
import weakref

import pytest
from azure.cognitiveservices import speech as sdk
from scoring.audio.recording import Recording
from scoring.providers.azure.configuration import Connection, RecognitionRequest
from scoring.providers.azure.outcomes import Outcome
from scoring.providers.azure.recognition import Recognition
from tests.azure_double import KEY, AzureDouble

REQUEST = RecognitionRequest("The train leaves at seven in the morning.", "en-US", 3.0)


@pytest.fixture
def recognition(double: AzureDouble, recording: Recording) -> Recognition:
    return Recognition(Connection(key=KEY, endpoint=double.url), REQUEST, recording.pcm)


async def test_the_copy_of_the_samples_is_overwritten_when_the_sdk_has_them(
    recognition: Recognition, recording: Recording
) -> None:
    responses: list[Outcome] = []
    samples_copy = recognition._audio.view()
    assert samples_copy == recording.pcm
    await asyncio.to_thread(recognition.run, responses.append)
    assert not any(samples_copy)
    assert any(recording.pcm)
    assert len(responses[0].phrases) == 1


@pytest.mark.timed
async def test_recognitions_begin_without_half_a_second_of_waiting(
    double: AzureDouble, recording: Recording
) -> None:
    started, answered = list[float](), list[float]()
    for _ in range(9):
        recognition = Recognition(Connection(key=KEY, endpoint=double.url), REQUEST, recording.pcm)
        started.append(time.perf_counter())
        await asyncio.to_thread(recognition.run, lambda _: answered.append(time.perf_counter()))
    seconds = [end - start for start, end in zip(started, answered, strict=True)]
    assert statistics.median(seconds) < 0.4


async def test_the_recognizer_is_freed_in_its_thread(
    recognition: Recognition, monkeypatch: pytest.MonkeyPatch
) -> None:
    created: list[weakref.ref[object]] = []
    create = sdk.SpeechRecognizer

    def remember(*args: object, **options: object) -> object:
        recognizer: object = create(*args, **options)
        created.append(weakref.ref(recognizer))
        return recognizer

    monkeypatch.setattr(sdk, "SpeechRecognizer", remember)
    gc.disable()
    try:
        await asyncio.to_thread(recognition.run, lambda _: None)
        assert [reference() for reference in created] == [None]
    finally:
        gc.enable()


async def test_an_error_of_the_sdk_is_a_failure_and_wipes_the_samples(
    recognition: Recognition, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> object:
        raise RuntimeError("SPXERR_GSTREAMER_INTERNAL_ERROR")

    monkeypatch.setattr(sdk, "SpeechRecognizer", fail)
    responses: list[Outcome] = []
    samples_copy = recognition._audio.view()
    await asyncio.to_thread(recognition.run, responses.append)
    assert [response.failure for response in responses] == ["RuntimeError"]
    assert not any(samples_copy)


async def test_a_recognition_stopped_before_its_start_sends_no_request(
    recognition: Recognition, double: AzureDouble
) -> None:
    recognition.stop()
    responses: list[Outcome] = []
    await asyncio.to_thread(recognition.run, responses.append)
    assert [response.failure for response in responses] == ["Stopped"]
    assert double.connected == 0
