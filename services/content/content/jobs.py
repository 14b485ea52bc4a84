from shared.data.cache import Cache
from shared.messaging.jobs import Effect, Jobs
from sqlalchemy.ext.asyncio import AsyncSession

from content.commands import tags
from content.commands.cache import InvalidateCache
from content.commands.tags import PropagateTagName


async def on_propagate_tag_name(session: AsyncSession, job: PropagateTagName) -> None:
    await tags.propagate_tag_name(session, job)


def create_jobs(cache: Cache) -> Jobs:
    async def on_invalidate_cache(job: InvalidateCache) -> None:
        # While Redis is down this raises Unavailable, and the job waits.
        await cache.invalidate(*job.keys)

    return {PropagateTagName: on_propagate_tag_name, InvalidateCache: Effect(on_invalidate_cache)}
