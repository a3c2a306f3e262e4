"""The empty presentation: 16:9, the font of Korean offices, and three layouts to fill in."""

from datetime import UTC, datetime

import pptx
from pptx.opc.constants import RELATIONSHIP_TYPE
from pptx.opc.oxml import serialize_part_xml
from pptx.oxml import parse_xml
from pptx.oxml.ns import nsdecls, qn
from pptx.oxml.xmlchemy import BaseOxmlElement
from pptx.presentation import Presentation
from pptx.shapes.base import BaseShape
from pptx.slide import SlideLayout, SlideMaster
from pptx.util import Inches, Length

FONT = "맑은 고딕"
TABLE, LIST, CAPTURE = "표", "목록", "캡처"
"""The names of the layouts."""

Box = tuple[float, float, float, float]
"""Left, top, width and height, in inches."""

WIDTH, HEIGHT = 13.333, 7.5
TITLE: Box = (0.45, 0.26, 12.43, 0.62)
WHOLE: Box = (0.45, 1.0, 12.43, 5.95)
FRAME: Box = (0.45, 1.4, 8.88, 5.55)
COLUMN: Box = (9.55, 1.82, 3.33, 5.13)

_LAYOUTS = {"Title Only": TABLE, "Title and Content": LIST, "Two Content": CAPTURE}
_PLACES = {TABLE: {}, LIST: {1: WHOLE}, CAPTURE: {1: FRAME, 2: COLUMN}}
_SANS_SERIF = "020B0503020000020004"
_STYLE = (
    '<a:{level} {ns} marL="{indent}" indent="{hanging}" algn="l" latinLnBrk="0">'
    '<a:spcBef><a:spcPts val="{space}"/></a:spcBef>{bullet}'
    '<a:defRPr sz="{size}" b="{bold}"><a:solidFill><a:srgbClr val="{color}"/></a:solidFill>'
    '<a:latin typeface="+mn-lt"/><a:ea typeface="+mn-ea"/></a:defRPr></a:{level}>'
)
_NO_BULLET, _BULLET = "<a:buNone/>", '<a:buFont typeface="Arial"/><a:buChar char="•"/>'


def new_presentation(*, title: str, author: str, made_at: datetime) -> Presentation:
    """Return a presentation without slides, in the shop's name."""
    presentation = pptx.Presentation()
    presentation.slide_width, presentation.slide_height = Inches(WIDTH), Inches(HEIGHT)
    for layout in list(presentation.slide_layouts):
        if layout.name in _LAYOUTS:
            _fit(layout, _LAYOUTS[layout.name])
        else:
            presentation.slide_layouts.remove(layout)
    _style(presentation.slide_master)
    _set_fonts(presentation.slide_master)
    _sign(presentation, title, author, made_at)
    return presentation


def place(shape: BaseShape, box: Box) -> None:
    """Put a shape where the box is."""
    shape.left, shape.top, shape.width, shape.height = inches(box)


def inches(box: Box) -> tuple[Length, Length, Length, Length]:
    """Return a box in the unit of the file."""
    left, top, width, height = (Inches(each) for each in box)
    return left, top, width, height


def find_layout(presentation: Presentation, name: str) -> SlideLayout:
    """Return one of the three layouts."""
    found = presentation.slide_layouts.get_by_name(name)
    assert found is not None
    return found


def _fit(layout: SlideLayout, name: str) -> None:
    layout._element.cSld.set("name", name)
    for placeholder in list(layout.placeholders):
        index = placeholder.placeholder_format.idx
        if index in _PLACES[name]:
            place(placeholder, _PLACES[name][index])
            placeholder.text_frame._txBody.find(qn("a:lstStyle")).clear()
        elif index > 0:
            placeholder.element.getparent().remove(placeholder.element)


def _style(master: SlideMaster) -> None:
    for placeholder in list(master.placeholders):
        index = placeholder.placeholder_format.idx
        if index > 1:
            placeholder.element.getparent().remove(placeholder.element)
        else:
            place(placeholder, TITLE if index == 0 else WHOLE)
    styles = master._element.find(qn("p:txStyles"))
    _restyle(styles.find(qn("p:titleStyle")), "lvl1pPr", size=24, bold=True, color="27315C")
    body = styles.find(qn("p:bodyStyle"))
    _restyle(body, "lvl1pPr", size=14, space=8)
    _restyle(body, "lvl2pPr", size=13, space=3, indent=171450)


def _restyle(
    style: BaseOxmlElement,
    level: str,
    *,
    size: int,
    bold: bool = False,
    color: str = "1B2036",
    space: int = 0,
    indent: int = 0,
) -> None:
    words = _STYLE.format(
        level=level,
        ns=nsdecls("a"),
        indent=indent,
        hanging=-indent,
        space=space * 100,
        bullet=_BULLET if indent else _NO_BULLET,
        size=size * 100,
        bold=int(bold),
        color=color,
    )
    style.replace(style.find(qn(f"a:{level}")), parse_xml(words))


def _set_fonts(master: SlideMaster) -> None:
    """Name the font for every script; where it is missing, any sans-serif stands in."""
    theme = master.part.part_related_by(RELATIONSHIP_TYPE.THEME)
    tree = parse_xml(theme.blob)
    for family in ("a:majorFont", "a:minorFont"):
        for script in ("a:latin", "a:ea"):
            for font in tree.findall(f".//{qn(family)}/{qn(script)}"):
                font.set("typeface", FONT)
                font.set("panose", _SANS_SERIF)
    theme.blob = serialize_part_xml(tree)


def _sign(presentation: Presentation, title: str, author: str, made_at: datetime) -> None:
    about = presentation.core_properties
    moment = made_at.astimezone(UTC).replace(tzinfo=None)
    about.title, about.author, about.last_modified_by = title, author, author
    about.created = about.modified = moment
    about.language, about.revision = "ko-KR", 1
    about.keywords = about.comments = about.subject = ""
    package = presentation.part.package
    for key, relation in list(package._rels.items()):
        if relation.reltype == RELATIONSHIP_TYPE.THUMBNAIL:
            package._rels.pop(key)
