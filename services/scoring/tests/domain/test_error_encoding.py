import json

import pytest
from scoring.domain.error_encoding import decode_error, encode_error
from scoring.errors import (
    ASSESSMENT_ERRORS,
    AudioTooLong,
    NotAssessable,
    SpeechProcessingError,
    UnpronounceableText,
    UnsupportedAudio,
)
from shared.confined.wire import LENGTHS, pack

RAISED = [
    UnsupportedAudio("The file holds no audio."),
    AudioTooLong("The audio is longer than 60 s.", max_seconds=60),
    NotAssessable("The recording holds no voice.", reason="no_speech"),
    UnpronounceableText("Too many words."),
]


def test_a_message_states_both_lengths() -> None:
    message = pack({"words": ["café"]}, 7)
    head, body = LENGTHS.unpack(message[: LENGTHS.size])
    assert (head, body) == (len(message) - LENGTHS.size, 7)
    assert json.loads(message[LENGTHS.size :]) == {"words": ["café"]}


@pytest.mark.parametrize("error", RAISED, ids=lambda error: type(error).__name__)
def test_an_error_of_a_worker_is_raised_unchanged(error: SpeechProcessingError) -> None:
    raised = decode_error(**json.loads(json.dumps(encode_error(error))))
    assert type(raised) is type(error)
    assert (raised.detail, raised.extra, raised.headers) == (error.detail, error.extra, error.headers)


def test_every_assessment_error_can_be_transferred() -> None:
    assert {type(error) for error in RAISED} == set(ASSESSMENT_ERRORS)


@pytest.mark.parametrize("name", ["ProviderUnavailable", "MalformedForm", "SystemExit", "object", ""])
def test_other_error_classes_are_rejected(name: str) -> None:
    with pytest.raises(KeyError):
        decode_error(name, "detail", {})
