from typing import Any

from auth.domain.keys import (
    ACTIVATION_DELAY_SECONDS,
    RETIREMENT_DELAY_SECONDS,
    add_successor,
    list_active_keys,
)
from shared.security.jwt import create_signing_key

NOW = 1_000_000.0


def create_key(not_before: float | None = None) -> dict[str, Any]:
    return create_signing_key() | ({} if not_before is None else {"not_before": not_before})


def list_kids(keys: list[dict[str, Any]]) -> list[str]:
    return [key["kid"] for key in keys]


def test_keys_without_an_activation_time_keep_the_order_of_the_file() -> None:
    keys = [create_key(), create_key()]
    assert list_kids(list_active_keys(keys, now=NOW)) == list_kids(keys)


def test_a_key_is_published_before_and_after_it_signs() -> None:
    old, new = create_key(NOW - 10_000), create_key(NOW)
    assert list_kids(list_active_keys([old, new], now=NOW - 1)) == list_kids([old, new])
    assert list_kids(list_active_keys([old, new], now=NOW)) == list_kids([new, old])
    assert list_kids(list_active_keys([old, new], now=NOW + RETIREMENT_DELAY_SECONDS - 1)) == list_kids(
        [new, old]
    )
    assert list_kids(list_active_keys([old, new], now=NOW + RETIREMENT_DELAY_SECONDS)) == list_kids([new])


def test_a_rotation_adds_one_key_and_none_while_it_is_pending() -> None:
    keys = [create_key()]
    once = add_successor(keys, create_key(), now=NOW)
    assert list_kids(once)[0] == keys[0]["kid"]
    assert once[1]["not_before"] == NOW + ACTIVATION_DELAY_SECONDS
    assert add_successor(once, create_key(), now=NOW + 1) == once
    later = NOW + ACTIVATION_DELAY_SECONDS + RETIREMENT_DELAY_SECONDS
    assert list_kids(add_successor(once, create_key(), now=later))[0] == once[1]["kid"]
    assert len(add_successor(once, create_key(), now=later)) == 2
