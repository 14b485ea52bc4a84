"""The events that services exchange: one module per producer, imported by producer and consumers."""

from contracts.auth import UserDeleted, UserRegistered, UserUpdated
from contracts.content import (
    ImportApplied,
    ImportRejected,
    ImportUndone,
    SpeechCreated,
    SpeechDeleted,
    SpeechImported,
    SpeechUpdated,
)
from contracts.event import Event
from contracts.game import SessionCompleted, SessionDeleted
from contracts.importer import (
    ImportCompleted,
    ImportFailed,
    ImportRequested,
    ImportUndoRequested,
    ImportValidated,
)
from contracts.retired import RETIRED_QUEUES, RetiredQueue

EVENTS: tuple[type[Event], ...] = (
    UserRegistered,
    UserUpdated,
    UserDeleted,
    SpeechCreated,
    SpeechUpdated,
    SpeechDeleted,
    SpeechImported,
    ImportApplied,
    ImportRejected,
    ImportUndone,
    SessionCompleted,
    SessionDeleted,
    ImportRequested,
    ImportValidated,
    ImportCompleted,
    ImportFailed,
    ImportUndoRequested,
)
"""All events. The broker topology and docs/events.md are derived from this list."""

__all__ = ["EVENTS", "RETIRED_QUEUES", "Event", "RetiredQueue"]
