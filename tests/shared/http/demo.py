"""An application with one route for each behaviour of the API."""

from typing import Annotated, Any

import httpx
import structlog
from fastapi import APIRouter, Body, Depends, Query, Request
from pydantic import Field
from shared.errors import Conflict
from shared.http.dependencies import SessionDep
from shared.http.fields import DisplayText, RequestModel
from shared.http.ratelimit import limit_per_address, limit_per_user
from shared.security.current_user import CurrentEditor, CurrentUser
from sqlalchemy import text

router = APIRouter()


class NameTaken(Conflict):
    code = "name_taken"


class Size(RequestModel):
    width: int


class Thing(RequestModel):
    name: str = Field(min_length=1, max_length=10)
    sizes: list[int] = Field([])
    boxes: list[Size] | None = None


@router.post("/things")
async def create(body: Thing) -> Thing:
    return body


class Title(RequestModel):
    title: Annotated[str, DisplayText(min_length=1, max_length=100)]


@router.post("/titles")
async def entitle(title: Title) -> Title:
    return title


@router.post("/raw")
async def raw(body: Annotated[bytes, Body()]) -> int:
    return len(body)


@router.get("/taken")
async def taken() -> None:
    raise NameTaken("That name is taken.", name="x")


@router.get("/broken")
async def broken() -> None:
    raise RuntimeError("a secret detail")


@router.get("/paged")
async def paged(limit: Annotated[int, Query(ge=1)]) -> int:
    return limit


@router.get("/mine")
async def mine(caller: CurrentUser) -> str:
    return str(caller.id)


@router.get("/trace")
async def trace() -> str:
    return str(structlog.contextvars.get_contextvars()["traceparent"])


@router.get("/edit")
async def edit(caller: CurrentEditor) -> str:
    return caller.role


@router.get("/row")
async def row(session: SessionDep) -> int:
    return int((await session.execute(text("SELECT 7"))).scalar_one())


@router.get("/limited", dependencies=[Depends(limit_per_user("limited", per_minute=2))])
async def limited() -> str:
    return "ok"


@router.get("/guarded", dependencies=[Depends(limit_per_address("guarded", per_minute=2, fail_closed=True))])
async def guarded(request: Request) -> str:
    return "ok"


def read_problem(response: httpx.Response, *, status: int, code: str) -> dict[str, Any]:
    problem: dict[str, Any] = response.json()
    assert response.headers["content-type"] == "application/problem+json"
    assert (response.status_code, problem["status"], problem["code"]) == (status, status, code)
    assert problem["request_id"] == response.headers["x-request-id"]
    assert problem["type"]
    assert problem["title"]
    assert problem["detail"].endswith(".")
    return problem
