"""The page of the sign-on, in the layout of the panel."""

from fastapi import Request
from shared.errors import ParleyError
from shared.panel import Panel
from shared.panel.gate import add_security_headers
from starlette.responses import Response

from auth.panel.form import SignOnForm

SESSION_ENDED_MESSAGE = "Your session has ended. Sign in again to return to your page."


async def render_sign_on(
    request: Request, form: SignOnForm, *, notice: str = "", error: ParleyError | None = None
) -> Response:
    """Render the form with the input, but never the password."""
    panel: Panel = request.app.state.panel
    context = {"form": form, "notice": notice, "error": error}
    response = await panel.render(request, "sign_on.html", context, status=error.status if error else 200)
    response.headers.update(error.headers if error else {})
    add_security_headers(response.headers, panel.policy)
    return response
