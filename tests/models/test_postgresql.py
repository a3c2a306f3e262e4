"""What a query answers is described to who looks at it, on either database."""

import psycopg
from sqlalchemy import select, text

from models import Plan, db


def test_the_columns_of_a_known_query_are_not_described_again(plan, monkeypatch):
    query = select(Plan)
    assert db.session.scalars(query).one() == plan
    monkeypatch.setattr(psycopg.Column, "__init__", None)

    assert db.session.scalars(query).one() == plan


def test_the_columns_of_a_query_that_nobody_knows_have_their_names():
    [row] = db.session.execute(text("SELECT 7 AS seven, 'x' AS letter")).mappings()

    assert dict(row) == {"seven": 7, "letter": "x"}


def test_a_cursor_describes_what_its_last_statement_answered():
    cursor = db.session.connection().connection.cursor()

    cursor.execute("SELECT 7 AS seven, 'x' AS letter")
    assert [column[0] for column in cursor.description] == ["seven", "letter"]
    assert len(cursor.description) == 2
    cursor.execute("SELECT 'y' AS one")
    assert cursor.description[0][0] == "one"
    cursor.execute("UPDATE plan SET name = name")
    assert cursor.description is None
