"""How signing keys take turns."""

from itertools import pairwise
from typing import Any

from shared.security.jwt import LEEWAY_SECONDS, new_signing_key

from auth.domain.sign_ins import ACCESS_TOKEN_TTL

type Jwk = dict[str, Any]
ACTIVATION_DELAY_SECONDS = 600
"""From a key's publication to its first signature: longer than anybody keeps the published keys."""
RETIREMENT_DELAY_SECONDS = int(ACCESS_TOKEN_TTL.total_seconds()) + LEEWAY_SECONDS + 60
"""From the last signature of a key until nobody needs it, with a minute for clocks that differ."""


def active_keys(keys: list[Jwk], *, now: float) -> list[Jwk]:
    """The keys to publish, the one that signs first. Of those whose turn has come, the latest signs."""
    turns = sorted(keys, key=activation_time)
    started = [key for key in turns if activation_time(key) <= now]
    # Of keys that name no time, the first in the file signs.
    current = (
        next(key for key in turns if activation_time(key) == activation_time(started[-1]))
        if started
        else turns[0]
    )
    retired = {
        key["kid"]
        for key, successor in pairwise(turns)
        if 0 < activation_time(successor) <= now - RETIREMENT_DELAY_SECONDS
    }
    return [current, *(key for key in turns if key is not current and key["kid"] not in retired)]


def with_successor(keys: list[Jwk], *, now: float) -> list[Jwk]:
    """The keys with a successor that signs soon; unchanged while one waits for its turn."""
    if any(activation_time(key) > now for key in keys):
        return keys
    return [
        *active_keys(keys, now=now),
        new_signing_key() | {"not_before": int(now) + ACTIVATION_DELAY_SECONDS},
    ]


def activation_time(key: Jwk) -> float:
    return float(key.get("not_before", 0))
