"""Products and plans in the back office: what is shown, kept, refused and told; never a price."""

import re

import pytest
from sqlalchemy import func, select

from models import AuditEntry, Plan, Product, Subscription, db
from models.user import Role
from rules.catalogue import Flaw
from rules.periods import Interval
from tests.conftest import _kept, _person, checked_page
from tests.views.test_page_cache import queries
from views.admin_catalogue import SENTENCES

TYPED = {
    "name": "프리미엄 2027",
    "summary": "글을 읽고 밑줄을 나눠요.",
    "description": "한 달 동안 읽어요.",
    "features": "서재의 글\r\n\r\n밑줄",
    "slug": "premium-2027",
    "price_won": "12,900",
    "cycle": "month-1",
    "tax_kind": "taxable",
    "tax_free_won": "",
}
WORDS = {name: TYPED[name] for name in ("name", "summary", "description", "features")}


@pytest.fixture
def office(app, plan, merchant, enter):
    """Let the merchant into the back office of a shop with one plan."""
    enter(merchant)
    return plan


@pytest.fixture
def post(client, office):
    """Post a form of the office with the stamp that its page holds, and expect an answer."""

    def send(path, values, status=303):
        answer = client.post(path, data=values)
        assert answer.status_code == status, answer.get_data(as_text=True)
        return answer

    return send


def plan_named(app, slug):
    with app.app_context():
        return db.session.scalar(select(Plan).filter_by(slug=slug))


def add_plan(app, slug, **values):
    """Add a plan, past the back office, to the first product unless another is named."""
    with app.app_context():
        first = db.session.scalars(select(Product.id).order_by(Product.id)).first()
        plan = Plan(**{"product_id": first, "slug": slug, "price_won": 9900,
                       "interval": Interval.MONTH, **WORDS, **values})  # fmt: skip
        db.session.add(plan)
        db.session.commit()


def add_product(app, slug):
    """Add a product, past the back office, and return its id."""
    with app.app_context():
        product = Product(slug=slug, name=slug, description="글을 읽어요.")
        db.session.add(product)
        db.session.commit()
        return product.id


def last_entry(app):
    """Return the newest entry of the log that is about the catalogue."""
    query = select(AuditEntry).where(AuditEntry.subject_type.in_(["plan", "product"]))
    with app.app_context():
        return db.session.scalars(query.order_by(AuditEntry.id.desc()).limit(1)).first()


def values_of(shown):
    """Return what stands in the fields of a page."""
    typed = {one["name"]: one.get("value", "") for one in shown.all("input") if "name" in one}
    return typed | {
        name: text.replace("&#39;", "'").strip()
        for name, text in re.findall(
            r'<textarea[^>]* name="(\w+)"[^>]*>(.*?)</textarea>', shown.html, re.S
        )
    }


def test_the_list_shows_what_is_sold_and_to_how_many(
    app, client, page, subscribed, merchant, enter, now
):
    client.post("/logout")
    add_plan(app, "old", name="지난 플랜", retired_at=now)
    enter(merchant)
    shown = page("/admin/products")

    assert "프리미엄 월간 판매 중 월 9,900원 (부가세 포함) · 구독 1명" in shown.text
    assert "지난 플랜 판매 안 함 월 9,900원 (부가세 포함) · 구독 0명" in shown.text


def test_the_list_asks_as_little_for_many_plans_as_for_one(app, client, office):
    def asked():
        with queries(app) as made:
            assert client.get("/admin/products").status_code == 200
        return len(made)

    before = asked()
    for number in range(10):
        add_plan(app, f"plan-{number}", product_id=add_product(app, f"product-{number}"))
        add_plan(app, f"other-{number}")

    assert asked() == before


def test_a_new_plan_is_looked_at_before_it_is_sold(app, client, page, post, office):
    assert client.get("/plans/premium-2027").status_code == 404
    address = post(f"/admin/plans/new?product={office.product_id}", TYPED).location
    shown = page(address)
    assert "판매 안 함" in shown.text and "월 12,900원 (부가세 포함)" in shown.text
    assert client.get("/plans/premium-2027").status_code == 404
    assert "프리미엄 2027" not in page("/plans").text

    preview = page(f"{address}/preview")
    assert "미리보기예요" in preview.text and "월 12,900원" in preview.text
    assert "/checkout/premium-2027" not in preview.links

    post(f"{address}/sale", {})
    assert "/plans/premium-2027" in page(address).links
    assert "월 12,900원" in page("/plans/premium-2027").text
    made = plan_named(app, "premium-2027")
    assert (made.features, made.tax_free_won, made.months) == ("서재의 글\n밑줄", 0, 1)


@pytest.mark.parametrize(
    ("cycle", "tax", "months", "tax_free_won"),
    [
        ("month-6", {"tax_kind": "taxable", "tax_free_won": "5,000"}, 6, 5000),
        ("year-1", {"tax_kind": "tax_free", "tax_free_won": ""}, 12, 12900),
    ],
)
def test_cycles_and_taxes(app, post, office, cycle, tax, months, tax_free_won):
    post(f"/admin/plans/new?product={office.product_id}", {**TYPED, "cycle": cycle, **tax})

    made = plan_named(app, "premium-2027")
    assert (made.months, made.tax_free_won, str(made.tax_kind)) == (
        months,
        tax_free_won,
        tax["tax_kind"],
    )


@pytest.mark.parametrize(
    ("name", "value", "sentence"),
    [
        ("name", "", "입력해 주세요."),
        ("name", "가" * 51, "50자 이하로"),
        ("summary", "가" * 201, "200자 이하로"),
        ("description", "가" * 2001, "2,000자 이하로"),
        ("features", "\n".join("가" * 13), "12줄 이하로"),
        ("price_won", "", "입력해 주세요."),
        ("price_won", "구천구백", "숫자로만"),
        ("price_won", "9900.5", "숫자로만"),
        ("price_won", "99", "100원부터"),
        ("price_won", "-9900", "100원부터"),
        ("price_won", "99999999999", "10,000,000원까지"),
        ("price_won", "10000001", "10,000,000원까지"),
        ("cycle", "month-13", "12개월까지만"),
        ("cycle", "month-99999999999999999999", "12개월까지만"),
        ("cycle", "year-2", "12개월까지만"),
        ("cycle", "week-1", "목록에서 결제 주기를"),
        ("cycle", "", "목록에서 결제 주기를"),
        ("tax_kind", "half", "목록에서 과세 또는 면세를"),
        ("tax_free_won", "12900", "과세 플랜은 금액보다 적게"),
        ("slug", "Premium 2027", "영문 소문자와 숫자를"),
        ("slug", "../../admin", "영문 소문자와 숫자를"),
        ("slug", "premium-monthly", "이미 쓰고 있는 이름"),
    ],
)
def test_a_plan_that_cannot_be_sold_is_refused_and_nothing_typed_is_lost(
    app, client, office, name, value, sentence
):
    answer = client.post(
        f"/admin/plans/new?product={office.product_id}", data={**TYPED, name: value}
    )

    assert answer.status_code == 400
    html = answer.get_data(as_text=True)
    assert sentence in html
    for other in ("글을 읽고 밑줄을 나눠요.", "한 달 동안 읽어요."):
        assert other in html or name in ("summary", "description")
    assert f'id="{name}-error"' in html
    with app.app_context():
        assert db.session.scalar(select(func.count(Plan.id))) == 1
    assert last_entry(app) is None


def test_a_plan_like_another_begins_with_its_words(app, page, post, office):
    path = f"/admin/plans/new?like={office.id}"
    shown = page(path)
    before = values_of(shown)
    assert before["name"] == "프리미엄 월간" and before["price_won"] == "9900"
    assert before["features"].split() == ["매주", "새", "글", "낭독", "듣기"]
    assert shown.all("form", action=path), "a refusal comes back to the same form"

    post(path, {**before, "cycle": "month-1", "slug": "premium-2027", "price_won": "12900"})

    made = plan_named(app, "premium-2027")
    assert (made.price_won, made.product_id) == (12900, office.product_id)
    assert plan_named(app, "premium-monthly").price_won == 9900


@pytest.mark.parametrize(
    "forged",
    [
        {"price_won": "100"},
        {"tax_kind": "tax_free"},
        {"cycle": "year-1", "interval": "year", "interval_count": "1"},
        {"slug": "other", "id": "99", "product_id": "99", "position": "9"},
        {"retired_at": "2026-01-01", "picture_sha256": "0" * 64},
    ],
)
def test_what_never_changes_is_not_changed_by_a_forged_form(app, page, post, office, forged):
    seen = page(f"/admin/plans/{office.id}").value("seen")

    post(f"/admin/plans/{office.id}", {**WORDS, **forged, "seen": seen})

    kept = plan_named(app, "premium-monthly")
    same = ("id", "price_won", "tax_kind", "tax_free_won", "interval", "interval_count",
            "product_id", "position", "retired_at", "picture_sha256")  # fmt: skip
    assert [name for name in same if getattr(kept, name) != getattr(office, name)] == []
    assert kept.name == "프리미엄 2027"


def test_words_are_changed_and_the_log_says_what_they_were(app, page, post, office, merchant):
    shown = page(f"/admin/plans/{office.id}")
    assert values_of(shown)["name"] == "프리미엄 월간"

    values = {**office.words, "name": "프리미엄", "seen": shown.value("seen")}
    assert post(f"/admin/plans/{office.id}", values).location == f"/admin/plans/{office.id}"

    assert "플랜을 고쳤어요." in page(f"/admin/plans/{office.id}").text
    assert "<h1>프리미엄</h1>" in page("/plans/premium-monthly").html
    entry = last_entry(app)
    assert (entry.action, entry.actor_id, entry.subject_id) == (
        "plan.changed",
        merchant.id,
        str(office.id),
    )
    assert entry.facts == {"slug": "premium-monthly", "name": "프리미엄 월간 → 프리미엄"}
    assert "name: 프리미엄 월간 → 프리미엄" in page("/admin/log").text


def test_the_second_of_two_is_told_and_loses_nothing(app, client, page, post, office):
    path = f"/admin/plans/{office.id}"
    seen = page(path).value("seen")
    post(path, {**office.words, "name": "첫째의 이름", "seen": seen})

    answer = client.post(path, data={**office.words, "name": "둘째의 이름", "seen": seen})

    assert answer.status_code == 409
    html = answer.get_data(as_text=True)
    assert "다른 사람이 먼저 바꾸었어요" in html
    assert "<dd>첫째의 이름</dd>" in html, "what is kept now"
    assert 'value="둘째의 이름"' in html, "what was typed"
    assert plan_named(app, "premium-monthly").name == "첫째의 이름"
    again = checked_page(answer).value("seen")
    post(path, {**office.words, "name": "둘째의 이름", "seen": again})
    assert plan_named(app, "premium-monthly").name == "둘째의 이름"


def test_a_mistake_on_a_page_that_grew_old_does_not_hide_that_it_did(
    app, client, page, post, office
):
    path = f"/admin/plans/{office.id}"
    seen = page(path).value("seen")
    post(path, {**office.words, "name": "첫째의 이름", "seen": seen})

    refused = client.post(path, data={**office.words, "name": "", "seen": seen})

    assert refused.status_code == 400
    assert f'name="seen" value="{seen}"' in refused.get_data(as_text=True)


def test_retiring_is_explained_asked_for_and_undone(app, client, page, subscribed, merchant, enter):
    client.post("/logout")
    enter(merchant)
    [plan_id] = list(page_ids(page))
    path = f"/admin/plans/{plan_id}/retirement"
    asked = page(path).text
    assert "1명이 지금 금액으로 그대로 이어가요" in asked
    assert "판매 중인 마지막 플랜이에요" in asked
    assert "월 9,900원" in page("/plans").text, "nothing happened yet"

    assert client.post(path).status_code == 303
    assert client.get("/plans/premium-monthly").status_code == 404
    assert client.get("/checkout/premium-monthly").status_code == 404
    assert "판매 중인 플랜이 없어요" in page("/admin/products").text
    assert client.get(path).status_code == 303, "there is nothing to retire"
    with app.app_context():
        assert Subscription.latest_for(subscribed.id).is_active
    assert last_entry(app).action == "plan.retired"

    assert client.post(f"/admin/plans/{plan_id}/sale").status_code == 303
    assert "월 9,900원" in page("/plans/premium-monthly").text
    assert last_entry(app).action == "plan.put_on_sale"


def page_ids(page):
    return {
        int(found[1])
        for link in page("/admin/products").links
        if (found := re.fullmatch(r"/admin/plans/(\d+)", link))
    }


def test_one_of_several_plans_is_not_the_last(app, page, post, office):
    address = post(f"/admin/plans/new?product={office.product_id}", TYPED).location
    post(f"{address}/sale", {})

    assert "마지막 플랜" not in page(f"/admin/plans/{office.id}/retirement").text


def test_plans_and_products_are_put_in_order(app, page, post, office):
    address = post(f"/admin/plans/new?product={office.product_id}", TYPED).location
    post(f"{address}/sale", {})
    values = {"name": "아침서재", "description": "아침에 읽어요.", "slug": "morning"}
    post("/admin/products/new", values)
    with app.app_context():
        product_id = db.session.scalars(select(Product.id).filter_by(slug="morning")).one()
    add_plan(app, "morning-monthly", name="아침 월간", product_id=product_id)

    def order():
        return re.findall("<h3>(.+?)</h3>", page("/plans").html)

    assert order() == ["프리미엄 월간", "프리미엄 2027", "아침 월간"]
    post(f"{address}/position", {"direction": "up"})
    assert order() == ["프리미엄 2027", "프리미엄 월간", "아침 월간"]
    post(f"{address}/position", {"direction": "up"})
    assert order() == ["프리미엄 2027", "프리미엄 월간", "아침 월간"]
    post(f"/admin/products/{product_id}/position", {"direction": "up"})
    assert order() == ["아침 월간", "프리미엄 2027", "프리미엄 월간"]
    post(f"{address}/position", {"direction": "sideways"}, status=400)
    post(f"/admin/products/{product_id}/position", {}, status=400)


def test_a_product_is_made_and_described(app, client, page, post, office):
    values = {"name": "아침서재", "description": "아침에 읽어요.", "slug": "morning"}
    refused = post("/admin/products/new", {**values, "slug": "dalbit"}, status=400)
    assert "이미 쓰고 있는 이름" in refused.get_data(as_text=True)
    assert 'value="아침서재"' in refused.get_data(as_text=True)
    post("/admin/products/new", values)
    with app.app_context():
        made = db.session.scalars(select(Product).filter_by(slug="morning")).one()
    path = f"/admin/products/{made.id}"
    seen = page(path).value("seen")
    assert "아침서재" not in page("/plans").text, "it has no plan"

    post(path, {**values, "name": "새벽서재", "slug": "forged", "seen": seen})

    with app.app_context():
        kept = db.session.get_one(Product, made.id)
        assert (kept.name, kept.slug) == ("새벽서재", "morning")
    assert last_entry(app).facts == {"slug": "morning", "name": "아침서재 → 새벽서재"}
    late = post(path, {**values, "name": "한낮서재", "seen": seen}, status=409)
    assert 'value="한낮서재"' in late.get_data(as_text=True)
    post(path, {**values, "name": " ", "seen": seen}, status=400)


@pytest.mark.parametrize("number", ["0", "999", "2147483647", "2147483648", "9" * 30])
def test_what_is_not_there_is_not_found(client, office, number):
    for path in (
        "/admin/products/{}", "/admin/plans/{}", "/admin/plans/{}/preview",
        "/admin/plans/{}/retirement", "/admin/plans/new?product={}", "/admin/plans/new?like={}",
    ):  # fmt: skip
        assert client.get(path.format(number)).status_code == 404, path
    for path in (
        "/admin/products/{}", "/admin/products/{}/position", "/admin/plans/{}",
        "/admin/plans/{}/position", "/admin/plans/{}/retirement", "/admin/plans/{}/sale",
        "/admin/plans/{}/picture", "/admin/plans/{}/picture/removal",
        "/admin/plans/new?product={}", "/admin/plans/new?like={}",
    ):  # fmt: skip
        answer = client.post(path.format(number), data={**TYPED, "direction": "up"})
        assert answer.status_code == 404, path


def test_a_new_plan_belongs_to_a_product(client, office):
    for query in ("", "?product=", "?product=one", "?like=-1"):
        assert client.get(f"/admin/plans/new{query}").status_code == 404
        assert client.post(f"/admin/plans/new{query}", data=TYPED).status_code == 404


def test_markup_in_words_stays_words(app, client, page, post, office):
    script = "<script>alert(1)</script>"
    seen = page(f"/admin/plans/{office.id}").value("seen")
    post(f"/admin/plans/{office.id}", dict.fromkeys(WORDS, script) | {"seen": seen})

    for path in (
        "/plans", "/plans/premium-monthly", "/", "/admin/products", f"/admin/plans/{office.id}",
        f"/admin/plans/{office.id}/retirement", f"/admin/plans/new?like={office.id}", "/admin/log",
    ):  # fmt: skip
        shown = page(path)
        assert "<script>alert" not in shown.html, path
    assert script in page("/plans/premium-monthly").text


def test_words_at_which_reviewers_stop_are_pointed_at(page, post, office):
    path = f"/admin/plans/{office.id}"
    assert "심사에서 거절될 수 있는 말" not in page(path).text

    post(path, {**WORDS, "name": "테스트 플랜", "seen": page(path).value("seen")})

    assert "심사에서 거절될 수 있는 말이 있어요: 테스트." in page(path).text


def test_there_is_a_way_to_it_from_the_menu(page, office):
    assert "/admin/products" in page("/admin").links


def test_every_rule_has_a_sentence():
    assert set(SENTENCES) == set(Flaw)
    for flaw, sentence in SENTENCES.items():
        assert ("{limit" in flaw) == ("{limit" in sentence), flaw


def test_a_reviewer_sees_a_plan_and_no_more(app, client, page, office, now, log_in):
    client.post("/logout")
    log_in(_kept(app, _person("review@example.com", "심사", Role.REVIEWER, now)))

    assert client.get(f"/admin/plans/{office.id}/preview").status_code == 404
    assert client.post(f"/admin/plans/{office.id}/retirement").status_code == 404
    assert plan_named(app, "premium-monthly").is_on_sale


def test_whoever_changes_translated_words_is_told_that_the_translations_stay(app, office, page):
    notice = "다른 언어의 글은 여기서 바뀌지 않아요"
    pages = f"/admin/plans/{office.id}", f"/admin/products/{office.product_id}"
    assert not [path for path in pages if notice in page(path).text]
    with app.app_context():
        plan = db.session.get_one(Plan, office.id)
        plan.translations = plan.product.translations = {"en": {"name": "Premium"}}
        db.session.commit()

    assert all(notice in page(path).text for path in pages)
