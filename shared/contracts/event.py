"""The envelope of all events: CloudEvents 1.0 in structured JSON."""

from typing import Any, ClassVar, Literal
from uuid import UUID

from pydantic import AwareDatetime, BaseModel, ConfigDict


class Event(BaseModel):
    """A public fact, named in the past tense.

    Contracts are additive: consumers ignore unknown fields, and a breaking change is a new `.v2` type.
    `type` is also the routing key. `id` is a UUIDv7 from the producer's outbox and the AMQP message id.
    `traceparent` is the W3C trace context of the request that caused the event.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    consumers: ClassVar[tuple[str, ...]] = ()
    """Services that have a queue for this event. An event without consumers is published unrouted."""
    max_concurrent: ClassVar[int | None] = None
    """Deliveries that a consumer handles concurrently. A single event of 250 KB keeps a worker busy."""

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
    def get_routing_key(cls) -> str:
        """Return `parley.<producer>.<event>.v<n>`."""
        return str(cls.model_fields["type"].default)

    @classmethod
    def build_queue_name(cls, consumer: str) -> str:
        """Return the consumer's queue: `<consumer>.on.<event>`."""
        return f"{consumer}.on.{cls.get_routing_key().split('.')[2]}"
