import gzip
import re

import brotli
import pytest

import config


def hashed(client, name):
    html = client.get("/contact").get_data(as_text=True)
    found = re.search(rf'href="(/static/{name}\.[0-9a-f]{{12}}\.\w+)"', html)
    assert found, f"{name} is not linked by its hash"
    return found[1]


def test_a_file_is_named_after_its_contents_and_kept_for_ever(client):
    answer = client.get(hashed(client, "site"))
    assert answer.headers["Cache-Control"] == "public, max-age=31536000, immutable"
    assert answer.content_type == "text/css; charset=utf-8"
    assert "Set-Cookie" not in answer.headers


@pytest.mark.parametrize(
    ("accepted", "encoding", "unpack"),
    [
        ("br, gzip", "br", brotli.decompress),
        ("gzip", "gzip", gzip.decompress),
        ("br;q=0, gzip", "gzip", gzip.decompress),
        ("identity", None, bytes),
    ],
)
def test_a_text_comes_as_small_as_the_browser_takes_it(client, accepted, encoding, unpack):
    path = hashed(client, "site")
    plain = client.get(path).get_data()
    answer = client.get(path, headers={"Accept-Encoding": accepted})
    assert answer.headers.get("Content-Encoding") == encoding
    assert unpack(answer.get_data()) == plain
    assert answer.headers["Vary"] == "Accept-Encoding"
    assert encoding is None or len(answer.get_data()) < len(plain) / 3


def test_an_old_or_made_up_hash_is_not_found(client):
    path = hashed(client, "site")
    assert client.get(re.sub(r"[0-9a-f]{12}", "0" * 12, path)).status_code == 404


def test_a_plain_name_is_kept_for_a_while_only(client):
    answer = client.get("/static/site.css")
    assert answer.headers["Cache-Control"] == "public, max-age=600"


def test_what_a_browser_has_is_not_sent_again(client):
    path = hashed(client, "site")
    etag = client.get(path).headers["ETag"]
    again = client.get(path, headers={"If-None-Match": etag})
    assert (again.status_code, again.get_data()) == (304, b"")


def test_style_sheets_name_their_fonts_by_hash(client):
    css = client.get(hashed(client, "fonts")).get_data(as_text=True)
    fonts = re.findall(r'url\("([^"]+)"\)', css)
    assert len(fonts) == 4
    for font in fonts:
        answer = client.get(f"/static/{font}")
        assert answer.headers["Cache-Control"].endswith("immutable")
        assert answer.content_type == "font/woff2"
        assert "Content-Encoding" not in answer.headers


@pytest.mark.parametrize("name", ["../config.py", "%2e%2e/config.py", "..%2f.env", "pictures", ""])
def test_nothing_outside_the_folder_is_served(client, name):
    assert client.get(f"/static/{name}").status_code == 404


def test_every_font_has_its_licence_beside_it(client):
    text = client.get("/static/fonts/OFL.txt").get_data(as_text=True)
    assert "SIL Open Font License" in text or "SIL OPEN FONT LICENSE" in text
    assert (config.ROOT / "static" / "fonts" / "OFL.txt").is_file()


@pytest.mark.parametrize("path", ["/", "/plans", "/terms", "/privacy", "/refund-policy", "/fail"])
def test_a_page_with_its_style_weighs_little(client, plan, path):
    html = client.get(path).get_data()
    weight = len(gzip.compress(html))
    for sheet in re.findall(rb'<link rel="stylesheet" href="([^"]+)"', html):
        answer = client.get(sheet.decode(), headers={"Accept-Encoding": "gzip"})
        weight += len(answer.get_data())
    assert weight <= 30_000


@pytest.mark.parametrize("path", ["/", "/plans/premium-monthly", "/terms", "/login", "/contact"])
def test_a_page_loads_nothing_from_elsewhere(page, plan, path):
    shown = page(path)
    loaded = [found["src"] for tag in ("img", "script", "iframe") for found in shown.all(tag)]
    links = [link for link in shown.all("link") if link["rel"] not in ("canonical", "alternate")]
    loaded += [link["href"] for link in links]
    assert loaded
    assert [address for address in loaded if not address.startswith("/static/")] == []
