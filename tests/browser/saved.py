"""What the player says when a position was saved, wherever that was."""

import re

SAVED = re.compile("^Saved ")


def saved_at(clock: str) -> re.Pattern[str]:
    """In the site's own region, or in another: a call that this machine held up goes there."""
    return re.compile(rf"^Saved (at|in .* ·) {clock}(\D|$)")
