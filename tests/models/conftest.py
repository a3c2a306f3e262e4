"""Models on both databases, inside an app context."""

import pytest


@pytest.fixture(autouse=True)
def _in_context(context: None) -> None:
    """Run every test of this folder inside an app context."""
