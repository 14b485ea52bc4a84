"""A learner's requests through the gateway, as a mobile client sends them."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Self
from uuid import uuid4

import httpx

RECORDINGS = Path(__file__).parents[1] / "deploy" / "seed" / "learner"
REFERENCE = "I lost my passport at the airport last week."


@dataclass(frozen=True)
class Learner:
    """A signed-up learner and a client that sends their token."""

    client: httpx.AsyncClient
    user: dict[str, Any]
    token: str

    @classmethod
    async def sign_up(cls, client: httpx.AsyncClient, name: str = "Ada") -> Self:
        account = {"email": f"{uuid4().hex}@example.com", "password": "Correct4Horse", "name": name}
        response = await client.post("/api/v1/auth/register", json=account)
        assert response.status_code == 201, response.text
        return cls(client, response.json()["user"], response.json()["access_token"])

    @classmethod
    async def sign_in(cls, client: httpx.AsyncClient, email: str, password: str) -> Self:
        response = await client.post("/api/v1/auth/login", json={"email": email, "password": password})
        assert response.status_code == 200, response.text
        return cls(client, response.json()["user"], response.json()["access_token"])

    @property
    def headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.token}"}

    async def get(self, path: str, **parameters: str | int) -> httpx.Response:
        return await self.client.get(f"/api/v1{path}", params=parameters, headers=self.headers)

    async def post(self, path: str, body: Any, **headers: str) -> httpx.Response:
        return await self.client.post(f"/api/v1{path}", json=body, headers={**self.headers, **headers})

    async def draw(self, **draw_fields: Any) -> list[dict[str, Any]]:
        response = await self.post("/game/speeches/random", {"level": "A2", **draw_fields})
        assert response.status_code == 200, response.text
        speeches: list[dict[str, Any]] = response.json()["speeches"]
        return speeches

    async def score(self, recording: str, text: str = REFERENCE) -> httpx.Response:
        audio = {"audio": (recording, (RECORDINGS / recording).read_bytes())}
        return await self.client.post(
            "/api/v1/speech/score", files=audio, data={"reference_text": text}, headers=self.headers
        )


async def make_editor(admin: Learner) -> Learner:
    """Sign up an account and give it the role."""
    account = {"email": f"{uuid4().hex}@example.com", "password": "Correct4Horse", "name": "Eve"}
    signed_up = await admin.client.post("/api/v1/auth/register", json=account)
    path = f"/api/v1/admin/users/{signed_up.json()['user']['id']}/role"
    role_response = await admin.client.put(path, json={"role": "editor"}, headers=admin.headers)
    assert role_response.status_code == 200, role_response.text
    tokens = {"refresh_token": signed_up.json()["refresh_token"]}
    response = await admin.client.post("/api/v1/auth/refresh", json=tokens)
    return Learner(admin.client, signed_up.json()["user"], response.json()["access_token"])


def build_session(speeches: list[dict[str, Any]], **overrides: Any) -> dict[str, Any]:
    """Build a finished game in which every response is correct."""
    completed_at = datetime.now(UTC).replace(microsecond=0)
    results = [
        {
            "speech_id": speech["id"],
            "sequence_number": number,
            "user_response": "correct",
            "response_time_ms": 1500,
        }
        for number, speech in enumerate(speeches, 1)
    ]
    return {
        "mode": "listen_and_repeat",
        "level": "A2",
        "selected_tags": [],
        "duration_seconds": 60,
        "started_at": (completed_at - timedelta(seconds=60)).isoformat(),
        "completed_at": completed_at.isoformat(),
        "results": results,
        **overrides,
    }


def build_scored_session(speech: dict[str, Any], scored: dict[str, Any]) -> dict[str, Any]:
    """Build a finished game with one result that has this response of the scoring service."""
    session = build_session([speech])
    session["results"][0] |= {
        name: scored[name] for name in ("pronunciation_score", "recognized_text", "receipt")
    }
    return session
