from pydantic import BaseModel, Field
from shared.http.fields import Integer, RequestModel


class GoalUpdate(RequestModel):
    """A learner's daily goal."""

    sentences_per_day: Integer = Field(ge=1, le=200, examples=[20])


class GoalRead(BaseModel):
    """The daily goal that the learner has set."""

    sentences_per_day: int = Field(examples=[20])
