"""The lag of every way: each probe as a dot over the time it was written, and how they spread."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from bookmarks.lab.experiments.panels.parts import (
    Axis,
    Outcome,
    Place,
    Tick,
    Tone,
    region_of,
    since_ms,
    time_label,
)
from gtsite.dynamodb.regions import distance_km, light_time_ms
from gtsite.experiments.entities import LagRun, Phase, Probe, WayLag
from gtsite.experiments.statistics import histogram, percentile
from gtsite.wording import counted, milliseconds

BINS = 16
LEAST_MS = 50.0
ROOM, LEAD, HEADROOM = 1.05, 0.07, 1.2


@dataclass(frozen=True, slots=True, kw_only=True)
class Dot:
    """One probe; one that is `under_way` is as high as it is old."""

    x: str
    y: str
    hue: int
    under_way: bool
    said: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Plot:
    """Every probe written in one region; time goes right, lag goes up."""

    source: Place
    targets: tuple[Place, ...]
    dots: tuple[Dot, ...]
    across: tuple[Tick, ...]
    up: tuple[Tick, ...]
    summary: str


@dataclass(frozen=True, slots=True, kw_only=True)
class WayLine:
    """One way in the table."""

    source: Place
    target: Place
    arrived: str
    p50: str
    p90: str
    p99: str
    longest: str
    distance: str
    light: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Bar:
    """One bin of the histogram; `y` and `height` from the upper edge down."""

    x: str
    width: str
    y: str
    height: str
    said: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Spread:
    """How the lags of all ways are spread."""

    bars: tuple[Bar, ...]
    low: str
    high: str
    most: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LagShown:
    plots: tuple[Plot, ...]
    lines: tuple[WayLine, ...]
    spread: Spread | None
    moving: bool


def show_lag(run: LagRun, *, ended: bool) -> Outcome:
    run, zero_ms = _from_first_probe(run)
    lags = [lag for way in run.ways for lag in way.lags_ms]
    now_ms = None if ended else since_ms(run.began_at) - zero_ms
    up, across = _axes(run, [*lags, *_ages(run, now_ms)])
    shown = LagShown(
        plots=tuple(_plot(source, run, across, up, now_ms) for source in _sources(run)),
        lines=tuple(_line(way) for way in run.ways),
        spread=_spread(lags) if lags else None,
        moving=not ended,
    )
    headline, tone = _headline(run, lags, ended=ended)
    return Outcome(headline=headline, tone=tone, facts=_facts(run, lags, ended=ended), shown=shown)


def _from_first_probe(run: LagRun) -> tuple[LagRun, float]:
    """The run with its times moved, and by how much: connections were opened before."""
    zero_ms = min((probe.written_ms for way in run.ways for probe in way.probes), default=0.0)
    ways = tuple(
        replace(
            way,
            probes=tuple(
                replace(each, written_ms=each.written_ms - zero_ms) for each in way.probes
            ),
        )
        for way in run.ways
    )
    return replace(run, ways=ways), zero_ms


def _headline(run: LagRun, lags: Sequence[float], *, ended: bool) -> tuple[str, Tone]:
    probes = run.plan.probes * len(run.ways)
    if not ended:
        doing = "Writing" if run.phase is Phase.WRITING else "Waiting"
        return f"{doing}: {len(lags):,} of {counted(probes, 'probe')} have arrived.", "info"
    if not lags:
        return "No probe arrived.", "bad"
    median = milliseconds(percentile(lags, 50))
    return f"Half of the probes were there after {median}.", _tone(run)


def _tone(run: LagRun) -> Tone:
    return "warn" if any(way.missing for way in run.ways) or run.troubles else "good"


def _facts(run: LagRun, lags: Sequence[float], *, ended: bool) -> tuple[str, ...]:
    if not (ended and lags):
        return ()
    most, slowest = milliseconds(percentile(lags, 90)), milliseconds(max(lags))
    facts = [f"Nine in ten after {most}, the slowest after {slowest}."]
    missing = sum(way.missing for way in run.ways)
    if missing:
        facts.append(f"{counted(missing, 'probe')} did not arrive.")
    exact = max(
        (
            each.give_or_take_ms
            for way in run.ways
            for each in way.probes
            if each.lag_ms is not None
        ),
        default=0.0,
    )
    facts.append(f"Each is right to {milliseconds(max(exact, 0.1))} or better.")
    return tuple(facts)


def _axes(run: LagRun, heights: Sequence[float]) -> tuple[Axis, Axis]:
    written = [probe.written_ms for way in run.ways for probe in way.probes]
    planned = (run.plan.probes - 1) * run.plan.every_ms
    end = max([planned, *written, LEAST_MS])
    return Axis(max([*heights, LEAST_MS]) * HEADROOM), Axis(end * ROOM, -LEAD * end)


def _sources(run: LagRun) -> list[str]:
    return list(dict.fromkeys(way.way.source for way in run.ways))


def _plot(source: str, run: LagRun, across: Axis, up: Axis, now_ms: float | None) -> Plot:
    ways = [way for way in run.ways if way.way.source == source]
    dots = (_dot(way, probe, across, up, now_ms) for way in ways for probe in way.probes)
    arrived = sum(len(way.lags_ms) for way in ways)
    return Plot(
        source=region_of(source),
        targets=tuple(region_of(way.way.target) for way in ways),
        dots=tuple(dots),
        across=tuple(
            Tick(at=across.at(each), label=time_label(each)) for each in (0.0, *across.steps())
        ),
        up=tuple(Tick(at=_from_above(up, each), label=time_label(each)) for each in up.steps(4)),
        summary=f"{arrived} probes arrived of those written in {region_of(source).place}.",
    )


def _dot(way: WayLag, probe: Probe, across: Axis, up: Axis, now_ms: float | None) -> Dot:
    target = region_of(way.way.target)
    missing = "did not arrive" if now_ms is None else "on its way"
    lag = missing if probe.lag_ms is None else f"after {milliseconds(probe.lag_ms)}"
    return Dot(
        x=across.at(probe.written_ms),
        y=_from_above(up, _height(probe, up, now_ms)),
        hue=target.hue,
        under_way=probe.lag_ms is None,
        said=f"Probe {probe.number} to {target.place}: {lag}",
    )


def _height(probe: Probe, up: Axis, now_ms: float | None) -> float:
    """Its lag; of one under way its age so far, so that it rises; at the top what never came."""
    if probe.lag_ms is not None:
        return probe.lag_ms
    return up.end if now_ms is None else now_ms - probe.written_ms


def _ages(run: LagRun, now_ms: float | None) -> list[float]:
    """How long those under way have been."""
    if now_ms is None:
        return []
    probes = (probe for way in run.ways for probe in way.probes if probe.lag_ms is None)
    return [now_ms - probe.written_ms for probe in probes]


def _from_above(axis: Axis, value: float) -> str:
    return axis.at(axis.end - value)


def _line(way: WayLag) -> WayLine:
    lags, source, target = way.lags_ms, way.way.source, way.way.target
    return WayLine(
        source=region_of(source),
        target=region_of(target),
        arrived=f"{len(lags)} of {len(way.probes)}",
        p50=milliseconds(percentile(lags, 50)),
        p90=milliseconds(percentile(lags, 90)),
        p99=milliseconds(percentile(lags, 99)),
        longest=milliseconds(max(lags, default=None)),
        distance=f"{distance_km(source, target):,.0f} km",
        light=f"{light_time_ms(source, target):.0f} ms",
    )


def _spread(lags: Sequence[float]) -> Spread:
    bins = histogram(lags, BINS)
    most = max(each.count for each in bins)
    low, high = bins[0].low, bins[-1].high
    axis, up = Axis(high - low), Axis(float(most))
    bars = (
        Bar(
            x=axis.at(each.low - low),
            width=axis.length(each.low - low, each.high - low),
            y=_from_above(up, each.count),
            height=up.at(each.count),
            said=f"{milliseconds(each.low)} to {milliseconds(each.high)}: "
            f"{counted(each.count, 'probe')}",
        )
        for each in bins
    )
    return Spread(
        bars=tuple(bars),
        low=milliseconds(low),
        high=milliseconds(high),
        most=counted(most, "probe"),
    )
