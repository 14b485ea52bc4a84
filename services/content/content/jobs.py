from functools import partial

from shared.data.cache import Cache
from shared.data.db import Database
from shared.data.storage import Storage
from shared.messaging.jobs import Effect, GivenUp, Jobs
from sqlalchemy.ext.asyncio import AsyncSession

from content.commands import import_undo, imports, recent_plays, recordings, snapshots, tag_merges, tags
from content.commands.cache import InvalidateCache
from content.commands.import_undo import UndoImport
from content.commands.imports import ApplyImport, ApplySmallImport
from content.commands.recent_plays import ForgetPlays, RememberPlays
from content.commands.recordings import DeleteRecordings
from content.commands.snapshots import PublishSnapshots
from content.commands.tag_merges import MergeTags
from content.commands.tags import PropagateTagName
from content.recent_plays import RecentPlays

MAX_LARGE_IMPORTS, MAX_SMALL_IMPORTS = 2, 1
"""Running at a time in a worker. Each takes two connections of the pool."""


async def on_propagate_tag_name(session: AsyncSession, job: PropagateTagName) -> None:
    await tags.propagate_tag_name(session, job)


async def on_merge_tags(session: AsyncSession, job: MergeTags) -> None:
    await tag_merges.merge_next_speeches(session, job)


async def on_undo_import(session: AsyncSession, job: UndoImport) -> None:
    await import_undo.undo_import(session, job)


async def on_publish_snapshots(session: AsyncSession, job: PublishSnapshots) -> None:
    await snapshots.publish_next_snapshots(session, job)


async def on_import_given_up(
    session: AsyncSession, job: ApplyImport | ApplySmallImport, error: GivenUp
) -> None:
    await imports.give_up_import(session, job.batch, error)


def create_jobs(database: Database, *, cache: Cache, storage: Storage, plays: RecentPlays) -> Jobs:
    # While Redis or S3 is down these raise Unavailable, and the jobs wait.
    async def on_invalidate_cache(job: InvalidateCache) -> None:
        await cache.invalidate(*job.keys)

    async def on_delete_recordings(job: DeleteRecordings) -> None:
        await recordings.delete_recordings(database, storage, job)

    async def on_remember_plays(job: RememberPlays) -> None:
        await recent_plays.remember_plays(plays, job)

    async def on_forget_plays(job: ForgetPlays) -> None:
        await recent_plays.forget_plays(plays, job)

    async def on_apply_import(job: ApplyImport | ApplySmallImport) -> None:
        await imports.apply_import(database, storage, job.batch)

    # Those of an owner are validated one after another, so concurrent imports have different owners.
    apply = partial(Effect, on_apply_import, give_up=on_import_given_up)
    return {
        ApplyImport: apply(max_concurrent=MAX_LARGE_IMPORTS),
        ApplySmallImport: apply(max_concurrent=MAX_SMALL_IMPORTS),
        PropagateTagName: on_propagate_tag_name,
        MergeTags: on_merge_tags,
        UndoImport: on_undo_import,
        PublishSnapshots: on_publish_snapshots,
        InvalidateCache: Effect(on_invalidate_cache),
        DeleteRecordings: Effect(on_delete_recordings),
        RememberPlays: Effect(on_remember_plays),
        ForgetPlays: Effect(on_forget_plays),
    }
