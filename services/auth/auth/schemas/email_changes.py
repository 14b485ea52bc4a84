from typing import Annotated

from pydantic import Field
from shared.http.fields import RequestModel

from auth.types import Email, Password


class ChangeEmailRequest(RequestModel):
    """The new address, and the account's password unless you signed in within the last ten minutes."""

    new_email: Annotated[Email, Field(examples=["ada.lovelace@example.com"])]
    password: Annotated[Password, Field(min_length=1)] | None = Field(None, examples=["Correct4Horse"])
