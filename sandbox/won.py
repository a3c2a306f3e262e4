"""Split an amount into supply and tax."""


def vat_of(total: int, tax_free: int, tax_exemption: int) -> int:
    """Return the tax inside the taxed part: an eleventh, half a won rounded up."""
    return (2 * (total - tax_free - tax_exemption) + 11) // 22
