"""How often speeches were played."""

from collections.abc import Iterable
from typing import Any

from contracts.game import CompletedResult
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from content.domain.plays import count_plays_by_speech

# The rows are locked in one order, so that two sessions with the same speeches cannot block each other.
_COUNT = text("""
    INSERT INTO speech_statistics AS kept (speech_id, plays, correct, scored, score_sum)
    SELECT played.*
    FROM unnest(
        CAST(:speech_ids AS uuid[]),
        CAST(:plays AS bigint[]),
        CAST(:correct AS bigint[]),
        CAST(:scored AS bigint[]),
        CAST(:score_sums AS double precision[])
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
    """Add the results of a session to the statistics of their speeches, if these are still there."""
    played = count_plays_by_speech(results)
    if not played:
        return
    totals = played.values()
    columns: dict[str, list[Any]] = {
        "speech_ids": list(played),
        "plays": [speech.plays for speech in totals],
        "correct": [speech.correct for speech in totals],
        "scored": [speech.scored for speech in totals],
        "score_sums": [speech.score_sum for speech in totals],
    }
    await session.execute(_COUNT, columns)
