"""What a deployment is billed for: how many of what, without prices, which AWS changes."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from gtsite.deploy.checks import CHECK_INTERVAL_SECONDS
from gtsite.deploy.config import Config

ADDRESSES_PER_BALANCER = 2
"""A load balancer has one in each zone it is in, and is in two at least."""

RETENTION = re.compile(r"""RetentionInDays:\s*["']?(\d+)""")


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """One line of the bill: `least` to `most` of a thing, 0 for what only its use counts of."""

    thing: str
    unit: str
    least: int = 0
    most: int = 0

    @property
    def amount(self) -> str:
        """`2`, `2 to 4`, or '' where there is nothing to count."""
        if not self.most:
            return ""
        return str(self.most) if self.least == self.most else f"{self.least} to {self.most}"


def cost_drivers(config: Config, project: Path) -> list[Cost]:
    """The bill's lines, the usually dearest first; DynamoDB's are `manage.py cost`'s to say."""
    return [*_machines(config), *_by_region(config), *_by_use(project)]


def _machines(config: Config) -> Iterator[Cost]:
    regions = len(config.regions)
    least, most = regions * config.least_instances, regions * config.most_instances
    balancers = ADDRESSES_PER_BALANCER * regions
    types = " or ".join(config.instance_types)
    yield Cost(thing=f"instances, {types}", least=least, most=most, unit="hour")
    yield Cost(thing="disks, gp3", least=least, most=most, unit="GB and month")
    yield Cost(thing="application load balancers", least=regions, most=regions, unit="hour and use")
    yield Cost(
        thing="public IPv4 addresses, at least",
        least=least + balancers,
        most=most + balancers,
        unit="hour",
    )


def _by_region(config: Config) -> Iterator[Cost]:
    regions = len(config.regions)
    if config.domain:
        yield Cost(
            thing=f"health checks by HTTPS, every {CHECK_INTERVAL_SECONDS} seconds",
            least=regions,
            most=regions,
            unit="month",
        )
    yield Cost(thing="copies of the secret", least=regions, most=regions, unit="month")
    yield Cost(
        thing="replicas of every item",
        least=regions,
        most=regions,
        unit="write, read and GB: see manage.py cost",
    )


def _by_use(project: Path) -> Iterator[Cost]:
    yield Cost(thing="data sent to visitors, and from region to region", unit="GB")
    yield Cost(thing="35 days of the table to restore from, in the home region", unit="GB")
    yield Cost(thing=f"logs in CloudWatch{_kept(project)}", unit="GB")


def _kept(project: Path) -> str:
    """For how long the project's own options have logs kept; '' if they say nothing of it."""
    texts = (each.read_text() for each in sorted(project.glob(".ebextensions/*.config")))
    days = [int(found) for text in texts for found in RETENTION.findall(text)]
    return f", kept for {max(days)} days" if days else ""
