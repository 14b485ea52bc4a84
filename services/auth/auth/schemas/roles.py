from pydantic import BaseModel, Field
from shared.security.current_user import Role


class RoleUpdate(BaseModel):
    role: Role = Field(examples=["editor"])
