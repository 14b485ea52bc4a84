"""The page of the sign-on."""

from html import escape
from string import Template

from shared.errors import ParleyError
from starlette.responses import HTMLResponse

from auth.panel.form import SignOnForm

CONTENT_SECURITY_POLICY = (
    "default-src 'none'; style-src 'self'; img-src 'self' data:; "
    "form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
)
ENDED = "Your session has ended. Sign in again, and you get back to your page."
PAGE = Template("""<!doctype html>
<html lang="en">
  <head>
    <meta charset="utf-8">
    <meta name="viewport" content="width=device-width, initial-scale=1">
    <meta name="robots" content="noindex">
    <title>Sign in - Parley</title>
    <link rel="icon" href="data:,">
    <link rel="stylesheet" href="/account/account.css">
  </head>
  <body>
    <main>
      <p class="product">Parley</p>
      <h1>Sign in to the admin panel</h1>
      <form method="post" action="/admin/login">
        <input type="hidden" name="next" value="$next">
        <label for="email">E-mail or user name</label>
        <input id="email" name="email" value="$email" autocomplete="username" autocapitalize="none"
          spellcheck="false" maxlength="254" required$invalid>
        <label for="password">Password</label>
        <input id="password" name="password" type="password" autocomplete="current-password"
          maxlength="1024" required$invalid>
        <button>Sign in</button>
      </form>
      <div id="message" role="$urgency" class="problem">$message</div>
    </main>
  </body>
</html>
""")


def render_sign_on(form: SignOnForm, *, notice: str = "", error: ParleyError | None = None) -> HTMLResponse:
    """Render the form with what was typed, but never the password."""
    page = PAGE.substitute(
        email=escape(form.email),
        next=escape(form.next),
        message=escape(error.detail if error else notice),
        urgency="alert" if error else "status",
        invalid=' aria-invalid="true" aria-describedby="message"' if error else "",
    )
    headers = error.headers if error else {}
    headers |= {"Content-Security-Policy": CONTENT_SECURITY_POLICY, "Referrer-Policy": "same-origin"}
    return HTMLResponse(page, error.status if error else 200, headers)
