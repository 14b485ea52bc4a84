"""Millions of made-up speeches for benches, with natural lengths and distributions.

Levels, types and tags are distributed unevenly, as in a real catalogue. Two tags are common, each on every
fourth speech. Two are rare, on a few speeches of each level regardless of the size of the catalogue.
"""

from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import batched
from random import Random
from typing import Any, NamedTuple
from uuid import UUID

import asyncpg

from bench.vocabulary import JOINS, PLACES, QUESTIONS, SUBJECTS, TIMES, TOPICS, VERBS

BATCH = 20_000
FIRST_CREATED_AT = datetime(2025, 1, 1, tzinfo=UTC)
COMMON = ("travel", "present simple")
RARE = ("idioms of the sea", "words from Welsh")
RARE_SPEECHES_PER_LEVEL = 40
"""Speeches of each level with the first rare tag. Every second one also has the other."""

LEVELS = {"A1": 20, "A2": 20, "B1": 20, "B2": 17, "C1": 13, "C2": 10}
"""Share of each level in percent."""
CLAUSES = {"A1": 1, "A2": 1, "B1": 2, "B2": 2, "C1": 3, "C2": 3}


class CatalogueTags(NamedTuple):
    """Tags of a generated catalogue."""

    size: int
    common: list[UUID]
    rare: list[UUID]


async def fill(connection: "asyncpg.Connection[Any]", count: int, *, seed: int = 1) -> CatalogueTags:
    """Fill an empty content database with `count` speeches, which depend only on the seed.

    The connection must be a superuser's: foreign keys hold by construction and are not checked row by row.
    """
    rng = Random(seed)
    tags = {name: _create_uuid7(rng) for name in (*COMMON, *RARE, *TOPICS)}
    async with connection.transaction():
        await connection.execute("SET LOCAL session_replication_role = replica")
        rows = [(tag_id, name, "topic") for name, tag_id in tags.items()]
        await connection.copy_records_to_table("tags", records=rows, columns=("id", "name", "category"))
        for batch in batched(_generate_speeches(rng, count, tags), BATCH):
            await _copy_batch(connection, batch)
    await connection.execute("VACUUM ANALYZE tags, speeches, speech_tags")
    return CatalogueTags(count, [tags[name] for name in COMMON], [tags[name] for name in RARE])


async def _copy_batch(connection: "asyncpg.Connection[Any]", batch: tuple[tuple[Any, ...], ...]) -> None:
    columns = ("id", "text", "level", "type", "audio_key", "duration_ms", "created_at", "updated_at")
    speeches = [row for *row, _ in batch]
    speech_tags = [(row[0], tag_id) for row in batch for tag_id in row[-1]]
    await connection.copy_records_to_table("speeches", records=speeches, columns=columns)
    await connection.copy_records_to_table(
        "speech_tags", records=speech_tags, columns=("speech_id", "tag_id")
    )


def _generate_speeches(rng: Random, count: int, tags: dict[str, UUID]) -> Iterator[tuple[Any, ...]]:
    levels = rng.choices(list(LEVELS), list(LEVELS.values()), k=count)
    rare_distances = {
        level: max(1, of_level // RARE_SPEECHES_PER_LEVEL) for level, of_level in Counter(levels).items()
    }
    level_counts = Counter[str]()
    created_at, key = FIRST_CREATED_AT, ""
    for level in levels:
        type = "question" if rng.random() < 0.4 else "answer"
        text = compose_sentence(rng, CLAUSES[level], type)
        # Every tenth speech repeats the words of the previous one on another level.
        if rng.random() > 0.1 or not key:
            key = f"speeches/{created_at:%Y/%m}/{rng.getrandbits(128):032x}.mp3"
        created_at += timedelta(seconds=20)
        level_counts[level] += 1
        duration = 400 + 65 * len(text) + rng.randrange(400)
        tag_ids = _choose_tags(rng, tags, rare=level_counts[level] / rare_distances[level])
        yield (
            _create_uuid7(rng, created_at),
            text,
            level,
            type,
            key,
            duration,
            created_at,
            created_at,
            tag_ids,
        )


def compose_sentence(rng: Random, clauses: int, type: str) -> str:
    """Compose a sentence from phrases; it may repeat an earlier one."""
    sentence = f" {rng.choice(JOINS)} ".join(
        f"{rng.choice(SUBJECTS)} {rng.choice(VERBS)} {rng.choice(PLACES)} {rng.choice(TIMES)}"
        for _ in range(rng.randint(1, clauses))
    )
    return (
        f"{rng.choice(QUESTIONS)} {sentence}?"
        if type == "question"
        else f"{sentence[0].upper()}{sentence[1:]}."
    )


def _choose_tags(rng: Random, tags: dict[str, UUID], *, rare: float) -> set[UUID]:
    """Choose up to seven tags, a rare one whenever `rare`, which grows over a level, reaches an integer."""
    tag_ids = {tags[name] for name in COMMON if rng.random() < 0.25}
    # The first topics are the most frequent.
    tag_ids |= {tags[TOPICS[int(len(TOPICS) * rng.random() ** 2)]] for _ in range(rng.randint(1, 3))}
    if rare.is_integer() and rare <= RARE_SPEECHES_PER_LEVEL:
        tag_ids |= {tags[name] for name in (RARE if rare % 2 else RARE[:1])}
    return tag_ids


def _create_uuid7(rng: Random, created_at: datetime = FIRST_CREATED_AT) -> UUID:
    milliseconds = int(created_at.timestamp() * 1000)
    return UUID(int=milliseconds << 80 | 7 << 76 | rng.getrandbits(12) << 64 | 2 << 62 | rng.getrandbits(62))
