"""The age of a speech by its id. Content creates UUIDv7, which start with a timestamp."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from uuid import UUID

MAX_DELAY = timedelta(minutes=15)
"""Events of a new speech arrive within this time, even those of the largest import."""
MAX_CLOCK_DIFFERENCE = timedelta(minutes=1)


def list_possibly_new(speech_ids: Iterable[UUID], *, now: datetime) -> list[UUID]:
    """Return the ids so recent that their events may not have arrived."""
    earliest = (now - MAX_DELAY).timestamp() * 1000
    latest = (now + MAX_CLOCK_DIFFERENCE).timestamp() * 1000
    return [
        speech_id
        for speech_id in speech_ids
        if speech_id.version == 7 and earliest < speech_id.int >> 80 < latest
    ]
