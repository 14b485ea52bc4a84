"""Jobs: private work of a service, through the same outbox, inbox and dead letters as events.

A job is imperative, is in no contract, and has the queue `<service>.job.<name>`. The service's own worker
declares that queue.
"""

import re
from collections.abc import Awaitable, Callable, Mapping
from importlib import import_module
from importlib.util import find_spec
from typing import Any, ClassVar
from uuid import UUID

from contracts import EVENTS
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy.ext.asyncio import AsyncSession
from uuid_utils.compat import uuid7

from shared.messaging.outbox import add_to_outbox, current_trace


class Job(BaseModel):
    """What one service orders from its own worker. Fields are added with a default, as in contracts."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    service: ClassVar[str]

    id: UUID = Field(default_factory=uuid7)
    traceparent: str | None = Field(default_factory=current_trace)

    @classmethod
    def queue(cls) -> str:
        """Name the queue, which is also the routing key: `content.job.propagate_tag_name`."""
        name = re.sub(r"(?<!^)(?=[A-Z])", "_", cls.__name__).lower()
        return f"{cls.service}.job.{name}"


type JobHandler[J: Job] = Callable[[AsyncSession, J], Awaitable[None]]
type Jobs = Mapping[type[Job], JobHandler[Any]]


def enqueue(session: AsyncSession, job: Job) -> None:
    """Order the job in the caller's transaction."""
    add_to_outbox(session, job, routing_key=job.queue(), message_id=job.id)


def service_queues(service: str) -> list[str]:
    """Name all queues that a service consumes: of events by contract, of jobs by its `jobs` module."""
    if find_spec(service) and find_spec(f"{service}.jobs"):
        import_module(f"{service}.jobs")
    events = [event.queue_of(service) for event in EVENTS if service in event.consumers]
    return events + [job.queue() for job in Job.__subclasses__() if job.service == service]
