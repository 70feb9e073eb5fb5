"""Icons: one file for each name that templates use, and none besides."""

import re

import pytest
from django.conf import settings
from django.template import TemplateDoesNotExist

from gtsite.templatetags.icons import icon

TEMPLATES = settings.BASE_DIR / "templates"
NAMED = re.compile(r'{% icon "([a-z-]+)" %}')


def test_every_icon_that_a_template_names_is_there_and_no_other() -> None:
    pages = [path.read_text() for path in TEMPLATES.rglob("*.html")]
    named = {name for page in pages for name in NAMED.findall(page)}
    assert named == {path.stem for path in (TEMPLATES / "site" / "icons").iterdir()}
    assert sum(page.count("{% icon ") for page in pages) == sum(
        len(NAMED.findall(page)) for page in pages
    )


def test_an_icon_is_drawn_for_the_eyes_alone() -> None:
    drawn = icon("play")
    assert drawn.startswith("<svg ")
    assert "<path " in drawn
    assert 'aria-hidden="true"' in drawn


def test_a_name_without_a_shape_is_a_fault() -> None:
    with pytest.raises(TemplateDoesNotExist):
        icon("nowhere")
