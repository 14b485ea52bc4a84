from collections.abc import Sequence

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from content.search.cursor import SearchCursor
from content.search.newest import list_newest
from content.search.pages import PageRequest, SpeechIdPage
from content.search.query_parser import ParsedQuery, parse_query
from content.search.ranges import CommittedRange, find_committed_ranges
from content.search.ranking import RankedSearch
from content.search.sorting import list_sorted
from content.search.tsquery import find_terms

# A plan for one word or level is wrong for another, so each statement gets its own. The tables fit into
# memory, and with more expensive random reads PostgreSQL would scan all active speeches instead of looking up
# those with a tag.
_PLANNER_SETTINGS = text("""
    SELECT set_config('plan_cache_mode', 'force_custom_plan', true),
           set_config('random_page_cost', '0.6', true),
           set_config('max_parallel_workers_per_gather', '0', true)
""")


async def list_page(session: AsyncSession, request: PageRequest) -> SpeechIdPage:
    """List the ids of one page.

    Raises Invalid for a search without words or with a sort order, and for an unknown page or cursor.
    """
    await session.execute(_PLANNER_SETTINGS)
    if request.sort != "newest":
        return await list_sorted(session, request, request.sort)
    encoded = request.query.cursor
    cursor = None if encoded is None else SearchCursor.decode(encoded, request.scope)
    ranges = await find_committed_ranges(session)
    if request.search is None:
        return await list_newest(session, request, cursor, ranges)
    return await _list_matches(session, request, cursor, parse_query(request.search), ranges)


async def _list_matches(
    session: AsyncSession,
    request: PageRequest,
    cursor: SearchCursor | None,
    parsed: ParsedQuery,
    ranges: Sequence[CommittedRange],
) -> SpeechIdPage:
    if cursor is not None and cursor.last_word_is_prefix:
        parsed = parsed.mark_last_word_as_prefix()
    terms = await find_terms(session, parsed)
    page = await RankedSearch(session, request, parsed, terms, ranges).list_page(cursor)
    # The last word may be incomplete.
    if cursor is not None or page.total or not parsed.last_word_is_incomplete:
        return page
    return await _list_matches(session, request, cursor, parsed.mark_last_word_as_prefix(), ranges)
