from uuid import RFC_4122

from content.batches.ids import BatchIds


def test_ids_follow_the_order_of_the_rows() -> None:
    ids = BatchIds()
    row_indices = [0, 1, 2, (1 << 20) - 1, 1 << 20, 5_000_000, (1 << 32) - 1]
    created = [ids.create(row_index) for row_index in row_indices]
    assert created == sorted(created)
    assert {(id.version, id.variant) for id in created} == {(7, RFC_4122)}


def test_the_range_spans_all_ids_of_a_batch() -> None:
    ids = BatchIds()
    first, last = ids.range
    assert first <= ids.create(0) < ids.create((1 << 32) - 1) <= last
    # The first 48 bits of the ids are the time in milliseconds.
    assert first.int >> 80 == last.int >> 80


def test_batches_of_one_millisecond_have_different_ids() -> None:
    assert len({BatchIds().create(0) for _ in range(1_000)}) == 1_000
