"""The overview's charts, drawn by pygal as pictures; the page shows the same figures as tables."""

import sys
from collections import Counter
from collections.abc import Callable, Sequence
from xml.etree.ElementTree import Element

import pygal
from pygal.style import Style

from models import DailyFigure

sys.meta_path[:] = [one for one in sys.meta_path if hasattr(one, "find_spec")]
"""pygal hangs a finder for plugins into Python's imports that speaks no protocol of today's."""

_CSS = (
    "inline:.reactive { stroke-width: 2 !important; }"
    " @media (prefers-color-scheme: dark) {"
    " text { fill: #b4b7c9 !important; } .guides, .line.axis { stroke: #32385a !important; } }"
)
_STYLE = Style(
    background="transparent",
    plot_background="transparent",
    foreground="#575c70",
    foreground_strong="#575c70",
    foreground_subtle="#e4dfd0",
    guide_stroke_color="#cfcbbd",
    major_guide_stroke_color="#cfcbbd",
    colors=("#5b6bc0", "#2f8f5b", "#c0563b", "#b48a1e"),
    font_family="Pretendard, 'Apple SD Gothic Neo', 'Malgun Gothic', sans-serif",
    label_font_size=12,
    major_label_font_size=12,
    legend_font_size=12,
    value_font_size=12,
    no_data_font_size=14,
)


def subscribers(figures: Sequence[DailyFigure]) -> bytes:
    """Draw how many subscriptions ran each day."""
    chart = pygal.Line(**_options(figures), show_legend=False)
    chart.add("이용 중", [figure.active for figure in figures])
    return _drawn(chart)


def revenue(figures: Sequence[DailyFigure]) -> bytes:
    """Draw what the running subscriptions bring in a month."""
    chart = pygal.Line(**_options(figures), show_legend=False)
    chart.value_formatter = lambda value: f"{value:,.0f}만 원"
    chart.add("월 반복 매출", [figure.mrr_won / 10_000 for figure in figures])
    return _drawn(chart)


def changes(figures: Sequence[DailyFigure]) -> bytes:
    """Draw how many subscriptions began, ended, and were recovered after a decline, by the week."""
    weeks = [figures[start : start + 7] for start in range(0, len(figures), 7)]
    firsts = [week[0] for week in weeks]
    chart = pygal.Bar(**_options(firsts), legend_at_bottom=True, legend_at_bottom_columns=3)
    chart.add("시작", [sum(figure.begun for figure in week) for week in weeks])
    chart.add("복구", [sum(figure.recovered for figure in week) for week in weeks])
    chart.add("종료", [sum(figure.ended for figure in week) for week in weeks])
    return _drawn(chart)


def failures(figures: Sequence[DailyFigure]) -> bytes:
    """Draw how often each of Toss's codes was the reason of a declined payment."""
    counts = failure_counts(figures)
    height = 90 + 26 * max(len(counts), 1)
    options = _options(()) | {"x_labels": None, "height": height}
    chart = pygal.HorizontalBar(**options, show_legend=False)
    chart.x_labels = [code[:24] for code, _ in reversed(counts)]
    chart.add("실패", [count for _, count in reversed(counts)])
    return _drawn(chart)


def failure_counts(figures: Sequence[DailyFigure]) -> list[tuple[str, int]]:
    """Return Toss's codes with how often each was answered, the most frequent first."""
    counts: Counter[str] = Counter()
    for figure in figures:
        counts.update(figure.failed)
    return counts.most_common(12)


CHARTS: dict[str, Callable[[Sequence[DailyFigure]], bytes]] = {
    "subscribers": subscribers,
    "revenue": revenue,
    "changes": changes,
    "failures": failures,
}


def _options(figures: Sequence[DailyFigure]) -> dict[str, object]:
    labels = [f"{figure.day.month}. {figure.day.day}." for figure in figures]
    step = -(-len(labels) // 6) or 1
    return {
        "style": _STYLE,
        "css": ["file://style.css", "file://graph.css", _CSS],
        "js": [],
        "width": 480,
        "height": 230,
        "x_labels": labels,
        "x_labels_major": labels[::step],
        "show_minor_x_labels": False,
        "truncate_label": -1,
        "min_scale": 3,
        "max_scale": 6,
        "include_x_axis": True,
        "value_formatter": lambda value: f"{value:,.0f}",
        "show_dots": len(labels) < 3,
        "margin": 12,
        "no_data_text": "아직 없어요",
        "disable_xml_declaration": False,
        "no_prefix": True,
    }


def _drawn(chart: pygal.graph.graph.Graph) -> bytes:
    chart.add_xml_filter(_without_scripts)
    drawn: bytes = chart.render()
    return drawn


def _without_scripts(root: Element) -> Element:
    """Drop what a picture never runs and the shop's content security policy forbids."""
    for parent in root.iter():
        for child in [one for one in parent if str(one.tag).endswith("script")]:
            parent.remove(child)
    return root
