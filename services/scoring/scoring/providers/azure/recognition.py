"""One recognition by the Speech SDK, in its own thread, because the SDK's objects block, even when freed."""

import ctypes
from collections.abc import Callable
from typing import Any

import structlog
from azure.cognitiveservices import speech as sdk
from azure.cognitiveservices.speech.audio import AudioConfig, AudioStreamFormat, PushAudioInputStream
from shared.audio.measurement import SAMPLE_RATE

from scoring.audio.buffer import AudioBufferManager
from scoring.audio.recording import BYTES_PER_SAMPLE
from scoring.providers.azure.configuration import (
    Connection,
    RecognitionRequest,
    create_assessment_config,
    create_speech_config,
)
from scoring.providers.azure.outcomes import Outcome
from scoring.providers.azure.reports import Reports, disconnect

log = structlog.get_logger(__name__)

PIECE_BYTES = 320_000


class Recognition:
    """Owns a copy of the samples until the SDK has its own."""

    def __init__(self, connection: Connection, request: RecognitionRequest, pcm: memoryview) -> None:
        self._connection, self._request, self._reports = connection, request, Reports()
        self._audio = AudioBufferManager(len(pcm))
        self._audio.append(pcm)

    @property
    def is_sent(self) -> bool:
        """Whether any audio may have left this process."""
        outcome = self._reports.to_outcome()
        return outcome.connected or bool(outcome.phrases or outcome.no_match)

    def stop(self) -> None:
        self._reports.end()

    def run(self, response: Callable[[Outcome], None]) -> None:
        """Answer as soon as the outcome is known. The cleanup afterwards takes up to three seconds."""
        try:
            with self._audio:
                stream, recognizer = self._create_recognizer()
            self._recognize(stream, recognizer, response)
        except Exception as error:
            # A traceback passed to another thread would keep the recognizer alive there.
            log.exception("azure_sdk_failed")
            response(Outcome(failure=type(error).__name__))

    def _create_recognizer(self) -> tuple[PushAudioInputStream, Any]:
        stream = PushAudioInputStream(AudioStreamFormat(SAMPLE_RATE, 8 * BYTES_PER_SAMPLE, 1))
        recognizer = sdk.SpeechRecognizer(
            create_speech_config(self._connection, self._request),
            AudioConfig(stream=stream),
            language=self._request.language,
        )
        create_assessment_config(self._request).apply_to(recognizer)
        view = self._audio.view()
        for start in range(0, len(view), PIECE_BYTES):
            chunk = view[start : start + PIECE_BYTES]
            # The SDK takes a pointer. `bytes` would be a copy that cannot be overwritten.
            stream.write((ctypes.c_ubyte * len(chunk)).from_buffer(chunk))
        return stream, recognizer

    def _recognize(
        self, stream: PushAudioInputStream, recognizer: Any, response: Callable[[Outcome], None]
    ) -> None:
        if self._reports.ended.is_set():
            response(self._reports.to_outcome())
            return
        once, connection = self._request.is_single_shot, sdk.Connection.from_recognizer(recognizer)
        self._reports.listen(recognizer, connection, once=once)
        start = recognizer.recognize_once_async if once else recognizer.start_continuous_recognition_async
        start_future = start()
        # The SDK waits for its reader of the stream to start. If the stream is closed earlier, the reader has
        # usually ended by then, and the SDK waits for half a second.
        self._reports.connected_or_ended.wait()
        stream.close()
        self._reports.ended.wait()
        response(self._reports.to_outcome())
        if not (once and self._reports.is_finished):
            recognizer.stop_continuous_recognition_async().get()
        disconnect(recognizer, connection)
        # This releases its native handle.
        start_future.get()
