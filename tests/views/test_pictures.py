"""Pictures: what comes in is drawn anew or refused, what goes out is the same for ever."""

import json
import re
import struct
import zlib
from datetime import UTC, datetime
from io import BytesIO

import pytest
from PIL import Image
from sqlalchemy import select
from werkzeug.datastructures import FileStorage
from werkzeug.test import stream_encode_multipart

from models import AuditEntry, Picture, Plan, db
from tests.views.test_page_cache import queries
from views import uploads

ALT = "밤하늘에 뜬 보름달"
PAYLOAD = b"<script>alert('polyglot')</script>PK\x03\x04"


def encoded(image, kind="PNG", **options):
    """Return a picture as a file of this kind."""
    written = BytesIO()
    image.save(written, kind, **options)
    return written.getvalue()


def drawn(size=(1600, 1000), mode="RGB"):
    """Return a picture whose left half is dark and whose right half is light."""
    image = Image.new(mode, size, 255 if mode in ("L", "1") else "white")
    image.paste(0 if mode in ("L", "1") else "black", (0, 0, size[0] // 2, size[1]))
    return image


def png_that_says(width, height):
    """Return a small file that claims to be a huge picture."""

    def chunk(name, body):
        return (
            struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))
        )

    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    body = zlib.compress(b"\0" * 100_000)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", body) + chunk(b"IEND", b"")


class Watched(BytesIO):
    """A body that notes, each time it is read, whether a transaction is open meanwhile."""

    def __init__(self, content):
        super().__init__(content)
        self.seen = []

    def read(self, *size):
        self.seen.append(db.session().in_transaction())
        return super().read(*size)

    def readinto(self, buffer):
        self.seen.append(db.session().in_transaction())
        return super().readinto(buffer)


@pytest.fixture
def office(plan, merchant, enter):
    """Let the merchant into the back office of a shop with one plan."""
    enter(merchant)
    return plan


@pytest.fixture
def send(client, page, office):
    """Send a file as the plan's picture, from the page as it is now."""

    def post(content, name="moon.png", alt=ALT, **values):
        path = f"/admin/plans/{office.id}"
        form = {"alt": alt, "seen_picture": page(path).value("seen_picture"), **values}
        if content is not None:
            form["file"] = FileStorage(BytesIO(content), name)
        body, _, boundary = stream_encode_multipart(form, use_tempfile=False)
        kind = f"multipart/form-data; boundary={boundary}"
        return client.post(f"{path}/picture", data=body.read(), content_type=kind)

    return post


@pytest.fixture
def shown(client, page):
    """Return the picture on the plan's page: its attributes, and itself where it is not drawn."""

    def get():
        [found] = [
            one for one in page("/plans/premium-monthly").all("img") if one["width"] == "640"
        ]
        answer = client.get(found["src"])
        assert answer.status_code == 200
        is_drawn = answer.mimetype == "image/svg+xml"
        return found, None if is_drawn else Image.open(BytesIO(answer.get_data()))

    return get


def told(answer):
    """Return what a refused form says is wrong."""
    return re.findall(r'role="alert">(.+?)<', answer.get_data(as_text=True))


def kept(app):
    with app.app_context():
        return [bytes(content) for content in db.session.scalars(select(Picture.content))]


@pytest.mark.parametrize(
    ("content", "name"),
    [
        (encoded(drawn()), "moon.png"),
        (encoded(drawn(), "JPEG"), "moon.jpg"),
        (encoded(drawn(), "WEBP"), "moon.webp"),
        (encoded(drawn()), "a picture by another name.jpg"),
        (encoded(drawn(), "JPEG"), "moon.svg"),
        (encoded(drawn().convert("P")), "palette.png"),
        (encoded(drawn(mode="L")), "grey.png"),
        (encoded(drawn(mode="1")), "one bit.png"),
        (encoded(drawn().convert("CMYK"), "JPEG"), "print.jpg"),
        (encoded(drawn(), "WEBP", save_all=True, append_images=[drawn()]), "moving.webp"),
        (encoded(drawn(), save_all=True, append_images=[drawn().rotate(9)]), "moving.png"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_picture_is_shown_as_the_shop_drew_it(app, send, shown, content, name):
    assert send(content, name).status_code == 303

    attributes, picture = shown()
    assert attributes["alt"] == ALT
    assert re.fullmatch(r"/pictures/[0-9a-f]{64}\.webp", attributes["src"])
    assert (picture.format, picture.size) == ("WEBP", (1280, 800))
    assert not getattr(picture, "is_animated", False)
    dark, light = (
        picture.convert("L").getpixel((300, 400)),
        picture.convert("L").getpixel((900, 400)),
    )
    assert light - dark > 100
    with app.app_context():
        row = db.session.scalars(select(Picture)).one()
        assert (row.content_type, row.width, row.height) == ("image/webp", 1280, 800)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("size", "kept_size"),
    [
        ((4000, 3000), (1280, 800)),
        ((1000, 3000), (1000, 625)),
        ((3000, 400), (640, 400)),
        ((320, 200), (320, 200)),
    ],
)
def test_a_picture_is_cut_to_one_ratio_and_never_made_larger(send, shown, size, kept_size):
    send(encoded(drawn(size)))

    assert shown()[1].size == kept_size


def test_nothing_that_came_along_is_kept(app, send, shown):
    exif = Image.Exif()
    exif[0x010F] = "a telling camera"
    exif[0x8825] = {1: "N", 2: (37.0, 33.0, 59.0)}
    comment = {"comment": PAYLOAD}
    profile = b"\0" * 36 + b"acsp" + PAYLOAD * 5
    send(encoded(drawn(), "JPEG", exif=exif, icc_profile=profile, **comment) + PAYLOAD)

    [content] = kept(app)
    picture = shown()[1]
    assert not set(picture.info) & {"exif", "icc_profile", "xmp", "comment"}
    assert not picture.getexif()
    for trace in (b"camera", b"polyglot", b"EXIF", b"ICCP", b"XMP "):
        assert trace not in content


def test_a_picture_is_turned_as_the_camera_was_held(send, shown):
    exif = Image.Exif()
    exif[0x0112] = 3
    send(encoded(drawn(), "JPEG", exif=exif))

    grey = shown()[1].convert("L")
    assert grey.getpixel((300, 400)) > grey.getpixel((900, 400))


@pytest.mark.slow
@pytest.mark.slow
def test_what_is_transparent_stays_so(send, shown):
    image = Image.new("RGBA", (1600, 1000), (0, 0, 0, 0))
    image.paste((255, 255, 255, 255), (0, 0, 800, 1000))
    send(encoded(image))

    alpha = shown()[1].getchannel("A")
    assert (alpha.getpixel((300, 400)), alpha.getpixel((900, 400))) == (255, 0)


@pytest.mark.slow
def test_a_heavy_picture_becomes_smaller_until_it_is_light(app, send, shown):
    noise = Image.effect_noise((1300, 900), 120)
    colours = Image.merge("RGB", [noise, noise.rotate(90), noise.rotate(180)])
    assert send(encoded(colours, "JPEG", quality=60)).status_code == 303

    [content] = kept(app)
    assert len(content) <= uploads.HEAVY
    assert shown()[1].width < 1280


SVG = b'<?xml version="1.0"?>\n<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>'
WHOLE_JPEG = encoded(drawn((640, 400)), "JPEG")
WHOLE_PNG = encoded(drawn((640, 400)))
REFUSED = {
    "nothing in it": (b"", "moon.png", "비어 있는 파일"),
    "text": ("달".encode(), "moon.png", "PNG, JPEG, WebP 그림이 아니에요"),
    "a page": (b"<!doctype html><script>alert(1)</script>", "moon.png", "그림이 아니에요"),
    "an SVG with a script": (SVG, "moon.svg", "SVG에는 스크립트가"),
    "an SVG by another name": (SVG, "moon.png", "SVG에는 스크립트가"),
    "a GIF": (encoded(drawn(), "GIF"), "moon.gif", "그림이 아니에요"),
    "a TIFF": (encoded(drawn(), "TIFF"), "moon.png", "그림이 아니에요"),
    "the beginning of a PNG": (WHOLE_PNG[:8], "moon.png", "그림이 아니에요"),
    "half a JPEG": (WHOLE_JPEG[: len(WHOLE_JPEG) // 2], "moon.jpg", "깨졌거나 다 올라오지 않은"),
    "half a PNG": (WHOLE_PNG[: len(WHOLE_PNG) // 2], "moon.png", "깨졌거나 다 올라오지 않은"),
    "a PNG with other bytes in it": (
        WHOLE_PNG[:60] + b"\xff" * 60 + WHOLE_PNG[120:], "moon.png", "깨졌거나",
    ),
    "a bomb of 20,000 by 20,000": (png_that_says(20_000, 20_000), "moon.png", "너무 큰 그림"),
    "a bomb of 10,000 by 10,000": (png_that_says(10_000, 10_000), "moon.png", "너무 큰 그림"),
    "a bomb of 6,001 by 4,000": (png_that_says(6001, 4000), "moon.png", "너무 큰 그림"),
    "a long thin bomb": (png_that_says(2**31 - 1, 1), "moon.png", "너무 큰 그림"),
    "less than it says": (png_that_says(4000, 3000), "moon.png", "깨졌거나"),
    "a dot": (encoded(drawn((1, 1))), "moon.png", "너무 작은 그림"),
    "a low one": (encoded(drawn((2000, 199))), "moon.png", "너무 작은 그림"),
    "more than 5 MB": (WHOLE_PNG + b"\0" * uploads.MOST_BYTES, "moon.png", "5MB가 넘는"),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_no_picture_is_refused_with_what_to_do(app, send, shown, name):
    content, filename, sentence = REFUSED[name]

    answer = send(content, filename)

    assert answer.status_code == 400
    [only] = told(answer)
    assert sentence in only
    assert f'value="{ALT}"' in answer.get_data(as_text=True), "what was typed"
    assert kept(app) == []
    assert shown()[0]["src"].startswith("/static/")


def test_a_bomb_is_refused_before_it_is_unpacked(send, monkeypatch):
    loaded = []
    monkeypatch.setattr(Image.Image, "load", lambda self: loaded.append(self))

    send(png_that_says(6001, 4000))

    assert loaded == []


def test_a_form_without_a_file_is_told_so(send):
    for content, name in ((None, ""), (b"", "")):
        answer = send(content, name)
        assert answer.status_code == 400
        assert told(answer) == ["그림 파일을 골라 주세요."]


@pytest.mark.parametrize(
    ("alt", "sentence"),
    [("", "입력해 주세요"), ("달" * 121, "120자 이하"), ("두\n줄", "줄을 바꾸거나")],
)
def test_words_for_the_picture_are_asked_for(app, send, alt, sentence):
    answer = send(WHOLE_PNG, alt=alt)

    assert answer.status_code == 400
    assert sentence in told(answer)[0]
    assert kept(app) == []


def test_words_for_the_picture_change_without_sending_it_again(send, shown):
    send(WHOLE_PNG)
    before = shown()[0]["src"]

    assert send(None, alt='"><script>alert(1)</script>').status_code == 303

    after = shown()[0]
    assert (after["src"], after["alt"]) == (before, '"><script>alert(1)</script>')


def test_what_is_far_too_large_is_not_even_read(client, page, office):
    path, body = f"/admin/plans/{office.id}/picture", Watched(b"--x\r\n")
    for size in (50_000_000, uploads.MOST_BYTES + 65_537):
        answer = client.post(
            path,
            input_stream=body,
            content_type="multipart/form-data; boundary=x",
            environ_overrides={"CONTENT_LENGTH": str(size)},
        )
        assert answer.status_code == 413
        assert "그림은 5MB까지 올릴 수 있어요" in answer.get_data(as_text=True)
    assert body.seen == []
    other = client.post(f"/admin/plans/{office.id}", data={"name": "x" * 70_000})
    assert other.status_code == 413, "every other form stays small"


def test_others_may_send_nothing_large(client, plan, log_in, user):
    path, form = f"/admin/plans/{plan.id}/picture", {"file": (BytesIO(b"x" * 70_000), "a.png")}
    assert client.post(path, data=form).status_code == 413
    log_in(user)
    form = {"file": (BytesIO(b"x" * 70_000), "a.png")}
    assert client.post(path, data=form).status_code == 413
    assert client.post(path, data={"alt": ALT}).status_code == 404


def test_no_transaction_waits_for_a_slow_browser(app, client, page, office):
    stamp = page(f"/admin/plans/{office.id}").value("seen_picture")
    head = (
        f'--x\r\nContent-Disposition: form-data; name="seen_picture"\r\n\r\n{stamp}\r\n'
        f'--x\r\nContent-Disposition: form-data; name="alt"\r\n\r\n{ALT}\r\n'
        '--x\r\nContent-Disposition: form-data; name="file"; filename="a.png"\r\n\r\n'
    )
    body = head.encode() + WHOLE_PNG + b"\r\n--x--\r\n"

    slow = Watched(body)

    answer = client.post(
        f"/admin/plans/{office.id}/picture",
        input_stream=slow,
        content_type="multipart/form-data; boundary=x",
    )

    assert answer.status_code == 303
    assert slow.seen and not any(slow.seen)


def test_the_second_of_two_is_told_that_the_picture_is_another(app, send, page, shown, office):
    old = page(f"/admin/plans/{office.id}").value("seen_picture")
    send(WHOLE_PNG)
    first = shown()[0]["src"]

    answer = send(encoded(drawn((320, 200))), alt="둘째의 달", seen_picture=old)

    assert answer.status_code == 409
    html = answer.get_data(as_text=True)
    assert "다른 사람이 먼저 바꾸었어요" in html
    assert 'value="둘째의 달"' in html
    assert shown()[0]["src"] == first


def test_a_picture_is_removed_by_whom_sees_it(app, client, page, send, shown, office):
    path = f"/admin/plans/{office.id}"
    old = page(path).value("seen_picture")
    send(WHOLE_PNG)
    address = shown()[0]["src"]
    refused = client.post(f"{path}/picture/removal", data={"seen_picture": old})
    assert refused.status_code == 409
    assert kept(app) != []

    stamp = page(path).value("seen_picture")
    removed = client.post(f"{path}/picture/removal", data={"seen_picture": stamp})

    assert removed.status_code == 303
    assert shown()[0]["src"].startswith("/static/pictures/plan")
    assert kept(app) == []
    gone = client.get(address)
    assert (gone.status_code, gone.headers["Cache-Control"]) == (404, "private, no-store")


def test_a_page_that_is_still_open_finds_the_picture_before(client, send, shown):
    send(WHOLE_PNG)
    before = shown()[0]["src"]
    send(encoded(drawn((320, 200))))

    assert shown()[0]["src"] != before
    assert client.get(before).status_code == 200


def test_the_log_names_the_picture_and_holds_none_of_it(app, send, office, merchant):
    send(WHOLE_PNG)

    with app.app_context():
        entry = db.session.scalars(select(AuditEntry).filter_by(action="plan.picture_shown")).one()
        sha256 = db.session.scalars(select(Picture.sha256)).one()
    assert (entry.actor_id, entry.subject_id) == (merchant.id, str(office.id))
    assert entry.facts == {
        "slug": "premium-monthly",
        "picture_sha256": f"None → {sha256}",
        "picture_alt": f"None → {ALT}",
    }
    assert len(json.dumps(entry.facts)) < 500


def test_a_picture_is_kept_for_ever_and_is_the_same_for_everybody(app, client, send, shown):
    send(WHOLE_PNG)
    address = shown()[0]["src"]
    signed_in, stranger = client.get(address), app.test_client().get(address)

    assert signed_in.get_data() == stranger.get_data()
    for answer in (signed_in, stranger):
        headers = answer.headers
        assert headers["Content-Type"] == "image/webp"
        assert headers["Cache-Control"] == "public, max-age=31536000, immutable"
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert "default-src 'none'" in headers["Content-Security-Policy"]
        assert "Set-Cookie" not in headers and "Vary" not in headers
    again = client.get(address, headers={"If-None-Match": stranger.headers["ETag"]})
    assert (again.status_code, again.get_data()) == (304, b"")
    asked = client.head(address)
    assert (asked.status_code, asked.get_data()) == (200, b"")
    assert asked.content_length == len(stranger.get_data())


def test_a_browser_that_has_the_picture_costs_none_of_its_bytes(app, client, send, shown):
    send(WHOLE_PNG)
    address = shown()[0]["src"]
    etag = client.get(address).headers["ETag"]

    with queries(app) as made:
        client.get(address, headers={"If-None-Match": etag})

    assert len(made) == 1
    assert "picture.content," not in made[0]


@pytest.mark.parametrize("name", ["0" * 64, "x", "0" * 5000, "..%2f..%2fetc", "%27%20or%201=1"])
def test_a_made_up_picture_is_not_found(client, name):
    assert client.get(f"/pictures/{name}.webp").status_code == 404


def test_lists_of_plans_do_not_touch_the_pictures(app, send):
    send(WHOLE_PNG)
    stranger = app.test_client()

    for path in ("/", "/plans", "/plans/premium-monthly"):
        with queries(app) as made:
            assert "/pictures/" in stranger.get(path).get_data(as_text=True)
        assert not [one for one in made if "FROM picture" in one or "JOIN picture" in one], path
        assert len(made) <= 2, path


def test_a_plan_made_like_another_has_its_picture(app, client, page, send, shown, office):
    send(WHOLE_PNG)
    address = shown()[0]["src"]
    values = {**office.words, "slug": "premium-2027", "price_won": "12900", "cycle": "month-1"}

    made = client.post(f"/admin/plans/new?like={office.id}", data=values).location

    assert [one["src"] for one in page(made).all("img") if one["width"] == "640"] == [address]
    assert page(f"{made}/preview").all("img", src=address, alt=ALT)


def test_a_picture_without_words_cannot_be_stored(app, plan):
    with app.app_context():
        picture = Picture(sha256="0" * 64, content=b"x", content_type="image/webp", width=1,
                          height=1, created_at=datetime.now(UTC))  # fmt: skip
        db.session.add(picture)
        db.session.flush()
        db.session.get_one(Plan, plan.id).picture_sha256 = picture.sha256
        with pytest.raises(Exception, match="picture_with_words"):
            db.session.commit()
        db.session.rollback()
