"""Form fields that WTForms does not have."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from markupsafe import Markup
from wtforms import Field
from wtforms.widgets import html_params


class _LookupWidget:
    """A list of the selected choices. A script replaces it with a field that searches as the user types."""

    def __call__(self, field: "LookupField", **attributes: Any) -> Markup:
        html_attributes = html_params(
            id=field.id, name=field.name, multiple=field.is_multiple, data_lookup=field.address, **attributes
        )
        option = Markup('<option value="{}" selected>{}</option>')
        options = Markup().join(
            option.format(value, field.labels.get(value, value)) for value in field.iterate_selected()
        )
        return Markup("<select {}>{}</select>").format(Markup(html_attributes), options)  # noqa: S704 - WTForms has escaped it


class LookupField(Field):
    """Ids chosen by searching a view's lookup."""

    widget = _LookupWidget()

    def __init__(self, label: str, address: str, *, is_multiple: bool = True, **kwargs: Any) -> None:
        super().__init__(label, **kwargs)
        self.address, self.is_multiple = address, is_multiple
        self.labels: Mapping[str, str] = {}

    def iterate_selected(self) -> Iterator[str]:
        data = self.data or ()
        yield from map(str, data if isinstance(data, Sequence) and not isinstance(data, str) else [data])

    def process_formdata(self, valuelist: list[str]) -> None:
        values = list(dict.fromkeys(value for value in valuelist if value))
        self.data: Any = values if self.is_multiple else next(iter(values), None)
