"""The files of the back office: what they hold, whom they are for, and how much they may take."""

import csv
import gc
import io
import sys
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from threading import Event, Thread

import pytest
from sqlalchemy import delete, event, func, select, update

import models.export
import views.admin_exports
from benchmarks.many_payments import FIRST_ID, add_payments
from billing.close_account import close_account
from gateways.payment import CardDeclined, OutcomeUnknown, RequestRejected
from models import AuditEntry, Payment, Plan, Refund, User, db
from tests.conftest import held_connections

DAYS = {"from": "2026-11-20", "to": "2026-11-20"}
FILES = ("/admin/exports/payments", "/admin/exports/refunds", "/admin/exports/settlements/file")
TOSS = ("/admin/exports/settlements", "/admin/exports/settlements/file")


@pytest.fixture
def customer(at, now, gateway, request):
    """A customer who pays on 20 November."""
    at(now)
    gateway.now = now
    return request.getfixturevalue("subscribed")


@pytest.fixture
def next_day(at, now, gateway, client, enter, merchant):
    """Return a function that lets the merchant in on the day after."""

    def begin():
        client.post("/logout")
        at(now + timedelta(days=1))
        gateway.now = now + timedelta(days=1)
        enter(merchant)

    return begin


@pytest.fixture
def paid(app, customer, next_day):
    """A payment of 20 November, seen by the merchant on the day after."""
    next_day()
    with app.app_context():
        return db.session.scalars(select(Payment)).one()


@pytest.fixture
def office(at, now, gateway, enter, merchant):
    """The back office of a shop without customers."""
    at(now)
    gateway.now = now
    enter(merchant)


@pytest.fixture
def refunded(app, customer, next_day, client, page, now):
    """A customer who left for good on 20 November, with the money back."""
    shown = page("/subscription/cancellation")
    client.post("/subscription/cancellation", data={"kind": "now", "quote": shown.value("quote")})
    with app.app_context():
        close_account(user_id=customer.id, vault=app.extensions["vault"], now=now)
    next_day()


def text_of(client, path, days=DAYS, **more):
    with client.get(path, query_string={**days, **more}) as answer:
        assert answer.status_code == 200, answer.get_data(as_text=True)
        assert answer.content_type == "text/csv; charset=utf-8"
        return answer.get_data().decode()


def rows_of(client, path, days=DAYS, **more):
    text = text_of(client, path, days, **more)
    assert text.startswith("\ufeff") and text.endswith("\r\n")
    return list(csv.DictReader(io.StringIO(text.removeprefix("\ufeff"), newline="")))


def asked(gateway):
    return [request for operation, request in gateway.calls if operation == "settlements"]


def exports(app):
    with app.app_context():
        query = select(AuditEntry).filter_by(action="export.made").order_by(AuditEntry.id)
        return [(one.subject_id, one.actor_id, one.facts) for one in db.session.scalars(query)]


def change(app, model, **values):
    with app.app_context():
        db.session.execute(update(model).values(**values))
        db.session.commit()


def test_the_page_asks_for_days_and_stands_in_the_menu(office, page):
    shown = page("/admin")
    assert "/admin/exports" in shown.links and "내보내기" in shown.text
    form = page("/admin/exports")
    assert (form.value("from"), form.value("to")) == ("2026-11-01", "2026-11-20")


def test_a_file_of_payments_says_all_of_each(paid, client, merchant, app):
    [row] = rows_of(client, "/admin/exports/payments")
    assert row == {
        "주문번호": paid.order_id,
        "결제 키": paid.payment_key,
        "승인 시각": "2026-11-20 11:00:00",
        "고객 이메일": "hana@example.com",
        "고객 이름": "김하나",
        "상품": "달빛서재",
        "플랜": "프리미엄 월간",
        "이용 시작일": "2026-11-20",
        "이용 마지막 날": "2026-12-19",
        "결제 금액": "9900",
        "공급가액": "9000",
        "부가세": "900",
        "면세 금액": "0",
        "환불한 금액": "0",
        "결제 수단": "카드",
        "카드사": "하나",
        "카드 번호": "94100012****789*",
        "승인 번호": "'00000000",
        "구독 번호": str(paid.order_id.split("-")[0].removeprefix("sub")),
        "키 쌍": "billing",
        "상점 ID": "fake_shop",
    }
    assert exports(app) == [("payments", merchant.id, {"from": "2026-11-20", "to": "2026-11-20"})]


def test_a_file_opens_in_a_spreadsheet(paid, client):
    with client.get("/admin/exports/payments", query_string=DAYS) as answer:
        first, second, end = answer.get_data().split(b"\r\n")
    assert first.startswith(b'\xef\xbb\xbf"\xec\xa3\xbc\xeb\xac\xb8')
    assert b",9900,9000,900,0,0," in second and b'"2026-11-20 11:00:00"' in second
    assert end == b"" and b"\n" not in first + second
    assert answer.headers["Content-Disposition"] == (
        "attachment; filename=payments-2026-11-20-2026-11-20.csv"
    )
    assert answer.headers["Cache-Control"] == "private, no-store"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"


@pytest.mark.parametrize("name", ["=cmd|'/C calc'!A1", "+82", "-1", "@SUM(1)", "\tx", "＝1+1"])
def test_a_customers_name_runs_nothing(app, paid, client, name):
    change(app, User, name=name)
    [row] = rows_of(client, "/admin/exports/payments")
    assert row["고객 이름"] == f"'{name}"


def test_a_name_of_two_lines_and_quotes_is_one_cell(app, paid, client):
    change(app, User, name='"김, 하나"\r\n=1+1')
    [row] = rows_of(client, "/admin/exports/payments")
    assert row["고객 이름"] == '"김, 하나"\r\n=1+1'
    assert row["결제 금액"] == "9900"


@pytest.mark.parametrize(
    ("approved_at", "day"),
    [
        (datetime(2026, 11, 19, 14, 59, 59, tzinfo=UTC), "2026-11-19"),
        (datetime(2026, 11, 19, 15, 0, 0, tzinfo=UTC), "2026-11-20"),
        (datetime(2026, 11, 20, 14, 59, 59, 999999, tzinfo=UTC), "2026-11-20"),
        (datetime(2026, 11, 20, 15, 0, 0, tzinfo=UTC), "2026-11-21"),
    ],
)
def test_a_day_begins_and_ends_at_midnight_in_seoul(app, paid, client, approved_at, day):
    change(app, Payment, approved_at=approved_at)
    found = [
        each
        for each in ("2026-11-19", "2026-11-20", "2026-11-21")
        if rows_of(client, "/admin/exports/payments", {"from": each, "to": each})
    ]
    assert found == [day]


def test_days_without_anything_are_a_file_with_its_heading(office, client):
    for path in FILES:
        text = text_of(client, path)
        assert text.count("\r\n") == 1 and text.startswith('\ufeff"주문번호"')


@pytest.mark.parametrize(
    ("days", "words"),
    [
        ({}, "2026-11-20처럼"),
        ({"from": "", "to": ""}, "2026-11-20처럼"),
        ({"from": "2026-11-31", "to": "2026-12-01"}, "2026-11-20처럼"),
        ({"from": "2026-11-01", "to": "어제"}, "2026-11-20처럼"),
        ({"from": "0001-01-01", "to": "9999-12-31"}, "2026-11-20처럼"),
        ({"from": "2026-11-02", "to": "2026-11-01"}, "끝 날짜가 시작 날짜보다 빨라요"),
    ],
)
def test_days_that_are_none_are_told_so_and_stay_in_the_form(app, office, page, days, words):
    for path in (*FILES, "/admin/exports/settlements"):
        query = "&".join(f"{name}={value}" for name, value in days.items())
        shown = page(f"{path}?{query}&by=paid_out", status=400)
        assert words in shown.text
        assert shown.value("from") == days.get("from", "")
        assert shown.value("to") == days.get("to", "")
        assert {"value": "paid_out", "selected": ""} in shown.all("option")
    assert exports(app) == []


@pytest.mark.parametrize(
    ("path", "longest"),
    [
        ("/admin/exports/payments", 366),
        ("/admin/exports/refunds", 366),
        ("/admin/exports/settlements", 31),
        ("/admin/exports/settlements/file", 31),
    ],
)
def test_too_many_days_are_for_the_command(office, client, page, path, longest):
    first = datetime(2026, 1, 1, tzinfo=UTC).date()
    for days, status in ((longest, 200), (longest + 1, 400)):
        last = first + timedelta(days=days - 1)
        with client.get(path, query_string={"from": first, "to": last}) as answer:
            assert answer.status_code == status
    shown = page(f"{path}?from={first}&to={last}", status=400)
    assert f"한 번에 {longest}일까지" in shown.text and "flask export" in shown.text


def test_a_file_of_refunds_names_cause_and_state_of_a_customer_who_left(app, refunded, client):
    [row] = rows_of(client, "/admin/exports/refunds")
    with app.app_context():
        refund = db.session.scalars(select(Refund)).one()
        payment = refund.payment
    assert row == {
        "주문번호": payment.order_id,
        "결제 키": payment.payment_key,
        "환불 번호": str(refund.id),
        "사유": "청약철회",
        "환불 금액": "9900",
        "면세 금액": "0",
        "요청 시각": "2026-11-20 11:00:00",
        "처리 시각": "2026-11-20 11:00:00",
        "상태": "환불함",
        "거래 키": refund.transaction_key,
    }
    [sale] = rows_of(client, "/admin/exports/payments")
    assert (sale["고객 이름"], sale["환불한 금액"]) == ("탈퇴한 회원", "9900")
    assert sale["고객 이메일"].endswith("@closed.invalid")


def test_a_refund_that_is_not_done_yet_has_no_time(app, refunded, client):
    change(app, Refund, status="pending", settled_at=None, transaction_key=None)
    [row] = rows_of(client, "/admin/exports/refunds")
    assert (row["상태"], row["처리 시각"], row["거래 키"]) == ("확인 중", "", "")


def test_a_settlement_stands_beside_the_books(paid, client, app, merchant):
    [row] = rows_of(client, "/admin/exports/settlements/file")
    assert row == {
        "주문번호": paid.order_id,
        "결제 키": paid.payment_key,
        "거래 키": f"first_{paid.payment_key}",
        "구분": "결제",
        "금액": "9900",
        "수수료(부가세 포함)": "297",
        "수수료 부가세": "27",
        "지급액": "9603",
        "매출일": "2026-11-20",
        "지급일": "2026-11-25",
        "대조": "맞음",
        "우리 장부 금액": "9900",
        "상점 ID": "fake_shop",
    }
    assert [kind for kind, *_ in exports(app)] == ["settlements"]


def test_the_page_sums_up_what_is_settled(paid, client, page, app):
    shown = page("/admin/exports/settlements?from=2026-11-20&to=2026-11-20")
    assert "정산 1건이 모두 우리 장부와 맞아요" in shown.text
    for words in ("9,900원", "297원", "부가세 27원", "9,603원", "2026. 11. 25.", "0건, 0원"):
        assert words in shown.text, words
    [link] = [link for link in shown.links if "settlements/file" in link]
    with client.get(link) as answer:
        assert len(answer.get_data(as_text=True).splitlines()) == 2
    assert [kind for kind, *_ in exports(app)] == ["settlements"]


def test_what_went_back_is_below_zero(refunded, client, page):
    sale, back = rows_of(client, "/admin/exports/settlements/file")
    assert (back["구분"], back["금액"], back["지급액"]) == ("환불", "-9900", "-9603")
    assert (sale["대조"], back["대조"], back["우리 장부 금액"]) == ("맞음", "맞음", "-9900")
    assert "-9,900원" in page("/admin/exports/settlements?from=2026-11-20&to=2026-11-20").text


def test_what_does_not_agree_is_listed(app, paid, page, client):
    change(app, Payment, amount_won=9000)
    shown = page("/admin/exports/settlements?from=2026-11-20&to=2026-11-20")
    assert "우리 장부와 맞지 않는 정산이 1건" in shown.text
    assert "금액이 다름 9,900원 9,000원" in shown.text and paid.order_id in shown.text
    [row] = rows_of(client, "/admin/exports/settlements/file")
    assert (row["대조"], row["금액"], row["우리 장부 금액"]) == ("금액이 다름", "9900", "9000")


def test_what_only_toss_knows_is_listed(app, paid, page, client):
    with app.app_context():
        db.session.execute(delete(Payment))
        db.session.commit()
    shown = page("/admin/exports/settlements?from=2026-11-20&to=2026-11-20")
    assert "우리 장부에 없음" in shown.text
    [row] = rows_of(client, "/admin/exports/settlements/file")
    assert (row["대조"], row["우리 장부 금액"]) == ("우리 장부에 없음", "")


def test_what_toss_has_not_settled_yet_is_listed(paid, page, client, gateway, now):
    gateway.now = now
    shown = page("/admin/exports/settlements?from=2026-11-20&to=2026-11-20")
    assert "이 기간의 정산이 없어요" in shown.text and "1건, 9,900원" in shown.text
    assert "아직 정산되지 않은 우리 결제와 환불" in shown.text and paid.order_id in shown.text
    [row] = rows_of(client, "/admin/exports/settlements/file")
    assert (row["대조"], row["금액"], row["우리 장부 금액"]) == ("아직 정산되지 않음", "", "9900")


def test_settlements_are_found_by_the_day_of_the_pay_out(paid, page, client, gateway):
    pay_day = {"from": "2026-11-25", "to": "2026-11-25"}
    [row] = rows_of(client, "/admin/exports/settlements/file", pay_day, by="paid_out")
    assert row["지급일"] == "2026-11-25"
    shown = page("/admin/exports/settlements?from=2026-11-25&to=2026-11-25&by=paid_out")
    assert "지급일 2026. 11. 25." in shown.text and "아직 정산 전" not in shown.text
    assert {by for *_, by, _ in asked(gateway)} == {"paid_out"}


def test_a_long_list_is_cut_on_the_page_and_whole_in_the_file(
    app, paid, page, client, gateway, monkeypatch
):
    monkeypatch.setattr(views.admin_exports, "SHOWN", 2)
    lines = gateway.settlements

    def five(*days, **how):
        return tuple(
            replace(one, payment_key=f"unknown-{n}")
            for one in lines(*days, **how)
            for n in range(5)
        )

    monkeypatch.setattr(gateway, "settlements", five)
    shown = page("/admin/exports/settlements?from=2026-11-20&to=2026-11-20")
    assert "unknown-1" in shown.text and "unknown-2" not in shown.text
    assert "처음 2건이에요" in shown.text and "5건" in shown.text
    assert len(rows_of(client, "/admin/exports/settlements/file")) == 6


@pytest.mark.parametrize("path", TOSS)
@pytest.mark.parametrize(
    ("error", "words"),
    [
        (OutcomeUnknown("timeout"), "받지 못했어요. 잠시 뒤에 다시 눌러 주세요. (timeout)"),
        (OutcomeUnknown("broken_answer", "payOutAmount"), "(broken_answer)"),
        (RequestRejected("UNAUTHORIZED_KEY", key_pair=True), "시크릿 키와 계약을 확인"),
        (CardDeclined("REJECT_CARD_PAYMENT"), "(REJECT_CARD_PAYMENT)"),
        (OutcomeUnknown("<script>"), "&lt;script&gt;"),
    ],
)
def test_where_toss_gives_no_list_the_page_says_so(
    app, paid, client, gateway, page, path, error, words
):
    gateway.fail_next("settlements", error)
    shown = page(f"{path}?from=2026-11-20&to=2026-11-20", status=503)
    assert words in shown.html
    assert shown.value("from") == "2026-11-20"
    assert shown.answer.headers["Retry-After"] == "60"
    assert exports(app) == []
    assert len(rows_of(client, "/admin/exports/settlements/file")) == 1, "nothing is left behind"


@pytest.mark.parametrize("path", TOSS)
def test_a_list_that_breaks_off_is_no_file(app, paid, page, gateway, monkeypatch, path):
    monkeypatch.setattr("billing.match_settlements.PAGE", 1)
    gateway.fail_next("settlements", OutcomeUnknown("connection"))
    gateway.lose_before("settlements")
    page(f"{path}?from=2026-11-20&to=2026-11-20", status=503)
    page(f"{path}?from=2026-11-20&to=2026-11-20", status=503)
    assert exports(app) == []


@pytest.mark.parametrize("path", TOSS)
def test_a_toss_that_takes_too_long_is_not_waited_for(
    app, paid, page, client, gateway, monkeypatch, path
):
    go = Event()
    gateway.on_call = lambda *_: go.wait(10)
    monkeypatch.setattr(views.admin_exports, "WAIT_SECONDS", 0.05)
    shown = page(f"{path}?from=2026-11-20&to=2026-11-20", status=503)
    assert "다 답하지 않았어요" in shown.text and "flask export settlements" in shown.text
    go.set()


def test_nothing_more_is_asked_when_the_time_is_over(paid, page, gateway, monkeypatch):
    monkeypatch.setattr(views.admin_exports, "WAIT_SECONDS", 0.0)
    page("/admin/exports/settlements?from=2026-11-20&to=2026-11-20", status=503)
    assert asked(gateway) == []


def test_a_full_room_is_told_at_once(app, paid, page, gateway, monkeypatch):
    room = app.extensions["toss_room"]
    taken = 0
    while room._places.acquire(blocking=False):
        taken += 1
    try:
        shown = page("/admin/exports/settlements?from=2026-11-20&to=2026-11-20", status=503)
    finally:
        room._places.release(taken)
    assert "지금은 토스에 물어볼 수 없어요" in shown.text
    assert asked(gateway) == []


def test_toss_is_asked_in_its_room_and_no_connection_is_held(app, paid, page, gateway):
    seen = []

    def look(*_):
        with app.app_context():
            seen.append(held_connections())

    gateway.on_call = look
    page("/admin/exports/settlements?from=2026-11-20&to=2026-11-20")
    assert seen == [0]


def test_with_a_test_key_of_toss_the_page_says_that_there_is_no_list(app, office, page):
    settings = {**app.config, "USES_SANDBOX": False}
    kept, app.config["USES_SANDBOX"] = app.config["USES_SANDBOX"], settings["USES_SANDBOX"]
    try:
        shown = page("/admin/exports/settlements?from=2026-11-20&to=2026-11-20")
    finally:
        app.config["USES_SANDBOX"] = kept
    assert "테스트 키로는 토스가 정산 내역을 주지 않아요" in shown.text


@pytest.fixture
def two_files(office, client, app):
    """Two files on their way."""
    answers = [client.get(path, query_string=DAYS, buffered=False) for path in FILES[:2]]
    yield answers
    for answer in answers:
        answer.close()


@pytest.mark.parametrize("path", [*FILES, "/admin/exports/settlements"])
def test_a_third_file_waits(two_files, app, page, client, path):
    before = exports(app)
    shown = page(f"{path}?from=2026-11-20&to=2026-11-20", status=503)
    assert "지금 다른 파일을 만들고 있어요" in shown.text
    assert shown.answer.headers["Retry-After"] == "60"
    assert exports(app) == before
    two_files[0].close()
    with client.get(path, query_string=DAYS) as answer:
        assert answer.status_code == 200


def test_a_place_is_free_again_after_every_file(office, client):
    for _ in range(3):
        for path in (*FILES, "/admin/exports/settlements"):
            for ask in (client.get, client.head):
                with ask(path, query_string=DAYS) as answer:
                    assert answer.status_code == 200


@pytest.fixture
def many(app, plan, office, now):
    """Return a function that adds payments of 20 November."""

    def add(count):
        with app.app_context():
            add_payments(db.session.get_one(Plan, plan.id), count, since=now)

    return add


def test_who_goes_away_stops_the_work_and_frees_the_place(app, client, many, monkeypatch):
    monkeypatch.setattr(models.export, "BATCH", 5)
    many(50)
    batches = []

    def note(_connection, _cursor, statement, *_):
        batches.extend([1] if "ix" not in statement and "FROM payment" in statement else [])

    with app.app_context():
        engine = db.engine
    event.listen(engine, "before_cursor_execute", note)
    try:
        for _ in range(3):
            answer = client.get("/admin/exports/payments", query_string=DAYS, buffered=False)
            pieces = iter(answer.response)
            for _ in range(3):
                next(pieces)
            answer.close()
    finally:
        event.remove(engine, "before_cursor_execute", note)
    assert len(batches) == 6, "two batches of each ten"


def test_a_slow_reader_holds_no_connection_and_keeps_no_writer_out(app, client, many, monkeypatch):
    monkeypatch.setattr(models.export, "BATCH", 5)
    many(20)
    answer = client.get("/admin/exports/payments", query_string=DAYS, buffered=False)
    pieces = iter(answer.response)
    next(pieces), next(pieces)

    def write():
        with app.app_context():
            assert held_connections() == 0
            db.session.execute(update(Payment).values(refunded_won=7))
            db.session.commit()

    writer = Thread(target=write)
    writer.start()
    writer.join(timeout=10)
    assert not writer.is_alive()
    rest = b"".join(pieces).decode().splitlines()
    answer.close()
    assert len(rest) == 15 and all(",7," in line for line in rest)


@pytest.mark.slow
def test_twenty_times_the_rows_take_no_more_memory(app, client, many):
    many(20_000)
    with app.app_context():
        a_thousand = update(Payment).where(Payment.id < FIRST_ID + 1_000)
        db.session.execute(a_thousand.values(approved_at=datetime(2026, 11, 30, tzinfo=UTC)))
        db.session.commit()
    most = []
    for first_on, count in (("2026-11-30", 1_000), ("2026-11-20", 20_000)):
        gc.collect()
        before, blocks, rows = sys.getallocatedblocks(), [], -1
        days = {"from": first_on, "to": "2026-11-30"}
        with client.get("/admin/exports/payments", query_string=days, buffered=False) as answer:
            for piece in answer.response:
                blocks.append(sys.getallocatedblocks() - before)
                rows += piece.count(b"\r\n")
        most.append(max(blocks))
        assert rows == count
    assert most[1] < 1.2 * most[0]


def test_every_export_is_in_the_log_of_the_back_office(paid, client, page):
    text_of(client, "/admin/exports/payments")
    shown = page("/admin/log")
    assert "export.made" in shown.text and "from: 2026-11-20, to: 2026-11-20" in shown.text


def test_nothing_of_the_shop_changes_by_being_exported(app, paid, client, gateway):
    def count():
        with app.app_context():
            return [
                db.session.scalar(select(func.count()).select_from(table))
                for table in db.metadata.sorted_tables
                if table.name != "audit_entry"
            ]

    before, gateway.calls = count(), []
    for path in FILES:
        text_of(client, path)
    assert count() == before
    assert {operation for operation, _ in gateway.calls} == {"settlements"}
