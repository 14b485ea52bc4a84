"""Configuration of the Speech SDK. Its undocumented properties apply to the pinned version."""

from dataclasses import dataclass, field
from typing import Any

from azure.cognitiveservices import speech as sdk

MAX_SINGLE_SHOT_SECONDS = 30.0
"""Longer recordings are recognised phrase by phrase, and the service does not detect miscues in them."""
MAX_PAUSE_MS = 5_000
"""A longer pause ends a phrase. This is the maximum that the service allows."""
BUFFER_MARGIN_MS = 60_000
PROSODY_LANGUAGES = ("en-US",)


@dataclass(frozen=True)
class Connection:
    """The key of the service, and its endpoint or region."""

    key: str = field(repr=False)
    region: str = ""
    endpoint: str = ""

    def create_config(self) -> Any:
        if self.endpoint:
            return sdk.SpeechConfig(endpoint=self.endpoint, subscription=self.key)
        return sdk.SpeechConfig(region=self.region, subscription=self.key)


@dataclass(frozen=True)
class RecognitionRequest:
    text: str = field(repr=False)
    language: str
    seconds: float

    @property
    def is_single_shot(self) -> bool:
        return self.seconds <= MAX_SINGLE_SHOT_SECONDS


def create_speech_config(connection: Connection, request: RecognitionRequest) -> Any:
    config, milliseconds = connection.create_config(), round(request.seconds * 1000)
    for name, value in {
        # The whole recording at full speed, instead of twice real time after five seconds.
        "SPEECH-TransmitLengthBeforThrottleMs": milliseconds + BUFFER_MARGIN_MS,
        "SPEECH-MaxBufferSizeMs": milliseconds + BUFFER_MARGIN_MS,
        "SPEECH-Error-MaxRetryCount": 0,
        # With 0, pending responses are lost. When it was set to 0 just before a stop, the SDK crashed.
        "SPEECH-StopRecognitionTimeoutInSeconds": 1,
        "SPEECH-TelemetryDataEnabled": "false",
    }.items():
        config.set_property_by_name(name, str(value))
    # The recording is complete: neither initial silence nor a pause for breath ends it.
    silence = max(milliseconds, MAX_PAUSE_MS)
    properties = sdk.PropertyId
    for setting, pause in {
        properties.SpeechServiceConnection_InitialSilenceTimeoutMs: silence,
        properties.SpeechServiceConnection_EndSilenceTimeoutMs: (
            MAX_PAUSE_MS if request.is_single_shot else silence
        ),
        properties.Speech_SegmentationSilenceTimeoutMs: MAX_PAUSE_MS,
    }.items():
        config.set_property(setting, str(pause))
    return config


def create_assessment_config(request: RecognitionRequest) -> Any:
    config = sdk.PronunciationAssessmentConfig(
        reference_text=request.text,
        grading_system=sdk.PronunciationAssessmentGradingSystem.HundredMark,
        granularity=sdk.PronunciationAssessmentGranularity.Phoneme,
        enable_miscue=request.is_single_shot,
    )
    config.phoneme_alphabet = "IPA"
    if request.language in PROSODY_LANGUAGES:
        config.enable_prosody_assessment()
    return config
