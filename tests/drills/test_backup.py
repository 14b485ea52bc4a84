"""A drill: a backup of a system in use is restored into an empty one, where learners continue to play."""

import asyncio
import os
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import pytest

from deploy.backup.create import create
from deploy.backup.errors import BackupFailed
from deploy.backup.postgres import connect_all
from deploy.backup.restore import restore
from deploy.backup.snapshot import Options
from deploy.local.backup import describe_system, restore_backup
from deploy.local.stack import Stack, run_stack
from tests.chaos.imports import Import, Imports, freeze, wait_until
from tests.journey import REFERENCE, Learner, build_scored_session, build_session

pytestmark = pytest.mark.journey

SAVES_AT_ONCE = 2


@dataclass
class Drill:
    """Data from before the backup, and the system that was restored from it."""

    backup: Path
    login: dict[str, str]
    refresh_token: str
    history: list[dict[str, Any]]
    recording: bytes
    import_: Import
    played: str
    """The speech of games that were saved while the backup was made."""
    saved_before: int
    restored: Stack = field(init=False)


@dataclass
class Traffic:
    """Learners who save games until the block ends."""

    learner: Learner
    game: dict[str, Any]
    saved: int = 0
    statuses: set[int] = field(default_factory=set)

    async def _save(self) -> None:
        while True:
            response = await self.learner.post("/game/sessions", self.game)
            self.statuses.add(response.status_code)
            self.saved += 1

    @asynccontextmanager
    async def play_during(self) -> AsyncIterator[None]:
        saving = [asyncio.create_task(self._save()) for _ in range(SAVES_AT_ONCE)]
        try:
            yield
        finally:
            for task in saving:
                task.cancel()
            await asyncio.gather(*saving, return_exceptions=True)


async def play_scored(learner: Learner) -> list[dict[str, Any]]:
    """Save a game with a score, and return the history with it."""
    speech = next(speech for speech in await learner.draw(limit=50) if speech["text"] == REFERENCE)
    scored = (await learner.score("good.wav")).json()
    game = build_scored_session(speech, scored)
    response = await learner.post("/game/sessions", game)
    assert response.status_code == 201, response.text
    return await read_history(learner)


async def read_history(learner: Learner) -> list[dict[str, Any]]:
    """Return all games of a learner with their results, without the addresses of recordings."""
    sessions = (await learner.get("/game/sessions", limit=100)).json()["sessions"]
    history = [(await learner.get(f"/game/sessions/{session['id']}")).json() for session in sessions]
    for result in (result for game in history for result in game["results"]):
        del result["speech"]["audio_url"], result["speech"]["audio_expires_at"]
    return history


async def play_recording(learner: Learner) -> bytes:
    """Return the recording of the oldest game's first speech, as the learner's app fetches it."""
    last = (await learner.get("/game/sessions", limit=100)).json()["sessions"][-1]
    [result, *_] = (await learner.get(f"/game/sessions/{last['id']}")).json()["results"]
    async with httpx.AsyncClient() as anyone:
        response = await anyone.get(result["speech"]["audio_url"])
    assert (response.status_code, response.headers["content-type"]) == (200, "audio/mpeg")
    return response.content


@pytest.fixture(scope="module")
def drill_folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="parley-drill-", ignore_cleanup_errors=True) as folder:
        Path(folder).chmod(0o711)  # servers that refuse to run as root must reach their data inside
        yield Path(folder)


@pytest.fixture(scope="module")
async def drill(system: Stack, drill_folder: Path) -> AsyncIterator[Drill]:
    async with httpx.AsyncClient(base_url=system.url, timeout=30) as gateway:
        drill = await back_up(system, gateway, drill_folder / "backups")
    target = drill_folder / "restored"
    await asyncio.to_thread(restore_backup, target, drill.backup)
    with run_stack(target) as drill.restored:
        yield drill


async def back_up(system: Stack, gateway: httpx.AsyncClient, folder: Path) -> Drill:
    """Back up while learners play and an import is in progress."""
    learner = await Learner.sign_up(gateway)
    login = {"email": learner.user["email"], "password": "Correct4Horse"}
    signed_in = await gateway.post("/api/v1/auth/login", json=login)
    history, recording = await play_scored(learner), await play_recording(learner)
    [speech] = await learner.draw(level="C2", limit=1)
    traffic = Traffic(await Learner.sign_up(gateway), build_session([speech], level="C2"))
    async with traffic.play_during():
        import_ = await (await Imports.sign_in(system, gateway)).start()
        saved_before = traffic.saved
        backup = await create(describe_system(system.plan, is_running=True), folder, report=print)
    assert traffic.statuses == {201}
    return Drill(
        backup=backup,
        login=login,
        refresh_token=signed_in.json()["refresh_token"],
        history=history,
        recording=recording,
        import_=import_,
        played=speech["id"],
        saved_before=saved_before,
    )


@pytest.fixture
async def gateway(drill: Drill) -> AsyncIterator[httpx.AsyncClient]:
    """Provide a client of the restored system, also to the fixtures of learners and admins."""
    async with httpx.AsyncClient(base_url=drill.restored.url, timeout=30) as client:
        yield client


@pytest.fixture
async def returning(drill: Drill, gateway: httpx.AsyncClient) -> Learner:
    """Sign in as the learner who played before the backup."""
    response = (await gateway.post("/api/v1/auth/login", json=drill.login)).raise_for_status().json()
    return Learner(gateway, response["user"], response["access_token"])


async def test_a_learners_history_is_restored_and_its_recordings_play(
    drill: Drill, returning: Learner
) -> None:
    assert await read_history(returning) == drill.history
    assert await play_recording(returning) == drill.recording


async def test_an_app_stays_signed_in_after_new_keys_are_created(
    drill: Drill, gateway: httpx.AsyncClient
) -> None:
    response = await gateway.post("/api/v1/auth/refresh", json={"refresh_token": drill.refresh_token})
    assert response.status_code == 200, response.text


async def test_learners_can_play_and_statistics_count(
    drill: Drill, returning: Learner, admin: Learner
) -> None:
    before = (await returning.get("/game/stats")).json()
    history = await play_scored(returning)
    assert history[0]["results"][0]["verified"] is True
    assert history[1:] == drill.history
    assert (await returning.get("/game/stats")).json() != before


async def test_every_event_is_counted_exactly_once(drill: Drill, admin: Learner) -> None:
    imports = Imports(drill.restored, admin)
    saved = "SELECT count(*) FROM game_results WHERE speech_id = $1 AND user_response <> 'skipped'"
    plays = (await imports.fetch("game", saved, drill.played))[0][0]
    assert plays >= drill.saved_before > 0
    counted = partial(imports.fetch, "content", "SELECT plays FROM speech_statistics WHERE speech_id = $1")
    await wait_until(counted, drill.played, lambda rows: rows[0][0] == plays)
    await imports.ensure_nothing_waits()


async def test_an_import_in_progress_is_completed(drill: Drill, admin: Learner) -> None:
    await Imports(drill.restored, admin).ensure_applied(drill.import_)


async def test_no_row_refers_to_a_missing_object(drill: Drill, admin: Learner) -> None:
    backup_system = describe_system(drill.restored.plan, is_running=True)
    async with connect_all(backup_system.databases, programs=None) as databases:
        referenced_keys = set[str]().union(*[await database.list_references() for database in databases])
    present = set(await Imports(drill.restored, admin).create_storage().list_keys())
    assert len(referenced_keys) > 100
    assert referenced_keys - present == set()


def test_the_seed_did_not_run_again(drill: Drill) -> None:
    run = drill.restored.run
    assert run.log("auth-migrate").exists()
    assert not run.log("auth-seed").exists()
    assert not run.log("content-seed").exists()


async def test_a_second_backup_copies_no_recording_again(system: Stack, drill: Drill) -> None:
    backup_system = describe_system(system.plan, is_running=True)
    reports: list[str] = []
    backup = await create(backup_system, drill.backup.parent, report=reports.append)
    same = [path for path in backup.glob("objects/*/*") if path.stat().st_nlink == 2]
    assert len(same) > 100
    assert int(reports[0].split()[2]) < 20  # the report of the import


async def test_a_restore_into_a_system_in_use_is_refused_without_effects(system: Stack, drill: Drill) -> None:
    with pytest.raises(BackupFailed, match="in use by"):
        await restore(describe_system(system.plan, is_running=True), drill.backup, report=print)
    with pytest.raises(BackupFailed, match="has the data of a system"):
        await asyncio.to_thread(restore_backup, system.run.folder, drill.backup)


async def test_queues_without_a_worker_are_named(system: Stack, drill: Drill, tmp_path: Path) -> None:
    backup_system = describe_system(system.plan, is_running=True)
    async with httpx.AsyncClient(base_url=system.url, timeout=30) as client:
        learner = await Learner.sign_up(client)
        with freeze(system.workers["content"]):
            game = build_session(await learner.draw(limit=1))
            assert (await learner.post("/game/sessions", game)).status_code == 201
            with pytest.raises(
                BackupFailed, match=r"content\.on\.session_completed \(1\)\. Nothing was kept"
            ):
                await create(backup_system, tmp_path, report=print, options=Options(wait_seconds=2))
        # The relays continue.
        imports = await Imports.sign_in(system, client)
        await imports.ensure_nothing_waits()
    assert await asyncio.to_thread(os.listdir, tmp_path) == []
