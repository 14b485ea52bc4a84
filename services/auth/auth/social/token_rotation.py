"""The command `python -m auth rotate-apple-tokens`: re-encrypt all stored tokens with the first key."""

import asyncio
import sys

from shared.data.db import Database
from sqlalchemy import select, tuple_

from auth.models import Identity
from auth.settings import AppleTokenSettings
from auth.social.token_vault import TokenVault

BATCH_SIZE = 500


def main(_: list[str]) -> None:
    sys.stdout.write(asyncio.run(_rotate(AppleTokenSettings())) + "\n")


async def _rotate(settings: AppleTokenSettings) -> str:
    database = Database.from_settings(settings, name="auth command")
    try:
        count = await reseal_tokens(database, TokenVault(settings.token_keys))
    finally:
        await database.close()
    return f"{count} tokens are encrypted under the first key; the others can be removed."


async def reseal_tokens(database: Database, vault: TokenVault) -> int:
    """Return the number of tokens. Each batch is a separate transaction."""
    count = 0
    last: tuple[str, str] | None = ("", "")
    key = (Identity.provider, Identity.subject)
    stored = select(Identity).where(Identity.sealed_refresh_token.is_not(None)).order_by(*key)
    while last is not None:
        async with database.transaction() as session:
            following = stored.where(tuple_(*key) > last).limit(BATCH_SIZE).with_for_update()
            batch = (await session.scalars(following)).all()
            for identity in batch:
                identity.sealed_refresh_token = vault.reseal(identity.sealed_refresh_token or "")
        count += len(batch)
        last = (batch[-1].provider, batch[-1].subject) if batch else None
    return count
