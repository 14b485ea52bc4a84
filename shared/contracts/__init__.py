"""The events that services exchange: one module per producer, imported by producer and consumers alike."""

from contracts.auth import UserDeleted, UserRegistered, UserUpdated
from contracts.content import SpeechCreated, SpeechDeleted, SpeechUpdated, TagChanged, TagRenamed
from contracts.event import Event
from contracts.game import SessionCompleted

EVENTS: tuple[type[Event], ...] = (
    UserRegistered,
    UserUpdated,
    UserDeleted,
    SpeechCreated,
    SpeechUpdated,
    SpeechDeleted,
    TagChanged,
    TagRenamed,
    SessionCompleted,
)
"""Every event there is. The message topology and docs/events.md are derived from this list."""

__all__ = ["EVENTS", "Event"]
