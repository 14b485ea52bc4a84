"""Situations by name: a script for each connection in turn, the last one for all further connections."""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from tests.azure_double.scripts import (
    Script,
    close_during_handshake,
    close_websocket,
    ignore_handshake,
    refuses,
    reset_connection,
    scores,
    send_result,
    send_wrong_turn,
)
from tests.azure_double.speech import Json, make_status

HANDSHAKE_STATUSES = (400, 401, 403, 404, 408, 429, 500, 502, 503, 504)
CLOSE_CODES = (1000, 1001, 1002, 1003, 1007, 1008, 1011, 1013, 4000, 4429)
PHRASE_STATUSES = ("NoMatch", "InitialSilenceTimeout", "BabbleTimeout", "EndOfDictation", "Error")
PHRASE_FAILURES = ("TooManyRequests", "Forbidden", "BadRequest", "Unknown")


def remove(*path: str | int) -> Callable[[Json], Json]:
    """Return a change that removes a part of a phrase."""

    def change(phrase: Json) -> Json:
        parent, last = _find_parent(phrase, path)
        del parent[last]
        return phrase

    return change


def replace(value: Any, *path: str | int) -> Callable[[Json], Json]:
    """Return a change that replaces a part of a phrase."""

    def change(phrase: Json) -> Json:
        parent, last = _find_parent(phrase, path)
        parent[last] = value
        return phrase

    return change


def _find_parent(phrase: Any, path: Sequence[str | int]) -> tuple[Any, str | int]:
    *parents, last = path
    for step in parents:
        phrase = phrase[step]
    return phrase, last


SCORES: dict[str, Sequence[Script]] = {
    "success": [scores()],
    "mispronounced": [scores(weak={"train", "passport"})],
    "two_phrases": [scores(phrases=2)],
    "slow": [scores(delay_seconds=5)],
    "throttled_once": [refuses(429, {"Retry-After": "1"}), scores()],
    "unavailable_once": [refuses(503), scores()],
    "cut_once": [reset_connection(after_bytes=None), scores()],
    "closed_once": [close_websocket(1011, after_bytes=None), scores()],
    "key_revoked_later": [scores(), refuses(401)],
}

FAILURES: dict[str, Sequence[Script]] = {
    **{f"http_{status}": [refuses(status)] for status in HANDSHAKE_STATUSES},
    **{f"close_{code}": [close_websocket(code, f"reason {code}", after_bytes=None)] for code in CLOSE_CODES},
    **{
        f"phrase_{status}": [send_result(make_status(status))]
        for status in (*PHRASE_STATUSES, *PHRASE_FAILURES)
    },
    "handshake_never_answered": [ignore_handshake()],
    "handshake_hung_up": [close_during_handshake()],
    "cut_at_once": [reset_connection()],
    "cut_mid_stream": [reset_connection(after_bytes=16_000)],
    "cut_at_the_end": [reset_connection(after_bytes=None)],
    "no_reply": [Script()],
    "no_turn_start": [scores(omitted_paths={"turn.start"})],
    "no_phrase": [scores(omitted_paths={"speech.phrase"})],
    "no_phrase_no_turn_end": [scores(omitted_paths={"speech.phrase", "turn.end"})],
    "no_turn_end": [scores(omitted_paths={"turn.end"})],
    "wrong_request_id": [send_wrong_turn()],
}

MALFORMED: dict[str, Sequence[Script]] = {
    "not_json": [send_result('{"RecognitionStatus": "Succ')],
    "empty": [send_result("")],
    "no_object": [send_result("[]")],
    "no_status": [scores(change=remove("RecognitionStatus"))],
    "no_nbest": [scores(change=remove("NBest"))],
    "empty_nbest": [scores(change=replace([], "NBest"))],
    "no_assessment": [scores(change=remove("NBest", 0, "PronunciationAssessment"))],
    "no_accuracy": [scores(change=remove("NBest", 0, "PronunciationAssessment", "AccuracyScore"))],
    "no_words": [scores(change=remove("NBest", 0, "Words"))],
    "word_without_assessment": [scores(change=remove("NBest", 0, "Words", 0, "PronunciationAssessment"))],
    "word_without_phonemes": [scores(change=remove("NBest", 0, "Words", 0, "Phonemes"))],
    "score_above_100": [scores(change=replace(101, "NBest", 0, "PronunciationAssessment", "PronScore"))],
    "score_is_text": [scores(change=replace("91", "NBest", 0, "PronunciationAssessment", "PronScore"))],
    "word_is_null": [scores(change=replace(None, "NBest", 0, "Words", 0))],
    "score_is_nan": [scores(change=replace(math.nan, "NBest", 0, "PronunciationAssessment", "PronScore"))],
    "offset_is_null": [scores(change=replace(None, "NBest", 0, "Words", 0, "Offset"))],
    "endless_offset": [scores(change=replace(1 << 63, "NBest", 0, "Words", 0, "Offset"))],
    # The SDK cuts this text after 2,047 bytes, within a letter.
    "endless_text": [scores(change=replace("é" * 2000, "DisplayText"))],
}

SITUATIONS: Mapping[str, Sequence[Script]] = SCORES | FAILURES | MALFORMED
