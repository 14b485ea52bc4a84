"""The editors' list of speeches: the newest first or, with a search, the best matches first.

PostgreSQL can rank only what it has read, and a common word is in half of all speeches. So the newest
matches, up to RANKED of them, are ranked; those beyond follow as they are, newest first. The planner chooses
how the newest matches are found: a rare word through the index, a common one by walking back in time.

If nothing is found, the last word is taken for the beginning of one: it may still be being typed.
"""

from dataclasses import replace
from typing import Any, NamedTuple
from uuid import UUID

from shared.errors import invalid
from shared.http.pagination import MOST_PAGES, opened, sealed
from sqlalchemy import ColumnElement, Float, Select, cast, exists, func, literal_column, select, text
from sqlalchemy.ext.asyncio import AsyncSession

from content.models import Speech, SpeechTag
from content.schemas.speeches import SpeechFilter
from content.search.cursor import SearchCursor
from content.search.query_parser import ParsedQuery, parse_query

MAX_RANKED = 500
MAX_RANKED_WITH_TAG = 200
"""A tag is a row of another table: matches that carry it are found at a higher price."""
MAX_COUNTED = 10_000
"""How many speeches are counted without a search, and how far pages go by number."""

SAMPLE_SIZE = 3_000
"""So many of the newest speeches tell how common a beginning of a word is."""

LENGTH_NORMALISED = 2
"""Among equal matches, the shorter speech is the better one."""

_ENGLISH: ColumnElement[Any] = literal_column("'pg_catalog.english'::regconfig")
_AS_WRITTEN: ColumnElement[Any] = literal_column("'pg_catalog.simple'::regconfig")
_NOTHING: ColumnElement[Any] = literal_column("''::tsquery")
# A plan for one word must not serve another, nor one level another; and what is read is in memory.
_PLANNED = text("""
    SELECT set_config('plan_cache_mode', 'force_custom_plan', true),
           set_config('random_page_cost', '1.1', true),
           set_config('max_parallel_workers_per_gather', '0', true)
""")
_LOWEST, _HIGHEST = UUID(int=0), UUID(int=2**128 - 1)


class SpeechIdPage(NamedTuple):
    """One page. `total` is the least number of matches if it is not exact."""

    ids: list[UUID]
    page: int
    total: int
    total_is_exact: bool
    next_cursor: str | None


async def speech_ids(session: AsyncSession, wanted: SpeechFilter) -> SpeechIdPage:
    """One page of speeches.

    Raises Invalid for a search without words, and for a cursor or a page that leads nowhere.
    """
    await session.execute(_PLANNED)
    scope = f"speeches {wanted.model_dump_json(exclude={'page', 'limit', 'cursor'})}"
    place = SearchCursor.decode(wanted.cursor, scope) if wanted.cursor is not None else None
    if wanted.search is None:
        return await _newest(session, wanted, place, scope)
    terms = parse_query(wanted.search)
    if place is not None:
        return await _Search(
            session,
            wanted,
            scope,
            terms.with_last_word_as_prefix() if place.last_word_is_prefix else terms,
        ).page(place)
    found = await _Search(session, wanted, scope, terms).page(None)
    if found.total or terms.last_word is None:
        return found
    return await _Search(session, wanted, scope, terms.with_last_word_as_prefix()).page(None)


async def _newest(
    session: AsyncSession, wanted: SpeechFilter, place: SearchCursor | None, scope: str
) -> SpeechIdPage:
    newest = select(Speech.id).where(*_filters(wanted)).order_by(Speech.id.desc())
    if place is None:
        skipped = _skipped(wanted, most=MAX_COUNTED)
        total, exact = await _counted(session, newest)
        place = SearchCursor(wanted.page, total, exact, False, None, _HIGHEST, _LOWEST, _HIGHEST)
        newest = newest.offset(skipped)
    rows = newest.where(Speech.id < place.id).limit(wanted.limit + 1)
    ids = list(await session.scalars(rows))
    following = replace(place, page=place.page + 1, id=ids[wanted.limit - 1]) if ids[wanted.limit :] else None
    return _page(ids[: wanted.limit], place, following, scope)


async def _counted(session: AsyncSession, speeches: Select[Any]) -> tuple[int, bool]:
    few = speeches.order_by(None).limit(MAX_COUNTED + 1).subquery()
    total = (await session.scalars(select(func.count()).select_from(few))).one()
    return min(total, MAX_COUNTED), total <= MAX_COUNTED


class _Search:
    """One search: its query, and what it finds."""

    def __init__(self, session: AsyncSession, wanted: SpeechFilter, scope: str, terms: ParsedQuery) -> None:
        self._session, self._wanted, self._scope, self._terms = session, wanted, scope, terms
        self._most = MAX_RANKED if wanted.tag_id is None else MAX_RANKED_WITH_TAG
        self._query = _query_of(terms)
        self._matches = (Speech.search.bool_op("@@")(self._query), *_filters(wanted))

    async def page(self, place: SearchCursor | None) -> SpeechIdPage:
        """The page that begins at a place or, without one, has the wanted number."""
        skipped = _skipped(self._wanted, most=self._most) if place is None else 0
        behind = (place.rank, place.id) if place is not None and place.rank is not None else None
        found: list[tuple[float, UUID]] = []
        if place is None or place.rank is not None:
            found = await self._ranked(place)
        if place is None:
            place = await self._first(found)
        rest = [each for each in found if behind is None or each < behind][skipped:]
        limit = self._wanted.limit
        shown: list[tuple[float | None, UUID]] = [*rest[: limit + 1]]
        if len(shown) <= limit and not place.exact:
            below = place.floor if behind is not None or found else place.id
            shown += [(None, each) for each in await self._unranked(below, most=limit + 1 - len(shown))]
        return self._cut(place, shown)

    def _cut(self, place: SearchCursor, shown: list[tuple[float | None, UUID]]) -> SpeechIdPage:
        limit = self._wanted.limit
        following = None
        if len(shown) > limit:
            rank, last = shown[limit - 1]
            following = replace(place, page=place.page + 1, rank=rank, id=last)
        return _page([each for _, each in shown[:limit]], place, following, self._scope)

    async def _first(self, found: list[tuple[float, UUID]]) -> SearchCursor:
        if not found and not await self._session.scalar(select(func.numnode(self._query))):
            raise invalid(
                "#/query/search",
                "has no word to search for: signs, 'the', 'is' and so on do not count",
            )
        ids = [each for _, each in found] or [_LOWEST]
        exact = len(found) < self._most
        prefix = self._terms.last_word_is_prefix
        return SearchCursor(self._wanted.page, len(found), exact, prefix, None, _HIGHEST, min(ids), max(ids))

    async def _ranked(self, place: SearchCursor | None) -> list[tuple[float, UUID]]:
        """The newest matches, best first."""
        matches = select(Speech.id, Speech.search).where(*self._matches)
        if place is not None:
            matches = matches.where(Speech.id.between(place.floor, place.ceiling))
        if self._terms.prefixes and await self._is_rare():
            # Out of sight of the limit, the planner reads all of them through the index.
            all_of_them = matches.cte().prefix_with("MATERIALIZED")
            matches = select(all_of_them)
        newest = matches.order_by(matches.selected_columns.id.desc()).limit(self._most).subquery()
        rank = cast(func.ts_rank_cd(newest.c.search, self._query, LENGTH_NORMALISED), Float)
        rows = await self._session.execute(select(rank, newest.c.id))
        return sorted(((rank, each) for rank, each in rows), reverse=True)

    async def _is_rare(self) -> bool:
        """Whether few of the newest speeches match.

        PostgreSQL takes every beginning of a word for that of one in two hundred speeches at least, and would
        walk back through all of them for those that are in a few.
        """
        newest = select(Speech.search).order_by(Speech.id.desc()).limit(SAMPLE_SIZE).subquery()
        matching = select(func.count()).where(newest.c.search.bool_op("@@")(self._query))
        return (await self._session.scalars(matching)).one() < SAMPLE_SIZE // 100

    async def _unranked(self, below: UUID, *, most: int) -> list[UUID]:
        """The matches that are older than the ranked ones, newest first."""
        older = select(Speech.id).where(*self._matches, Speech.id < below)
        return list(await self._session.scalars(older.order_by(Speech.id.desc()).limit(most)))


def _query_of(terms: ParsedQuery) -> ColumnElement[Any]:
    query: ColumnElement[Any] = func.websearch_to_tsquery(_ENGLISH, terms.text)
    for beginning in terms.prefixes:
        # Letters and digits only, so that no sign in it can mean anything.
        begun = f"{beginning}:*"
        # What is no word to search for may be how one begins: `under*`.
        stemmed = func.nullif(func.to_tsquery(_ENGLISH, begun), _NOTHING)
        query = query.op("&&")(func.coalesce(stemmed, func.to_tsquery(_AS_WRITTEN, begun)))
    return query


def _filters(wanted: SpeechFilter) -> list[ColumnElement[bool]]:
    filters: list[ColumnElement[bool]] = []
    if wanted.level is not None:
        filters.append(Speech.level == wanted.level)
    if wanted.type is not None:
        filters.append(Speech.type == wanted.type)
    if wanted.tag_id is not None:
        filters.append(exists().where(SpeechTag.speech_id == Speech.id, SpeechTag.tag_id == wanted.tag_id))
    return filters


def _skipped(wanted: SpeechFilter, *, most: int) -> int:
    skipped = (wanted.page - 1) * wanted.limit
    if skipped >= most:
        last = -(-most // wanted.limit)
        raise invalid("#/query/page", f"must be at most {last}; follow next_cursor to go further")
    return skipped


def _page(ids: list[UUID], place: SearchCursor, following: SearchCursor | None, scope: str) -> SpeechIdPage:
    cursor = following.encode(scope) if following else None
    return SpeechIdPage(ids, place.page, place.total, place.exact, cursor)
