import csv
import io

import pytest
from pydantic import BaseModel, Field
from shared.errors import Conflict, Invalid, field_error
from shared.panel import parse
from shared.panel.csv_export import to_csv
from shared.panel.formats import show
from shared.panel.forms import add_errors, create_version, list_differences
from shared.panel.lists import Count
from starlette.datastructures import ImmutableMultiDict
from wtforms import Form, SelectField, StringField


class TagForm(Form):
    name = StringField("Name")
    kind = SelectField("Kind", choices=[("a", "Apple"), ("b", "Pear")])


class Tag(BaseModel):
    name: str = Field(min_length=2)


def test_errors_of_a_schema_name_their_fields() -> None:
    form = TagForm(ImmutableMultiDict([("name", "x"), ("kind", "a")]))
    with pytest.raises(Invalid) as refused:
        parse(Tag, {"name": "x"})
    assert add_errors(form, refused.value) == []
    assert form.name.errors == ["Text should have at least 2 characters."]


def test_errors_without_a_form_field_are_shown_at_the_top() -> None:
    form = TagForm()
    assert add_errors(form, field_error("#/audio_key", "is missing")) == ["Audio key is missing."]
    assert add_errors(form, Conflict("There is one already.")) == ["There is one already."]


def test_a_version_changes_with_every_value_but_not_with_their_order() -> None:
    first = create_version({"name": "a", "tags": ["1", "2"]})
    assert first == create_version({"tags": ["2", "1"], "name": "a"})
    assert first != create_version({"name": "a", "tags": ["1"]})
    assert create_version({"name": None}) == create_version({"name": ""})


def test_a_conflict_shows_the_labels_of_the_stored_values() -> None:
    form = TagForm(ImmutableMultiDict([("name", "x"), ("kind", "a")]))
    assert list_differences(form, {"name": "x", "kind": "b"}) == {"kind": "Pear"}


@pytest.mark.parametrize("cell", ["=1+1", "+1", "-1", "@x", "\t=1", " =1", "\uff1d1"])
def test_cells_cannot_contain_formulas(cell: str) -> None:
    [[written_cell]] = csv.reader(io.StringIO(to_csv([[cell]]), newline=""))
    assert written_cell == f"'{cell}"


def test_numbers_stay_numbers() -> None:
    assert to_csv([[-1, 2.5, None, Count(3)]]) == '"-1","2.5","","3"\r\n'


@pytest.mark.parametrize(
    ("value", "expected_text"),
    [(1234567, "1,234,567"), (True, "Yes"), (Count(10_000, False), "10,000+"), (["a", "b"], "a, b")],
)
def test_values_are_formatted_for_people(value: object, expected_text: str) -> None:
    assert show(value) == expected_text
