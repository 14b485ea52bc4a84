"""Runs the real SDK against the double, without the provider."""

import json
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from azure.cognitiveservices import speech as speechsdk

QUICK = {
    "SPEECH-TransmitLengthBeforThrottleMs": "120000",
    "SPEECH-Error-RetryDurationMS": "20",
    "SPEECH-OneShotRecognition-OperationTimeoutMs": "10000",
    "SPEECH-StopRecognitionTimeoutInSeconds": "1",
    "SPEECH-MaxBufferSizeMs": "180000",
}
"""Properties that make failures as short as possible."""
IMPATIENT = {**QUICK, "SPEECH-OneShotRecognition-OperationTimeoutMs": "500"}

ASSESSMENT = {
    "dimension": "Comprehensive",
    "gradingSystem": "HundredMark",
    "granularity": "Phoneme",
    "phonemeAlphabet": "IPA",
    "enableMiscue": True,
    "enableProsodyAssessment": True,
    "nbestPhonemeCount": 5,
}


@dataclass
class Outcome:
    """The SDK's final result, with the phrases that it passed on."""

    reason: str = ""
    code: str = ""
    details: str = ""
    phrases: list[dict[str, Any]] = field(default_factory=list)
    seconds: float = 0.0


def recognize(
    url: str,
    key: str,
    pcm: bytes,
    *,
    text: str,
    language: str = "en-US",
    is_continuous: bool = False,
    properties: Mapping[str, str] = QUICK,
    timeout_seconds: float = 5,
) -> Outcome:
    """Assess mono samples at 16 kHz. Blocks until the SDK has ended."""
    recognizer = _create(url, key, pcm, text=text, language=language, properties=properties)
    started, outcome = time.perf_counter(), Outcome()
    if is_continuous:
        _run_continuously(recognizer, outcome, timeout_seconds)
    else:
        _take_result(recognizer.recognize_once(), outcome)
    outcome.seconds = time.perf_counter() - started
    return outcome


def _create(
    url: str, key: str, pcm: bytes, *, text: str, language: str, properties: Mapping[str, str]
) -> speechsdk.SpeechRecognizer:
    config = speechsdk.SpeechConfig(endpoint=url, subscription=key)
    config.speech_recognition_language = language
    for name, value in properties.items():
        config.set_property_by_name(name, value)
    format_ = speechsdk.audio.AudioStreamFormat(samples_per_second=16_000, bits_per_sample=16, channels=1)
    stream = speechsdk.audio.PushAudioInputStream(format_)
    stream.write(pcm)
    stream.close()
    recognizer = speechsdk.SpeechRecognizer(config, speechsdk.audio.AudioConfig(stream=stream))
    assessment = json.dumps({**ASSESSMENT, "referenceText": text})
    speechsdk.PronunciationAssessmentConfig(json_string=assessment).apply_to(recognizer)
    return recognizer


def _run_continuously(
    recognizer: speechsdk.SpeechRecognizer, outcome: Outcome, timeout_seconds: float
) -> None:
    finished = threading.Event()
    recognizer.recognized.connect(lambda event: _take_result(event.result, outcome))
    recognizer.canceled.connect(lambda event: _take_cancellation(event.cancellation_details, outcome))
    recognizer.session_stopped.connect(lambda event: finished.set())
    recognizer.start_continuous_recognition_async().get()
    if not finished.wait(timeout_seconds):
        # The SDK reports a stop that takes too long, sometimes only after it has returned.
        recognizer.canceled.disconnect_all()
        outcome.reason, outcome.code = "Hangs", ""
    recognizer.stop_continuous_recognition_async().get()


def _take_result(result: speechsdk.SpeechRecognitionResult, outcome: Outcome) -> None:
    if result.reason is speechsdk.ResultReason.Canceled:
        _take_cancellation(result.cancellation_details, outcome)
        return
    outcome.reason = result.reason.name
    if result.reason is speechsdk.ResultReason.NoMatch:
        outcome.code = result.no_match_details.reason.name
    else:
        outcome.phrases.append(json.loads(result.json))


def _take_cancellation(details: speechsdk.CancellationDetails, outcome: Outcome) -> None:
    if details.reason is speechsdk.CancellationReason.Error:
        outcome.reason, outcome.code, outcome.details = "Error", details.code.name, details.error_details
