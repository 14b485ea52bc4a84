"""Why a recording is not assessed, in words that cross the border of a process."""

from typing import Literal

type Reason = Literal["no_speech", "too_noisy", "too_short", "clipped"]


class Refusal(Exception):
    """A verdict on the recording or the text, not a failure.

    `code` is the code of the problem that the client gets; `members` become members of its document.
    """

    code = ""

    def __init__(self, detail: str, **members: str | int) -> None:
        super().__init__(detail)
        self.detail = detail
        self.members = members


class Unsupported(Refusal):
    """The bytes are not a recording that can be read."""

    code = "unsupported_audio"


class TooLong(Refusal):
    """The recording plays for longer than is taken."""

    code = "audio_too_long"


class Unassessable(Refusal):
    """It is a recording, but no pronunciation can be judged from it."""

    code = "not_assessable"

    def __init__(self, reason: Reason, detail: str) -> None:
        super().__init__(detail, reason=reason)


class Unpronounceable(Refusal):
    """How the text is pronounced is not known for a single word of it."""

    code = "validation_failed"
