def test_the_home_page_says_what_one_gets_and_how_one_leaves(page, plan):
    shown = page("/")

    assert shown.all("section", class_="hero")
    for heading in ("밤에 읽는 세 가지 이유", "떠나는 일도 쉬워요", "자주 묻는 질문"):
        assert heading in shown.text
    assert {"/plans", "/plans/premium-monthly", "/refund-policy"} <= set(shown.links)


def test_the_home_page_names_the_days_of_withdrawal_that_are_set(app, page, plan, monkeypatch):
    monkeypatch.setitem(app.config, "REFUND_WITHDRAW_DAYS", 14)

    assert "결제 후 14일 안에는" in page("/").text
