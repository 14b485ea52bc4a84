import json
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest
from contracts.content import SpeechSnapshot
from contracts.receipt import RECEIPT_AUDIENCE, RECEIPT_ISSUER, RECEIPT_TYPE, compute_reference_digest
from fastapi import FastAPI
from game.app import create_app
from game.commands.speeches import store_speech_revision
from game.settings import ApiSettings
from pydantic import SecretStr
from shared.data.db import Database
from shared.security.jwt import SigningKeys, create_signing_key
from shared.testing import TokenFor, api_client

TAG = UUID(int=1)
TEXTS = ("Good morning.", "How are you?", "See you soon.")

type NewReceipt = Callable[..., str]
type NewSnapshot = Callable[..., SpeechSnapshot]
type NewBody = Callable[..., dict[str, Any]]
type Save = Callable[..., Awaitable[str]]
type Read = Callable[..., Awaitable[dict[str, Any]]]
type Refused = Callable[..., Awaitable[str]]


@pytest.fixture(scope="session")
def service() -> str:
    return "game"


@pytest.fixture(scope="session")
def receipt_keys() -> SigningKeys:
    """Keys like those of the scoring service."""
    return SigningKeys({"keys": [create_signing_key()]})


@pytest.fixture(scope="session")
def settings(
    base_settings: dict[str, Any],
    database_url: str,
    receipt_keys: SigningKeys,
    tmp_path_factory: pytest.TempPathFactory,
) -> ApiSettings:
    path = tmp_path_factory.mktemp("keys") / "receipt-public-keys.json"
    path.write_text(json.dumps(receipt_keys.public))
    overrides = {"database_url": SecretStr(database_url), "receipt_jwks_file": path}
    return ApiSettings.model_validate({**base_settings, **overrides})


@pytest.fixture(scope="session")
def _app(settings: ApiSettings) -> FastAPI:
    return create_app(settings)


@pytest.fixture
def app(_app: FastAPI, database: Database) -> FastAPI:
    _app.state.database = database
    return _app


@pytest.fixture
def learner() -> UUID:
    return uuid4()


@pytest.fixture
async def client(app: FastAPI, learner: UUID, token_for: TokenFor) -> AsyncIterator[httpx.AsyncClient]:
    async with api_client(app, token=token_for(learner)) as client:
        yield client


@pytest.fixture(scope="session")
def new_receipt(receipt_keys: SigningKeys) -> NewReceipt:
    """Creates a receipt: `new_receipt(learner, text="Hi.", score=80.0, **claims)`."""

    def make(
        learner: UUID, *, text: str, score: float, keys: SigningKeys = receipt_keys, **different: Any
    ) -> str:
        now = int(time.time())
        defaults = {
            "iss": RECEIPT_ISSUER,
            "aud": RECEIPT_AUDIENCE,
            "iat": now,
            "exp": now + 60,
            "jti": uuid4().hex,
        }
        about = {"reference_sha256": compute_reference_digest(text), "pronunciation_score": score}
        return keys.sign({**defaults, **about, "sub": str(learner), **different}, typ=RECEIPT_TYPE)

    return make


@pytest.fixture(scope="session")
def new_snapshot() -> NewSnapshot:
    """Creates a snapshot as content publishes it: `new_snapshot(**fields)`."""

    def make(**different: Any) -> SpeechSnapshot:
        defaults = {"speech_id": uuid4(), "revision": 1, "text": TEXTS[0], "level": "A1", "type": "answer"}
        audio = {"audio_key": f"speeches/{uuid4()}.mp3", "duration_ms": 1200}
        tags = [{"id": TAG, "name": "greetings"}]
        return SpeechSnapshot.model_validate({**defaults, **audio, "tags": tags, **different})

    return make


@pytest.fixture
def catalogue(new_snapshot: NewSnapshot) -> list[SpeechSnapshot]:
    """Three speeches; the fixture `speeches` stores them."""
    return [new_snapshot(text=text) for text in TEXTS]


@pytest.fixture
async def speeches(database: Database, catalogue: list[SpeechSnapshot]) -> list[SpeechSnapshot]:
    async with database.transaction() as session:
        for snapshot in catalogue:
            await store_speech_revision(session, snapshot, since=datetime(2026, 1, 1, tzinfo=UTC))
    return catalogue


@pytest.fixture
def new_body(catalogue: list[SpeechSnapshot]) -> NewBody:
    """Creates a body of POST /game/sessions with one result per speech: `new_body(**fields)`."""

    def make(**different: Any) -> dict[str, Any]:
        now = datetime.now(UTC)
        defaults = {"mode": "listen_and_repeat", "level": "A1", "selected_tags": [], "duration_seconds": 300}
        times = {"started_at": (now - timedelta(minutes=5)).isoformat(), "completed_at": now.isoformat()}
        outcomes = [("correct", 90.0), ("correct", 80.5), ("skipped", None)]
        results = [
            {
                "speech_id": str(speech.speech_id),
                "sequence_number": number,
                "user_response": response,
                "response_time_ms": 1000 * number,
                "pronunciation_score": score,
            }
            for number, (speech, (response, score)) in enumerate(
                zip(catalogue, outcomes, strict=True), start=1
            )
        ]
        return {**defaults, **times, "results": results, **different}

    return make


@pytest.fixture
def save(client: httpx.AsyncClient, speeches: list[SpeechSnapshot], new_body: NewBody) -> Save:
    """Saves a session and returns its id: `await save(completed_at, **fields)`."""

    async def call(completed_at: datetime, **different: Any) -> str:
        # The UTC offset of the time is sent too; it determines the learner's local day.
        times = {"started_at": completed_at - timedelta(minutes=5), "completed_at": completed_at}
        body = new_body(**{name: time.isoformat() for name, time in times.items()}, **different)
        response = await client.post("/api/v1/game/sessions", json=body)
        assert response.status_code == 201, response.text
        return str(response.json()["session_id"])

    return call


@pytest.fixture
def read(client: httpx.AsyncClient) -> Read:
    """Returns the body of a path that must return 200: `await read(path, **params)`."""

    async def call(path: str, *, by: httpx.AsyncClient = client, **params: Any) -> dict[str, Any]:
        response = await by.get(path, params=params)
        assert response.status_code == 200, response.text
        get_response: dict[str, Any] = response.json()
        return get_response

    return call


@pytest.fixture
def refused(client: httpx.AsyncClient) -> Refused:
    """Returns the first pointer of a path that must return 422: `await refused(path, **params)`."""

    async def call(path: str, *, by: httpx.AsyncClient = client, **params: Any) -> str:
        response = await by.get(path, params=params)
        assert response.status_code == 422, response.text
        return str(response.json()["errors"][0]["pointer"])

    return call
