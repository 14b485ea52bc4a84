"""Callbacks of one recognition, which the Speech SDK calls in its own threads."""

from threading import Event
from typing import Any

from azure.cognitiveservices import speech as sdk

from scoring.providers.azure.outcomes import MALFORMED, STOPPED, Outcome


class Reports:
    """Must not reference the recognizer, which is never freed if its own callbacks reference it."""

    def __init__(self) -> None:
        self.ended, self.connected_or_ended = Event(), Event()
        self.is_finished = False
        self._phrases: list[str] = []
        self._no_match, self._failure, self._session_id = "", "", ""
        self._is_malformed = self._connected = self._once = False

    def listen(self, recognizer: Any, connection: Any, *, once: bool) -> None:
        self._once = once
        recognizer.session_started.connect(self._on_session_started)
        recognizer.recognized.connect(self._on_recognized)
        recognizer.canceled.connect(self._on_canceled)
        recognizer.session_stopped.connect(self._on_session_stopped)
        connection.connected.connect(self._on_connected)

    def end(self) -> None:
        self.ended.set()
        self.connected_or_ended.set()

    def to_outcome(self) -> Outcome:
        return Outcome(
            phrases=tuple(self._phrases),
            no_match=self._no_match,
            failure=self._failure if self.is_finished else STOPPED,
            is_malformed=self._is_malformed,
            connected=self._connected,
            session_id=self._session_id,
        )

    def _on_session_started(self, event: Any) -> None:
        self._session_id = event.session_id

    def _on_connected(self, _: Any) -> None:
        self._connected = True
        self.connected_or_ended.set()

    def _on_recognized(self, event: Any) -> None:
        if event.result.reason == sdk.ResultReason.RecognizedSpeech:
            self._phrases.append(event.result.json)
        elif event.result.no_match_details is not None:
            self._no_match = event.result.no_match_details.reason.name
        if self._once:
            self._finish()

    def _on_canceled(self, event: Any) -> None:
        details = event.cancellation_details
        # A recognition that succeeds phrase by phrase is "canceled" by the end of its audio.
        if details.reason == sdk.CancellationReason.Error:
            self._failure = details.code.name
            self._is_malformed = (details.error_details or "").startswith(MALFORMED)
        self._finish()

    def _on_session_stopped(self, _: Any) -> None:
        self._finish()

    def _finish(self) -> None:
        self.is_finished = True
        self.end()


def disconnect(recognizer: Any, connection: Any) -> None:
    for signal in (
        recognizer.session_started,
        recognizer.recognized,
        recognizer.canceled,
        recognizer.session_stopped,
        connection.connected,
    ):
        signal.disconnect_all()
