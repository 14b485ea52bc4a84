"""Claims of access tokens for tests."""

import time
from typing import Any
from uuid import uuid4

USER = uuid4()


def build_claims(**overrides: Any) -> dict[str, Any]:
    now = int(time.time())
    defaults = {
        "iss": "parley",
        "aud": "parley-api",
        "iat": now,
        "exp": now + 60,
        "jti": "j",
        "role": "learner",
    }
    return {**defaults, "sub": str(USER), **overrides}


def build_claims_without(name: str) -> dict[str, Any]:
    return {key: value for key, value in build_claims().items() if key != name}
