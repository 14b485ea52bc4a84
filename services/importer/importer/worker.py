from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import partial

from shared.background import Loop
from shared.data.db import Database
from shared.data.storage import Storage
from shared.messaging.worker import build_worker
from starlette.applications import Starlette

from importer.commands.objects import purge_pending_objects
from importer.commands.reports import purge_old_reports
from importer.commands.upload_sessions import purge_abandoned_files, purge_expired_sessions
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
    """Delete data without an owner, once an hour."""
    purges: Mapping[str, Callable[[], Awaitable[bool | None]]] = {
        "pending_objects_purge": partial(purge_pending_objects, database, storage),
        "abandoned_files_purge": partial(purge_abandoned_files, database, storage),
        "upload_sessions_purge": partial(purge_expired_sessions, database),
        "reports_purge": partial(purge_old_reports, database),
    }
    return [
        Loop(name=name, work=work, interval_seconds=PURGE_SECONDS, max_retry_seconds=60.0, required=False)
        for name, work in purges.items()
    ]
