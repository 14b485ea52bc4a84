"""What the id of a speech says about it. Content makes UUIDs of version 7, which begin with their time."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from uuid import UUID

MAX_DELAY = timedelta(minutes=15)
"""Within this time, the events of a new speech arrive here, even of the largest import."""
MAX_CLOCK_DIFFERENCE = timedelta(minutes=1)


def list_possibly_new(speech_ids: Iterable[UUID], *, now: datetime) -> list[UUID]:
    """Return the ids that were made so recently that their speech may not have arrived."""
    earliest = (now - MAX_DELAY).timestamp() * 1000
    latest = (now + MAX_CLOCK_DIFFERENCE).timestamp() * 1000
    return [each for each in speech_ids if each.version == 7 and earliest < each.int >> 80 < latest]
