"""Confirmation of addresses."""

from pydantic import BaseModel

from auth.types import OpaqueToken


class VerifyEmailRequest(BaseModel):
    """The token of a link that was sent by e-mail."""

    token: OpaqueToken
