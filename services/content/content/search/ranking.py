"""Full-text search: the newest matches ranked, best first, then the older matches, newest first.

Ranking means reading, and a common word is in half of all speeches. The planner finds the newest matches
through the index for a rare word, and by walking back in time for a common one.
"""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from shared.errors import field_error
from sqlalchemy import ColumnElement, Float, Integer, cast, func, literal_column, select
from sqlalchemy.dialects.postgresql import TSQUERY
from sqlalchemy.ext.asyncio import AsyncSession

from content.models import Speech
from content.search.cursor import LOWEST_ID, SearchCursor
from content.search.pages import PageRequest, SpeechIdPage
from content.search.query_parser import FIELD, ParsedQuery
from content.search.tsquery import Term, build_tsquery

MAX_RANKED = 500
MAX_RANKED_WITH_TAG = 200
"""Tags are in another table, so matches that carry a tag cost more to find."""
SAMPLE_SIZE = 3_000
"""The newest speeches from which the frequency of a prefix is estimated."""
LENGTH_NORMALISATION = 2
"""Flag of ts_rank_cd: divide the rank by the length of the speech."""

EQUAL_WEIGHTS: ColumnElement[Any] = literal_column("'{1, 1, 1, 1}'::real[]")
"""Weights say how a word is indexed, not how important it is."""

type Match = tuple[float, UUID]


class RankedSearch:
    def __init__(
        self, session: AsyncSession, request: PageRequest, query: ParsedQuery, terms: Sequence[Term]
    ) -> None:
        self._session, self._request, self._query = session, request, query
        self._max_ranked = MAX_RANKED_WITH_TAG if request.filters_by_tag else MAX_RANKED
        required, all_words = build_tsquery(terms)
        if not required:
            raise field_error(FIELD, "has no word to search for")
        self._tsquery = cast(required, TSQUERY)
        self._all_words = None if all_words == required else cast(all_words, TSQUERY)
        self._conditions = (Speech.search.bool_op("@@")(self._tsquery), *request.conditions)

    async def list_page(self, cursor: SearchCursor | None) -> SpeechIdPage:
        offset = self._request.query.offset(self._max_ranked) if cursor is None else 0
        after = (cursor.rank, cursor.id) if cursor is not None and cursor.rank is not None else None
        ranked: list[Match] = []
        if cursor is None or after is not None:
            ranked = await self._list_ranked(cursor)
        if cursor is None:
            cursor = self._start(ranked)
        rest = [match for match in ranked if after is None or match < after][offset:]
        # One more than the page holds shows whether another page follows.
        limit = self._request.query.limit + 1
        shown: list[tuple[float | None, UUID]] = [*rest[:limit]]
        if len(shown) < limit and not cursor.exact:
            below = cursor.floor if after is not None or ranked else cursor.id
            older = await self._list_older(below, limit=limit - len(shown))
            shown += [(None, speech_id) for speech_id in older]
        return self._to_page(cursor, shown)

    def _to_page(self, cursor: SearchCursor, shown: list[tuple[float | None, UUID]]) -> SpeechIdPage:
        limit, next_cursor = self._request.query.limit, None
        if len(shown) > limit:
            rank, last = shown[limit - 1]
            next_cursor = cursor.advance(last, rank=rank).encode(self._request.scope)
        ids = [speech_id for _, speech_id in shown[:limit]]
        return SpeechIdPage(ids, cursor.page, cursor.total, cursor.exact, next_cursor)

    def _start(self, ranked: list[Match]) -> SearchCursor:
        ids = [speech_id for _, speech_id in ranked] or [LOWEST_ID]
        return SearchCursor(
            page=self._request.query.page,
            total=len(ranked),
            exact=len(ranked) < self._max_ranked,
            last_word_is_prefix=self._query.last_word_is_prefix,
            floor=min(ids),
            ceiling=max(ids),
        )

    async def _list_ranked(self, cursor: SearchCursor | None) -> list[Match]:
        matches = select(Speech.id, Speech.search).where(*self._conditions)
        if cursor is not None:
            matches = matches.where(Speech.id.between(cursor.floor, cursor.ceiling))
        if self._query.has_prefixes and await self._is_rare():
            # The planner cannot see the limit behind the CTE, so it reads all matches through the index.
            matches = select(matches.cte().prefix_with("MATERIALIZED"))
        newest = matches.order_by(matches.selected_columns.id.desc()).limit(self._max_ranked).subquery()
        rank = cast(self._score(newest.c.search), Float)
        rows = await self._session.execute(select(rank, newest.c.id))
        return sorted(((rank, speech_id) for rank, speech_id in rows), reverse=True)

    def _score(self, vector: ColumnElement[Any]) -> ColumnElement[Any]:
        score = func.ts_rank_cd(EQUAL_WEIGHTS, vector, self._tsquery, LENGTH_NORMALISATION)
        if self._all_words is None:
            return score
        # Function words need not match, but "look after" comes before "look".
        has_all = cast(vector.bool_op("@@")(self._all_words), Integer)
        return score + has_all + func.ts_rank_cd(EQUAL_WEIGHTS, vector, self._all_words, LENGTH_NORMALISATION)

    async def _is_rare(self) -> bool:
        # PostgreSQL has no statistics of prefixes. It expects each in one of two hundred speeches, and would
        # walk back through the whole table for a rare one.
        newest = select(Speech.search).order_by(Speech.id.desc()).limit(SAMPLE_SIZE).subquery()
        matching = select(func.count()).where(newest.c.search.bool_op("@@")(self._tsquery))
        return (await self._session.scalars(matching)).one() < SAMPLE_SIZE // 100

    async def _list_older(self, below: UUID, *, limit: int) -> list[UUID]:
        older = select(Speech.id).where(*self._conditions, Speech.id < below)
        return list(await self._session.scalars(older.order_by(Speech.id.desc()).limit(limit)))
