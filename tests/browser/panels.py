"""The panels of the lab: what a test waits for before it goes on."""

import re
from collections.abc import Sequence

from playwright.sync_api import Page, expect

ANSWERED = re.compile("holds|does not answer")
BUSY = re.compile("htmx-request")


def wait_until_given(page: Page, regions: Sequence[str]) -> None:
    """Until every region has given its item; one that took too long for its panel is asked anew.

    A panel waits for a second and a half, which a busy machine may need for nothing.
    """
    for region in regions:
        said = page.locator(f"#said-{region}")
        expect(said).to_contain_text(ANSWERED)
        while "holds" not in said.inner_text():
            with page.expect_response(f"**/lab/{region}/get/"):
                page.click(f"#get-{region}")
            expect(page.locator(f"#panel-{region}")).not_to_have_class(BUSY)
