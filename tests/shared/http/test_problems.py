from datetime import UTC, date, datetime
from typing import Annotated, Any

import httpx
import pytest
from pydantic import BaseModel, BeforeValidator, Field, ValidationError
from shared.http.problems import describe_violation

from tests.shared.http.demo import read_problem


async def test_a_failure_is_a_problem_document(client: httpx.AsyncClient) -> None:
    assert read_problem(await client.get("/taken"), status=409, code="name_taken")["name"] == "x"


async def test_unknown_paths_and_methods_are_problems(client: httpx.AsyncClient) -> None:
    read_problem(await client.get("/nowhere"), status=404, code="not_found")
    response = await client.delete("/things")
    read_problem(response, status=405, code="method_not_allowed")
    assert response.headers["allow"] == "POST"


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"name": ""}, "#/name"),
        ({"name": "x", "sizes": [1, "two"]}, "#/sizes/1"),
        ({"name": ["x"]}, "#/name"),
        ([], "#"),
        ("x", "#"),
        (None, "#"),
    ],
)
async def test_a_schema_violation_points_at_the_field(
    client: httpx.AsyncClient, body: Any, pointer: str
) -> None:
    problem = read_problem(await client.post("/things", json=body), status=422, code="validation_failed")
    assert problem["errors"][0]["pointer"] == pointer


async def test_a_query_parameter_is_named(client: httpx.AsyncClient) -> None:
    problem = read_problem(await client.get("/paged?limit=0"), status=422, code="validation_failed")
    assert problem["errors"][0]["pointer"] == "#/query/limit"


@pytest.mark.parametrize("body", [b"{", b"\xff\xfe", b'{"name": NaN', b"[" * 50_000, b"9" * 10_000])
async def test_a_body_that_is_not_json_is_reported_as_such(client: httpx.AsyncClient, body: bytes) -> None:
    response = await client.post("/things", content=body, headers={"content-type": "application/json"})
    assert response.status_code in {400, 422}
    assert response.headers["content-type"] == "application/problem+json"


async def test_rejected_input_is_not_in_the_response(client: httpx.AsyncClient) -> None:
    response = await client.post("/things", json={"name": "hunter2hunter2"})
    assert "hunter2" not in response.text


async def test_the_length_of_a_text_is_counted_in_characters(client: httpx.AsyncClient) -> None:
    problem = read_problem(
        await client.post("/titles", json={"title": " "}), status=422, code="validation_failed"
    )
    assert problem["errors"] == [{"pointer": "#/title", "message": "String should have at least 1 character"}]


def _keep(value: object) -> object:
    return value


class Period(BaseModel):
    """Limits after our own validator, which pydantic renders as Python values."""

    day: Annotated[date, BeforeValidator(_keep), Field(ge=date(2000, 1, 1))] = date(2000, 1, 1)
    at: Annotated[datetime, BeforeValidator(_keep), Field(ge=datetime(2000, 1, 1, tzinfo=UTC))] = datetime(
        2000, 1, 1, tzinfo=UTC
    )


@pytest.mark.parametrize("values", [{"day": "1999-12-31"}, {"at": "1999-12-31T00:00:00Z"}])
def test_the_limit_of_a_date_or_time_is_written_as_a_date(values: dict[str, str]) -> None:
    with pytest.raises(ValidationError) as raised:
        Period.model_validate(values)
    [error] = raised.value.errors()
    assert describe_violation(error) == "Input should be greater than or equal to 2000-01-01"
