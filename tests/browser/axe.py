"""axe-core, run on a page as it stands: what WCAG 2.2 AA and good practice find wrong with it."""

import os
from collections.abc import Sequence
from functools import cache
from typing import Any

import pytest
from playwright.sync_api import Page

from tests.support.sandbox import PROJECT

SCRIPT = PROJECT / "node_modules" / "axe-core" / "axe.min.js"
TAGS = ("wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice")


@cache
def source() -> str:
    """The script; where a machine need not have it the test is skipped, where `CI=true` it must."""
    if not SCRIPT.exists() and os.environ.get("CI") != "true":
        pytest.skip("axe-core is not installed: run bin/get-axe")
    return SCRIPT.read_text()


MORE_OF_THE_SAME = ("li:nth-child(n+7)", ".shelf ~ .shelf ~ .shelf ~ .shelf")
"""Long lists are made in a loop: what is wrong with one of them is wrong with its first items."""

RUN = """async ([only, exclude]) => {
    const frame = () => new Promise(done => requestAnimationFrame(done));
    await frame(); await frame();
    const options = {runOnly: only, resultTypes: ['violations'], iframes: false};
    return axe.run({include: [document], exclude}, options);
}"""


def complaints(page: Page, *, rules: Sequence[str] = ()) -> list[str]:
    """One line for each element that breaks a rule, with what is wrong; none on a good page.

    With `rules`, only those. It is looked at when colours have settled.
    """
    page.evaluate(f"window.axe === undefined && (() => {{ {source()} }})()")
    only = {"type": "rule", "values": list(rules)} if rules else list(TAGS)
    found: dict[str, Any] = page.evaluate(RUN, [only, MORE_OF_THE_SAME])
    return [
        f"{rule['id']}: {' '.join(map(str, node['target']))}: {_why(node)}"
        for rule in found["violations"]
        for node in rule["nodes"]
    ]


def _why(node: dict[str, Any]) -> str:
    return " ".join(str(node["failureSummary"]).split())
