from shared.messaging.jobs import Jobs
from shared.security.revocation import Revocations
from sqlalchemy.ext.asyncio import AsyncSession

from auth.commands.apple_tokens import RevokeAppleToken, revoke_apple_token
from auth.commands.revocations import RevokeAccess, publish_again
from auth.social import AppleClient


def create_jobs(revocations: Revocations, apple: AppleClient) -> Jobs:
    async def on_revoke_access(_: AsyncSession, job: RevokeAccess) -> None:
        await publish_again(revocations, job)

    async def on_revoke_apple_token(_: AsyncSession, job: RevokeAppleToken) -> None:
        await revoke_apple_token(apple, job)

    return {RevokeAccess: on_revoke_access, RevokeAppleToken: on_revoke_apple_token}
