from typing import Any

from auth.domain.keys import (
    ACTIVATION_DELAY_SECONDS,
    RETIREMENT_DELAY_SECONDS,
    add_successor,
    list_active_keys,
)
from shared.security.jwt import new_signing_key

NOW = 1_000_000.0


def key(not_before: float | None = None) -> dict[str, Any]:
    return new_signing_key() | ({} if not_before is None else {"not_before": not_before})


def kids(keys: list[dict[str, Any]]) -> list[str]:
    return [each["kid"] for each in keys]


def test_keys_without_times_sign_in_the_order_of_the_file() -> None:
    keys = [key(), key()]
    assert kids(list_active_keys(keys, now=NOW)) == kids(keys)


def test_a_key_is_published_before_it_signs_and_after() -> None:
    old, new = key(NOW - 10_000), key(NOW)
    assert kids(list_active_keys([old, new], now=NOW - 1)) == kids([old, new])
    assert kids(list_active_keys([old, new], now=NOW)) == kids([new, old])
    assert kids(list_active_keys([old, new], now=NOW + RETIREMENT_DELAY_SECONDS - 1)) == kids([new, old])
    assert kids(list_active_keys([old, new], now=NOW + RETIREMENT_DELAY_SECONDS)) == kids([new])


def test_a_rotation_adds_one_key_and_waits_for_it() -> None:
    keys = [key()]
    once = add_successor(keys, key(), now=NOW)
    assert kids(once)[0] == keys[0]["kid"]
    assert once[1]["not_before"] == NOW + ACTIVATION_DELAY_SECONDS
    assert add_successor(once, key(), now=NOW + 1) == once
    later = NOW + ACTIVATION_DELAY_SECONDS + RETIREMENT_DELAY_SECONDS
    assert kids(add_successor(once, key(), now=later))[0] == once[1]["kid"]
    assert len(add_successor(once, key(), now=later)) == 2
