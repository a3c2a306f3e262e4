"""A memory for millions of numbers: one bit each, and none where none was marked."""

_BLOCK = 4096


class Marks:
    """Which ids were seen."""

    def __init__(self) -> None:
        self._blocks: dict[int, bytearray] = {}

    def add(self, number: int) -> bool:
        """Mark a number; return whether it was not marked yet."""
        block, byte, bit = _place(number)
        marked = self._blocks.setdefault(block, bytearray(_BLOCK))
        is_new = not marked[byte] & bit
        marked[byte] |= bit
        return is_new

    def __contains__(self, number: int) -> bool:
        """Test whether a number was marked."""
        block, byte, bit = _place(number)
        marked = self._blocks.get(block)
        return marked is not None and bool(marked[byte] & bit)


def _place(number: int) -> tuple[int, int, int]:
    block, rest = divmod(number, _BLOCK * 8)
    return block, rest >> 3, 1 << (rest & 7)
