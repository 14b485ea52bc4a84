from typing import Annotated

from pydantic import Field
from shared.http.fields import RequestModel

from auth.types import Email, NewPassword, OpaqueToken


class ForgotPasswordRequest(RequestModel):
    email: Email


class ResetPasswordRequest(RequestModel):
    token: OpaqueToken
    password: Annotated[NewPassword, Field(examples=["Brandnew4Password"])]
