"""Every route of the API, by noun. ``ALL_ROUTES`` is what the server mounts and documents."""

from __future__ import annotations

from hygieia.server.routes.accounts import routes as accounts
from hygieia.server.routes.activity import routes as activity
from hygieia.server.routes.copies import routes as copies
from hygieia.server.routes.delegations import routes as delegations
from hygieia.server.routes.index import routes as index
from hygieia.server.routes.reports import routes as reports
from hygieia.server.routes.server import routes as server
from hygieia.server.routes.sessions import routes as sessions
from hygieia.server.routes.sharing import routes as sharing
from hygieia.server.routes.uploads import routes as uploads

ALL_ROUTES = (
    *server.declared,
    *accounts.declared,
    *sessions.declared,
    *uploads.declared,
    *reports.declared,
    *index.declared,
    *copies.declared,
    *sharing.declared,
    *activity.declared,
    *delegations.declared,
)
