"""`make bench`: what the sandbox, resilience and many titles cost, beside what they may cost.

`python -m benchmarks NAME…` runs some of them. Both sides of a ratio are measured in one run, by
turns, so that a noisy machine disturbs them alike; a figure that misses its target says so.
"""

import argparse
from collections.abc import Callable

from rich.console import Console

from benchmarks.calls import Report
from benchmarks.catalogue import catalogue
from benchmarks.gateway import cost, throughput
from benchmarks.growth import backfill, decay
from benchmarks.idle_and_lag import idle, lag
from benchmarks.lag import measuring
from benchmarks.loading import loading
from benchmarks.pages import pages
from benchmarks.stopping import stopping

BENCHMARKS: dict[str, Callable[[], Report]] = {
    "cost": cost,
    "throughput": throughput,
    "backfill": backfill,
    "decay": decay,
    "idle": idle,
    "lag": lag,
    "measuring": measuring,
    "pages": pages,
    "stopping": stopping,
    "catalogue": catalogue,
    "loading": loading,
}


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(BENCHMARKS))
    wanted = parser.parse_args().names or list(BENCHMARKS)
    if unknown := set(wanted) - set(BENCHMARKS):
        parser.error(f"{', '.join(sorted(unknown))}: there are {', '.join(BENCHMARKS)}.")
    console = Console()
    for name in wanted:
        console.print(BENCHMARKS[name]().table())
        console.print()


if __name__ == "__main__":
    main()
