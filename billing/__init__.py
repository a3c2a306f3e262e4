"""What the shop does with money: one verb per module; only this package commits it."""

from rules.wording import N_


class BillingError(Exception):
    """An anticipated refusal. `user_message` says what to do, in Korean to be translated."""

    user_message = N_("지금은 진행할 수 없어요. 잠시 후 다시 시도해 주세요.")
