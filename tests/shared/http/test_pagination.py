import struct

import pytest
from shared.errors import Invalid
from shared.http.pagination import MAX_OFFSET, PageQuery, Pagination, decode_cursor, encode_cursor

LAYOUT = struct.Struct(">qI")


@pytest.mark.parametrize(("limit", "last"), [(1, 10_000), (10, 1000), (30, 334), (100, 100)])
def test_pages_reach_the_ten_thousandth_item_and_no_further(limit: int, last: int) -> None:
    offset = PageQuery(page=last, limit=limit).get_offset()
    assert offset < MAX_OFFSET <= offset + limit
    with pytest.raises(Invalid) as refused:
        PageQuery(page=last + 1, limit=limit).get_offset()
    [error] = refused.value.extra["errors"]
    assert error == {
        "pointer": "#/query/page",
        "message": f"must be at most {last}; follow next_cursor to go further",
    }


def test_the_first_page_can_always_be_read() -> None:
    assert PageQuery(page=1, limit=50).get_offset(max_offset=0) == 0


@pytest.mark.parametrize(("total", "pages"), [(0, 0), (1, 1), (20, 1), (21, 2)])
def test_pages_are_counted(total: int, pages: int) -> None:
    assert Pagination.from_query(PageQuery(), page=1, total=total, next_cursor=None).total_pages == pages


def test_the_scope_is_the_owner_and_the_filters() -> None:
    class Query(PageQuery):
        level: str | None = None

    assert Query(page=1, level="A1").build_scope("me") == Query(page=2, limit=50, level="A1").build_scope(
        "me"
    )
    assert Query(level="A1").build_scope("me") != Query(level="A2").build_scope("me")
    assert Query(level="A1").build_scope("me") != Query(level="A1").build_scope("you")


def test_a_cursor_returns_its_position() -> None:
    assert decode_cursor(LAYOUT, encode_cursor(LAYOUT, -5, 7, scope="s"), scope="s") == (-5, 7)


@pytest.mark.parametrize("cursor", ["", "x", "====", "A" * 200, "é"])
def test_arbitrary_text_is_not_a_cursor(cursor: str) -> None:
    with pytest.raises(Invalid):
        decode_cursor(LAYOUT, cursor, scope="s")


def test_a_cursor_belongs_to_its_scope() -> None:
    with pytest.raises(Invalid):
        decode_cursor(LAYOUT, encode_cursor(LAYOUT, 1, 1, scope="s"), scope="t")
