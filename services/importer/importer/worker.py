from collections.abc import Sequence
from functools import partial

from shared.background import Loop
from shared.data.db import Database
from shared.data.storage import Storage
from shared.messaging.worker import build_worker
from starlette.applications import Starlette

from importer.commands.objects import purge_pending_objects
from importer.consumers import subscriptions
from importer.jobs import create_jobs
from importer.settings import WorkerSettings

PURGE_SECONDS = 3600.0


def create_worker(settings: WorkerSettings) -> Starlette:
    storage = Storage(settings)
    return build_worker(
        settings,
        service="importer",
        subscriptions=subscriptions,
        jobs=partial(create_jobs, storage=storage, max_rows=settings.max_import_rows),
        loops=partial(create_loops, storage=storage),
    )


def create_loops(database: Database, *, storage: Storage) -> Sequence[Loop]:
    return [
        Loop(
            name="pending_objects_purge",
            work=partial(purge_pending_objects, database, storage),
            interval_seconds=PURGE_SECONDS,
            max_retry_seconds=60.0,
            required=False,
        )
    ]
