import hashlib
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import httpx
import jwt
import numpy as np
import pytest
from contracts.receipt import RECEIPT_AUDIENCE, RECEIPT_ISSUER, RECEIPT_TYPE, ReceiptClaims
from fastapi import FastAPI
from scoring.app import create_app
from scoring.domain.turns import Ticket
from scoring.schemas.scores import ScoreRead, ScoreRequest
from scoring.settings import ApiSettings
from shared.security.jwt import SigningKeys, StaticKeys, verify
from shared.testing import TokenFor, api_client

SCORE = "/api/v1/speech/score"
TEXT = "The train leaves at seven in the morning."


def get_problem(response: httpx.Response, *, status: int, code: str) -> dict[str, Any]:
    problem: dict[str, Any] = response.json()
    assert (response.status_code, problem["code"]) == (status, code), response.text
    assert response.headers["content-type"] == "application/problem+json"
    return problem


async def post(client: httpx.AsyncClient, audio: bytes | None, **fields: str) -> httpx.Response:
    files = {} if audio is None else {"audio": ("speech", audio, "application/octet-stream")}
    return await client.post(SCORE, files=files | {name: (None, value) for name, value in fields.items()})


async def test_a_reading_gets_a_score(client: httpx.AsyncClient, reading: bytes) -> None:
    response = await post(client, reading, reference_text=TEXT)
    assert response.status_code == 200, response.text
    score = response.json()
    assert (score["status"], score["provider"], score["scorer"]) == ("scored", "offline", "offline-2")
    assert score["recognized_text"] == "the train leaves at seven in the morning"
    assert score["pronunciation_score"] > 85
    assert score["completeness_score"] == 100
    assert score["prosody_score"] > 70
    assert score["audio"] == {"duration_ms": 2485, "sample_rate": 16_000, "format": "wav"}
    train = score["word_scores"][1]
    assert (train["word"], train["error_type"]) == ("train", "none")
    assert set(train["phonemes"][0]) == {"symbol", "score", "offset_ms", "duration_ms"}


async def test_another_text_is_not_assessable(client: httpx.AsyncClient, reading: bytes) -> None:
    response = await post(client, reading, reference_text="Could you tell me where the museum is?")
    problem = get_problem(response, status=422, code="not_assessable")
    assert problem["reason"] == "other_text"


async def test_the_receipt_binds_learner_text_and_score(
    client: httpx.AsyncClient, learner: UUID, keys_file: Path, reading: bytes
) -> None:
    speech = uuid4()
    score = (await post(client, reading, reference_text=f" {TEXT}\n", speech_id=str(speech))).json()
    payload = await verify(
        score["receipt"],
        StaticKeys(SigningKeys.load(keys_file).public),
        typ=RECEIPT_TYPE,
        issuer=RECEIPT_ISSUER,
        audience=RECEIPT_AUDIENCE,
    )
    claims = ReceiptClaims.model_validate(payload)
    assert (claims.sub, claims.speech_id) == (learner, speech)
    assert claims.reference_sha256 == hashlib.sha256(TEXT.encode()).hexdigest()
    assert claims.pronunciation_score == score["pronunciation_score"]
    assert (claims.recognized_text, claims.scorer) == (score["recognized_text"], score["scorer"])
    assert claims.iat == pytest.approx(time.time(), abs=60)
    assert claims.exp - claims.iat == 30 * 24 * 3600


async def test_each_response_has_a_new_receipt(client: httpx.AsyncClient, reading: bytes) -> None:
    first, second = [(await post(client, reading, reference_text=TEXT)).json() for _ in range(2)]
    assert first["receipt"] != second["receipt"]
    assert first["pronunciation_score"] == second["pronunciation_score"]


async def test_silence_is_not_assessable(client: httpx.AsyncClient, encode: Callable[..., bytes]) -> None:
    response = await post(client, encode(np.zeros(32_000, np.float32), "m4a"), reference_text=TEXT)
    assert get_problem(response, status=422, code="not_assessable")["reason"] == "no_speech"


async def test_a_text_file_is_refused_as_audio(client: httpx.AsyncClient) -> None:
    response = await post(client, b"This is no recording.\n" * 50, reference_text=TEXT)
    get_problem(response, status=400, code="unsupported_audio")


async def test_audio_that_is_too_long_is_refused(
    client: httpx.AsyncClient, encode: Callable[..., bytes]
) -> None:
    response = await post(client, encode(np.zeros(61 * 16_000, np.float32), "flac"), reference_text=TEXT)
    get_problem(response, status=413, code="audio_too_long")


@pytest.mark.parametrize("has_content_length", [True, False])
async def test_audio_that_is_too_large_is_refused(
    client: httpx.AsyncClient, has_content_length: bool
) -> None:
    head = b'--x\r\nContent-Disposition: form-data; name="audio"; filename="a"\r\n\r\n'

    async def stream_chunks() -> AsyncIterator[bytes]:
        yield head
        for _ in range(11):
            yield bytes(1024 * 1024)
        yield b"\r\n--x--\r\n"

    content = b"".join([chunk async for chunk in stream_chunks()]) if has_content_length else stream_chunks()
    headers = {"Content-Type": "multipart/form-data; boundary=x"}
    response = await client.post(SCORE, content=content, headers=headers)
    get_problem(response, status=413, code="audio_too_large")


@pytest.mark.parametrize(
    ("fields", "pointer"),
    [
        ({}, "#/reference_text"),
        ({"reference_text": ""}, "#/reference_text"),
        ({"reference_text": "...?!"}, "#/reference_text"),
        ({"reference_text": "a" * 501}, "#/reference_text"),
        ({"reference_text": "a " * 151}, "#/reference_text"),
        ({"reference_text": "㎯" * 51}, "#/reference_text"),
        ({"reference_text": "Hello\0"}, "#/reference_text"),
        ({"reference_text": TEXT, "language": "de-DE"}, "#/language"),
        ({"reference_text": TEXT, "speech_id": "7"}, "#/speech_id"),
    ],
)
async def test_invalid_fields_are_refused(
    client: httpx.AsyncClient, fields: dict[str, str], pointer: str, reading: bytes
) -> None:
    response = await post(client, reading, **fields)
    problem = get_problem(response, status=422, code="validation_failed")
    assert [error["pointer"] for error in problem["errors"]] == [pointer]


@pytest.mark.parametrize(
    "fields",
    [{"speech_id": ""}, {"language": ""}, {"language": "en"}, {"language": "en-us"}, {"language": "EN_US"}],
)
async def test_empty_fields_and_other_spellings_are_handled(
    client: httpx.AsyncClient, fields: dict[str, str], reading: bytes
) -> None:
    response = await post(client, reading, reference_text=TEXT, **fields)
    assert response.status_code == 200, response.text
    claims = jwt.decode(response.json()["receipt"], options={"verify_signature": False})
    assert "speech_id" not in claims


@pytest.mark.parametrize("audio", [None, b""])
async def test_a_missing_recording_is_refused(client: httpx.AsyncClient, audio: bytes | None) -> None:
    problem = get_problem(await post(client, audio, language="xx"), status=422, code="validation_failed")
    assert [error["pointer"] for error in problem["errors"]] == ["#/audio", "#/reference_text"]
    assert problem["detail"] == "The request is not valid. #/audio: The recording is missing or empty."


@pytest.mark.parametrize("name", ["file", "Audio", "recording"])
async def test_a_recording_under_another_name_is_refused(
    client: httpx.AsyncClient, name: str, reading: bytes
) -> None:
    response = await client.post(SCORE, files={name: ("a.wav", reading)}, data={"reference_text": TEXT})
    problem = get_problem(response, status=422, code="unknown_field")
    assert [error["pointer"] for error in problem["errors"]] == [f"#/{name}", "#/audio"]
    assert "audio" in problem["errors"][0]["message"]
    assert problem["errors"][1]["message"] == f"The recording is missing; name its field audio, not {name}."


async def test_an_unpronounceable_text_is_refused(client: httpx.AsyncClient, reading: bytes) -> None:
    response = await post(client, reading, reference_text="Доброе утро")
    problem = get_problem(response, status=422, code="validation_failed")
    assert [error["pointer"] for error in problem["errors"]] == ["#/reference_text"]


async def test_a_body_that_is_not_a_form_is_refused(client: httpx.AsyncClient) -> None:
    get_problem(await client.post(SCORE, json={"audio": "x"}), status=400, code="malformed_form")


async def test_an_invalid_token_is_refused(client: httpx.AsyncClient) -> None:
    response = await client.post(SCORE, headers={"Authorization": "Bearer x.y.z"})
    get_problem(response, status=401, code="unauthorized")


async def test_a_missed_deadline_and_a_full_queue_are_reported(
    settings: ApiSettings, learner: UUID, token_for: TokenFor, reading: bytes
) -> None:
    short_deadline = settings.model_copy(update={"scoring_timeout_seconds": 0.001, "scoring_workers": 1})
    app = create_app(short_deadline)
    async with api_client(app, token=token_for(learner)) as client:
        response = await post(client, reading, reference_text=TEXT)
        get_problem(response, status=504, code="provider_timeout")
        queue = app.state.providers._queues["offline"]
        async with queue.take_turn(Ticket(uuid4(), deadline=0.0), (1.0, 1.0)):
            full = await post(client, reading, reference_text=TEXT)
        get_problem(full, status=503, code="provider_unavailable")
        assert int(full.headers["retry-after"]) > 0


async def test_a_learner_has_a_limit_of_requests(settings: ApiSettings, token_for: TokenFor) -> None:
    limited = settings.model_copy(update={"rate_limit_enabled": True, "rate_limits": {"score": 1}})
    async with api_client(create_app(limited), token=token_for(uuid4())) as client:
        get_problem(await post(client, None, language="xx"), status=422, code="validation_failed")
        get_problem(await post(client, None, language="xx"), status=429, code="too_many_requests")


async def test_a_learner_has_a_limit_in_seconds_of_audio(
    settings: ApiSettings, token_for: TokenFor, reading: bytes
) -> None:
    # A reading of 2.5 s counts 3.
    limited = settings.model_copy(
        update={"rate_limit_enabled": True, "scoring_learner_seconds_per_minute": 8}
    )
    async with api_client(create_app(limited), token=token_for(uuid4())) as client:
        responses = [await post(client, reading, reference_text=TEXT) for _ in range(3)]
        assert [response.status_code for response in responses[:2]] == [200, 200]
        assert '"score_seconds";r=2' in responses[1].headers["ratelimit"]
        problem = get_problem(responses[2], status=429, code="too_many_requests")
        assert "8 seconds of audio" in problem["detail"]
        assert 1 <= int(responses[2].headers["retry-after"]) <= 60
        other = {"Authorization": f"Bearer {token_for(uuid4())}"}
        form = {"audio": ("speech", reading), "reference_text": (None, TEXT.encode())}
        assert (await client.post(SCORE, files=form, headers=other)).status_code == 200


def test_the_document_describes_the_form(app: FastAPI) -> None:
    operation = app.openapi()["paths"][SCORE]["post"]
    form = operation["requestBody"]["content"]["multipart/form-data"]["schema"]
    assert form["required"] == ["audio", "reference_text"]
    assert set(form["properties"]) == {"audio", "reference_text", "speech_id", "language"}
    assert form["properties"]["audio"]["format"] == "binary"
    assert {"200", "400", "401", "413", "422", "503", "504"} <= set(operation["responses"])


def test_the_examples_are_valid(app: FastAPI) -> None:
    operation = app.openapi()["paths"][SCORE]["post"]
    form = operation["requestBody"]["content"]["multipart/form-data"]["schema"]
    for example in form["examples"]:
        assert set(form["required"]) <= set(example) <= set(form["properties"])
        fields = {name: value for name, value in example.items() if name != "audio"}
        assert ScoreRequest.model_validate(fields).reference_text
    score = app.openapi()["components"]["schemas"]["ScoreRead"]
    assert [set(example) for example in score["examples"]] == [set(score["properties"])]
    assert ScoreRead.model_validate(score["examples"][0], strict=True).word_scores
