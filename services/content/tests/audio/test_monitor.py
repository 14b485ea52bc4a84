import asyncio
from collections.abc import Awaitable, Callable
from uuid import UUID, uuid4

import httpx
import pytest
from content.app import create_app
from content.audio import monitor
from content.commands.speeches import apply_speech_change, delete_speech
from content.domain.speeches import SpeechChange
from content.settings import ApiSettings
from fastapi import FastAPI
from shared.background import run_loops
from shared.data.db import Database
from shared.data.storage import Storage, StorageUnavailable
from shared.testing import api_client
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from shared import background

type Add = Callable[..., Awaitable[UUID]]


async def test_missing_recordings_appear_in_readiness_and_metrics(
    app: FastAPI,
    editor: httpx.AsyncClient,
    committed_database: Database,
    storage: Storage,
    key: str,
    add: Add,
) -> None:
    async with committed_database.transaction() as session:
        await add(session, audio_key=key)
    recordings = monitor.RecordingMonitor(committed_database, storage)
    app.state.checks["recordings"] = app.state.checks["recordings"].__class__(recordings.ping, required=False)
    await app.state.catalogue.refresh()
    await recordings.check()
    assert (await editor.get("/ready")).json()["checks"]["recordings"] == "ok"
    async with committed_database.transaction() as session:
        await add(session, audio_key="uploads/gone.mp3")
    await recordings.check()
    ready, metrics = await editor.get("/ready"), await editor.get("/metrics")
    assert (ready.status_code, ready.json()["checks"]["recordings"]) == (200, "down")
    assert "recordings_missing 1.0" in metrics.text


async def test_checks_cover_all_recordings_in_turn(
    committed_database: Database, storage: Storage, key: str, add: Add, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(monitor, "NEWEST_PER_CHECK", 1)
    monkeypatch.setattr(monitor, "OTHERS_PER_CHECK", 2)
    missing_key = f"uploads/{uuid4()}.mp3"
    async with committed_database.transaction() as session:
        for audio_key in (key, key, missing_key, key, key):
            await add(session, audio_key=audio_key)
    recordings = monitor.RecordingMonitor(committed_database, storage)
    await recordings.check()
    await recordings.ping()
    # The second check finds the third of five missing; every later check repeats it.
    for _ in range(4):
        await recordings.check()
        with pytest.raises(monitor.RecordingsUnavailable, match=missing_key):
            await recordings.ping()
    await storage.put(missing_key, b"x", content_type="audio/mpeg")
    await recordings.check()
    await recordings.ping()


async def test_the_newest_recordings_are_checked_first(
    committed_database: Database, storage: Storage, key: str, add: Add, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(monitor, "NEWEST_PER_CHECK", 1)
    monkeypatch.setattr(monitor, "OTHERS_PER_CHECK", 1)
    missing_key = f"uploads/{uuid4()}.mp3"
    async with committed_database.transaction() as session:
        for audio_key in (key, key, missing_key):
            await add(session, audio_key=audio_key)
    recordings = monitor.RecordingMonitor(committed_database, storage)
    await recordings.check()
    with pytest.raises(monitor.RecordingsUnavailable, match=missing_key):
        await recordings.ping()


async def test_checks_restart_after_the_last_recording(
    committed_database: Database, storage: Storage, key: str, add: Add, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(monitor, "NEWEST_PER_CHECK", 1)
    monkeypatch.setattr(monitor, "OTHERS_PER_CHECK", 2)
    async with committed_database.transaction() as session:
        first, *_ = [await add(session, audio_key=key) for _ in range(3)]
    recordings = monitor.RecordingMonitor(committed_database, storage)
    for _ in range(2):
        await recordings.check()
    async with committed_database.transaction() as session:
        await apply_speech_change(session, first, SpeechChange(audio_key="uploads/gone.mp3"), actor=None)
    await recordings.check()
    with pytest.raises(monitor.RecordingsUnavailable):
        await recordings.ping()


async def test_an_unused_missing_recording_is_not_reported(
    committed_database: Database, storage: Storage, key: str, add: Add
) -> None:
    async with committed_database.transaction() as session:
        deleted, replaced = [await add(session, audio_key=f"uploads/{uuid4()}.mp3") for _ in range(2)]
    recordings = monitor.RecordingMonitor(committed_database, storage)
    await recordings.check()
    with pytest.raises(monitor.RecordingsUnavailable):
        await recordings.ping()
    async with committed_database.transaction() as session:
        await delete_speech(session, deleted, actor=None)
        await apply_speech_change(session, replaced, SpeechChange(audio_key=key), actor=None)
    await recordings.check()
    await recordings.ping()


async def test_checks_continue_after_any_failure(
    committed_database: Database, storage: Storage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(monitor, "INTERVAL_SECONDS", 0.01)
    monkeypatch.setattr(background.log, "exception", lambda *_, **__: None)
    recordings, checked = monitor.RecordingMonitor(committed_database, storage), asyncio.Event()
    failures = iter([RuntimeError("once"), StorageUnavailable("Twice.")])

    async def fail_twice() -> None:
        if error := next(failures, None):
            raise error
        checked.set()

    monkeypatch.setattr(recordings, "check", fail_twice)
    async with run_loops(recordings.loop):
        await asyncio.wait_for(checked.wait(), 5)


async def test_the_application_checks_recordings_in_the_background(
    settings: ApiSettings,
    committed_database: Database,
    storage: Storage,
    add: Add,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with committed_database.transaction() as session:
        await add(session, audio_key="uploads/gone.mp3")
    async with api_client(create_app(settings)) as client:
        for _ in range(100):
            if (await client.get("/ready")).json()["checks"]["recordings"] == "down":
                return
            await asyncio.sleep(0.05)
    pytest.fail("No check has run.")


async def test_a_running_query_finishes_before_shutdown(
    committed_database: Database, storage: Storage, monkeypatch: pytest.MonkeyPatch
) -> None:
    started, finished = asyncio.Event(), asyncio.Event()

    async def list_slowly(session: AsyncSession, _: int, *, limit: int) -> dict[int, str]:
        started.set()
        await session.execute(select(func.pg_sleep(0.2)))
        finished.set()
        return {}

    monkeypatch.setattr(monitor, "list_keys_after", list_slowly)
    async with run_loops(monitor.RecordingMonitor(committed_database, storage).loop):
        await started.wait()
    assert finished.is_set()


async def test_editors_find_speeches_whose_recording_is_missing(
    editor: httpx.AsyncClient, committed_database: Database, storage: Storage, key: str, add: Add
) -> None:
    missing_key = f"uploads/{uuid4()}.mp3"
    async with committed_database.transaction() as session:
        await add(session, audio_key=key)
        missing = [await add(session, audio_key=key) for key in (missing_key, "uploads/gone.mp3")]

    async def find_missing() -> list[str]:
        page = await editor.get("/api/v1/admin/speeches", params={"audio_missing": True})
        return [speech["id"] for speech in page.json()["speeches"]]

    await monitor.RecordingMonitor(committed_database, storage).check()
    assert await find_missing() == [str(speech_id) for speech_id in reversed(missing)]
    speech = (await editor.get(f"/api/v1/admin/speeches/{missing[0]}")).json()
    assert (speech["revision"], speech["audio_missing_since"] is None) == (1, False)
    # Another process finds the first one uploaded again, and an editor replaces the second.
    await storage.put(missing_key, b"x", content_type="audio/mpeg")
    await monitor.RecordingMonitor(committed_database, storage).check()
    assert await find_missing() == [str(missing[1])]
    replaced = await editor.put(f"/api/v1/admin/speeches/{missing[1]}", json={"audio_key": key})
    assert (replaced.json()["audio_missing_since"], await find_missing()) == (None, [])
