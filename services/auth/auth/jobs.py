from shared.messaging.jobs import Jobs
from shared.security.revocation import Revocations
from sqlalchemy.ext.asyncio import AsyncSession

from auth.commands.revocations import RevokeAccess, publish_again


def create_jobs(revocations: Revocations) -> Jobs:
    async def on_revoke_access(_: AsyncSession, job: RevokeAccess) -> None:
        await publish_again(revocations, job)

    return {RevokeAccess: on_revoke_access}
