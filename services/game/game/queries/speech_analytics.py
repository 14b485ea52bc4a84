"""Read response statistics per speech, and suggested levels."""

import struct
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from typing import Any
from uuid import UUID

from contracts.vocabulary import Level
from shared.errors import field_error
from shared.http.pages import MAX_COUNTED, count_items
from shared.http.pagination import MAX_CURSOR_PAGE, Pagination, decode_cursor, encode_cursor
from sqlalchemy import ColumnElement, Select, and_, func, or_, select, tuple_
from sqlalchemy.dialects.postgresql import distinct_on
from sqlalchemy.ext.asyncio import AsyncSession

from game.domain.analytics import (
    LEVELS,
    MIN_SUGGESTION_PLAYS,
    compute_level_rates,
    compute_rate,
    get_fitting_rates,
    suggest_level,
)
from game.domain.sessions import compute_average_score
from game.models import DailyLevel, SpeechFigures, SpeechRevision, SpeechScore
from game.schemas.analytics import (
    ScorerAverage,
    SpeechAnalytics,
    SpeechAnalyticsFilter,
    SpeechAnalyticsPage,
)

CURSOR_LAYOUT = struct.Struct(">Id16s")
"""The number of the next page, and the sorted value and the id of the last speech before it."""
type Rates = Mapping[Level, float]


async def list_speech_analytics(
    session: AsyncSession, *, filters: SpeechAnalyticsFilter
) -> SpeechAnalyticsPage:
    rates = await get_level_rates(session)
    statement = select(SpeechFigures).where(*_build_conditions(filters, rates))
    scope = filters.build_scope("speech_analytics")
    number, ordered = _select_from_page(statement, filters, scope)
    rows = (await session.scalars(ordered.limit(filters.limit + 1))).all()
    page_rows = rows[: filters.limit]
    total = await count_items(session, statement, SpeechFigures.speech_id, filters, rows)
    cursor = _encode(page_rows[-1], number + 1, filters, scope) if len(rows) > len(page_rows) else None
    pagination = Pagination.from_query(
        filters,
        page=number,
        total=min(total, MAX_COUNTED),
        total_is_exact=total <= MAX_COUNTED,
        next_cursor=cursor,
    )
    speeches = await _to_speeches(session, page_rows, rates)
    return SpeechAnalyticsPage(speeches=speeches, pagination=pagination)


async def get_level_rates(session: AsyncSession) -> Rates:
    sums = func.sum(DailyLevel.answered), func.sum(DailyLevel.correct)
    rows = await session.execute(select(DailyLevel.level, *sums).group_by(DailyLevel.level))
    return compute_level_rates({level: (int(answered), int(correct)) for level, answered, correct in rows})


def _build_conditions(filters: SpeechAnalyticsFilter, rates: Rates) -> list[ColumnElement[bool]]:
    conditions = [SpeechFigures.plays >= filters.min_plays]
    if filters.level:
        conditions.append(SpeechFigures.level == filters.level)
    if filters.suggested:
        levels = [filters.level] if filters.level else LEVELS
        conditions += [
            SpeechFigures.plays >= MIN_SUGGESTION_PLAYS,
            or_(*(_is_unfit(level, rates) for level in levels)),
        ]
    return conditions


def _is_unfit(level: Level, rates: Rates) -> ColumnElement[bool]:
    rate = SpeechFigures.measured_rate
    return and_(SpeechFigures.level == level, ~rate.between(*get_fitting_rates(level, rates)))


def _select_from_page(
    statement: Select[Any], filters: SpeechAnalyticsFilter, scope: str
) -> tuple[int, Select[Any]]:
    """Return the page's number, and the query of all speeches from its first one on."""
    value = _get_sorted_column(filters)
    is_ascending = filters.sort == "hardest"
    order = (value, SpeechFigures.speech_id)
    ordered = statement.order_by(*(key if is_ascending else key.desc() for key in order))
    if filters.cursor is None:
        return filters.page, ordered.offset(filters.get_offset())
    number, last, speech_id = decode_cursor(CURSOR_LAYOUT, filters.cursor, scope=scope)
    # NaN and numbers above the maximum are forged.
    if number > MAX_CURSOR_PAGE or not 0 <= last < 2**53:
        raise field_error("#/query/cursor", "must be the next_cursor of a page")
    position = (int(last) if filters.sort == "most_played" else last, UUID(bytes=speech_id))
    return number, ordered.where(tuple_(*order) > position if is_ascending else tuple_(*order) < position)


def _get_sorted_column(filters: SpeechAnalyticsFilter) -> Any:
    return SpeechFigures.plays if filters.sort == "most_played" else SpeechFigures.measured_rate


def _encode(last: SpeechFigures, page: int, filters: SpeechAnalyticsFilter, scope: str) -> str:
    value = getattr(last, _get_sorted_column(filters).key)
    return encode_cursor(CURSOR_LAYOUT, page, float(value), last.speech_id.bytes, scope=scope)


async def _to_speeches(
    session: AsyncSession, rows: Sequence[SpeechFigures], rates: Rates
) -> list[SpeechAnalytics]:
    ids = [row.speech_id for row in rows]
    texts, scores = await _get_newest_texts(session, ids), await _list_scores(session, ids)
    return [_to_speech(row, texts[row.speech_id], scores[row.speech_id], rates) for row in rows]


def _to_speech(row: SpeechFigures, text: str, scores: list[ScorerAverage], rates: Rates) -> SpeechAnalytics:
    level: Any = row.level
    suggested = suggest_level(level, measured_rate=row.measured_rate, plays=row.plays, rates=rates)
    return SpeechAnalytics(
        id=row.speech_id,
        text=text,
        level=level,
        plays=row.plays,
        correct_rate=compute_rate(row.correct, row.plays),
        measured_rate=round(row.measured_rate, 4),
        level_rate=round(rates[level], 4),
        suggested_level=suggested,
        scores=scores,
    )


async def _get_newest_texts(session: AsyncSession, ids: Collection[UUID]) -> dict[UUID, str]:
    newest = (
        select(SpeechRevision.speech_id, SpeechRevision.text)
        .where(SpeechRevision.speech_id.in_(ids))
        .ext(distinct_on(SpeechRevision.speech_id))
        .order_by(SpeechRevision.speech_id, SpeechRevision.revision.desc())
    )
    return {speech_id: text for speech_id, text in await session.execute(newest)}


async def _list_scores(session: AsyncSession, ids: Collection[UUID]) -> Mapping[UUID, list[ScorerAverage]]:
    statement = select(SpeechScore).where(SpeechScore.speech_id.in_(ids), SpeechScore.scores > 0)
    scores: dict[UUID, list[ScorerAverage]] = defaultdict(list)
    for row in await session.scalars(statement.order_by(SpeechScore.scores.desc(), SpeechScore.scorer)):
        average = compute_average_score(row.score_sum, row.scores)
        scores[row.speech_id].append(
            ScorerAverage.model_validate(
                {"scorer": row.scorer or None, "scores": row.scores, "average": average}
            )
        )
    return scores
