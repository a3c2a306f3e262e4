"""Won: whole numbers of the Korean currency, VAT included; the shop's one rounding rule."""


def vat_included(total_won: int, tax_free_won: int = 0) -> int:
    """Return the VAT inside `total_won`, a half rounded up (Toss contract, section 9).

    What Toss answers stands above this figure; it serves where Toss was not asked yet.
    """
    return ((total_won - tax_free_won) * 2 + 11) // 22


def formatted(won: int) -> str:
    """Return `won` as it is written on pages: `9,900원`."""
    return f"{won:,}원"


def signed(won: int) -> str:
    """Return `won` as a line of a calculation: `9,900원`, `-3,300원`."""
    return f"-{formatted(-won)}" if won < 0 else formatted(won)
