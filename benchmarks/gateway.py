"""What the sandbox adds to its engine: one caller's reads and replicated writes, eight callers."""

from collections.abc import Callable
from itertools import count
from statistics import median

from benchmarks.calls import (
    HOME,
    TABLE,
    Caller,
    Figure,
    Report,
    alternating,
    bare_engine,
    middle,
    sandbox,
    side_by_side,
)

ROUNDS = 1500
CLIENTS = 8
SLICES = 3
SLICE_SECONDS = 4.0
ADDED_MS = 1.0
WRITE_RATIO = 3.0
THROUGHPUT_RATIO = 2.0


def cost() -> Report:
    """Medians of one caller's calls, engine and sandbox by turns."""
    with bare_engine() as engine, sandbox(lag_ms=1000) as own:
        own.create_table(TABLE)
        alone, behind = Caller(engine.port), Caller(own.port_of(HOME))
        works = (
            lambda turn: alone.put(f"k{turn % 100}", turn),
            lambda turn: behind.put(f"k{turn % 100}", turn),
            lambda turn: alone.get(f"k{turn % 100}"),
            lambda turn: behind.get(f"k{turn % 100}"),
        )
        alternating(100, *works)
        put_alone, put_behind, get_alone, get_behind = alternating(ROUNDS, *works)
    added = median(get_behind) - median(get_alone)
    ratio = median(put_behind) / median(put_alone)
    return Report(
        title="The sandbox beside its bare engine",
        figures=[
            Figure(what="GetItem, engine", measured=middle(get_alone)),
            Figure(what="GetItem, sandbox", measured=middle(get_behind)),
            Figure(
                what="a read adds",
                measured=f"{added:.2f} ms",
                target=f"at most {ADDED_MS:.0f} ms",
                kept=added <= ADDED_MS,
            ),
            Figure(what="PutItem, engine", measured=middle(put_alone)),
            Figure(what="PutItem, replicated to two regions", measured=middle(put_behind)),
            Figure(
                what="a replicated write costs",
                measured=f"{ratio:.2f} ×",
                target=f"at most {WRITE_RATIO:.0f} ×",
                kept=ratio <= WRITE_RATIO,
            ),
        ],
    )


def throughput() -> Report:
    """Eight callers' puts and gets, replicated to two regions, beside moto that replicates none."""
    with bare_engine("moto") as moto, sandbox(lag_ms=1000) as own:
        own.create_table(TABLE)
        ports = {"moto": moto.port, "sandbox": own.port_of(HOME)}
        done = dict.fromkeys(ports, 0)
        for _ in range(SLICES):
            for name, port in ports.items():
                own.drain()
                done[name] += side_by_side(CLIENTS, SLICE_SECONDS, _putting_and_getting(port))
    rates = {name: calls / SLICES / SLICE_SECONDS for name, calls in done.items()}
    ratio = rates["sandbox"] / rates["moto"]
    return Report(
        title=f"{CLIENTS} callers that put and get by turns",
        figures=[
            *(Figure(what=name, measured=f"{rate:.0f} calls/s") for name, rate in rates.items()),
            Figure(
                what="sandbox over moto_server",
                measured=f"{ratio:.2f} ×",
                target=f"at least {THROUGHPUT_RATIO:.0f} ×",
                kept=ratio >= THROUGHPUT_RATIO,
            ),
        ],
    )


def _putting_and_getting(port: int) -> Callable[[int], Callable[[], object]]:
    def client(number: int) -> Callable[[], object]:
        caller = Caller(port)
        turns = count()

        def turn() -> None:
            which = next(turns)
            key = f"c{number}-{which // 2 % 100}"
            if which % 2:
                caller.get(key)
            else:
                caller.put(key, which)

        return turn

    return client
