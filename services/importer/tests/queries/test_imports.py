from importer.queries.imports import list_imports
from importer.schemas.imports import ImportFilter
from shared.testing import count_read_rows
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

FILL = """
    WITH opened AS (
        INSERT INTO upload_sessions (owner_id, expires_at) VALUES (md5('owner')::uuid, now())
        RETURNING id, owner_id
    )
    INSERT INTO import_jobs (owner_id, session_id, state, source_key, source_filename, source_sha256)
    SELECT owner_id, opened.id, CASE n WHEN 7 THEN 'failed' ELSE 'completed' END, 'key', 'table.csv', ''
    FROM opened, generate_series(1, 3000) AS n
"""


async def test_a_selective_state_filter_reads_few_imports(session: AsyncSession) -> None:
    for statement in (FILL, "ANALYZE import_jobs", "SET LOCAL enable_seqscan = off"):
        await session.execute(text(statement))
    for state, total in {"failed": 1, "cancelled": 0}.items():
        before = await count_read_rows(session, "import_jobs")
        page = await list_imports(session, ImportFilter.model_validate({"state": state}))
        assert page.pagination.total == len(page.jobs) == total
        assert await count_read_rows(session, "import_jobs") - before <= total
