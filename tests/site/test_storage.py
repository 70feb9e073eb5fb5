"""Static files as they are shipped: hashed, compressed, and complete."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.contrib.staticfiles.storage import staticfiles_storage
from django.core.management import call_command
from django.test import Client, override_settings

STORAGE = {
    "default": {"BACKEND": "django.core.files.storage.InMemoryStorage"},
    "staticfiles": {"BACKEND": "gtsite.storage.HashedStaticFiles"},
}


@pytest.fixture(scope="module")
def collected(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The folder `collectstatic` fills, with the storage that reads it in use."""
    root = tmp_path_factory.mktemp("assets")
    with override_settings(STATIC_ROOT=root, STORAGES=STORAGE):
        call_command("collectstatic", interactive=False, verbosity=0)
        yield root


def test_scripts_import_each_other_by_hashed_names(collected: Path) -> None:
    for name in ("site", "player"):
        script = (collected / staticfiles_storage.url(f"js/{name}.js").split("/", 2)[2]).read_text()
        imported = re.findall(r'(?:from |import\()"(\./[^"]+)"', script)
        assert imported
        for each in imported:
            assert re.fullmatch(r"\./\w+\.[0-9a-f]{12}\.js", each)
            assert (collected / "js" / each).is_file()


def test_the_chart_imports_its_library_by_a_hashed_name(collected: Path) -> None:
    script = (collected / staticfiles_storage.url("js/chart.js").split("/", 2)[2]).read_text()
    (library,) = re.findall(r'from "\.\./([^"]+)"', script)
    assert re.fullmatch(r"vendor/uplot/uPlot\.esm\.[0-9a-f]{12}\.js", library)
    assert (collected / library).is_file()


def test_style_sheets_are_compressed_and_name_hashed_fonts(collected: Path) -> None:
    tokens = collected / staticfiles_storage.url("css/tokens.css").split("/", 2)[2]
    for suffix in (".gz", ".br"):
        assert tokens.with_name(tokens.name + suffix).is_file()
    fonts = re.findall(r'url\("\.\./fonts/([^"]+)"\)', tokens.read_text())
    assert fonts
    for font in fonts:
        assert re.search(r"\.[0-9a-f]{12}\.woff2$", font)
        assert (collected / "fonts" / font).is_file()


@pytest.mark.usefixtures("site", "collected")
def test_every_page_finds_its_files(client: Client) -> None:
    for path in ("/", "/browse/", "/title/sintel/", "/watch/sintel/", "/status/", "/nowhere/"):
        page = client.get(path).content.decode()
        names = re.findall(r'"/assets/([^"]+)"', page)
        assert names
        assert all(re.search(r"\.[0-9a-f]{12}\.\w+$", name) for name in names), path
