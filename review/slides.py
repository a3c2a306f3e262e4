"""The shapes on the slides of the 결제경로 file, without a word about what they say."""

import io
from collections.abc import Sequence
from datetime import datetime
from typing import IO

from pptx.dml.color import RGBColor
from pptx.enum.dml import MSO_LINE
from pptx.enum.lang import MSO_LANGUAGE_ID
from pptx.enum.shapes import MSO_SHAPE
from pptx.enum.text import MSO_ANCHOR, PP_ALIGN
from pptx.oxml import parse_xml
from pptx.oxml.ns import nsdecls, qn
from pptx.shapes.autoshape import Shape
from pptx.shapes.shapetree import GroupShapes, SlideShapes
from pptx.slide import Slide
from pptx.text.text import TextFrame, _Paragraph
from pptx.util import Inches, Pt

from review import template
from review.captures import Capture
from review.template import Box, inches
from rules.periods import SEOUL

DRAFT = "초안: PC 시계와 주소창이 보이는 직접 캡처로 바꿔 주세요"
DRAFT_NAME, BAR_NAME = "초안 표시", "주소와 시각"

Column = Sequence[tuple[str, Sequence[str]]]
"""Words in blocks: headings, each with its lines."""

_INK, _SOFT = RGBColor(0x1B, 0x20, 0x36), RGBColor(0x4A, 0x50, 0x66)
_ACCENT, _WHITE = RGBColor(0x27, 0x31, 0x5C), RGBColor(0xFF, 0xFF, 0xFF)
_SUNK, _LINE = RGBColor(0xE6, 0xE8, 0xF0), RGBColor(0xB9, 0xBE, 0xCF)
_WARN, _WARN_TINT = RGBColor(0x70, 0x4A, 0x00), RGBColor(0xFB, 0xF1, 0xD4)
_LEFT, _, _WIDE, _ = template.FRAME
_BAR_TOP, _BAR_HIGH = 1.02, 0.38
_ADDRESS_LENGTH = 60


class Slides:
    """A presentation that grows by one slide at a time."""

    def __init__(self, *, title: str, author: str, made_at: datetime) -> None:
        self._name = title
        self._presentation = template.new_presentation(title=title, author=author, made_at=made_at)

    def add_table(self, title: str, rows: Sequence[tuple[str, str]], note: str) -> None:
        """Add a slide with labels and facts, and a note under them."""
        slide = self._add(template.TABLE, title)
        left, top, width, _ = template.WHOLE
        high, label_width = 0.42, 2.6
        table = slide.shapes.add_table(
            len(rows), 2, *inches((left, top, width, high * len(rows)))
        ).table
        table.first_row = table.horz_banding = False
        table.columns[0].width, table.columns[1].width = (
            Inches(label_width),
            Inches(width - label_width),
        )
        for row, (label, fact) in zip(table.rows, rows, strict=True):
            row.height = Inches(high)
            for cell, text, color in zip(row.cells, (label, fact), (_SUNK, _WHITE), strict=True):
                cell.fill.solid()
                cell.fill.fore_color.rgb = color
                cell.vertical_anchor = MSO_ANCHOR.MIDDLE
                _write(cell.text_frame.paragraphs[0], text, 14, bold=color == _SUNK)
        under = top + high * len(rows) + 0.15
        _text(slide, (left, under, width, 6.95 - under), note, 13, color=_SOFT)

    def add_capture(self, title: str, capture: Capture, column: Column) -> None:
        """Add a slide with a capture under its address and time, marked as a draft."""
        slide = self._add(template.CAPTURE, title)
        _draw_bar(slide, capture.address, capture.taken_at)
        _show(slide, capture, title)
        _mark_draft(slide)
        _fill(slide.placeholders[2].text_frame, column)

    def add_gap(self, title: str, prompt: str, column: Column) -> None:
        """Add a slide with room for a capture that is still to be taken."""
        slide = self._add(template.CAPTURE, title)
        frame = _shape(slide.shapes, MSO_SHAPE.RECTANGLE, template.FRAME, _WHITE, _LINE)
        frame.line.dash_style = MSO_LINE.DASH
        _write(_centred(frame), prompt, 16, color=_SOFT)
        frame.text_frame.vertical_anchor = MSO_ANCHOR.BOTTOM  # the room's own words stand above
        frame.text_frame.margin_bottom = Inches(0.4)
        slide.shapes._spTree.remove(frame.element)
        slide.shapes._spTree.insert(2, frame.element)  # behind what is put there
        _mark_draft(slide)
        _fill(slide.placeholders[2].text_frame, column)

    def add_words(self, title: str, column: Column) -> None:
        """Add a slide of words."""
        slide = self._add(template.LIST, title)
        _fill(slide.placeholders[1].text_frame, column, size=15)

    def save(self, file: IO[bytes]) -> None:
        """Write the presentation."""
        self._presentation.save(file)

    def _add(self, layout: str, title: str) -> Slide:
        slide = self._presentation.slides.add_slide(
            template.find_layout(self._presentation, layout)
        )
        assert slide.shapes.title is not None
        _write(slide.shapes.title.text_frame.paragraphs[0], title)
        _number(slide, self._name)
        return slide


def told(moment: datetime) -> str:
    """Return an instant as a clock in Korea shows it."""
    return f"{moment.astimezone(SEOUL):%Y-%m-%d %H:%M:%S} (KST)"


def _show(slide: Slide, capture: Capture, title: str) -> None:
    """Put the picture in its placeholder, whole: deleting it leaves the same room for another.

    A placeholder for pictures would crop what is put into it; one for any content fits it.
    """
    picture = slide.shapes.add_picture(io.BytesIO(capture.png), Inches(0), Inches(0))
    template.place(picture, _inside(template.FRAME, *picture.image.size))
    picture.line.color.rgb = _LINE
    picture.name = f"캡처 {title}"
    about = picture.element.find(qn("p:nvPicPr"))
    alternative = f"{picture.name}: {capture.address}, {told(capture.taken_at)}"
    about.find(qn("p:cNvPr")).set("descr", alternative)
    about.find(qn("p:nvPr")).append(parse_xml(f'<p:ph {nsdecls("p")} sz="half" idx="1"/>'))
    room = slide.placeholders[1].element
    room.getparent().replace(room, picture.element)


def _draw_bar(slide: Slide, address: str, taken_at: datetime) -> None:
    group = slide.shapes.add_group_shape()
    group.name, bar = BAR_NAME, group.shapes
    _shape(bar, MSO_SHAPE.RECTANGLE, (_LEFT, _BAR_TOP, _WIDE, _BAR_HIGH), _SUNK, _LINE)
    for number in range(3):
        _shape(
            bar, MSO_SHAPE.OVAL, (_LEFT + 0.14 + 0.2 * number, _BAR_TOP + 0.13, 0.12, 0.12), _LINE
        )
    pill: Box = (_LEFT + 0.85, _BAR_TOP + 0.06, 5.1, _BAR_HIGH - 0.12)
    field = _shape(bar, MSO_SHAPE.ROUNDED_RECTANGLE, pill, _WHITE, _LINE)
    shown = address if len(address) <= _ADDRESS_LENGTH else f"{address[: _ADDRESS_LENGTH - 1]}…"
    _write(_centred(field, PP_ALIGN.LEFT), shown, 12)
    clock: Box = (_LEFT + 6.0, _BAR_TOP, _WIDE - 6.05, _BAR_HIGH)
    _write(_centred(_shape(bar, MSO_SHAPE.RECTANGLE, clock), PP_ALIGN.RIGHT), told(taken_at), 12)


def _mark_draft(slide: Slide) -> None:
    left, _, width, _ = template.COLUMN
    mark = _shape(
        slide.shapes, MSO_SHAPE.RECTANGLE, (left, _BAR_TOP, width, 0.68), _WARN_TINT, _WARN
    )
    mark.name = DRAFT_NAME
    _write(_centred(mark, PP_ALIGN.LEFT), DRAFT, 13, bold=True, color=_WARN)


def _fill(frame: TextFrame, column: Column, size: int = 13) -> None:
    """Write the blocks, each heading in the first style of the layout, its lines in the second."""
    paragraph = frame.paragraphs[0]
    for heading, lines in column:
        if paragraph.runs:
            paragraph = frame.add_paragraph()
        _write(paragraph, heading, size + 1, bold=True, color=_ACCENT)
        for line in lines:
            paragraph = frame.add_paragraph()
            paragraph.level = 1
            _write(paragraph, line, size)


def _number(slide: Slide, name: str) -> None:
    _text(slide, (_LEFT, 7.05, 9, 0.3), name, 10, color=_SOFT)
    paragraph = _text(slide, (12.0, 7.05, 0.88, 0.3), "", 10, color=_SOFT)
    paragraph.alignment = PP_ALIGN.RIGHT
    paragraph._p.append(
        parse_xml(
            f'<a:fld {nsdecls("a")} id="{{5BCAD085-E8A6-8845-BD4E-CB4CCA059FC4}}" type="slidenum">'
            '<a:rPr lang="ko-KR" sz="1000"/><a:t>‹#›</a:t></a:fld>'
        )
    )


def _shape(
    shapes: SlideShapes | GroupShapes,
    kind: MSO_SHAPE,
    box: Box,
    fill: RGBColor | None = None,
    line: RGBColor | None = None,
) -> Shape:
    shape = shapes.add_shape(kind, *inches(box))
    shape.element.remove(shape.element.find(qn("p:style")))  # the theme's shadow and colours
    for part, color in ((shape.fill, fill), (shape.line.fill, line)):
        if color is None:
            part.background()
        else:
            part.solid()
            part.fore_color.rgb = color
    return shape


def _inside(room: Box, width: int, height: int) -> Box:
    """Return the largest box in the middle of a room with the proportions of a picture."""
    left, top, wide, high = room
    scale = min(wide / width, high / height)
    return (
        left + (wide - width * scale) / 2,
        top + (high - height * scale) / 2,
        width * scale,
        height * scale,
    )


def _text(slide: Slide, box: Box, text: str, size: int, color: RGBColor) -> _Paragraph:
    frame = slide.shapes.add_textbox(*inches(box)).text_frame
    frame.word_wrap = True
    paragraph = frame.paragraphs[0]
    if text:
        _write(paragraph, text, size, color=color)
    return paragraph


def _centred(shape: Shape, align: PP_ALIGN = PP_ALIGN.CENTER) -> _Paragraph:
    frame = shape.text_frame
    frame.word_wrap = True
    frame.vertical_anchor = MSO_ANCHOR.MIDDLE
    frame.margin_top = frame.margin_bottom = 0
    frame.paragraphs[0].alignment = align
    return frame.paragraphs[0]


def _write(
    paragraph: _Paragraph,
    text: str,
    size: int | None = None,
    *,
    bold: bool = False,
    color: RGBColor = _INK,
) -> None:
    """Write into a paragraph; without a size as its layout says."""
    run = paragraph.add_run()
    run.text = text
    run.font.language_id = MSO_LANGUAGE_ID.KOREAN
    if size is not None:
        run.font.size, run.font.bold = Pt(size), bold
        run.font.color.rgb = color
