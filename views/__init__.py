"""The pages: one noun per module, and what every page has in common."""

from flask import Flask

from views import (
    access,
    account,
    cancellation,
    checkout,
    contact,
    errors,
    filters,
    health,
    home,
    library,
    passwords,
    payments,
    plans,
    policies,
    security,
    sessions,
    signup,
    subscription,
)

_PAGES = (
    account,
    cancellation,
    checkout,
    contact,
    health,
    home,
    library,
    passwords,
    payments,
    plans,
    policies,
    sessions,
    signup,
    subscription,
)


def register(app: Flask) -> None:
    """Add every page, who may see it, and what happens when one fails."""
    filters.register(app)
    security.register(app)
    access.register(app)
    errors.register(app)
    for page in _PAGES:
        app.register_blueprint(page.blueprint)
