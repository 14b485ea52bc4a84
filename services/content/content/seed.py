"""Fills a fresh development system from a folder of CSV files and recordings."""

import argparse
import asyncio
import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import structlog
from contracts.vocabulary import Level, SpeechType
from pydantic import BaseModel, BeforeValidator, Field, ValidationError
from shared.audio.measurement import AudioTooLong, UndecodableAudio
from shared.audio.measurer import Measurer
from shared.data.db import Database
from shared.data.storage import Storage
from sqlalchemy.ext.asyncio import AsyncSession

from content.commands.speeches import create_speeches
from content.commands.tags import create_tags
from content.domain.speeches import NewSpeech
from content.queries.speeches import find_existing_speeches
from content.schemas.speeches import SpeechText
from content.schemas.tags import TagCreate, TagName
from content.settings import SeedSettings

log = structlog.get_logger(__name__)


class SeedSpeech(BaseModel):
    audio_filename: str = Field(pattern=r"^[A-Za-z0-9._-]+\.mp3$")
    text: SpeechText
    level: Level
    type: SpeechType
    tags: Annotated[list[TagName], BeforeValidator(lambda cell: cell.split(",") if cell else [])]

    @property
    def audio_key(self) -> str:
        return f"seed/{self.audio_filename}"


@dataclass(frozen=True)
class Seed:
    categories: dict[str, str]
    speeches: list[SeedSpeech]
    recordings: dict[str, bytes]


type Durations = Mapping[str, int]
"""Durations in milliseconds by recording key."""


def parse_folder(arguments: list[str]) -> Path:
    parser = argparse.ArgumentParser(prog="python -m content seed", description=__doc__)
    parser.add_argument("--folder", type=Path, required=True, help="with tags.csv, speeches.csv and audio/")
    folder: Path = parser.parse_args(arguments).folder
    return folder


def main(arguments: list[str]) -> None:
    asyncio.run(seed(SeedSettings(), parse_folder(arguments)))


async def seed(settings: SeedSettings, folder: Path) -> None:
    """Upload the missing recordings and create the missing tags and speeches.

    A speech exists if its text and level do. Raises SystemExit outside development and for an invalid folder.
    """
    if not settings.is_development:
        raise SystemExit("The seed is for development only. Set ENVIRONMENT=development to use it.")
    source = await asyncio.to_thread(read_folder, folder)
    storage, database = Storage(settings), Database.from_settings(settings, name="content seed")
    try:
        await storage.ensure_bucket()
        uploads = (_upload(storage, key, content) for key, content in source.recordings.items())
        uploaded = sum(await asyncio.gather(*uploads))
        async with database.transaction() as session:
            missing = await list_missing(session, source)
        # Outside a transaction, which the database would abort after a long wait.
        durations = await measure_recordings(source, missing)
        async with database.transaction() as session:
            created = await create_missing(session, source, durations)
    finally:
        await database.close()
    log.info("seeded", uploaded=uploaded, created=created, speeches=len(source.speeches))


def read_folder(folder: Path) -> Seed:
    tags = _read_rows(folder / "tags.csv", TagCreate)
    speeches = _read_rows(folder / "speeches.csv", SeedSpeech)
    categories = {tag.name: tag.category for tag in tags}
    if unknown := {name for speech in speeches for name in speech.tags} - categories.keys():
        raise SystemExit(f"{folder / 'tags.csv'}: these tags of speeches are missing: {sorted(unknown)}.")
    try:
        recordings = {
            speech.audio_key: (folder / "audio" / speech.audio_filename).read_bytes() for speech in speeches
        }
    except OSError as error:
        raise SystemExit(f"{error.filename}: {error.strerror}.") from error
    return Seed(categories, speeches, recordings)


def _read_rows[R: BaseModel](path: Path, model: type[R]) -> list[R]:
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            return [model.model_validate(row) for row in csv.DictReader(file)]
    except OSError as error:
        raise SystemExit(f"{path}: {error.strerror}.") from error
    except ValidationError as error:
        [first, *_] = error.errors()
        raise SystemExit(f"{path}: {first['loc'][0]} {first['input']!r}: {first['msg']}.") from error


async def _upload(storage: Storage, key: str, content: bytes) -> bool:
    if await storage.has_object(key):
        return False
    await storage.put(key, content, content_type="audio/mpeg")
    return True


async def list_missing(session: AsyncSession, source: Seed) -> list[SeedSpeech]:
    existing = await find_existing_speeches(session, [speech.text for speech in source.speeches])
    return [speech for speech in source.speeches if (speech.text, speech.level) not in existing]


async def measure_recordings(source: Seed, speeches: Sequence[SeedSpeech]) -> Durations:
    """Raise SystemExit for a file that is not a recording."""
    async with Measurer() as measurer:
        return {speech.audio_key: await _measure_recording(measurer, speech, source) for speech in speeches}


async def _measure_recording(measurer: Measurer, speech: SeedSpeech, source: Seed) -> int:
    try:
        return (await measurer.measure(source.recordings[speech.audio_key])).duration_ms
    except (UndecodableAudio, AudioTooLong) as error:
        raise SystemExit(f"{speech.audio_filename}: {error}") from error


async def create_missing(session: AsyncSession, source: Seed, durations: Durations) -> int:
    """Create the speeches that are still missing, once their recordings have been measured."""
    tag_ids = await create_tags(session, source.categories, actor=None)
    new = [
        NewSpeech(
            **speech.model_dump(exclude={"audio_filename", "tags"}),
            audio_key=speech.audio_key,
            duration_ms=durations[speech.audio_key],
            tag_ids=[tag_ids[name] for name in speech.tags],
        )
        for speech in await list_missing(session, source)
        if speech.audio_key in durations
    ]
    await create_speeches(session, new, actor=None)
    return len(new)
