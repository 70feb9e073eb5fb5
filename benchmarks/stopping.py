"""How long a site takes to stop, idle and with a request in flight, which it answers first.

The Procfile's own line; the region behind it answers slowly, so that the request has something to
wait for.
"""

import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

from benchmarks.calls import HOME, Figure, Report, sandbox
from tests.support.in_flight import InFlight
from tests.support.production import Production, collect_static, environment, serving
from tests.support.sandbox import RunningSandbox, text

ROUNDS = 5
SLOW_MS = 400
MOST_OVER_IDLE = 1.5
TABLE = "global-serverless"
TITLE = {"PK": text("library"), "SK": text("sintel"), "title": text("Sintel")}

Stop = Callable[[Production], tuple[float, float]]
"""Milliseconds from the signal to the answer, and to the end."""


def stopping() -> Report:
    """Medians of a stop from the signal to the end of the process."""
    with sandbox() as started, TemporaryDirectory() as folder:
        started.create_table(TABLE, sort_key=True)
        started.client(HOME).put_item(TableName=TABLE, Item=TITLE)
        endpoints = {region: started.endpoint_of(region) for region in started.regions}
        variables = environment(endpoints, Path(folder))
        collect_static(variables)
        stops = [_measured(variables, _idle), _measured(variables, _busy(started))]
    (_, idle), (answered, busy) = stops
    left = busy - answered
    return Report(
        title="A stop, from the signal to the end of the process",
        figures=[
            Figure(what="idle", measured=f"{idle:.0f} ms"),
            Figure(
                what=f"with a request in flight, answered whole after {answered:.0f} ms",
                measured=f"{busy:.0f} ms",
            ),
            Figure(
                what="… from the answer to the end, beside idle",
                measured=f"{left / idle:.2f} of its time ({left:.0f} ms)",
                target=f"{MOST_OVER_IDLE:.2f}",
                kept=left <= MOST_OVER_IDLE * idle,
            ),
        ],
    )


def _measured(variables: dict[str, str], stop: Stop) -> tuple[float, float]:
    times: list[tuple[float, float]] = []
    with TemporaryDirectory() as folder:
        for _ in range(ROUNDS):
            with serving(variables, Path(folder) / "log") as site:
                times.append(stop(site))
    return median(answer for answer, _ in times), median(end for _, end in times)


def _idle(site: Production) -> tuple[float, float]:
    began = time.perf_counter()
    assert site.stop() == 0
    return 0.0, _since(began)


def _busy(started: RunningSandbox) -> Stop:
    def stop(site: Production) -> tuple[float, float]:
        visitor = site.get("/title/sintel/").cookies
        started.control.slow(HOME, SLOW_MS)
        request = InFlight(site, "/list/sintel/", visitor, {"listed": "1", "place": "title"})
        began = time.perf_counter()
        site.ask_to_stop()
        status, _ = request.finish()
        answered = _since(began)
        assert (status, site.process.wait(90)) == (200, 0)
        started.control.heal()
        return answered, _since(began)

    return stop


def _since(began: float) -> float:
    return 1000 * (time.perf_counter() - began)
