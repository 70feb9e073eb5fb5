"""What a sandbox is told when it starts."""

from dataclasses import dataclass
from pathlib import Path

from gtsite.sandbox.storage.engines import EngineName

DEFAULT_REGIONS = ("us-west-2", "eu-west-1", "us-east-2")


@dataclass(frozen=True, slots=True, kw_only=True)
class SandboxConfig:
    """Where a sandbox listens, where its data lies, and how slow it makes the world.

    `port` is the shared endpoint; regions listen on the ports behind it in the order given, the
    control API on the port before it. `lag_ms` is the replication lag, give or take `jitter_ms`.
    `pace_seconds` is how long one step of a replica's life cycle takes. `folder` None keeps
    everything in memory. `patience_seconds` is how long a caller may take to send the head of a
    request, and again for its body. With `wan`, callers that say which region they are in get the
    round trip from there on top. `strict` refuses what AWS refuses today and once took.
    """

    regions: tuple[str, ...] = DEFAULT_REGIONS
    port: int = 8100
    folder: Path | None = None
    engine: EngineName | None = None
    lag_ms: int = 1000
    jitter_ms: int = 100
    pace_seconds: float = 0.4
    patience_seconds: float = 20.0
    wan: bool = False
    strict: bool = False

    @property
    def control_port(self) -> int:
        return self.port - 1

    def region_port(self, region: str) -> int:
        return self.port + 1 + self.regions.index(region)
