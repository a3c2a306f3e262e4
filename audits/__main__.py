"""`make audit`: every page in every state, looked at by every tool; one line for each finding.

Pictures and contact sheets go to build/audit/. The exit status is 1 when anything was found. Names
of parts may follow, as in `python -m audits browser html lighthouse headers weight`.
"""

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import brotli
import requests

from audits import browser as looks
from audits.states import State, prepare
from bin import browser as chromium
from bin import postgres
from bin.service import ROOT
from bin.shop import Shop

FOLDER = ROOT / "audits"
OUT = ROOT / "build" / "audit"
LIGHTHOUSE_GOALS = {"performance": 95, "accessibility": 100, "best-practices": 100, "seo": 100}
MOST_BYTES = 30_000
Part = Callable[[Shop, Sequence[State]], Iterator[str]]


def main(names: list[str]) -> int:
    """Run the named parts, or all, and return 1 if there is a finding."""
    _need("node", "npm", "java")
    if not (FOLDER / "node_modules").is_dir():
        subprocess.run(["npm", "ci", "--ignore-scripts", "--no-fund"], cwd=FOLDER, check=True)
    OUT.mkdir(parents=True, exist_ok=True)
    findings: list[str] = []
    with postgres.ensure(), tempfile.TemporaryDirectory(prefix="audit-") as folder:
        shop = Shop(Path(folder), {"TOSS_WEB_WAIT": "0.5"})
        try:
            shop.start()
            states = prepare(shop)
            for name in names or PARTS:
                for finding in PARTS[name](shop, states):
                    print(f"{name}: {finding}", flush=True)
                    findings.append(finding)
        finally:
            shop.close()
    print(json.dumps({"findings": len(findings), "pages": len(states)}), flush=True)
    return 1 if findings else 0


def in_browser(shop: Shop, states: Sequence[State]) -> Iterator[str]:
    """Look at every state in every view: layout, axe, keyboard; keep the pictures."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(
            executable_path=chromium.ensure(), args=["--no-sandbox", "--disable-gpu"]
        )
        for view in looks.VIEWS:
            for state, _, page in looks.look(opened, shop, states, [view]):
                found = looks.layout_findings(page) + looks.axe_findings(page)
                page.screenshot(path=OUT / looks.picture_name(state, view), full_page=True)
                if view == looks.VIEWS[0]:
                    found += looks.keyboard_findings(page)
                yield from (f"{state.name}, {view}: {each}" for each in found)
            _contact_sheet(opened, states, view)
        opened.close()


def html(shop: Shop, states: Sequence[State]) -> Iterator[str]:
    """Check the HTML of every state and the style sheets with the Nu checker."""
    with tempfile.TemporaryDirectory() as folder:
        for number, state in enumerate(states):
            (Path(folder) / f"{number}.html").write_text(_get(shop, state).text, encoding="utf-8")
        jar = FOLDER / "node_modules" / "vnu-jar" / "build" / "dist" / "vnu.jar"
        files = [*sorted(map(str, Path(folder).iterdir())), str(ROOT / "static" / "site.css")]
        command = ["java", "-jar", str(jar), "--also-check-css", "--format", "json", *files]
        ran = subprocess.run(command, capture_output=True, text=True)
        for message in json.loads(ran.stderr)["messages"]:
            page = re.search(r"/(\d+)\.html$", message.get("url", ""))
            where = states[int(page[1])].name if page else message.get("url", "")
            yield f"{where}: {message['message']} ({message.get('extract', '').strip()[:80]})"


def lighthouse(shop: Shop, states: Sequence[State]) -> Iterator[str]:
    """Measure every public page with Lighthouse, as on a phone."""
    program = str(FOLDER / "node_modules" / ".bin" / "lighthouse")
    flags = "--headless=new --no-sandbox --disable-gpu --disable-background-networking"
    for state in (state for state in states if state.is_public):
        report = OUT / "lighthouse.json"
        subprocess.run(
            [
                *(program, shop.url + state.path, "--output=json", f"--output-path={report}"),
                *("--quiet", f"--chrome-flags={flags}"),
            ],
            env={**os.environ, "CHROME_PATH": chromium.ensure()},
            check=True,
            capture_output=True,
        )
        result = json.loads(report.read_text())
        for category, goal in LIGHTHOUSE_GOALS.items():
            score = round((result["categories"][category]["score"] or 0) * 100)
            if score < goal:
                weak = ", ".join(_weak_audits(result, category))
                yield f"{state.name}: {category} {score} < {goal} ({weak})"


def headers(shop: Shop, states: Sequence[State]) -> Iterator[str]:
    """Ask the observatory and csp_evaluator about every page that registers no card."""
    port = shop.url.rpartition(":")[2]
    for state in (state for state in states if not state.registers_cards):
        policy = _get(shop, state).headers["Content-Security-Policy"]
        if "unsafe-inline" in policy or "http" in policy:
            yield f"{state.name}: {policy}"
        command = ["node", "node.mjs", port, state.path, policy]
        ran = subprocess.run(command, cwd=FOLDER, capture_output=True, text=True, check=True)
        yield from (f"{state.name}: {line}" for line in ran.stdout.splitlines())


def weight(shop: Shop, states: Sequence[State]) -> Iterator[str]:
    """Weigh every page with its style sheets, compressed; and look for requests that leave."""
    for state in states:
        page = _get(shop, state).text
        total = len(brotli.compress(page.encode()))
        for link in re.findall(r'<link rel="stylesheet" href="([^"]+)"', page):
            total += len(brotli.compress(requests.get(shop.url + link, timeout=30).content))
        if total > MOST_BYTES:
            yield f"{state.name}: {total} bytes of HTML and CSS, more than {MOST_BYTES}"
        for address in re.findall(
            r'(?:src|href)="(https?://[^"]+)"[^>]*(?:rel="style|defer)', page
        ):
            if not state.registers_cards:
                yield f"{state.name}: asks {address}"


PARTS: dict[str, Part] = {
    "browser": in_browser,
    "html": html,
    "lighthouse": lighthouse,
    "headers": headers,
    "weight": weight,
}


def _need(*programs: str) -> None:
    missing = [program for program in programs if shutil.which(program) is None]
    if missing:
        raise SystemExit(f"make audit needs {', '.join(missing)}: install Node.js 20 and Java 17.")


def _get(shop: Shop, state: State) -> requests.Response:
    http = state.who.http if state.who else requests.Session()
    return http.get(shop.url + state.path, timeout=30)


def _weak_audits(result: dict[str, Any], category: str) -> Iterator[str]:
    for reference in result["categories"][category]["auditRefs"]:
        audit = result["audits"][reference["id"]]
        if audit["score"] is not None and audit["score"] < 0.9 and reference["weight"]:
            yield f"{audit['id']} {audit.get('displayValue', '')}".strip()


def _contact_sheet(opened: Any, states: Sequence[State], view: looks.View) -> None:
    """Put the pictures of one view side by side."""
    figures = "".join(
        f'<figure><img src="{looks.picture_name(state, view)}" width="240">'
        f"<figcaption>{state.name}</figcaption></figure>"
        for state in states
    )
    style = "body{display:flex;flex-wrap:wrap;gap:8px;font:12px sans-serif}figure{margin:0}"
    sheet = OUT / f"sheet-{view.width}-{view.scheme}-{view.text_percent}.html"
    sheet.write_text(f"<!doctype html><meta charset=utf-8><style>{style}</style>{figures}")
    page = opened.new_page(viewport={"width": 2000, "height": 1000})
    page.goto(sheet.as_uri())
    page.screenshot(path=sheet.with_suffix(".png"), full_page=True)
    page.close()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
