"""Forms: rendered by WTForms, validated by the API's schemas."""

import hashlib
from collections.abc import Iterable, Mapping
from typing import Any

from pydantic import BaseModel, ValidationError
from wtforms import Field, Form

from shared.errors import Conflict, Invalid, NotFound, ParleyError, describe_field_error
from shared.http.problems import describe_violation, to_pointer
from shared.panel.fields import LookupField
from shared.panel.form_data import OWN_FIELDS, FormData

MULTIPLE = {"SelectMultipleField", "LookupField"}


class AlreadySubmitted(Conflict):
    """The same form was sent before, for example by a second click."""

    code = "already_submitted"

    def __init__(self) -> None:
        super().__init__("This form has already been sent. It was saved once.")


class ChangedByOther(Conflict):
    """The row has changed since the form was opened. `row` is the stored one."""

    code = "changed_meanwhile"

    def __init__(self, row: Any = None) -> None:
        super().__init__("Another editor has changed this since you opened it. Nothing was overwritten.")
        self.row = row


class DeletedMeanwhile(NotFound):
    """The row was deleted since the form was opened."""

    code = "deleted_meanwhile"

    def __init__(self, name: str) -> None:
        super().__init__(f"This {name.lower()} was deleted since you opened it. Your changes were not saved.")


def parse[M: BaseModel](schema: type[M], values: Mapping[str, Any]) -> M:
    """Read values with a schema of the API. Raises Invalid with the same pointers and messages."""
    try:
        return schema.model_validate(dict(values))
    except ValidationError as error:
        errors = [
            {"pointer": to_pointer(("body", *violation["loc"])), "message": describe_violation(violation)}
            for violation in error.errors()
        ]
        raise Invalid(describe_field_error(**errors[0]), errors=errors) from None


def ensure_expected(form: Form, data: FormData) -> None:
    """Raise Invalid for unknown fields, and for repeated single-valued ones."""
    fields: Mapping[str, Field] = form._fields
    for name in set(data):
        if name not in fields and name not in OWN_FIELDS:
            message = f"The form has an unknown field: {name[:40]}. Load the page again."
            raise Invalid(message)
        if name in fields and not is_multiple(fields[name]) and len(data.getlist(name)) > 1:
            errors = [{"pointer": f"#/{name}", "message": "was sent twice"}]
            raise Invalid("The form has a field twice.", errors=errors)


def ensure_valid(form: Form, data: FormData) -> None:
    """Raise Invalid with errors for the fields."""
    ensure_expected(form, data)
    if form.validate():
        return
    errors = [
        {"pointer": f"#/{name}", "message": str(message)}
        for name, messages in form.errors.items()
        for message in messages
    ]
    raise Invalid("Some fields are not valid.", errors=errors)


def is_multiple(field: Field) -> bool:
    return any(base.__name__ in MULTIPLE for base in type(field).__mro__)


def add_errors(form: Form, error: ParleyError) -> list[str]:
    """Attach the errors to their fields. Returns the messages about no field, for the top of the form."""
    fields: Mapping[str, Field] = form._fields
    general_messages = []
    for violation in error.extra.get("errors") or ():
        names = [part for part in violation["pointer"].removeprefix("#").split("/") if part]
        name = next((part for part in names if part in fields), None)
        message = _to_sentence(violation["message"])
        if name is None:
            general_messages.append(_to_sentence(f"{' '.join(names)} {violation['message']}"))
        elif message not in (existing := list(fields[name].errors)):
            fields[name].errors = [*existing, message]
    return general_messages or ([] if error.extra.get("errors") else [error.detail])


def _to_sentence(text: str) -> str:
    # Users do not know the term "string".
    sentence = text.strip().replace("_", " ").replace("String should", "Text should")
    return f"{sentence[:1].upper()}{sentence[1:].removesuffix('.')}." if sentence else ""


def create_version(values: Mapping[str, Any]) -> str:
    """Return a digest of the form's values: the version for rows without a revision."""
    text = repr([(name, _to_comparable(value)) for name, value in sorted(values.items())])
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def _to_comparable(value: Any) -> Any:
    if isinstance(value, Iterable) and not isinstance(value, str | bytes):
        return sorted(map(str, value))
    return "" if value is None else str(value)


def list_differences(form: Form, stored: Mapping[str, Any]) -> dict[str, str]:
    """Return the stored values of the fields that differ in the form, as text."""
    form_values = {name: _to_comparable(value) for name, value in form.data.items()}
    return {
        name: describe_value(form._fields[name], value)
        for name, value in stored.items()
        if name in form_values and form_values[name] != _to_comparable(value)
    }


def describe_value(field: Field, value: Any) -> str:
    labels = _list_labels(field)
    values = value if isinstance(value, list | tuple | set | frozenset) else [value]
    texts = [labels.get(str(value), str(value)) for value in values if value not in (None, "")]
    return ", ".join(texts) or "(empty)"


def _list_labels(field: Field) -> dict[str, str]:
    choices = getattr(field, "choices", None) or ()
    if isinstance(field, LookupField):
        return dict(field.labels)
    return {str(choice[0]): str(choice[1]) for choice in choices if isinstance(choice, tuple | list)}
