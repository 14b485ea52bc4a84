from typing import Annotated

from pydantic import Field
from shared.http.fields import RequestModel

from auth.types import OpaqueToken, Password


class VerifyEmailRequest(RequestModel):
    """The e-mail's token, and the account's password unless its access token is sent."""

    token: OpaqueToken
    password: Annotated[Password, Field(min_length=1)] | None = Field(None, examples=["Correct4Horse"])


class RejectEmailRequest(RequestModel):
    token: OpaqueToken
