from contextlib import ExitStack
from uuid import uuid4

import pytest
from importer.errors import StreamsFull, TooManyStreams
from importer.progress import StreamSlots


def test_a_user_can_open_a_limited_number_of_streams() -> None:
    slots, user = StreamSlots(limit=3, user_limit=2), uuid4()
    with slots.reserve(user):
        with slots.reserve(user), pytest.raises(TooManyStreams), slots.reserve(user):
            pass
        # The refused one and the ended one are not counted.
        with slots.reserve(user):
            pass


def test_all_users_share_the_streams_of_a_process() -> None:
    slots = StreamSlots(limit=2, user_limit=2)
    with ExitStack() as stack:
        for _ in range(2):
            stack.enter_context(slots.reserve(uuid4()))
        with pytest.raises(StreamsFull), slots.reserve(uuid4()):
            pass
    with slots.reserve(uuid4()):
        pass
