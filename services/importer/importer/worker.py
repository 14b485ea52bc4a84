from shared.messaging.worker import build_worker
from starlette.applications import Starlette

from importer.consumers import subscriptions
from importer.jobs import jobs
from importer.settings import WorkerSettings


def create_worker(settings: WorkerSettings) -> Starlette:
    return build_worker(settings, service="importer", subscriptions=subscriptions, jobs=jobs)
