from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from content.search.cursor import SearchCursor
from content.search.newest import list_newest
from content.search.pages import PageRequest, SpeechIdPage
from content.search.query_parser import parse_query
from content.search.ranking import RankedSearch

# A plan made for one word or level is wrong for another, so each statement gets its own. The tables fit into
# memory, so random reads cost little more than sequential ones.
_PLANNER_SETTINGS = text("""
    SELECT set_config('plan_cache_mode', 'force_custom_plan', true),
           set_config('random_page_cost', '1.1', true),
           set_config('max_parallel_workers_per_gather', '0', true)
""")


async def list_page(session: AsyncSession, request: PageRequest) -> SpeechIdPage:
    """List the ids of one page. Raises Invalid for a search without words and an unknown page or cursor."""
    await session.execute(_PLANNER_SETTINGS)
    encoded = request.query.cursor
    cursor = None if encoded is None else SearchCursor.decode(encoded, request.scope)
    if request.search is None:
        return await list_newest(session, request, cursor)
    parsed = parse_query(request.search)
    if cursor is not None:
        parsed = parsed.with_last_word_as_prefix() if cursor.last_word_is_prefix else parsed
        return await RankedSearch(session, request, parsed).list_page(cursor)
    page = await RankedSearch(session, request, parsed).list_page(None)
    # The last word may be half typed.
    if page.total or parsed.last_word is None:
        return page
    return await RankedSearch(session, request, parsed.with_last_word_as_prefix()).list_page(None)
