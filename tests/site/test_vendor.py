"""What we ship of others is what they published, and its licence is beside it."""

import json
import os

import pytest

from tests.support.sandbox import PROJECT

PUBLISHED = PROJECT / "node_modules" / "uplot"
SHIPPED = PROJECT / "static" / "vendor" / "uplot"
FILES = {
    "uPlot.esm.js": "dist/uPlot.esm.js",
    "uPlot.min.css": "dist/uPlot.min.css",
    "LICENSE": "LICENSE",
}


def test_the_chart_library_is_as_its_authors_published_it() -> None:
    if not PUBLISHED.exists() and os.environ.get("CI") != "true":
        pytest.skip("uplot is not installed: run npm install")
    wanted = json.loads((PROJECT / "package.json").read_text())["devDependencies"]["uplot"]
    assert json.loads((PUBLISHED / "package.json").read_text())["version"] == wanted
    assert {each.name for each in SHIPPED.iterdir()} == set(FILES)
    for ours, theirs in FILES.items():
        assert (SHIPPED / ours).read_bytes() == (PUBLISHED / theirs).read_bytes(), ours
