"""Password resets."""

from typing import Annotated

from pydantic import BaseModel, Field

from auth.types import Email, OpaqueToken, Password


class ForgotPasswordRequest(BaseModel):
    email: Email


class ResetPasswordRequest(BaseModel):
    """A new password, and the token of the e-mail."""

    token: OpaqueToken
    password: Annotated[Password, Field(examples=["Brandnew4Password"])]
