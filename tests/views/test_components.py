def test_the_merchant_sees_every_component(page, enter, merchant):
    enter(merchant)

    shown = page("/components")

    classes = {name for _, found in shown.elements for name in found.get("class", "").split()}
    assert {"button", "field", "card", "notice", "table-scroll", "badge", "quiet"} <= classes
    assert any("popover" in found for found in shown.all("div"))


def test_the_components_are_nobody_elses_business(page, log_in, user):
    log_in(user)
    page("/components", status=404)
