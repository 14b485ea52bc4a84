"""The fields of a sent form."""

from urllib.parse import parse_qsl
from uuid import UUID

from starlette.datastructures import ImmutableMultiDict
from starlette.requests import Request

from shared.errors import MalformedForm

CSRF_FIELD, SUBMISSION_FIELD, VERSION_FIELD = "csrf_token", "submission_id", "version"
OWN_FIELDS = {CSRF_FIELD, SUBMISSION_FIELD, VERSION_FIELD}
"""Fields that all forms of the panel have."""
MAX_FIELDS = 1_000
FORM = "application/x-www-form-urlencoded"
RELOAD = "The form cannot be read; reload the page."

type FormData = ImmutableMultiDict[str, str]


def has_form(request: Request) -> bool:
    return request.headers.get("content-type", "").partition(";")[0].strip().lower() == FORM


async def read_form(request: Request) -> FormData:
    """Read the fields of the body, once. Raises MalformedForm."""
    body = await request.body()
    try:
        pairs = parse_qsl(body.decode(), keep_blank_values=True, max_num_fields=MAX_FIELDS, errors="strict")
    except ValueError:
        raise MalformedForm(RELOAD) from None
    # Browsers send line breaks as CRLF.
    form: FormData = ImmutableMultiDict([(name, value.replace("\r\n", "\n")) for name, value in pairs])
    if any(len(form.getlist(name)) > 1 for name in OWN_FIELDS):
        raise MalformedForm("The form contains a field twice; reload the page.")
    request.state.panel_form = form
    return form


def get_form(request: Request) -> FormData:
    """Return the fields that the gate has read. Raises MalformedForm."""
    form: FormData | None = getattr(request.state, "panel_form", None)
    if form is None:
        raise MalformedForm("Send a form as application/x-www-form-urlencoded.")
    return form


def get_submission_id(request: Request) -> UUID:
    """Return the id that identifies repeated submissions of a form. Raises MalformedForm."""
    return parse_uuid(get_form(request).get(SUBMISSION_FIELD, ""))


def parse_uuid(text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError:
        raise MalformedForm(RELOAD) from None
