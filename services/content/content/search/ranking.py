"""Full-text search: the newest matches ranked, best first, then the older matches, newest first.

Ranking requires reading the rows, and a common word is in half of all speeches. The planner finds the newest
matches through the index for a rare word, and by scanning back in time for a common one.
"""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from shared.errors import field_error
from sqlalchemy import ColumnElement, Float, Integer, Select, cast, func, literal_column, select
from sqlalchemy.dialects.postgresql import TSQUERY
from sqlalchemy.ext.asyncio import AsyncSession

from content.models import Speech
from content.search.cursor import LOWEST_ID, SearchCursor
from content.search.pages import PageRequest, SpeechIdPage
from content.search.query_parser import FIELD, ParsedQuery
from content.search.ranges import CommittedRange, read_newest
from content.search.tsquery import Term, build_tsquery

MAX_RANKED = 500
MAX_RANKED_WITH_TAG = 200
"""Tags are in another table, so matches with a tag cost more to find."""
SAMPLE_SIZE = 3_000
"""The newest speeches from which the frequency of a prefix is estimated."""
LENGTH_NORMALISATION = 2
"""Flag of ts_rank_cd: divide the rank by the length of the speech."""

EQUAL_WEIGHTS: ColumnElement[Any] = literal_column("'{1, 1, 1, 1}'::real[]")
"""Weights mark how a word is indexed, not its importance."""

type RankedMatch = tuple[float, UUID]


class RankedSearch:
    def __init__(
        self,
        session: AsyncSession,
        request: PageRequest,
        query: ParsedQuery,
        terms: Sequence[Term],
        ranges: Sequence[CommittedRange],
    ) -> None:
        self._session, self._request, self._query, self._ranges = session, request, query, ranges
        self._max_ranked = MAX_RANKED_WITH_TAG if request.filters_by_tag else MAX_RANKED
        required, all_words = build_tsquery(terms)
        if not required:
            raise field_error(FIELD, "has no word to search for")
        self._tsquery = cast(required, TSQUERY)
        self._all_words = None if all_words == required else cast(all_words, TSQUERY)
        self._conditions = (Speech.search.bool_op("@@")(self._tsquery), *request.conditions)

    async def list_page(self, cursor: SearchCursor | None) -> SpeechIdPage:
        offset = self._request.query.get_offset(self._max_ranked) if cursor is None else 0
        after = (cursor.rank, cursor.id) if cursor is not None and cursor.rank is not None else None
        ranked: list[RankedMatch] = []
        if cursor is None or after is not None:
            ranked = await self._list_ranked(cursor)
        if cursor is None:
            cursor = self._create_cursor(ranked)
        remaining = [match for match in ranked if after is None or match < after][offset:]
        # One more than the page holds shows whether another page follows.
        limit = self._request.query.limit + 1
        page_matches: list[tuple[float | None, UUID]] = [*remaining[:limit]]
        if len(page_matches) < limit and not cursor.exact:
            below = cursor.floor if after is not None or ranked else cursor.id
            older = await self._list_older(below, limit=limit - len(page_matches))
            page_matches += [(None, speech_id) for speech_id in older]
        return self._to_page(cursor, page_matches)

    def _to_page(self, cursor: SearchCursor, page_matches: list[tuple[float | None, UUID]]) -> SpeechIdPage:
        limit, next_cursor = self._request.query.limit, None
        if len(page_matches) > limit:
            rank, last = page_matches[limit - 1]
            next_cursor = cursor.advance(last, rank=rank).encode(self._request.scope)
        ids = [speech_id for _, speech_id in page_matches[:limit]]
        return SpeechIdPage(ids, cursor.page, cursor.total, cursor.exact, next_cursor, self._max_ranked)

    def _create_cursor(self, ranked: list[RankedMatch]) -> SearchCursor:
        ids = [speech_id for _, speech_id in ranked] or [LOWEST_ID]
        return SearchCursor(
            page=self._request.query.page,
            total=len(ranked),
            exact=len(ranked) < self._max_ranked,
            last_word_is_prefix=self._query.last_word_is_prefix,
            floor=min(ids),
            ceiling=max(ids),
        )

    async def _list_ranked(self, cursor: SearchCursor | None) -> list[RankedMatch]:
        matches = select(Speech.id, Speech.search).where(*self._conditions)
        if cursor is not None:
            matches = matches.where(Speech.id.between(cursor.floor, cursor.ceiling))
        reads_all = self._query.has_prefixes and await self._is_rare()
        ranked = list[RankedMatch]()
        for id_range in self._ranges:
            newest = matches.where(*id_range.conditions)
            if reads_all:
                # The planner cannot see the limit behind the CTE, so it reads all matches through the index.
                newest = select(newest.cte().prefix_with("MATERIALIZED"))
            ranked += await self._rank(newest, limit=self._max_ranked - len(ranked))
            if len(ranked) == self._max_ranked:
                break
        return sorted(ranked, reverse=True)

    async def _rank(self, matches: Select[UUID, str | None], *, limit: int) -> list[RankedMatch]:
        newest = matches.order_by(matches.selected_columns.id.desc()).limit(limit).subquery()
        rank = cast(self._score(newest.c.search), Float)
        rows = await self._session.execute(select(rank, newest.c.id))
        return [(rank, speech_id) for rank, speech_id in rows]

    def _score(self, vector: ColumnElement[Any]) -> ColumnElement[Any]:
        score = func.ts_rank_cd(EQUAL_WEIGHTS, vector, self._tsquery, LENGTH_NORMALISATION)
        if self._all_words is None:
            return score
        # Function words need not match, but "look after" comes before "look".
        has_all = cast(vector.bool_op("@@")(self._all_words), Integer)
        return score + has_all + func.ts_rank_cd(EQUAL_WEIGHTS, vector, self._all_words, LENGTH_NORMALISATION)

    async def _is_rare(self) -> bool:
        # PostgreSQL has no statistics of prefixes. It assumes one in two hundred speeches, and would scan
        # back through the whole table for a rare one.
        before_imports = self._ranges[-1].conditions
        newest = select(Speech.search).where(*before_imports).order_by(Speech.id.desc())
        sample = newest.limit(SAMPLE_SIZE).subquery()
        matching = select(func.count()).where(sample.c.search.bool_op("@@")(self._tsquery))
        return (await self._session.scalars(matching)).one() < SAMPLE_SIZE // 100

    async def _list_older(self, below: UUID, *, limit: int) -> list[UUID]:
        older = select(Speech.id).where(*self._conditions, Speech.id < below)
        parts = [older.where(*id_range.conditions) for id_range in self._ranges]
        return await read_newest(self._session, parts, limit=limit)
