"""A sandbox whose replicas take the next step of their lives when a test lets them, by no clock."""

import sys

from tests.support.sandbox import RunningSandbox, wait_until

PROGRAM = """
import asyncio, pathlib, sys
from gtsite.sandbox.__main__ import main
from gtsite.sandbox.control_plane.plane import Plane

folder = pathlib.Path(sys.argv.pop(1))

async def step(self):
    while (folder / "held").exists():
        if (folder / "one").exists():
            (folder / "one").unlink()
            return
        await asyncio.sleep(0.01)

Plane.step = step
sys.exit(main())
"""


class SteppedSandbox(RunningSandbox):
    """Each step has to be let from `hold_steps` to `let_steps`, across restarts as well."""

    def hold_steps(self) -> None:
        (self.folder / "held").touch()

    def let_steps(self) -> None:
        (self.folder / "held").unlink()

    def let_step(self) -> None:
        """Let the next one be taken; returns when it has begun."""
        (self.folder / "one").touch()
        wait_until(lambda: not (self.folder / "one").exists(), "the next step of a replica's life")

    def command(self) -> list[str]:
        """The command line a user would type, but for who decides when a step is over."""
        arguments = super().command()[3:]
        return [sys.executable, "-c", PROGRAM, str(self.folder), *arguments]
