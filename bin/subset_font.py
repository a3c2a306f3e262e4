"""Cut Pretendard into the slices that the pages load: `python -m bin.subset_font FOLDER`.

FOLDER holds Pretendard-Regular.woff2 and Pretendard-Bold.woff2 as published (npm package
`pretendard` 1.3.9, `dist/web/static/woff2`). Needs fonttools and brotli, which nothing else here
needs. Writes static/fonts/*.woff2 and static/fonts.css. Run it again when many new words come in:
a character that no slice holds is shown in the system's font.

The first slice holds the characters that the shop's own pages use, so most pages load one file a
weight; the second holds the rest of KS X 1001.
"""

import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

from bin.service import ROOT

WEIGHTS = {"Regular": 400, "Bold": 700}
SOURCES = ("templates/**/*.html", "views/*.py", "static/*.js", "demo/*.toml", "gateways/*.py")
EVERY_SYLLABLE = "U+AC00-D7A3"  # a later rule of the same weight goes before it
NEAR = [  # Noto as wide as Pretendard (0.864 against 0.920 em), so that no line breaks anew
    f'@font-face {{ font-family: "Pretendard near"; font-weight: {weight};'
    f' src: local("Noto Sans CJK KR{style}"), local("Noto Sans KR{style}"); size-adjust: 93.9%; }}'
    for style, weight in (("", 400), (" Bold", 700))
]
LATIN = {chr(code) for code in range(0x20, 0x7F)}
SIGNS = set("₩·…–—‘’“”→←×÷±≤≥©®°′″「」『』《》〈〉【】、。〜・※○●□■△▲▽▼☆★◇◆")


def main(folder: Path) -> None:
    """Write the slices of each weight, and the CSS that names them."""
    core = _used() & (_ksx1001() | SIGNS) | LATIN | SIGNS
    slices = {"rest": (_ksx1001() - core, EVERY_SYLLABLE), "core": (core, _ranges(core))}
    rules = [
        _rule(folder, style, weight, name, characters, shown_for)
        for style, weight in WEIGHTS.items()
        for name, (characters, shown_for) in slices.items()
    ]
    head = (
        "/* Pretendard 1.3.9, SIL Open Font License 1.1: fonts/OFL.txt. By bin/subset_font.py. */\n"
    )
    (ROOT / "static" / "fonts.css").write_text(head + "\n".join([*rules, *NEAR]) + "\n")


def _used() -> set[str]:
    found: set[str] = set()
    for pattern in SOURCES:
        for path in ROOT.glob(pattern):
            found |= set(path.read_text(encoding="utf-8"))
    return found


def _ksx1001() -> set[str]:
    """Return the 2,350 syllables of the Korean standard, which hold nearly every written word."""
    syllables = map(chr, range(0xAC00, 0xD7A4))
    return {one for one in syllables if len(one.encode("euc-kr", "ignore")) == 2}


def _rule(
    folder: Path, style: str, weight: int, name: str, characters: set[str], shown_for: str
) -> str:
    file = f"pretendard-{weight}-{name}.woff2"
    subprocess.run(
        [
            *(sys.executable, "-m", "fontTools.subset", str(folder / f"Pretendard-{style}.woff2")),
            f"--unicodes={_ranges(characters).replace('U+', '')}",
            f"--output-file={ROOT / 'static' / 'fonts' / file}",
            *("--flavor=woff2", "--layout-features=kern,liga,calt,tnum", "--no-hinting"),
        ],
        check=True,
    )
    return (
        f"@font-face {{ font-family: Pretendard; font-weight: {weight}; font-display: swap;"
        f' src: url("fonts/{file}") format("woff2"); unicode-range: {shown_for}; }}'
    )


def _ranges(characters: Iterable[str]) -> str:
    """Return characters as CSS writes them: `U+20-7E, U+AC00-AC01`."""
    codes = sorted(map(ord, characters))
    runs: list[list[int]] = []
    for code in codes:
        if runs and code == runs[-1][1] + 1:
            runs[-1][1] = code
        else:
            runs.append([code, code])
    return ", ".join(f"U+{a:X}" if a == b else f"U+{a:X}-{b:X}" for a, b in runs)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
