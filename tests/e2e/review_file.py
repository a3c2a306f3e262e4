"""The 결제경로 file of a running shop: made as the merchant makes it, and read back."""

import os
import secrets
import subprocess
import sys
from pathlib import Path
from typing import Any

from pptx import Presentation

from bin.service import ROOT
from bin.shop import Shop

PASSWORD = "moonlight-review-1"


def new_reviewer(shop: Shop) -> str:
    """Return the address of a new reviewer's account, which never paid."""
    email = f"review-{secrets.token_hex(4)}@example.com"
    account = ["--role", "reviewer", "--email", email, "--name", "심사 담당자"]
    shop.flask("users", "create", *account, "--password-stdin", typed=PASSWORD)
    return email


def run(
    shop: Shop, file: Path, *options: str, settings: dict[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """Run the command as the merchant does; its output and errors are one text."""
    return subprocess.run(
        [sys.executable, "-m", "flask", "review", "deck", "--output", str(file), *options],
        cwd=ROOT,
        env={**shop.env, "BROWSER_PATH": os.environ.get("BROWSER_PATH", ""), **(settings or {})},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=180,
    )


def signing_in(email: str, password: str = PASSWORD) -> list[str]:
    """Return the options that name an account."""
    return ["--reviewer-email", email, "--reviewer-password", password]


def slides_of(file: Path) -> list[Any]:
    """Return the slides of a file."""
    return list(Presentation(str(file)).slides)


def words(slide: Any) -> str:
    """Return every word on a slide, of its groups and tables too."""
    texts, shapes = [], list(slide.shapes)
    for shape in shapes:
        shapes += list(getattr(shape, "shapes", []))
        if shape.has_text_frame:
            texts.append(shape.text_frame.text)
        if getattr(shape, "has_table", False):
            texts += [cell.text for row in shape.table.rows for cell in row.cells]
    return "\n".join(texts)
