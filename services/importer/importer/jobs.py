from shared.data.storage import Storage
from shared.messaging.jobs import Effect, Jobs
from sqlalchemy.ext.asyncio import AsyncSession

from importer.commands import claims, objects
from importer.commands.claims import ReleaseClaims
from importer.commands.objects import DeleteObjects


async def on_release_claims(session: AsyncSession, job: ReleaseClaims) -> None:
    await claims.release_claims(session, job)


def create_jobs(storage: Storage) -> Jobs:
    async def on_delete_objects(job: DeleteObjects) -> None:
        # While S3 is down this raises Unavailable, and the job waits.
        await objects.delete_objects(storage, job)

    return {ReleaseClaims: on_release_claims, DeleteObjects: Effect(on_delete_objects)}
