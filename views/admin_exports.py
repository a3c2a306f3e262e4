"""Files for the accountant: payments, refunds, and Toss's settlements beside the books.

A process makes two files at a time at most, however many are asked for; what takes longer than a
page may is for `flask export`.
"""

import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from datetime import date, timedelta
from functools import partial
from itertools import chain
from threading import BoundedSemaphore
from typing import Any

from flask import (
    Blueprint,
    Response,
    current_app,
    render_template,
    request,
)
from flask.blueprints import BlueprintSetupState
from flask.typing import ResponseReturnValue
from flask_login import current_user
from werkzeug.wsgi import FileWrapper
from wtforms import Form, SelectChoice, SelectField, StringField
from wtforms.validators import ValidationError

import clock
import key_pairs
from billing.export import ExportKind, note_export, payments_of, refunds_of
from billing.match_settlements import Ask, Match, MatchedLine, Totals, match_settlements
from gateways.payment import (
    PaymentGateway,
    PaymentGatewayError,
    RequestRejected,
    Settlement,
    SettlementDay,
)
from rules.days import written_day
from rules.periods import seoul_date
from views import csv_files
from views.access import client_address, merchant_only
from views.room import NoPlace, TooSlow

blueprint = Blueprint("admin_exports", __name__)

SEATS = 2
LONGEST = timedelta(days=366)
LONGEST_SETTLEMENTS = timedelta(days=31)
WAIT_SECONDS = 45.0
"""How long a page waits for all of Toss's answers; Toss may take a minute for one."""
SHOWN = 100
BY = (("sold", "매출일"), ("paid_out", "지급일"))
BUSY = "지금 다른 파일을 만들고 있어요. 1분쯤 뒤에 다시 눌러 주세요."


class RangeForm(Form):
    """Two days in Seoul, both whole, and which days of a settlement they are."""

    start = StringField("시작", name="from", id="from")
    end = StringField("끝", name="to", id="to")
    by = SelectField(
        "정산을 찾는 날",
        choices=[SelectChoice(*choice) for choice in BY],
        default="sold",
        validate_choice=False,
    )

    def __init__(self, *args: Any, longest: timedelta = LONGEST, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._longest = longest

    def validate_start(self, field: StringField) -> None:
        """Refuse what is no day."""
        if written_day(field.data or "") is None:
            raise ValidationError("날짜를 2026-11-20처럼 입력해 주세요.")

    def validate_end(self, field: StringField) -> None:
        """Refuse what is no day, an end before the beginning, and too many days."""
        start_on, end_on = written_day(self.start.data or ""), written_day(field.data or "")
        if end_on is None:
            raise ValidationError("날짜를 2026-11-20처럼 입력해 주세요.")
        if start_on is not None and end_on < start_on:
            raise ValidationError("끝 날짜가 시작 날짜보다 빨라요.")
        if start_on is not None and end_on - start_on >= self._longest:
            raise ValidationError(
                f"여기서는 한 번에 {self._longest.days}일까지예요. 기간을 줄이거나,"
                " 서버에서 flask export를 실행해 주세요."
            )

    @property
    def days(self) -> tuple[date, date]:
        """Return both days of a form that was accepted."""
        start_on, end_on = written_day(self.start.data or ""), written_day(self.end.data or "")
        assert start_on is not None and end_on is not None
        return start_on, end_on

    @property
    def settlement_day(self) -> SettlementDay:
        """Return which days of a settlement are meant."""
        return "paid_out" if self.by.data == "paid_out" else "sold"


class _Seat:
    """The right to make one file; it is given back once, whoever ends it."""

    def __init__(self, seats: BoundedSemaphore) -> None:
        self._seats: BoundedSemaphore | None = seats

    def leave(self) -> None:
        if self._seats is not None:
            self._seats.release()
            self._seats = None


@blueprint.record_once
def _make_seats(state: BlueprintSetupState) -> None:
    state.app.extensions["export_seats"] = BoundedSemaphore(SEATS)


@blueprint.get("/admin/exports")
@merchant_only
def index() -> str:
    """Ask which days, and of what."""
    today = seoul_date(clock.now())
    return _page(RangeForm(data={"start": str(today.replace(day=1)), "end": str(today)}))


@blueprint.get("/admin/exports/payments")
@merchant_only
def payments() -> ResponseReturnValue:
    """Send the payments of some days as a file."""
    return _stream(ExportKind.PAYMENTS, lambda days: csv_files.payments(payments_of(*days)))


@blueprint.get("/admin/exports/refunds")
@merchant_only
def refunds() -> ResponseReturnValue:
    """Send the refunds that were asked for on some days as a file."""
    return _stream(ExportKind.REFUNDS, lambda days: csv_files.refunds(refunds_of(*days)))


@blueprint.get("/admin/exports/settlements")
@merchant_only
def settlements() -> ResponseReturnValue:
    """Show what Toss settles of some days, and where the books say something else."""
    return _with_toss(_show_settlements)


@blueprint.get("/admin/exports/settlements/file")
@merchant_only
def settlements_file() -> ResponseReturnValue:
    """Send what Toss settles of some days, beside the books, as a file."""
    return _with_toss(_send_settlements)


def _stream(
    kind: ExportKind, text_of: Callable[[tuple[date, date]], Iterator[str]]
) -> ResponseReturnValue:
    form = RangeForm(request.args)
    if not form.validate():
        return _page(form), 400
    seat = _take_seat()
    if seat is None:
        return _refused(form, BUSY)
    try:
        _note(kind, form)
        answer = _attachment(kind, form, text_of(form.days))
    except BaseException:
        seat.leave()
        raise
    answer.call_on_close(seat.leave)
    return answer


def _with_toss(
    answer: Callable[[RangeForm, Iterator[list[MatchedLine]]], ResponseReturnValue],
) -> ResponseReturnValue:
    form = RangeForm(request.args, longest=LONGEST_SETTLEMENTS)
    if not form.validate():
        return _page(form), 400
    seat = _take_seat()
    if seat is None:
        return _refused(form, BUSY)
    try:
        return answer(form, _matched(form))
    except NoPlace:
        return _refused(form, "지금은 토스에 물어볼 수 없어요. 1분쯤 뒤에 다시 눌러 주세요.")
    except TooSlow:
        return _refused(
            form,
            f"토스가 {WAIT_SECONDS:.0f}초 안에 다 답하지 않았어요. 잠시 뒤에 다시 누르거나, 기간을"
            " 줄이거나, 서버에서 flask export settlements를 실행해 주세요.",
        )
    except RequestRejected as refusal:
        words = "토스가 정산 내역을 주지 않았어요. 시크릿 키와 계약을 확인해 주세요."
        return _refused(form, f"{words} ({refusal.code})")
    except PaymentGatewayError as error:
        words = "토스에서 정산 내역을 받지 못했어요. 잠시 뒤에 다시 눌러 주세요."
        return _refused(form, f"{words} ({error.code})")
    finally:
        seat.leave()


def _show_settlements(form: RangeForm, pages: Iterator[list[MatchedLine]]) -> ResponseReturnValue:
    totals = Totals()
    wrong: list[MatchedLine] = []
    unsettled: list[MatchedLine] = []
    for page in pages:
        totals.add(page)
        for line in page:
            shown = unsettled if line.match is Match.UNSETTLED else wrong
            if line.match is not Match.SAME and len(shown) < SHOWN:
                shown.append(line)
    start_on, end_on = form.days
    return render_template(
        "admin/settlements.html",
        start_on=start_on,
        end_on=end_on,
        by=form.settlement_day,
        by_label=dict(BY)[form.settlement_day],
        asked={"from": start_on, "to": end_on, "by": form.settlement_day},
        totals=totals,
        wrong=wrong,
        unsettled=unsettled,
        match_labels=csv_files.MATCHES,
        has_none=current_app.config["TOSS_SECRET_KEY"].startswith("test_")
        and not current_app.config["USES_SANDBOX"],
    )


def _send_settlements(form: RangeForm, pages: Iterator[list[MatchedLine]]) -> ResponseReturnValue:
    """Send a file that is whole: Toss may fall silent before its list ends."""
    with ExitStack() as on_failure:
        file = on_failure.enter_context(tempfile.TemporaryFile())
        for text in csv_files.settlements(pages):
            file.write(text.encode())
        length = file.tell()
        file.seek(0)
        _note(ExportKind.SETTLEMENTS, form)
        answer = _attachment(ExportKind.SETTLEMENTS, form, FileWrapper(file))
        on_failure.pop_all()
    answer.content_length = length
    return answer


def _matched(form: RangeForm) -> Iterator[list[MatchedLine]]:
    start_on, end_on = form.days
    deadline = time.monotonic() + WAIT_SECONDS
    return chain.from_iterable(
        match_settlements(
            ask=_in_the_room(gateway, deadline),
            key_pair=gateway.key_pair,
            by=form.settlement_day,
            start_on=start_on,
            end_on=end_on,
            today=seoul_date(clock.now()),
        )
        for gateway in key_pairs.gateways()
    )


def _in_the_room(gateway: PaymentGateway, deadline: float) -> Ask:
    """Return what asks a gateway from the room for calls to Toss, and not after `deadline`."""
    room = current_app.extensions["toss_room"]

    def ask(
        start_on: date, end_on: date, *, by: SettlementDay, page: int, limit: int
    ) -> tuple[Settlement, ...]:
        question = partial(
            gateway.settlements,
            start_on,
            end_on,
            by=by,
            page=page,
            limit=limit,
        )
        left = deadline - time.monotonic()
        if left <= 0:
            raise TooSlow
        answer: tuple[Settlement, ...] = room.ask(question, wait_seconds=left)
        return answer

    return ask


def _note(kind: ExportKind, form: RangeForm) -> None:
    note_export(
        kind, *form.days, actor_id=current_user.id, address=client_address(), now=clock.now()
    )


def _take_seat() -> _Seat | None:
    seats: BoundedSemaphore = current_app.extensions["export_seats"]
    return _Seat(seats) if seats.acquire(blocking=False) else None


def _attachment(
    kind: ExportKind, form: RangeForm, content: Iterable[str] | Iterable[bytes]
) -> Response:
    answer = Response(content, mimetype="text/csv")
    name = csv_files.name(kind, *form.days)
    answer.headers.set("Content-Disposition", "attachment", filename=name)
    return answer


def _page(form: RangeForm, notice: str | None = None) -> str:
    return render_template("admin/exports.html", form=form, notice=notice)


def _refused(form: RangeForm, notice: str) -> ResponseReturnValue:
    return _page(form, notice), 503, {"Retry-After": "60"}
