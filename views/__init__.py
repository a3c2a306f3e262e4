"""The pages: one noun per module, and what every page has in common."""

from flask import Flask

from views import (
    access,
    account,
    admin,
    admin_customers,
    admin_exports,
    admin_facts,
    admin_mails,
    admin_passes,
    admin_plans,
    admin_price_offers,
    admin_products,
    admin_refunds,
    admin_review,
    admin_sandbox,
    admin_second_factor,
    admin_subscriptions,
    admin_work,
    agreed_words,
    cancellation,
    card,
    checkout,
    components,
    consents,
    contact,
    errors,
    filters,
    forms,
    health,
    home,
    lane,
    languages,
    library,
    maintenance,
    page_cache,
    paid_words,
    passes,
    passwords,
    payments,
    pictures,
    plan_change,
    plans,
    policies,
    price_change,
    security,
    sessions,
    signup,
    sitemap,
    static_files,
    subscription,
    uploads,
    webhooks,
)

_PAGES = (
    account,
    admin,
    admin_customers,
    admin_exports,
    admin_facts,
    admin_mails,
    admin_passes,
    admin_plans,
    admin_price_offers,
    admin_products,
    admin_refunds,
    admin_review,
    admin_sandbox,
    admin_second_factor,
    admin_subscriptions,
    admin_work,
    cancellation,
    card,
    checkout,
    components,
    consents,
    contact,
    health,
    home,
    languages,
    library,
    passes,
    passwords,
    payments,
    pictures,
    plan_change,
    plans,
    policies,
    price_change,
    sessions,
    signup,
    sitemap,
    subscription,
    webhooks,
)


def register(app: Flask) -> None:
    """Add every page, who may see it, and what happens when one fails."""
    languages.register(app)
    filters.register(app)
    forms.register(app)
    paid_words.register(app)
    agreed_words.register(app)
    page_cache.register(app)
    uploads.register(app)
    security.register(app)
    maintenance.register(app)
    access.register(app)
    errors.register(app)
    lane.register(app)
    policies.register(app)
    static_files.register(app)
    for page in _PAGES:
        app.register_blueprint(page.blueprint)
    languages.add_addresses(app)
