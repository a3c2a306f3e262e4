"""Where the browser for the tests is; what to do where there is none."""

import os
import shutil
import subprocess
import sys

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")


def find() -> str | None:
    """Return the path of a Chromium on this machine: BROWSER_PATH, the system's, Playwright's."""
    named = os.environ.get("BROWSER_PATH") or next(filter(None, map(shutil.which, NAMES)), None)
    return named or _of_playwright()


def ensure() -> str:
    """Return the path of a Chromium, installed first where there is none, with Korean fonts."""
    found = find()
    wanted = [] if found else ["chromium"]
    if not _has_korean_font():
        wanted.append("fonts-noto-cjk")
    if wanted and _may_use_apt():
        subprocess.run(["apt-get", "update", "-qq"], check=False)
        apt = ["apt-get", "install", "-qq", "-y", "--no-install-recommends", *wanted]
        subprocess.run(apt, check=False, env={**os.environ, "DEBIAN_FRONTEND": "noninteractive"})
        found = find()
    if not found:
        subprocess.run([sys.executable, "-m", "playwright", "install", "chromium"], check=True)
        found = find()
    if not found:
        raise SystemExit("No browser: install Chromium, or name one in BROWSER_PATH.")
    return found


def _of_playwright() -> str | None:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        path = playwright.chromium.executable_path
    return path if os.path.exists(path) else None


def _has_korean_font() -> bool:
    if not shutil.which("fc-list"):
        return False
    listed = subprocess.run(["fc-list", ":lang=ko"], capture_output=True, text=True)
    return bool(listed.stdout.strip())


def _may_use_apt() -> bool:
    return os.geteuid() == 0 and shutil.which("apt-get") is not None
