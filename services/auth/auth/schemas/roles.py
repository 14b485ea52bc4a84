from pydantic import Field
from shared.http.fields import RequestModel
from shared.security.current_user import Role


class RoleUpdate(RequestModel):
    role: Role = Field(examples=["editor"])
