import time
from typing import Any

import httpx
import pytest

from tests.shared.http.demo import read_problem


@pytest.mark.parametrize(
    ("body", "pointer", "nearest"),
    [
        ({"name": "x", "size": [1]}, "#/size", "sizes"),
        ({"nam": "x"}, "#/nam", "name"),
        ({"name": "x", "boxes": [{"width": 1}, {"width": 1, "widht": 2}]}, "#/boxes/1/widht", "width"),
    ],
)
async def test_an_unknown_field_is_refused_with_the_closest_known_name(
    client: httpx.AsyncClient, body: Any, pointer: str, nearest: str
) -> None:
    problem = read_problem(await client.post("/things", json=body), status=422, code="unknown_field")
    message = f"is unknown; the closest known name is {nearest}"
    assert problem["errors"][0] == {"pointer": pointer, "message": message}


async def test_all_known_names_are_listed_when_none_is_close(client: httpx.AsyncClient) -> None:
    problem = read_problem(
        await client.post("/things", json={"name": "x", "zzz": 1}), status=422, code="unknown_field"
    )
    assert problem["errors"][0]["message"] == "is unknown; known names are boxes, name, sizes"


async def test_among_other_errors_the_unknown_field_comes_first(client: httpx.AsyncClient) -> None:
    problem = read_problem(
        await client.post("/things", json={"sizes": ["two"], "nam": "x"}), status=422, code="unknown_field"
    )
    assert [error["pointer"] for error in problem["errors"]] == ["#/nam", "#/name", "#/sizes/0"]


async def test_an_unknown_query_parameter_is_refused(client: httpx.AsyncClient) -> None:
    problem = read_problem(await client.get("/paged?limit=3&limmit=4"), status=422, code="unknown_field")
    message = "is unknown; the closest known name is limit"
    assert problem["errors"] == [{"pointer": "#/query/limmit", "message": message}]


async def test_a_query_parameter_of_a_route_without_any_is_refused(client: httpx.AsyncClient) -> None:
    problem = read_problem(await client.get("/trace?x="), status=422, code="unknown_field")
    assert problem["errors"] == [{"pointer": "#/query/x", "message": "is unknown; no names are known here"}]


@pytest.mark.timed
async def test_many_unknown_names_are_refused_quickly(client: httpx.AsyncClient) -> None:
    names = [f"unknown_field_with_a_long_name_{number}" for number in range(1000)]
    started = time.perf_counter()
    body = await client.post("/things", json=dict.fromkeys(names, 0))
    query = await client.get("/paged?limit=1&" + "&".join(names))
    assert time.perf_counter() - started < 1
    read_problem(body, status=422, code="validation_failed")
    assert len(read_problem(query, status=422, code="unknown_field")["errors"]) == 50
