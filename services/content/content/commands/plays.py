from collections.abc import Iterable, Mapping
from dataclasses import fields
from uuid import UUID

from contracts.game import CompletedResult
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from content.domain.plays import PlayStatistics, count_plays_by_speech

# Rows are locked in a fixed order, so that two sessions with the same speeches do not deadlock.
_ADD_PLAYS = text("""
    INSERT INTO speech_statistics AS kept (speech_id, plays, correct, scored, score_sum)
    SELECT played.*
    FROM unnest(
        CAST(:speech_ids AS uuid[]),
        CAST(:plays AS bigint[]),
        CAST(:correct AS bigint[]),
        CAST(:scored AS bigint[]),
        CAST(:score_sum AS double precision[])
    ) AS played (speech_id, plays, correct, scored, score_sum)
    JOIN speeches ON speeches.id = played.speech_id
    ORDER BY speeches.id
    FOR KEY SHARE OF speeches
    ON CONFLICT (speech_id) DO UPDATE SET
        plays = kept.plays + excluded.plays,
        correct = kept.correct + excluded.correct,
        scored = kept.scored + excluded.scored,
        score_sum = kept.score_sum + excluded.score_sum
""")


async def count_plays(session: AsyncSession, results: Iterable[CompletedResult]) -> None:
    """Add the results of a session to the statistics of the speeches that still exist."""
    await _add_plays(session, count_plays_by_speech(results))


async def subtract_plays(session: AsyncSession, results: Iterable[CompletedResult]) -> None:
    """Subtract the results of a deleted session, even if they have not been added yet."""
    played = count_plays_by_speech(results)
    await _add_plays(session, {speech_id: totals.negate() for speech_id, totals in played.items()})


async def _add_plays(session: AsyncSession, played: Mapping[UUID, PlayStatistics]) -> None:
    if not played:
        return
    columns = {
        field.name: [getattr(statistics, field.name) for statistics in played.values()]
        for field in fields(PlayStatistics)
    }
    await session.execute(_ADD_PLAYS, {"speech_ids": list(played), **columns})
