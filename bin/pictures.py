"""Make the PNGs of the shop from their SVGs: `python -m bin.pictures` after drawing one anew."""

import subprocess
from pathlib import Path

from bin import browser

STATIC = Path(__file__).resolve().parent.parent / "static"
PICTURES = (
    ("pictures/share.svg", "pictures/share.png", "1200,630"),
    ("favicon.svg", "apple-touch-icon.png", "180,180"),
)


def main() -> None:
    """Draw each SVG in its size, on night blue where its corners are round."""
    for source, target, size in PICTURES:
        command = [
            browser.ensure(),
            "--headless",
            "--no-sandbox",
            "--hide-scrollbars",
            "--default-background-color=27315cff",
            f"--window-size={size}",
            f"--screenshot={STATIC / target}",
            (STATIC / source).as_uri(),
        ]
        subprocess.run(command, check=True, capture_output=True, timeout=60)
        print(f"made static/{target}")


if __name__ == "__main__":
    main()
