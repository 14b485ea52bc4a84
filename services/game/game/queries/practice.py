"""Read a learner's practice totals, from the rows maintained for them: a long history costs nothing."""

from typing import Any
from uuid import UUID

from sqlalchemy import Row, select, text, true
from sqlalchemy.ext.asyncio import AsyncSession

from game.domain.practice import PhonemeTotals, rank_weakest_phonemes
from game.domain.progress import Totals
from game.domain.sessions import compute_average_score
from game.models import IS_HARD, PractisedPhoneme, PractisedSpeech, PractisedTag, TagName
from game.queries.sessions import select_played_revision
from game.schemas.practice import HardSentence, PracticeRead, TagProgress, WeakPhoneme

MAX_TAGS = 50
MAX_HARDEST_SENTENCES = 10


async def get_practice(session: AsyncSession, user_id: UUID) -> PracticeRead:
    return PracticeRead(
        by_tag=await _list_tags(session, user_id),
        hardest_sentences=await _list_hardest_sentences(session, user_id),
        weakest_phonemes=await _list_weakest_phonemes(session, user_id),
    )


async def _list_tags(session: AsyncSession, user_id: UUID) -> list[TagProgress]:
    most_practised = (
        select(PractisedTag.__table__, TagName.name)
        .join(TagName, TagName.tag_id == PractisedTag.tag_id)
        .where(PractisedTag.user_id == user_id)
        .order_by(PractisedTag.sentences.desc(), TagName.name, PractisedTag.tag_id)
        .limit(MAX_TAGS)
    )
    return [_to_tag(row) for row in await session.execute(most_practised)]


def _to_tag(row: Row[Any]) -> TagProgress:
    totals = Totals(row.sessions, row.sentences, row.correct, row.score_sum, row.scored_count)
    return TagProgress.model_validate(
        {
            "tag": {"id": row.tag_id, "name": row.name},
            "sessions": totals.sessions,
            "sentences": totals.sentences,
            "correct_rate": totals.correct_rate,
            "avg_pronunciation_score": totals.avg_pronunciation_score,
        }
    )


async def _list_hardest_sentences(session: AsyncSession, user_id: UUID) -> list[HardSentence]:
    played = select_played_revision(PractisedSpeech.speech_id, PractisedSpeech.last_played_at)
    hardest = (
        select(PractisedSpeech.__table__, played.c.text)
        .join(played, true())
        .where(PractisedSpeech.user_id == user_id, text(IS_HARD))
        .order_by(PractisedSpeech.estimated_rate, PractisedSpeech.speech_id)
        .limit(MAX_HARDEST_SENTENCES)
    )
    return [_to_sentence(row) for row in await session.execute(hardest)]


def _to_sentence(row: Row[Any]) -> HardSentence:
    return HardSentence(
        speech_id=row.speech_id,
        text=row.text,
        attempts=row.attempts,
        correct=row.correct,
        avg_pronunciation_score=compute_average_score(row.score_sum, row.scores),
        last_played_at=row.last_played_at,
    )


async def _list_weakest_phonemes(session: AsyncSession, user_id: UUID) -> list[WeakPhoneme]:
    columns = [getattr(PractisedPhoneme, name) for name in PhonemeTotals.__dataclass_fields__]
    # A receipt has at most 64 symbols, and a learner few scorers.
    rows = await session.execute(select(*columns).where(PractisedPhoneme.user_id == user_id))
    weakest = rank_weakest_phonemes(PhonemeTotals(*row) for row in rows)
    return [_to_phoneme(phoneme) for phoneme in weakest]


def _to_phoneme(totals: PhonemeTotals) -> WeakPhoneme:
    return WeakPhoneme(
        symbol=totals.symbol,
        score=round(totals.score_sum / totals.scores, 2),
        count=totals.scores,
        scorer=totals.scorer,
    )
