from datetime import timedelta

from shared.clock import utc_now
from shared.data.db import Database
from shared.data.db_errors import retry_conflicts
from shared.messaging.outbox import enqueue
from sqlalchemy import delete, select

from importer.commands.objects import DeleteObjects
from importer.models import ImportJob, RowError

REPORT_RETENTION = timedelta(days=30)
REPORT_CHUNK_SIZE = 100


@retry_conflicts
async def purge_old_reports(database: Database) -> bool:
    """Delete row errors of imports that ended long ago. Returns whether there are more."""
    is_old = (ImportJob.finished_at < utc_now() - REPORT_RETENTION) & ImportJob.report_key.is_not(None)
    oldest = select(ImportJob).where(is_old).order_by(ImportJob.id).limit(REPORT_CHUNK_SIZE).with_for_update()
    async with database.transaction() as session:
        jobs = (await session.scalars(oldest)).all()
        keys = [job.report_key for job in jobs if job.report_key]
        for job in jobs:
            job.report_key = None
        await session.execute(delete(RowError).where(RowError.job_id.in_([job.id for job in jobs])))
        if keys:
            enqueue(session, DeleteObjects(keys=keys))
    return len(keys) == REPORT_CHUNK_SIZE
