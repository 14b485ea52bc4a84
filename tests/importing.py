"""An editor's uploads and imports, through the gateway."""

import asyncio
import csv
import io
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

from tests.journey import RECORDINGS, Learner

IMPORT = "/api/v1/admin/import"
AUDIO = Path(RECORDINGS).parent / "audio"
ENDED = {"completed", "rejected", "failed", "cancelled", "undone"}


async def upload(admin: Learner, *names: str) -> str:
    """Upload the same recording under these names; return the upload session."""
    recording = next(iter(sorted(AUDIO.glob("*.mp3")))).read_bytes()
    files = [("files[]", (name, recording)) for name in names]
    response = await admin.client.post(f"{IMPORT}/audio", files=files, headers=admin.headers)
    assert response.status_code == 200, response.text
    assert response.json()["rejected"] == []
    return str(response.json()["upload_session_id"])


async def start(admin: Learner, session_id: str, rows: list[list[str]], **fields: str) -> str:
    """Start an import of these rows; return its path."""
    table = io.StringIO()
    csv.writer(table).writerows([["audio_filename", "text", "level", "type", "tags"], *rows])
    return await start_table(admin, session_id, table.getvalue().encode(), **fields)


async def start_table(admin: Learner, session_id: str, table: bytes, **fields: str) -> str:
    response = await admin.client.post(
        f"{IMPORT}/csv",
        files={"file": ("lesson.csv", table)},
        data={"upload_session_id": session_id, **fields},
        headers=admin.headers,
    )
    assert response.status_code == 202, response.text
    assert response.headers["location"] == response.json()["status_url"]
    return str(response.headers["location"])


async def follow(admin: Learner, path: str, last_event_id: str = "") -> AsyncIterator[dict[str, Any]]:
    """Yield the progress of an import as a browser receives it."""
    headers = {**admin.headers, **({"Last-Event-ID": last_event_id} if last_event_id else {})}
    async with admin.client.stream("GET", f"{path}/events", headers=headers) as response:
        assert response.status_code == 200
        assert response.headers["content-type"].startswith("text/event-stream")
        async for line in response.aiter_lines():
            if line.startswith("data: "):
                yield json.loads(line.removeprefix("data: "))


async def wait_for_end(admin: Learner, path: str) -> dict[str, Any]:
    async with asyncio.timeout(60):
        *_, last = [event async for event in follow(admin, path)]
    assert last["state"] in ENDED
    return last
