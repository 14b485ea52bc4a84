"""The admin panel: the sign-on of all services' pages, and auth's own pages."""

from auth.panel import gate, sign_on

routers = (sign_on.router, gate.router)
