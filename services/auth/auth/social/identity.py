import math
import re
from dataclasses import dataclass, field
from typing import Any

from pydantic import TypeAdapter, ValidationError

from auth.errors import InvalidSocialToken
from auth.types import AvatarUrl, Email, Name, Provider

SUBJECT = re.compile(r"[!-~]{1,255}")
"""OpenID Connect Core 1.0, section 2: at most 255 ASCII characters."""

_EMAIL: TypeAdapter[Any] = TypeAdapter(Email)
_NAME: TypeAdapter[Any] = TypeAdapter(Name)
_AVATAR_URL: TypeAdapter[Any] = TypeAdapter(AvatarUrl)


@dataclass(frozen=True, kw_only=True)
class VerifiedIdentity:
    """A person, identified by the provider's stable `subject`. The provider may have verified the address."""

    provider: Provider
    subject: str
    email: str | None
    email_verified: bool
    name: str | None
    avatar_url: str | None
    token_expires_at: float = field(default=math.inf, compare=False)
    """Unix seconds."""
    client_id: str = field(default="", compare=False)
    """The client that the ID token was issued to."""


def build_verified_identity(
    provider: Provider,
    subject: Any,
    *,
    email: Any,
    email_verified: bool,
    name: Any,
    picture: Any,
    expires_at: float,
    client_id: str = "",
) -> VerifiedIdentity:
    """Build an identity from claims. Users choose names and pictures, so unusable ones are dropped."""
    if not isinstance(subject, str) or not SUBJECT.fullmatch(subject):
        raise InvalidSocialToken("The token does not name a user.")
    address = _validate_or_none(_EMAIL, email)
    url = _validate_or_none(_AVATAR_URL, picture) if isinstance(picture, str) else None
    return VerifiedIdentity(
        provider=provider,
        subject=subject,
        email=address,
        email_verified=email_verified and address is not None,
        name=_validate_or_none(_NAME, name),
        avatar_url=str(url) if url is not None else None,
        token_expires_at=expires_at,
        client_id=client_id,
    )


def _validate_or_none(adapter: TypeAdapter[Any], value: Any) -> Any:
    try:
        return adapter.validate_python(value)
    except ValidationError:
        return None
