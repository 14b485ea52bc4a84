from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest
from content.domain.speeches import SpeechRow
from content.models import Speech
from content.queries.speeches import get_speech
from content.seed import parse_folder, seed
from content.settings import SeedSettings
from contracts.content import SpeechCreated
from pydantic import SecretStr
from shared.data.db import Database
from shared.data.storage import Storage
from shared.testing import outbox_events
from sqlalchemy import select

SPEECHES = """audio_filename,text,level,type,tags
far.mp3,Is it far?,A1,question,"travel,food"
near.mp3,It is near.,A1,answer,
again.mp3,Is it far?,A2,question,travel
"""


@pytest.fixture
def folder(tmp_path: Path, mp3: bytes) -> Path:
    (tmp_path / "tags.csv").write_text("name,category\nfood,topic\ntravel,topic\n")
    (tmp_path / "speeches.csv").write_text(SPEECHES)
    (tmp_path / "audio").mkdir()
    for name in ("far.mp3", "near.mp3", "again.mp3"):
        (tmp_path / "audio" / name).write_bytes(mp3)
    return tmp_path


@pytest.fixture
def fresh(base_settings: dict[str, Any], database_url: str) -> SeedSettings:
    """Settings with a bucket that does not exist yet."""
    overrides = {"database_url": SecretStr(database_url), "s3_bucket": f"content-{uuid4().hex[:12]}"}
    return SeedSettings.model_validate({**base_settings, **overrides})


async def list_stored(database: Database) -> list[SpeechRow]:
    async with database.transaction() as session:
        ids = await session.scalars(select(Speech.id).order_by(Speech.number))
        return [await get_speech(session, speech_id) for speech_id in ids]


async def test_seeding_again_creates_nothing(
    fresh: SeedSettings, committed_database: Database, folder: Path, mp3: bytes
) -> None:
    await seed(fresh, folder)
    speeches = await list_stored(committed_database)
    await seed(fresh, folder)
    assert await list_stored(committed_database) == speeches
    assert [(speech.text, speech.level, speech.type) for speech in speeches] == [
        ("Is it far?", "A1", "question"),
        ("It is near.", "A1", "answer"),
        ("Is it far?", "A2", "question"),
    ]
    assert [[name for _, name in speech.tags] for speech in speeches] == [
        ["food", "travel"],
        [],
        ["travel"],
    ]
    assert {speech.duration_ms for speech in speeches} == {522}
    async with committed_database.transaction() as session:
        assert len(await outbox_events(session, SpeechCreated)) == 3
    url, _ = Storage(fresh).presign(speeches[0].audio_key)
    async with httpx.AsyncClient() as client:
        audio = await client.get(url)
    assert (audio.content, audio.headers["content-type"]) == (mp3, "audio/mpeg")


async def test_seeding_adds_new_rows(fresh: SeedSettings, committed_database: Database, folder: Path) -> None:
    (folder / "speeches.csv").write_text("".join(SPEECHES.splitlines(keepends=True)[:2]))
    await seed(fresh, folder)
    assert len(await list_stored(committed_database)) == 1
    (folder / "speeches.csv").write_text(SPEECHES)
    await seed(fresh, folder)
    assert len(await list_stored(committed_database)) == 3


async def test_seeding_is_refused_in_production(fresh: SeedSettings, folder: Path) -> None:
    production = fresh.model_copy(update={"environment": "production"})
    with pytest.raises(SystemExit, match="development only"):
        await seed(production, folder)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("tags.csv", None, "No such file"),
        ("audio/near.mp3", None, "No such file"),
        ("audio/near.mp3", b"no audio", "near.mp3: The audio is not in a supported format"),
        ("tags.csv", b"name,category\nfood,topic\n", "missing: .'travel'"),
        ("tags.csv", b"name\nfood\n", "category"),
        ("speeches.csv", SPEECHES.replace("A2", "D2").encode(), "level 'D2'"),
        ("speeches.csv", SPEECHES.replace("near.mp3", "../near.mp3").encode(), "audio_filename"),
        ("speeches.csv", SPEECHES.replace("It is near.", "").encode(), "text"),
    ],
)
async def test_an_invalid_folder_is_refused_with_a_one_line_error(
    fresh: SeedSettings, folder: Path, name: str, content: bytes | None, message: str
) -> None:
    if content is None:
        (folder / name).unlink()
    else:
        (folder / name).write_bytes(content)
    with pytest.raises(SystemExit, match=message):
        await seed(fresh, folder)


def test_the_folder_is_a_required_argument(capsys: pytest.CaptureFixture[str]) -> None:
    assert parse_folder(["--folder", "deploy/seed"]) == Path("deploy/seed")
    with pytest.raises(SystemExit):
        parse_folder([])
    assert "--folder" in capsys.readouterr().err
