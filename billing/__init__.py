"""What the shop does with money: one verb per module; only this package commits it."""


class BillingError(Exception):
    """An anticipated refusal. `user_message` says in Korean what to do, and is safe to show."""

    user_message = "지금은 진행할 수 없어요. 잠시 후 다시 시도해 주세요."
