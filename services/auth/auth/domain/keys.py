"""Rotation of signing keys.

A replica publishes a key immediately, signs with it from its `not_before` time (Unix seconds), and publishes
its predecessor until that key's last token has expired. So one change of the key file is a rotation.
"""

from itertools import pairwise
from typing import Any

from shared.security.jwt import LEEWAY_SECONDS

from auth.domain.sign_ins import ACCESS_TOKEN_TTL

type Jwk = dict[str, Any]

ACTIVATION_DELAY_SECONDS = 600
"""From a key's publication to its first signature: longer than any cache of published keys lives."""
RETIREMENT_DELAY_SECONDS = int(ACCESS_TOKEN_TTL.total_seconds()) + LEEWAY_SECONDS + 60
"""From a key's last signature to its removal: a token's lifetime, plus a minute for clock differences."""


def list_active_keys(keys: list[Jwk], *, now: float) -> list[Jwk]:
    """Return the keys to publish; the first one signs: the newest that is active."""
    ordered = sorted(keys, key=get_activation_time)
    started = [key for key in ordered if get_activation_time(key) <= now]
    retired = {
        key["kid"]
        for key, successor in pairwise(ordered)
        if 0 < get_activation_time(successor) <= now - RETIREMENT_DELAY_SECONDS
    }
    # Among keys without a time, the first of the file signs.
    newest = get_activation_time(started[-1] if started else ordered[0])
    current = next(key for key in ordered if get_activation_time(key) == newest)
    return [current, *(key for key in ordered if key is not current and key["kid"] not in retired)]


def add_successor(keys: list[Jwk], successor: Jwk, *, now: float) -> list[Jwk]:
    """Add a key that becomes active soon; return the keys unchanged if one is pending."""
    if any(get_activation_time(key) > now for key in keys):
        return keys
    scheduled = successor | {"not_before": int(now) + ACTIVATION_DELAY_SECONDS}
    return [*list_active_keys(keys, now=now), scheduled]


def get_activation_time(key: Jwk) -> float:
    return float(key.get("not_before", 0))
