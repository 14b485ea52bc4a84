"""The pages of a resource view: list, details, create, edit, delete, actions, look-up and export."""

from collections.abc import AsyncIterator, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any
from uuid import UUID, uuid4

from sqladmin.authentication import login_required
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from wtforms import Form

from shared.data.db_errors import retry_conflicts
from shared.errors import Forbidden, Invalid, NotFound, ParleyError, Unauthorized
from shared.http.problems import MethodNotAllowed
from shared.panel.actions import find_actions, find_refusal, preserve_query
from shared.panel.csv_export import to_csv_response
from shared.panel.fields import LookupField
from shared.panel.form_data import VERSION_FIELD, get_form, parse_uuid
from shared.panel.forms import (
    AlreadySubmitted,
    ChangedByOther,
    DeletedMeanwhile,
    add_errors,
    ensure_valid,
    list_differences,
)
from shared.panel.lists import Listing, ListQuery, clean_parameter, describe_problem, read_list_query
from shared.panel.views import ResourceView

if TYPE_CHECKING:
    from shared.panel.panel import Panel

MAX_EXPORTED_ROWS = 10_000
EXPORT_LIMIT = 200
MAX_TERM_LENGTH = 100
NOT_OFFERED = "There is no resource at this address."
METHOD_NOT_ALLOWED = "This address does not accept this method."
NOT_ALLOWED = "Your account is not allowed to do this. Ask an admin."


class Endpoints:
    def __init__(self, panel: "Panel") -> None:
        # Required by SQLAdmin's `login_required`.
        self._admin_ref = self._panel = panel

    @login_required
    async def show_list(self, request: Request) -> Response:
        view = self._get_offered_view(request, "list")
        try:
            query, problem = _read_query(view, request), None
            async with self._panel.transaction() as session:
                listing: Listing | None = await view.list_rows(session, query)
                labels = await view.list_filter_labels(session, query)
        except Invalid as error:
            query, problem = ListQuery(search=request.query_params.get("search", "")), error
            listing, labels = None, {}
        context = {
            "query": query,
            "listing": listing,
            "labels": labels,
            "problem": problem and describe_problem(problem),
            "actions": _list_actions(view, request, for_many=True),
            **await view.list_context(request),
        }
        return await view.render(request, view.list_template, status=422 if problem else 200, **context)

    @login_required
    async def show_details(self, request: Request) -> Response:
        view = self._get_offered_view(request, "details")
        row = await self._get_row(view, request)
        context = {
            "row": row,
            "actions": _list_actions(view, request, for_many=False),
            **await view.details_context(request),
        }
        return await view.render(request, view.details_template, **context)

    @login_required
    async def create(self, request: Request) -> Response:
        view = self._get_offered_view(request, "create")
        if not hasattr(view, "form_create"):
            # The view has its own page with a form that a script submits to the API.
            raise MethodNotAllowed(METHOD_NOT_ALLOWED)
        if request.method == "GET":
            return await self._show_form(view, request, view.form_create(), view.create_template)
        form = view.form_create(get_form(request))
        try:
            row_id = await _submit(form, request, view.insert_model)
            return view.redirect_done("created", row_id)
        except AlreadySubmitted:
            return view.redirect_done("repeated")
        except (Unauthorized, Forbidden):
            raise
        except ParleyError as error:
            return await self._show_form(view, request, form, view.create_template, error=error)

    @login_required
    async def edit(self, request: Request) -> Response:
        view = self._get_offered_view(request, "edit")
        row_id = _read_id(request)
        if request.method == "GET":
            row = await self._get_row(view, request)
            form = view.form_edit(data=view.get_form_values(row))
            context: dict[str, Any] = {"version": view.get_version(row), "row_id": row_id}
            return await self._show_form(view, request, form, view.edit_template, **context)
        form = view.form_edit(get_form(request))
        try:
            await _submit(form, request, partial(_update, view, row_id))
            return view.redirect_done("updated", row_id)
        except AlreadySubmitted:
            return view.redirect_done("repeated", row_id)
        except (Unauthorized, Forbidden):
            raise
        except NotFound:
            return await self._show_form(
                view, request, form, view.edit_template, error=DeletedMeanwhile(view.name), row_id=row_id
            )
        except ChangedByOther as error:
            context = await self._describe_conflict(view, form, error.row)
            return await self._show_form(
                view, request, form, view.edit_template, error=error, row_id=row_id, **context
            )
        except ParleyError as error:
            return await self._show_form(view, request, form, view.edit_template, error=error, row_id=row_id)

    @login_required
    async def delete(self, request: Request) -> Response:
        view = self._get_offered_view(request, "delete")
        row_id, error = _read_id(request), None
        if request.method == "POST":
            try:
                await retry_conflicts(view.delete_model)(request, row_id)
                return view.redirect_done("deleted")
            except AlreadySubmitted:
                return view.redirect_done("repeated")
            except NotFound:
                return view.redirect_done("already_deleted")
            except (Unauthorized, Forbidden):
                raise
            except ParleyError as refused:
                error = refused
        async with self._panel.transaction() as session:
            row = await view.get_row(session, row_id)
            blocker = await view.find_blocker(session, row)
        context = {"row": row, "error": error, "blocker": blocker, "submission_id": uuid4()}
        status = error.status if error else 200
        return await view.render(request, "delete.html", status=status, **context)

    @login_required
    async def run_action(self, request: Request) -> Response:
        view = self._get_view(request)
        action, handler = find_actions(type(view)).get(request.path_params["action"], (None, None))
        if action is None or handler is None:
            raise NotFound(NOT_OFFERED)
        if not view.has_permission(request, action.permission):
            raise Forbidden(NOT_ALLOWED)
        selected_ids = [parse_uuid(text) for text in get_form(request).getlist("ids")]
        run = partial(retry_conflicts(handler), view, request, list(dict.fromkeys(selected_ids)))
        try:
            refusal = find_refusal(action, selected_ids, get_form(request))
            response = view.redirect_done(refusal) if refusal else await run()
        except AlreadySubmitted:
            response = view.redirect_done("repeated")
        except NotFound:
            response = view.redirect_done("gone")
        return preserve_query(response, request, list_address=view.build_address())

    @login_required
    async def look_up(self, request: Request) -> Response:
        view = self._get_offered_view(request, "list")
        term = clean_parameter("term", request.query_params.get("term", "")[:MAX_TERM_LENGTH])
        async with self._panel.transaction() as session:
            choices = await view.look_up(session, term)
        return JSONResponse([{"value": str(choice.value), "label": choice.label} for choice in choices])

    @login_required
    async def export(self, request: Request) -> Response:
        view = self._get_offered_view(request, "export")
        query = _read_query(view, request).with_changes(limit=EXPORT_LIMIT, page=1, cursor=None)
        # An invalid query is detected before the response begins.
        first = await self._list(view, query)
        rows = self._export_rows(view, query, first)
        return to_csv_response(f"{view.path}.csv", [column.label for column in view.columns], rows)

    async def _export_rows(
        self, view: ResourceView, query: ListQuery, listing: Listing
    ) -> AsyncIterator[Sequence[Sequence[Any]]]:
        for page in range(2, MAX_EXPORTED_ROWS // EXPORT_LIMIT + 2):
            yield [[column.get(row) for column in view.columns] for row in listing.rows]
            cursor = listing.pagination.next_cursor
            if page > MAX_EXPORTED_ROWS // EXPORT_LIMIT or (
                cursor is None and page > listing.pagination.total_pages
            ):
                return
            listing = await self._list(view, query.with_changes(page=page, cursor=cursor))

    async def _list(self, view: ResourceView, query: ListQuery) -> Listing:
        async with self._panel.transaction() as session:
            return await view.list_rows(session, query)

    async def _get_row(self, view: ResourceView, request: Request) -> Any:
        async with self._panel.transaction() as session:
            return await view.get_row(session, _read_id(request))

    async def _show_form(
        self,
        view: ResourceView,
        request: Request,
        form: Form,
        template: str,
        *,
        error: ParleyError | None = None,
        **context: Any,
    ) -> Response:
        if request.method == "POST":
            context = {"version": get_form(request).get(VERSION_FIELD, ""), **context}
        await self._add_labels(view, form)
        extend = view.edit_context if template == view.edit_template else view.create_context
        context = {"conflict": None, "submission_id": uuid4(), **await extend(request), **context}
        context["is_gone"] = isinstance(error, DeletedMeanwhile)
        context |= {"form": form, "problems": add_errors(form, error) if error else []}
        response = await view.render(request, template, status=error.status if error else 200, **context)
        response.headers.update(error.headers if error else {})
        return response

    async def _describe_conflict(self, view: ResourceView, form: Form, row: Any) -> dict[str, Any]:
        stored = view.get_form_values(row)
        async with self._panel.transaction() as session:
            for field in form:
                if isinstance(field, LookupField):
                    field.labels = await view.list_labels(session, field.name, stored[field.name])
        return {"conflict": list_differences(form, stored), "version": view.get_version(row)}

    async def _add_labels(self, view: ResourceView, form: Form) -> None:
        fields = [field for field in form if isinstance(field, LookupField) and any(field.iterate_selected())]
        if not fields:
            return
        async with self._panel.transaction() as session:
            for field in fields:
                field.labels = await view.list_labels(session, field.name, list(field.iterate_selected()))

    def _get_offered_view(self, request: Request, action: str) -> ResourceView:
        """Return the view, if it offers the action and the user may do it. Raises NotFound and Forbidden."""
        view = self._get_view(request)
        _ensure_allowed(view, request, action)
        return view

    def _get_view(self, request: Request) -> ResourceView:
        view = self._panel.resources.get(request.path_params["identity"])
        if view is None:
            raise NotFound(NOT_OFFERED)
        # Pages of errors lead back to the list.
        request.state.panel_page["list"] = view
        return view


def _ensure_allowed(view: ResourceView, request: Request, action: str) -> None:
    if not view.has_permission(request, action):
        raise Forbidden(NOT_ALLOWED)
    if not view.can_use(request, action):
        raise NotFound(NOT_OFFERED)


async def _submit(form: Form, request: Request, save: Any) -> Any:
    """Save the input. Raises Invalid with errors for the fields."""
    ensure_valid(form, get_form(request))
    return await retry_conflicts(save)(request, form.data)


async def _update(view: ResourceView, row_id: UUID, request: Request, data: dict[str, Any]) -> None:
    await view.update_model(request, row_id, data)


def _read_query(view: ResourceView, request: Request) -> ListQuery:
    return read_list_query(
        request,
        columns=view.columns,
        filters=view.filters,
        default_sort=view.default_sort,
        limit=view.limit,
    )


def _read_id(request: Request) -> UUID:
    try:
        return UUID(request.path_params["pk"])
    except ValueError:
        raise NotFound(NOT_OFFERED) from None


def _list_actions(view: ResourceView, request: Request, *, for_many: bool) -> list[Any]:
    actions = [action for action, _ in find_actions(type(view)).values()]
    return [
        action
        for action in actions
        if (action.is_for_many or not for_many) and view.has_permission(request, action.permission)
    ]
