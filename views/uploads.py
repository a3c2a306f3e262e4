"""Pictures on their way in: how much may be sent, and what of it is kept.

Nothing that was sent is kept as it came. A picture is read by what it is, not by its name, drawn
anew, and encoded by the shop: what hides in it, be it a place, a script or another file, is gone.
"""

import math
from collections.abc import Callable
from io import BytesIO
from threading import Lock
from typing import Any, TypeVar

from flask import Flask, current_app, request
from flask_login import current_user
from PIL import Image, ImageOps
from werkzeug.datastructures import FileStorage
from werkzeug.exceptions import RequestEntityTooLarge

from models import db
from models.picture import PictureFile

View = TypeVar("View", bound=Callable[..., Any])

MOST_MEGABYTES = 5
MOST_BYTES = MOST_MEGABYTES * 1024 * 1024
READ_AT_ONCE = 512 * 1024
"""Werkzeug counts what it has read of a file, and not yet written, as a form's memory."""
MOST_PIXELS = 24_000_000
LEAST_WIDTH, LEAST_HEIGHT = 320, 200
WIDTHS = (1280, 960, 640)
"""As wide as a picture is kept: the first that is not too heavy."""
HEAVY = 250_000
RATIO = 16 / 10
"""Every page shows the pictures of plans as wide as this, against their height."""

_FORMATS = ("PNG", "JPEG", "WEBP")
_EMPTY = "비어 있는 파일이에요. 그림 파일을 골라 주세요."
_TOO_MANY_BYTES = f"{MOST_MEGABYTES}MB가 넘는 파일이에요. 줄여서 다시 올려 주세요."
_TOO_MANY_PIXELS = "가로세로가 너무 큰 그림이에요. 6000×4000픽셀 아래로 줄여서 올려 주세요."
_TOO_SMALL = (
    f"너무 작은 그림이에요. 가로 {LEAST_WIDTH}, 세로 {LEAST_HEIGHT}픽셀이 넘는 그림을 올려 주세요."
)
_SVG = "SVG에는 스크립트가 숨을 수 있어 올릴 수 없어요. PNG로 저장해서 올려 주세요."
_NO_PICTURE = "PNG, JPEG, WebP 그림이 아니에요. 그림으로 저장한 파일을 골라 주세요."
_BROKEN = "깨졌거나 다 올라오지 않은 그림이에요. 그림을 열어 다시 저장한 뒤 올려 주세요."

_ONE_AT_A_TIME = Lock()  # A large picture takes two hundred megabytes while it is read.


class NotAPicture(Exception):
    """What was sent cannot be shown; `user_message` says in Korean why, and what to do."""

    def __init__(self, user_message: str) -> None:
        self.user_message = user_message
        super().__init__(user_message)


class PictureTooLarge(RequestEntityTooLarge):
    """So much was sent that nothing of it is read."""

    user_message = (
        f"그림은 {MOST_MEGABYTES}MB까지 올릴 수 있어요."
        " 이전 화면으로 돌아가 더 작은 그림을 골라 주세요."
    )


def takes_picture(view: View) -> View:
    """Let the merchant send this view a picture; every other request stays as small as ever."""
    view.takes_picture = True  # type: ignore[attr-defined]
    return view


def register(app: Flask) -> None:
    """Make room for pictures before anything reads a form."""
    app.before_request(_make_room)


def read_picture(sent: FileStorage) -> PictureFile:
    """Return a picture drawn anew from a file: cut to the shop's ratio around its middle, as WebP.

    :raises NotAPicture: it is none, or too large, too small or broken.
    """
    content = sent.read(MOST_BYTES + 1)
    if not content:
        raise NotAPicture(_EMPTY)
    if len(content) > MOST_BYTES:
        raise NotAPicture(_TOO_MANY_BYTES)
    with _ONE_AT_A_TIME:
        image = _opened(content)
        if image.width * image.height > MOST_PIXELS:
            raise NotAPicture(_TOO_MANY_PIXELS)
        return _encoded(_drawn(image))


def _make_room() -> None:
    view = current_app.view_functions.get(request.endpoint or "")
    if not getattr(view, "takes_picture", False):
        return
    is_merchant = current_user.is_authenticated and current_user.is_merchant
    db.session.rollback()  # No transaction stays open while a slow browser sends.
    if is_merchant:
        most = MOST_BYTES + current_app.config["MAX_CONTENT_LENGTH"]
        request.max_content_length = most
        request.max_form_memory_size = READ_AT_ONCE
        if (request.content_length or 0) > most:
            raise PictureTooLarge


def _opened(content: bytes) -> Image.Image:
    """Return a picture of which nothing but the beginning was read."""
    try:
        return Image.open(BytesIO(content), formats=_FORMATS)
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        raise NotAPicture(_TOO_MANY_PIXELS) from None
    except Exception:  # What a decoder makes of made-up bytes is anybody's guess.
        raise NotAPicture(_SVG if b"<svg" in content[:2000].lower() else _NO_PICTURE) from None


def _drawn(image: Image.Image) -> Image.Image:
    """Return a picture whole and upright."""
    try:
        image.draft("RGB", (WIDTHS[0], WIDTHS[0]))
        image.load()
        upright = ImageOps.exif_transpose(image)
        drawn = upright.convert("RGBA" if upright.has_transparency_data else "RGB")
    except Exception:
        raise NotAPicture(_BROKEN) from None
    if drawn.width < LEAST_WIDTH or drawn.height < LEAST_HEIGHT:
        raise NotAPicture(_TOO_SMALL)
    return drawn


def _encoded(image: Image.Image) -> PictureFile:
    widest = min(image.width, math.floor(image.height * RATIO))
    for limit in WIDTHS:
        width = min(widest, limit)
        size = (width, round(width / RATIO))
        encoded = BytesIO()
        ImageOps.fit(image, size).save(encoded, "WEBP", quality=80, method=6)
        if encoded.tell() <= HEAVY:
            break
    return PictureFile(encoded.getvalue(), "image/webp", *size)
