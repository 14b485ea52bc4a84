"""The envelope that all events share: CloudEvents 1.0 in structured JSON."""

from typing import Any, ClassVar, Literal
from uuid import UUID

from pydantic import AwareDatetime, BaseModel, ConfigDict


class Event(BaseModel):
    """What happened, in the past tense, as one service tells the others.

    Contracts are additive: consumers ignore fields they do not know, a breaking change is a new `.v2` type.
    `type` is also the routing key; `id` is a UUIDv7, given by the producer's outbox, and the AMQP message id.
    `traceparent` is the W3C trace context of the request that caused the event.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    consumers: ClassVar[tuple[str, ...]] = ()
    """The services that have a queue for this event; without any, it may be published unrouted."""

    specversion: Literal["1.0"] = "1.0"
    id: UUID
    type: str
    source: str
    subject: str
    time: AwareDatetime
    datacontenttype: Literal["application/json"] = "application/json"
    traceparent: str | None = None
    data: Any

    @classmethod
    def routing_key(cls) -> str:
        """`parley.<producer>.<event>.v<n>`."""
        return str(cls.model_fields["type"].default)

    @classmethod
    def queue_of(cls, consumer: str) -> str:
        """The queue `<consumer>.on.<event>` through which one consumer receives this event."""
        return f"{consumer}.on.{cls.routing_key().split('.')[2]}"
