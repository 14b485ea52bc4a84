"""Verification of e-mail addresses."""

from pydantic import BaseModel

from auth.types import OpaqueToken


class VerifyEmailRequest(BaseModel):
    """The token of the e-mail."""

    token: OpaqueToken
