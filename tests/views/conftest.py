"""What the tests of pages share beside the shop."""

from contextlib import ExitStack

import pytest
from babel.messages.catalog import Catalog
from babel.messages.pofile import write_po

from rules.wording import Language
from views import languages


@pytest.fixture
def in_english(app, tmp_path, monkeypatch):
    """Return a function that speaks English from now on, with these translations."""

    def speak(translations):
        catalogue = Catalog(locale="en")
        for text, translation in translations.items():
            catalogue.add(text if isinstance(translation, str) else (text, text), translation)
        path = tmp_path / "en" / "LC_MESSAGES" / "messages.po"
        path.parent.mkdir(parents=True)
        with path.open("wb") as file:
            write_po(file, catalogue)
        monkeypatch.setattr(languages, "FOLDER", tmp_path)
        languages.translations.cache_clear()
        stack.enter_context(languages.speaking(Language.ENGLISH))

    with app.test_request_context("/"), ExitStack() as stack:
        yield speak
    languages.translations.cache_clear()
