"""The form of the sign-on."""

from dataclasses import dataclass
from urllib.parse import parse_qsl

from fastapi import Request
from shared.errors import MalformedForm
from shared.http.fields import clean_text

from auth.errors import InvalidCredentials
from auth.types import normalize_password

MAX_FIELDS = 10
MAX_NAME_LENGTH = 254
MAX_PASSWORD_LENGTH = 1024


@dataclass(frozen=True)
class SignOnForm:
    email: str = ""
    password: str = ""
    next: str = ""

    def to_credentials(self) -> tuple[str, str]:
        """Return name and password in stored form. Raises InvalidCredentials if no account can have them."""
        if len(self.email) > MAX_NAME_LENGTH or len(self.password) > MAX_PASSWORD_LENGTH:
            raise InvalidCredentials
        try:
            return clean_text(self.email), normalize_password(self.password)
        except ValueError:
            raise InvalidCredentials from None


async def read_fields(request: Request) -> dict[str, str]:
    """Return the fields of a form. Raises MalformedForm if one is repeated."""
    body = await request.body()
    try:
        pairs = parse_qsl(body.decode(), keep_blank_values=True, max_num_fields=MAX_FIELDS)
    except ValueError:
        raise MalformedForm("The form cannot be read; reload the page.") from None
    fields = dict(pairs)
    if len(fields) < len(pairs):
        raise MalformedForm("The form contains a field twice; reload the page.")
    return fields


def to_sign_on_form(fields: dict[str, str]) -> SignOnForm:
    """Read the known fields and ignore others."""
    return SignOnForm(**{name: fields.get(name, "") for name in ("email", "password", "next")})
