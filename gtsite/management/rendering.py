"""Rich's tables as plain lines, for commands to write to stdout."""

import shutil
from collections.abc import Sequence

from rich.console import Console, JustifyMethod, RenderableType
from rich.table import Table

WIDEST = 120


def lines(*parts: RenderableType) -> list[str]:
    """The parts one under the other, as wide as the terminal, without trailing spaces.

    Brackets and colons in what is shown are text: keys and items are not ours to interpret.
    """
    width = min(shutil.get_terminal_size().columns, WIDEST)
    console = Console(
        width=max(width, 80), no_color=True, highlight=False, markup=False, emoji=False
    )
    with console.capture() as capture:
        for part in parts:
            console.print(part)
    return [line.rstrip() for line in capture.get().splitlines()]


def table(title: str, *headings: str, right: Sequence[str] = ()) -> Table:
    """An empty table in the commands' style; columns named in `right` are set flush right.

    Nothing is cut off: what is too long goes on in the next line.
    """
    made = Table(title=title, title_justify="left", title_style="bold", box=None, pad_edge=False)
    for heading in headings:
        justify: JustifyMethod = "right" if heading in right else "left"
        made.add_column(heading, justify=justify, overflow="fold")
    return made
