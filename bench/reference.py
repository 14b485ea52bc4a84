"""The reference of the draw: bare endpoints that run one asyncpg query by primary key.

It also publishes the public keys of the bench's tokens instead of the auth service.
"""

import json
import os
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import asyncpg
import uvicorn
from fastapi import FastAPI, Request, Response

ROWS = """
    SELECT id, text, audio_key AS audio_url, created_at AS audio_expires_at, duration_ms, level, type
    FROM speeches WHERE id = ANY($1::uuid[])
"""
SELECT_ONE_TEXT = "SELECT text FROM speeches WHERE id = $1"
URL = (
    "http://127.0.0.1:20025/parley-audio/speeches/2025/01/0123456789abcdef0123456789abcdef.mp3"
    "?X-Amz-Algorithm=AWS4-HMAC-SHA256"
    "&X-Amz-Credential=0123456789abcdef0123456789abcdef01234567%2F20250101%2Fus-east-1%2Fs3%2Faws4_request"
    "&X-Amz-Date=20250101T000000Z&X-Amz-Expires=3600&X-Amz-SignedHeaders=host"
    "&X-Amz-Signature=0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
)
TAGS = [{"id": "01941f29-7c00-7074-b57d-2cece4b06ce6", "name": name} for name in ("travel", "food", "work")]


@asynccontextmanager
async def _open_pool(app: FastAPI) -> AsyncIterator[None]:
    async with asyncpg.create_pool(os.environ["REFERENCE_DATABASE"], min_size=10, max_size=10) as pool:
        app.state.pool = pool
        app.state.ids = [row["id"] for row in await pool.fetch("SELECT id FROM speeches")]
        yield


app = FastAPI(lifespan=_open_pool)


@app.get("/.well-known/jwks.json")
async def get_keys() -> Response:
    """Return the public keys."""
    return Response(os.environ["REFERENCE_KEYS"], media_type="application/json")


@app.post("/api/v1/game/speeches/random", response_model=None)
async def list_rows(request: Request) -> dict[str, Any]:
    """Return ten rows by primary key in the JSON of a draw; fields beyond one query are constants."""
    return await _fetch_rows(request)


@app.post("/api/v1/game/speeches/random/typed")
async def list_typed_rows(request: Request) -> dict[str, Any]:
    """Return the same with a declared type, which lets FastAPI write the JSON in Rust."""
    return await _fetch_rows(request)


async def _fetch_rows(request: Request) -> dict[str, Any]:
    ids = random.sample(request.app.state.ids, 10)
    rows = await request.app.state.pool.fetch(ROWS, ids)
    return {"speeches": [{**row, "audio_url": URL, "tags": TAGS} for row in rows]}


@app.post("/api/v1/game/speeches/random/one")
async def get_row(request: Request) -> Response:
    """Read one row by primary key and return a prebuilt response of the same size, the leanest way."""
    await request.app.state.pool.fetchrow(SELECT_ONE_TEXT, random.choice(request.app.state.ids))
    return Response(PREPARED_RESPONSE, media_type="application/json")


PREPARED_RESPONSE = json.dumps(
    {"speeches": [{"id": TAGS[0]["id"], "text": "x" * 80, "audio_url": URL, "tags": TAGS}] * 10}
)

if __name__ == "__main__":
    uvicorn.run(app, port=int(os.environ["PORT"]), log_config=None, access_log=False)
