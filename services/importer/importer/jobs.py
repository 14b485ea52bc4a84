from functools import partial

from shared.data.db import Database
from shared.data.storage import Storage
from shared.messaging.jobs import Effect, GivenUp, Jobs
from sqlalchemy.ext.asyncio import AsyncSession

from importer.commands import claims, imports, objects, upload_sessions, validation
from importer.commands.claims import ReleaseClaims
from importer.commands.imports import ValidateImport
from importer.commands.objects import DeleteObjects
from importer.commands.upload_sessions import PurgeUploadSession


async def on_release_claims(session: AsyncSession, job: ReleaseClaims) -> None:
    await claims.release_claims(session, job)


async def on_purge_upload_session(session: AsyncSession, job: PurgeUploadSession) -> None:
    await upload_sessions.purge_upload_session(session, job)


# While S3 is down, calls raise Unavailable, and the job waits.
async def on_delete_objects(job: DeleteObjects, *, storage: Storage) -> None:
    await objects.delete_objects(storage, job)


async def on_validate_import(
    job: ValidateImport, *, database: Database, storage: Storage, max_rows: int
) -> None:
    await validation.validate_import(database, storage, job.import_id, max_rows=max_rows)


async def on_validation_given_up(session: AsyncSession, job: ValidateImport, error: GivenUp) -> None:
    await imports.give_up_validation(session, job.import_id, error)


def create_jobs(database: Database, *, storage: Storage, max_rows: int) -> Jobs:
    validate = partial(on_validate_import, database=database, storage=storage, max_rows=max_rows)
    return {
        ReleaseClaims: on_release_claims,
        PurgeUploadSession: on_purge_upload_session,
        DeleteObjects: Effect(partial(on_delete_objects, storage=storage)),
        # Concurrent imports have different owners. More of them would need more memory; other workers take
        # further ones.
        ValidateImport: Effect(validate, max_concurrent=3, give_up=on_validation_given_up),
    }
