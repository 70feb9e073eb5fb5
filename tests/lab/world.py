"""Regions on paper: what the lab would be answered, without a database, by the test's clock."""

from dataclasses import dataclass, field
from operator import itemgetter

from bookmarks.lab.entities import Action, Entry, Outcome

OREGON, IRELAND, OHIO = "us-west-2", "eu-west-1", "us-east-2"
REGIONS = (OREGON, IRELAND, OHIO)


@dataclass(frozen=True, slots=True)
class Item:
    value: int = 0
    stamp_ms: int | None = None
    writer: str | None = None

    @property
    def version(self) -> tuple[int, str]:
        return self.stamp_ms or 0, self.writer or ""


@dataclass(slots=True)
class World:
    """Three replicas of an item; a write reaches the others after `lag_ms`, and the newest wins."""

    lag_ms: int = 1000
    now_ms: int = 1_000_000
    regions: tuple[str, ...] = REGIONS
    held: dict[str, Item] = field(default_factory=dict)
    histories: dict[str, list[Entry]] = field(default_factory=dict)
    parents: dict[tuple[int, str], tuple[int, str]] = field(default_factory=dict)
    under_way: list[tuple[int, str, Item]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.held = dict.fromkeys(self.regions, Item())
        self.histories = {region: [] for region in self.regions}

    def wait(self, elapsed_ms: int) -> None:
        """Lets time pass, and deliveries happen in the order in which they are due."""
        self.now_ms += elapsed_ms
        due = sorted((row for row in self.under_way if row[0] <= self.now_ms), key=itemgetter(0))
        self.under_way = [row for row in self.under_way if row[0] > self.now_ms]
        for _, region, item in due:
            if item.version > self.held[region].version:
                self.held[region] = item

    def drain(self) -> None:
        self.wait(self.lag_ms)

    def get(self, region: str) -> None:
        item = self.held[region]
        self._answered(
            region,
            Entry(
                at_ms=self.now_ms,
                action=Action.GET,
                outcome=Outcome.OK,
                elapsed_ms=1.0,
                value=item.value,
                stamp_ms=item.stamp_ms,
                writer=item.writer,
            ),
        )

    def get_everywhere(self) -> None:
        for region in self.regions:
            self.get(region)

    def add(self, region: str, step: int) -> None:
        before = self.held[region]
        after = Item(before.value + step, self.now_ms, region)
        self.held[region] = after
        self.parents[after.version] = before.version
        for other in self.regions:
            if other != region:
                self.under_way.append((self.now_ms + self.lag_ms, other, after))
        self._answered(
            region,
            Entry(
                at_ms=self.now_ms,
                action=Action.PLUS if step > 0 else Action.MINUS,
                outcome=Outcome.OK,
                elapsed_ms=1.0,
                step=step,
                old=before.value,
                base_ms=before.stamp_ms,
                base_writer=before.writer,
                value=after.value,
                stamp_ms=after.stamp_ms,
                writer=after.writer,
            ),
        )

    def put(self, item: Item) -> None:
        """Something that is not this lab writes the item, everywhere at once."""
        self.held = dict.fromkeys(self.regions, item)

    def fail(self, region: str, outcome: Outcome, action: Action = Action.GET) -> None:
        self._answered(
            region,
            Entry(at_ms=self.now_ms, action=action, outcome=outcome, elapsed_ms=800.0, step=1),
        )

    def ping(self, region: str) -> None:
        self._answered(
            region,
            Entry(at_ms=self.now_ms, action=Action.PING, outcome=Outcome.OK, elapsed_ms=1.0),
        )

    def lost(self) -> set[tuple[int, str]]:
        """The updates from which the newest item does not descend: what was truly lost."""
        standing: set[tuple[int, str]] = set()
        version = max(item.version for item in self.held.values())
        while version in self.parents:
            standing.add(version)
            version = self.parents[version]
        return set(self.parents) - standing

    def _answered(self, region: str, entry: Entry) -> None:
        self.histories[region].insert(0, entry)
