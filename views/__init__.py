"""The pages: one noun per module, and what every page has in common."""

from flask import Flask

from views import (
    access,
    account,
    admin,
    admin_mails,
    admin_second_factor,
    cancellation,
    card,
    checkout,
    components,
    consents,
    contact,
    errors,
    filters,
    health,
    home,
    lane,
    library,
    maintenance,
    page_cache,
    passwords,
    payments,
    plan_change,
    plans,
    policies,
    security,
    sessions,
    signup,
    sitemap,
    static_files,
    subscription,
    webhooks,
)

_PAGES = (
    account,
    admin,
    admin_mails,
    admin_second_factor,
    cancellation,
    card,
    checkout,
    components,
    consents,
    contact,
    health,
    home,
    library,
    passwords,
    payments,
    plan_change,
    plans,
    policies,
    sessions,
    signup,
    sitemap,
    subscription,
    webhooks,
)


def register(app: Flask) -> None:
    """Add every page, who may see it, and what happens when one fails."""
    filters.register(app)
    page_cache.register(app)
    security.register(app)
    maintenance.register(app)
    access.register(app)
    errors.register(app)
    lane.register(app)
    policies.register(app)
    static_files.register(app)
    for page in _PAGES:
        app.register_blueprint(page.blueprint)
