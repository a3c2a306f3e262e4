import pytest

from rules import won


@pytest.mark.parametrize(
    ("total", "tax_free", "vat"),
    [
        (9900, 0, 900),
        (10000, 0, 909),
        (15000, 0, 1364),
        (4900, 0, 445),
        (10000, 3000, 636),
        (11000, 10000, 91),
        (5000, 5000, 0),
    ],
)
def test_vat_is_a_share_of_what_is_taxed(total, tax_free, vat):
    assert won.vat_included(total, tax_free) == vat


def test_won_are_written_with_commas():
    assert won.formatted(9900) == "9,900원"
    assert won.formatted(1234567) == "1,234,567원"
