from datetime import UTC, datetime
from uuid import UUID, uuid4

import pytest
from game.cursors import Cursor
from hypothesis import given
from hypothesis import strategies as st
from shared.errors import Invalid

CURSOR = Cursor(datetime(2026, 3, 1, 12, 0, 0, 123456, UTC), uuid4(), 2)


@given(st.datetimes(datetime(2000, 1, 1), datetime(2999, 12, 31), timezones=st.just(UTC)), st.uuids())
def test_a_cursor_comes_back_as_it_was(completed_at: datetime, session_id: UUID) -> None:
    cursor = Cursor(completed_at, session_id, 7)
    assert Cursor.decode(cursor.encode("mine"), "mine") == cursor


@given(st.text() | st.binary().map(lambda raw: raw.hex()))
def test_nonsense_is_no_cursor(text: str) -> None:
    with pytest.raises(Invalid, match="cursor"):
        Cursor.decode(text, "mine")


def test_a_cursor_belongs_to_its_filters() -> None:
    with pytest.raises(Invalid):
        Cursor.decode(CURSOR.encode("mine"), "yours")


@given(st.integers(0, 47), st.sampled_from("ABCabc019-_"))
def test_a_changed_cursor_is_refused(place: int, letter: str) -> None:
    text = CURSOR.encode("mine")
    changed = text[:place] + letter + text[place + 1 :]
    if changed != text:
        with pytest.raises(Invalid):
            Cursor.decode(changed, "mine")


def test_a_page_that_no_list_has_is_no_cursor() -> None:
    made_up = Cursor(datetime(9999, 12, 31, tzinfo=UTC), UUID(int=2**128 - 1), 2**32 - 1).encode("mine")
    with pytest.raises(Invalid, match="cursor"):
        Cursor.decode(made_up, "mine")
