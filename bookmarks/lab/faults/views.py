"""The faults of the sandbox, as switches and sliders; on AWS, how to rehearse them there."""

from collections.abc import Callable

from django.conf import settings
from django.http import Http404, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.views.decorators.http import require_POST, require_safe
from django_htmx.http import trigger_client_event

from bookmarks.lab import log, sandbox
from bookmarks.lab.faults.board import (
    NOTHING_TYPED,
    Typed,
    show_board,
    with_every,
    with_region,
    with_way,
)
from bookmarks.lab.faults.forms import LagForm, RegionForm, WayForm
from bookmarks.lab.faults.services import turn_region, turn_way
from bookmarks.lab.log import Deed
from bookmarks.lab.map import Spot, show_map
from bookmarks.lab.panels import place_of
from bookmarks.lab.services import now_ms
from gtsite.http import HtmxHttpRequest, render_page, wants_fragment
from gtsite.sandbox.client import SandboxClient, SandboxRefused, SandboxUnreachable, Status

PAGE = "lab/faults.html"

Turn = Callable[[SandboxClient], Status]


@require_safe
def faults(request: HtmxHttpRequest) -> HttpResponse:
    """Everything that can be turned, as it stands."""
    control = sandbox.client()
    if control is None:
        return render_page(request, PAGE, {}, fragment="board")
    return _show(request, control.status)


@require_POST
def turn_one(request: HtmxHttpRequest, region: str) -> HttpResponse:
    """What callers of one region meet, its replication and its clock."""
    _check_regions(region)
    form = RegionForm(request.POST, prefix=region)
    if not form.is_valid():
        return _wrong(request, with_region(region, form))
    return _turned(
        request,
        lambda control: turn_region(control, region, form.cleaned_data, form.changed_data),
        what=f"Faults of {place_of(region)}",
        regions=(region,),
    )


@require_POST
def kill_engine(request: HtmxHttpRequest, region: str) -> HttpResponse:
    """Ends a region's storage engine as a crash would; the sandbox starts another."""
    _check_regions(region)
    return _turned(
        request,
        lambda control: control.engine(region, "kill"),
        what=f"Kill the engine of {place_of(region)}",
        regions=(region,),
    )


@require_POST
def turn_way_one(request: HtmxHttpRequest, source: str, target: str) -> HttpResponse:
    """The lag of one direction of replication, and whether it is paused."""
    _check_regions(source, target)
    if source == target:
        raise Http404
    form = WayForm(request.POST, prefix=f"{source}-{target}")
    if not form.is_valid():
        return _wrong(request, with_way((source, target), form))
    return _turned(
        request,
        lambda control: turn_way(control, source, target, form.cleaned_data, form.changed_data),
        what=f"Way from {place_of(source)} to {place_of(target)}",
        regions=(source, target),
    )


@require_POST
def turn_every_way(request: HtmxHttpRequest) -> HttpResponse:
    """The lag of every way at once."""
    form = LagForm(request.POST, prefix="every")
    if not form.is_valid():
        return _wrong(request, with_every(form))
    return _turned(
        request,
        lambda control: control.set_lag(
            lag_ms=form.cleaned_data["lag_ms"], jitter_ms=form.cleaned_data["jitter_ms"]
        ),
        what=f"Lag of every way: {form.cleaned_data['lag_ms']:,} ms",
    )


@require_POST
def turn_wan(request: HtmxHttpRequest, position: str) -> HttpResponse:
    """Whether calls take as long as the distance to their region makes them."""
    if position not in ("on", "off"):
        raise Http404
    return _turned(
        request,
        lambda control: control.set_wan(on=position == "on"),
        what=f"Distance {position}",
    )


@require_POST
def reset(request: HtmxHttpRequest) -> HttpResponse:
    """Everything as the sandbox was started; data stays."""
    return _turned(request, lambda control: control.reset(), what="Reset everything")


def _check_regions(*names: str) -> None:
    if any(name not in settings.GT_REGIONS for name in names):
        raise Http404


def _turned(
    request: HtmxHttpRequest, turn: Turn, *, what: str, regions: tuple[str, ...] = ()
) -> HttpResponse:
    """Turns something and shows how everything is now; without htmx, by way of a redirect."""
    control = sandbox.client()
    if control is None:
        return render_page(request, PAGE, {}, fragment="board")
    try:
        status = turn(control)
    except (SandboxUnreachable, SandboxRefused) as problem:
        return _failed(request, control, problem)
    if not wants_fragment(request):
        return HttpResponseRedirect(reverse("lab:faults"))
    response = _show(request, lambda: status)
    log.tell(response, _deed(what, regions, status))
    return trigger_client_event(response, "lab:switched", after="swap")


def _wrong(request: HtmxHttpRequest, typed: Typed) -> HttpResponse:
    control = sandbox.client()
    if control is None:
        return render_page(request, PAGE, {}, fragment="board")
    return _show(request, control.status, typed=typed, status_code=422)


def _failed(request: HtmxHttpRequest, control: SandboxClient, problem: Exception) -> HttpResponse:
    refused = isinstance(problem, SandboxRefused)
    return _show(request, control.status, problem=str(problem), status_code=422 if refused else 200)


def _show(
    request: HtmxHttpRequest,
    ask: Callable[[], Status],
    *,
    typed: Typed = NOTHING_TYPED,
    problem: str = "",
    status_code: int = 200,
) -> HttpResponse:
    """The board; the sandbox's own sentence where it does not answer."""
    try:
        status = ask()
    except (SandboxUnreachable, SandboxRefused) as error:
        status, problem = None, str(error)
    drawn = show_map(settings.GT_REGIONS, local=settings.GT_LOCAL_REGION, status=status)
    context = {
        "sandboxed": True,
        "problem": problem,
        "map": drawn,
        "board": show_board(status, drawn, typed) if status else None,
    }
    return render_page(request, PAGE, context, fragment="board", status=status_code)


def _deed(what: str, regions: tuple[str, ...], status: Status) -> Deed:
    """What was turned, and how those regions are now, or all of them."""
    drawn = show_map(settings.GT_REGIONS, local=settings.GT_LOCAL_REGION, status=status)
    told = [spot for spot in drawn.spots if not regions or spot.region.name in regions]
    return Deed(
        at_ms=now_ms(),
        kind="fault",
        what=what,
        regions=regions or tuple(settings.GT_REGIONS),
        outcome=" ".join(map(_said, told)),
        facts={"lag_ms": {way.name: way.lag_set for way in drawn.ways}},
    )


def _said(spot: Spot) -> str:
    return f"{spot.region.place}: {spot.said}"
