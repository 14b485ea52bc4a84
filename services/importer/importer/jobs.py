from shared.messaging.jobs import Jobs
from sqlalchemy.ext.asyncio import AsyncSession

from importer.commands import claims
from importer.commands.claims import ReleaseClaims


async def on_release_claims(session: AsyncSession, job: ReleaseClaims) -> None:
    await claims.release_claims(session, job)


jobs: Jobs = {ReleaseClaims: on_release_claims}
