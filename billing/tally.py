"""Count how the shop stands, for the merchant's overview."""

from datetime import date, datetime

from models import DailyFigure, db


def tally(*, day: date, now: datetime) -> None:
    """Keep a day's figures; counted again, they take the place of those from before."""
    DailyFigure.count(day, now=now)
    db.session.commit()
