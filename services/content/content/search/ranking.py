"""Full-text search: the newest matches ranked, best first, then the older matches, newest first.

Ranking means reading, and a common word is in half of all speeches. The planner finds the newest matches
through the index for a rare word, and by walking back in time for a common one.
"""

from typing import Any
from uuid import UUID

from shared.errors import field_error
from sqlalchemy import ColumnElement, Float, cast, func, literal_column, select
from sqlalchemy.ext.asyncio import AsyncSession

from content.models import Speech
from content.search.cursor import LOWEST_ID, SearchCursor
from content.search.pages import PageRequest, SpeechIdPage
from content.search.query_parser import FIELD, ParsedQuery

MAX_RANKED = 500
MAX_RANKED_WITH_TAG = 200
"""Tags are in another table, so matches that carry a tag cost more to find."""
SAMPLE_SIZE = 3_000
"""The newest speeches from which the frequency of a prefix is estimated."""
LENGTH_NORMALISATION = 2
"""Flag of ts_rank_cd: divide the rank by the length of the speech."""

_ENGLISH: ColumnElement[Any] = literal_column("'pg_catalog.english'::regconfig")
_AS_WRITTEN: ColumnElement[Any] = literal_column("'pg_catalog.simple'::regconfig")
_EMPTY_QUERY: ColumnElement[Any] = literal_column("''::tsquery")

type Match = tuple[float, UUID]


class RankedSearch:
    def __init__(self, session: AsyncSession, request: PageRequest, query: ParsedQuery) -> None:
        self._session, self._request, self._query = session, request, query
        self._max_ranked = MAX_RANKED_WITH_TAG if request.filters_by_tag else MAX_RANKED
        self._tsquery = _to_tsquery(query)
        self._conditions = (Speech.search.bool_op("@@")(self._tsquery), *request.conditions)

    async def list_page(self, cursor: SearchCursor | None) -> SpeechIdPage:
        offset = self._request.query.offset(self._max_ranked) if cursor is None else 0
        after = (cursor.rank, cursor.id) if cursor is not None and cursor.rank is not None else None
        ranked: list[Match] = []
        if cursor is None or after is not None:
            ranked = await self._list_ranked(cursor)
        if cursor is None:
            cursor = await self._start(ranked)
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

    async def _start(self, ranked: list[Match]) -> SearchCursor:
        """Return the cursor of the first page. Raises Invalid for a search without words."""
        if not ranked and not await self._session.scalar(select(func.numnode(self._tsquery))):
            raise field_error(
                FIELD, "has no word to search for; signs and stop words such as 'the' do not count"
            )
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
        if self._query.prefixes and await self._is_rare():
            # The planner cannot see the limit behind the CTE, so it reads all matches through the index.
            matches = select(matches.cte().prefix_with("MATERIALIZED"))
        newest = matches.order_by(matches.selected_columns.id.desc()).limit(self._max_ranked).subquery()
        rank = cast(func.ts_rank_cd(newest.c.search, self._tsquery, LENGTH_NORMALISATION), Float)
        rows = await self._session.execute(select(rank, newest.c.id))
        return sorted(((rank, speech_id) for rank, speech_id in rows), reverse=True)

    async def _is_rare(self) -> bool:
        # PostgreSQL has no statistics of prefixes. It expects each in one of two hundred speeches, and would
        # walk back through the whole table for a rare one.
        newest = select(Speech.search).order_by(Speech.id.desc()).limit(SAMPLE_SIZE).subquery()
        matching = select(func.count()).where(newest.c.search.bool_op("@@")(self._tsquery))
        return (await self._session.scalars(matching)).one() < SAMPLE_SIZE // 100

    async def _list_older(self, below: UUID, *, limit: int) -> list[UUID]:
        older = select(Speech.id).where(*self._conditions, Speech.id < below)
        return list(await self._session.scalars(older.order_by(Speech.id.desc()).limit(limit)))


def _to_tsquery(query: ParsedQuery) -> ColumnElement[Any]:
    tsquery: ColumnElement[Any] = func.websearch_to_tsquery(_ENGLISH, query.text)
    for prefix in query.prefixes:
        # A prefix holds letters and digits only, so to_tsquery cannot read an operator in it.
        begun = f"{prefix}:*"
        # A stop word can be the prefix of another word: `under*`.
        stemmed = func.nullif(func.to_tsquery(_ENGLISH, begun), _EMPTY_QUERY)
        tsquery = tsquery.op("&&")(func.coalesce(stemmed, func.to_tsquery(_AS_WRITTEN, begun)))
    return tsquery
