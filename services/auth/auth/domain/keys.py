"""How signing keys take turns."""

from itertools import pairwise
from typing import Any

from shared.security.jwt import LEEWAY_SECONDS, new_signing_key

from auth.domain.sign_ins import ACCESS_LIFETIME

type Jwk = dict[str, Any]
LEAD_SECONDS = 600
"""From a key's publication to its first signature: longer than anybody keeps the published keys."""
OUTLIVES_SECONDS = int(ACCESS_LIFETIME.total_seconds()) + LEEWAY_SECONDS + 60
"""From the last signature of a key until nobody needs it, with a minute for clocks that differ."""


def in_use(keys: list[Jwk], *, now: float) -> list[Jwk]:
    """The keys to publish, the one that signs first. Of those whose turn has come, the latest signs."""
    turns = sorted(keys, key=_turn)
    started = [key for key in turns if _turn(key) <= now]
    # Of keys that name no time, the first in the file signs.
    current = next(key for key in turns if _turn(key) == _turn(started[-1])) if started else turns[0]
    retired = {
        key["kid"] for key, successor in pairwise(turns) if 0 < _turn(successor) <= now - OUTLIVES_SECONDS
    }
    return [current, *(key for key in turns if key is not current and key["kid"] not in retired)]


def rotated(keys: list[Jwk], *, now: float) -> list[Jwk]:
    """The keys with a successor that signs soon; unchanged while one waits for its turn."""
    if any(_turn(key) > now for key in keys):
        return keys
    return [*in_use(keys, now=now), new_signing_key() | {"signs_from": int(now) + LEAD_SECONDS}]


def _turn(key: Jwk) -> float:
    return float(key.get("signs_from", 0))
