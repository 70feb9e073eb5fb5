"""How much measuring adds to a lag: what `experiment lag` says beside the sandbox itself."""

from contextlib import closing

from benchmarks.calls import AWAY, HOME, Figure, Report, percentile, sandbox
from gtsite.dynamodb.clients import Clients
from gtsite.dynamodb.repository import Table
from gtsite.dynamodb.router import Router
from gtsite.dynamodb.tables import Attribute, TableDefinition
from gtsite.experiments.entities import LagPlan, Way
from gtsite.experiments.lag import run_lag
from tests.support.sandbox import RunningSandbox

DEFINITION = TableDefinition(name="bench", partition_key=Attribute(name="PK", type="S"))
LAG_MS = 1000
PROBES = 300
EVERY_MS = 50.0
MEDIAN_OFF_MS = 0.05 * LAG_MS
ADDED_MS = 10.0


def measuring() -> Report:
    """One way, many probes; the sandbox records the same deliveries, and no others by then."""
    with sandbox(lag_ms=LAG_MS, jitter_ms=LAG_MS // 10) as own:
        own.create_table(DEFINITION.name)
        lags_ms = _measured(own)
        (recorded,) = [
            each.latency_ms
            for each in own.control.status().pairs
            if (each.source, each.target) == (HOME, AWAY)
        ]
    figures = [_beside(p, percentile(lags_ms, p), recorded[f"p{p}"]) for p in (50, 90, 99)]
    off_ms = percentile(lags_ms, 50) - LAG_MS
    return Report(
        title=f"{len(lags_ms)} probes of a lag of {LAG_MS:,} ms, measured and recorded",
        figures=[
            *figures,
            Figure(
                what="the median measured, from the lag that was set",
                measured=f"{off_ms:+.1f} ms",
                target=f"within {MEDIAN_OFF_MS:.0f} ms",
                kept=abs(off_ms) <= MEDIAN_OFF_MS,
            ),
        ],
    )


def _measured(own: RunningSandbox) -> tuple[float, ...]:
    clients = Clients(endpoints={each: own.endpoint_of(each) for each in (HOME, AWAY)})
    with closing(Router(clients=clients, regions=[HOME, AWAY], local=HOME)) as router:
        plan = LagPlan(ways=(Way(source=HOME, target=AWAY),), probes=PROBES, every_ms=EVERY_MS)
        (way,) = run_lag(plan, Table(DEFINITION, router)).ways
    assert len(way.lags_ms) == PROBES
    return way.lags_ms


def _beside(p: int, measured_ms: float, recorded_ms: float) -> Figure:
    added_ms = measured_ms - recorded_ms
    return Figure(
        what=f"p{p}, measured and recorded",
        measured=f"{measured_ms:,.1f} and {recorded_ms:,.1f} ms ({added_ms:+.1f})",
        target=f"within {ADDED_MS:.0f} ms",
        kept=abs(added_ms) <= ADDED_MS,
    )
