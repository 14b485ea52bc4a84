"""Mounts the panel of a service at `/admin/<service>`.

It uses SQLAdmin's mount, registration of views, template engine and two backends. All routes that read or
write rows are ours: see `endpoints.py`.
"""

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from types import MethodType
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

from fastapi import FastAPI
from jinja2 import ChoiceLoader, FileSystemLoader, StrictUndefined
from sqladmin import Admin, BaseView, ModelView
from sqladmin.templating import Jinja2Templates
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Mount, Route

from shared.errors import Forbidden, NotFound, ParleyError
from shared.http.middleware import UNHANDLED_ERROR_MESSAGE
from shared.http.problems import MethodNotAllowed, render
from shared.panel.access import PanelAuthentication, PanelAuthorization, find_principal, get_principal
from shared.panel.endpoints import METHOD_NOT_ALLOWED, NOT_ALLOWED, NOT_OFFERED, Endpoints
from shared.panel.error_pages import ErrorPages
from shared.panel.formats import FILTERS
from shared.panel.gate import PanelGate
from shared.panel.navigation import is_current, list_entries
from shared.panel.statics import STATICS, PanelStatics
from shared.panel.views import PageView, ResourceView
from shared.settings import StorageSettings

HERE = Path(__file__).parent
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "media-src 'self' blob:{storage}; connect-src 'self'{storage}; font-src 'self'; "
    "form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
)

type Transaction = Callable[[], AbstractAsyncContextManager[AsyncSession]]


class Panel(Admin):
    def __init__(
        self,
        app: FastAPI,
        *,
        service: str,
        folder: Path | None = None,
        transaction: Transaction | None = None,
        packages: Sequence[tuple[str, str]] = (),
    ) -> None:
        """Mount an empty panel. `folder` may have `templates` and `statics` of the service's own."""
        self.service, self.prefix = service, f"/admin/{service}"
        self._folders = [folder, HERE] if folder else [HERE]
        self.outer = app
        self.transaction: Transaction = transaction or app.state.database.transaction
        self.policy = _create_policy(app)
        self.statics = PanelStatics([folder / "statics" for folder in self._folders], packages)
        self.resources: dict[str, ResourceView] = {}
        self._permissions = PanelAuthorization()
        super().__init__(
            app,
            # A session maker without an engine, so that reads and writes by SQLAdmin itself fail.
            session_maker=async_sessionmaker(),
            base_url=self.prefix,
            title="Parley",
            middlewares=[Middleware(PanelGate, outer=app, policy=self.policy)],
            authentication_backend=PanelAuthentication(),
            authorization_backend=self._permissions,
        )
        self._replace_routes()
        # A mount does not respond at its own address.
        app.add_route(self.prefix, self.open_mount, include_in_schema=False)
        app.add_middleware(ErrorPages, panel=self)

    def _replace_routes(self) -> None:
        pages = Endpoints(self)
        change = ["GET", "POST"]
        self.admin.router.redirect_slashes = False
        self.admin.router.routes = [
            Mount(STATICS, app=self.statics),
            Route("/", self.open_first_page),
            Route("/{identity}", pages.show_list),
            Route("/{identity}/create", pages.create, methods=change),
            Route("/{identity}/export.csv", pages.export),
            Route("/{identity}/lookup", pages.look_up),
            Route("/{identity}/actions/{action}", pages.run_action, methods=["POST"]),
            Route("/{identity}/{pk}", pages.show_details),
            Route("/{identity}/{pk}/edit", pages.edit, methods=change),
            Route("/{identity}/{pk}/delete", pages.delete, methods=change),
        ]
        self.admin.exception_handlers = {
            HTTPException: _render_http_error,
            ParleyError: render,
            # Starlette raises the exception again after the response, and it is logged like all others.
            Exception: _render_failure,
        }

    def init_templating_engine(self) -> Jinja2Templates:
        templates = super().init_templating_engine()
        # SQLAdmin's own templates are not among them: they have inline scripts.
        templates.env.loader = ChoiceLoader(
            [FileSystemLoader(folder / "templates") for folder in self._folders]
        )
        templates.env.undefined = StrictUndefined
        templates.env.trim_blocks = templates.env.lstrip_blocks = True
        templates.env.filters |= FILTERS
        templates.env.globals["new_id"] = uuid4
        templates.env.globals["static"] = lambda name: self.statics.build_address(self.prefix, name)
        return templates

    def add_views(self, *views: type[PageView | ResourceView]) -> None:
        for view in views:
            # SQLAdmin keeps the application in the class, and a process may have several.
            metaclass: Any = type(view)
            registered_view = metaclass(view.__name__, (view,), {"panel": self, "identity": view.path})
            self._permissions.grant(view.path, view.roles, view.permissions)
            self.add_view(registered_view)
        self.resources = {view.identity: view for view in self.views if isinstance(view, ResourceView)}

    def _handle_expose_decorated_func(
        self,
        func: MethodType,
        view: type[BaseView | ModelView],
        view_instance: BaseView | ModelView,
    ) -> None:
        route_count = len(self.admin.router.routes)
        super()._handle_expose_decorated_func(func, view, view_instance)
        if len(self.admin.router.routes) > route_count:
            # SQLAdmin names a view after its last page, and our routes would match first.
            view.identity = getattr(view, "path", "")
            self.admin.router.routes.insert(1, self.admin.router.routes.pop())

    async def open_mount(self, request: Request) -> Response:
        return RedirectResponse(f"{self.prefix}/", 303)

    async def open_first_page(self, request: Request) -> Response:
        """Lead to the first page of the service, or of the panel if the service has none for the user."""
        entries = list_entries(get_principal(request).role)
        offered = {f"{self.prefix}/{view.identity}" for view in self.views}
        first_addresses = (entry.address for entry in entries if entry.address in offered)
        return RedirectResponse(next(first_addresses, entries[0].address), 303)

    async def render(
        self, request: Request, template: str, context: Mapping[str, Any], *, status: int = 200
    ) -> Response:
        principal, path = find_principal(request), request.scope["path"]
        entries = list_entries(principal.role) if principal else []
        view = context.get("view")
        shared = {
            "principal": principal,
            "csrf_token": principal.csrf if principal else "",
            "navigation": [(entry, is_current(entry, path)) for entry in entries],
            "message": view.find_message(request) if view else "",
            "is_refusal": bool(view and request.query_params.get("done") in view.list_refusals()),
        }
        return await self.templates.TemplateResponse(request, template, {**shared, **context}, status)


def _create_policy(app: FastAPI) -> str:
    settings = app.state.settings
    storage = ""
    if isinstance(settings, StorageSettings):
        address = urlsplit(settings.s3_public_endpoint or settings.s3_endpoint)
        storage = f" {address.scheme}://{address.netloc}"
    return POLICY.format(storage=storage)


async def _render_http_error(request: Request, error: Exception) -> Response:
    status = error.status_code if isinstance(error, HTTPException) else 500
    parley_error: ParleyError = NotFound(NOT_OFFERED)
    if status == 403:
        parley_error = Forbidden(NOT_ALLOWED)
    elif status == 405:
        parley_error = MethodNotAllowed(METHOD_NOT_ALLOWED)
    return await render(request, parley_error)


async def _render_failure(request: Request, error: Exception) -> Response:
    return await render(request, ParleyError(UNHANDLED_ERROR_MESSAGE))
