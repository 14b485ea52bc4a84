import pytest
from content.queries.speeches import list_speeches
from content.schemas.speeches import SpeechFilter
from content.types import Sort
from shared.testing import count_read_rows
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

# There are questions of A1 and answers of B1.
FILL = """
    INSERT INTO speeches (text, level, type, audio_key, duration_ms)
    SELECT 'Text ' || n, (ARRAY['A1', 'B1'])[1 + n % 2], (ARRAY['question', 'answer'])[1 + n % 2], 'key', 900
    FROM generate_series(1, 1000) AS n
"""


@pytest.mark.parametrize("sort", ["newest", "text"])
async def test_filters_that_match_nothing_read_the_speeches_once(session: AsyncSession, sort: Sort) -> None:
    for statement in (FILL, "ANALYZE speeches", "SET LOCAL enable_seqscan = off"):
        await session.execute(text(statement))
    before = await count_read_rows(session, "speeches")
    page = await list_speeches(session, SpeechFilter(level="B1", type="question", sort=sort))
    assert (page.speeches, page.page.total, page.page.total_is_exact) == ([], 0, True)
    assert await count_read_rows(session, "speeches") - before <= 500
