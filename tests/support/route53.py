"""What a visitor sees of three regions behind Route 53, counted in rounds instead of seconds.

A round is the interval of the health checks: first they ask every region, then every visitor does.
"""

import http.client
from collections.abc import Mapping, MutableMapping, Sequence
from dataclasses import dataclass, field

from tests.support.production import Production

THRESHOLD = 3
"""Answers in a row that change a check's mind, either way: Route 53's default."""

TTL_ROUNDS = 2
"""How long a visitor goes by one answer: an alias record's 60 s, with a check every 30."""

SETTLED = THRESHOLD + TTL_ROUNDS
"""Rounds after which everybody has heard."""

NEAREST = {
    "us-west-2": ("us-west-2", "us-east-2", "eu-west-1"),
    "us-east-2": ("us-east-2", "us-west-2", "eu-west-1"),
    "eu-west-1": ("eu-west-1", "us-east-2", "us-west-2"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Visit:
    """One request of the visitor who lives in `home`, sent to `region`; status 0 for no answer."""

    home: str
    region: str
    status: int


@dataclass
class Checks:
    """Latency records with a health check each."""

    sites: Mapping[str, Production]
    _unhealthy: set[str] = field(default_factory=set)
    _against: dict[str, int] = field(default_factory=dict)

    def ask(self) -> None:
        for region, site in self.sites.items():
            healthy = status_of(site, "/healthz/ready") == http.client.OK
            agrees = healthy == (region not in self._unhealthy)
            self._against[region] = 0 if agrees else self._against.get(region, 0) + 1
            if self._against[region] == THRESHOLD:
                self._unhealthy ^= {region}

    def answer(self, nearest: Sequence[str]) -> str:
        """The nearest healthy region; when none is, all count as healthy."""
        return next((each for each in nearest if each not in self._unhealthy), nearest[0])


@dataclass
class World:
    """The sites of three regions, their checks, and a visitor in each region."""

    sites: MutableMapping[str, Production]
    path: str = "/"
    _checks: Checks = field(init=False)
    _heard: dict[str, tuple[str, int]] = field(default_factory=dict)
    _round: int = 0

    def __post_init__(self) -> None:
        self._checks = Checks(self.sites)

    def rounds(self, count: int) -> list[Visit]:
        """Every visit of so many rounds, in order."""
        return [visit for _ in range(count) for visit in self._next_round()]

    def _next_round(self) -> list[Visit]:
        self._round += 1
        self._checks.ask()
        return [self._visit(home) for home in NEAREST]

    def _visit(self, home: str) -> Visit:
        region, heard_in = self._heard.get(home, ("", -TTL_ROUNDS))
        if self._round - heard_in >= TTL_ROUNDS:
            region = self._checks.answer(NEAREST[home])
            self._heard[home] = (region, self._round)
        return Visit(home=home, region=region, status=status_of(self.sites[region], self.path))


def status_of(site: Production, path: str) -> int:
    """Of one whole answer; 0 where there is none."""
    try:
        return site.get(path).status
    except (OSError, http.client.HTTPException):
        return 0
