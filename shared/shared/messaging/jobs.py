"""Jobs: private work of a service, through the same outbox, inbox and dead letters as events.

A job is imperative, is in no contract, and has the queue `<service>.job.<name>`, which the service's worker
declares.
"""

import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy.ext.asyncio import AsyncSession
from uuid_utils.compat import uuid7

from shared.logging import get_current_traceparent

PREFETCH = 20
"""Concurrent deliveries of one queue per worker."""


MAX_EFFECT_SECONDS = 1_500
"""RabbitMQ closes the channel of a delivery after 1,800 seconds, which ends all work on the channel."""


class Job(BaseModel):
    """Work that a service enqueues for its own worker. New fields have a default, as in contracts."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    service: ClassVar[str]

    id: UUID = Field(default_factory=uuid7)
    traceparent: str | None = Field(default_factory=get_current_traceparent)

    @classmethod
    def get_queue(cls) -> str:
        """Name the queue, which is also the routing key: `content.job.propagate_tag_name`."""
        name = re.sub(r"(?<!^)(?=[A-Z])", "_", cls.__name__).lower()
        return f"{cls.service}.job.{name}"


class GivenUp(Exception):
    """A delivery must not be tried again. `reason` is for the log."""

    reason: ClassVar[str]


class RepeatedCrash(GivenUp):
    """Several processes have ended while they handled this delivery."""

    reason = "repeated_crash"


class WorkTooLong(GivenUp):
    """An effect exceeded MAX_EFFECT_SECONDS."""

    reason = "work_too_long"


type GiveUp[M] = Callable[[AsyncSession, M, GivenUp], Awaitable[None]]


@dataclass(frozen=True)
class Effect[M]:
    """Repeatable work on another system. It runs outside a transaction, which would otherwise stay open."""

    work: Callable[[M], Awaitable[None]]
    max_concurrent: int = PREFETCH
    """Per worker. With 1, long-running work is distributed: another worker takes the next delivery."""
    give_up: GiveUp[M] | None = None
    """Records in a transaction that the work was given up. Without it, the delivery becomes a dead letter."""


type JobHandler[J: Job] = Callable[[AsyncSession, J], Awaitable[None]] | Effect[J]
type Jobs = Mapping[type[Job], JobHandler[Any]]
