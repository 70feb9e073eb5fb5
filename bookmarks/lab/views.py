"""The lab's pages. A press is one request to one region, and its answer one panel.

Nothing is kept on the server: what the panels remember comes in hidden fields and goes back in
them, because requests that run side by side would overwrite one another's session.
"""

from typing import Any

from django.conf import settings
from django.http import Http404, HttpResponse, JsonResponse
from django.views.decorators.http import require_POST, require_safe
from django_htmx.http import retarget, trigger_client_event

from bookmarks.lab import log
from bookmarks.lab import sandbox as switches
from bookmarks.lab.entities import Action
from bookmarks.lab.forms import Sent, read_sent, read_step
from bookmarks.lab.latency import last_latencies
from bookmarks.lab.log import Deed
from bookmarks.lab.map import FAULTS, MapView, show_map
from bookmarks.lab.panels import place_of, show_panel, show_panels, show_verdict
from bookmarks.lab.repository import LabItems
from bookmarks.lab.sandbox import SandboxView
from bookmarks.lab.services import Press, ask_everywhere, now_ms
from bookmarks.lab.services import ask as ask_region
from gtsite.dynamodb.connection import site_table
from gtsite.http import HtmxHttpRequest, render_page, wants_fragment
from gtsite.sandbox.client import Fault, SandboxClient

PAGE = "lab/lab.html"
MAP = "lab/_map.html"


@require_safe
def lab(request: HtmxHttpRequest) -> HttpResponse:
    """Every panel, empty; htmx asks each region for its item once the page is there."""
    return render_page(request, PAGE, console(read_sent({}, settings.GT_REGIONS)))


@require_POST
def ask(request: HtmxHttpRequest, region: str, action: str) -> HttpResponse:
    """One button of one panel: the panel for htmx, the whole page otherwise."""
    wanted = _action(action)
    sent = read_sent(request.POST, settings.GT_REGIONS)
    if region not in sent.panels:
        raise Http404
    step, error = _signed_step(request, region, wanted)
    if error:
        sent.errors[region] = error
        return _answer(request, sent, region, status=422)
    pressed = Press(action=wanted, step=step)
    sent.panels[region] = ask_region(sent.panels[region], pressed, items=_items(), region=region)
    return log.tell(_answer(request, sent, region), _done(sent, region))


@require_POST
def ask_all(request: HtmxHttpRequest, action: str) -> HttpResponse:
    """The same button of every panel, side by side, for browsers without scripts.

    With a step that is wrong in any panel, no region is asked.
    """
    wanted = _action(action)
    sent = read_sent(request.POST, settings.GT_REGIONS)
    pressed: dict[str, Press] = {}
    for region in sent.panels:
        step, error = _signed_step(request, region, wanted)
        pressed[region] = Press(action=wanted, step=step)
        if error:
            sent.errors[region] = error
    if sent.errors:
        return _page(request, sent, status=422)
    sent.panels.update(ask_everywhere(sent.panels, pressed, items=_items()))
    return _page(request, sent)


@require_POST
def verdict(request: HtmxHttpRequest) -> HttpResponse:
    """What the panels say together; a POST because their memories do not fit into an address."""
    sent = read_sent(request.POST, settings.GT_REGIONS)
    context = {"verdict": show_verdict(sent.panels, now_ms=now_ms())}
    return render_page(request, f"{PAGE}#verdict-line", context)


@require_POST
def remembered(request: HtmxHttpRequest) -> HttpResponse:
    """What the panels remember, to be kept as a file: the log of a browser without scripts."""
    sent = read_sent(request.POST, settings.GT_REGIONS)
    entries = log.remembered(sent.panels, place_of)
    response = JsonResponse(
        log.document(settings.GT_LOCAL_REGION, entries), json_dumps_params={"indent": 2}
    )
    response.headers["Content-Disposition"] = 'attachment; filename="region-lab-log.json"'
    response.headers["Cache-Control"] = "no-store"
    return response


@require_safe
def sandbox(request: HtmxHttpRequest) -> HttpResponse:
    """What the sandbox says, and with it every switch."""
    return render_page(request, f"{PAGE}#sandbox-reply", {"sandbox": _look(_control())})


@require_safe
def world(request: HtmxHttpRequest) -> HttpResponse:
    """The map, as it stands."""
    control = switches.client()
    seen = _look(control) if control else None
    return render_page(request, MAP, {"map": _map(seen)})


@require_POST
def fault(request: HtmxHttpRequest, region: str, fault: str) -> HttpResponse:
    """Takes a region of the sandbox away, or brings it back."""
    control = _control()
    sent = read_sent(request.POST, settings.GT_REGIONS)
    wanted = next((each for each in switches.LABELS if each == fault), None)
    if region not in sent.panels or wanted is None:
        raise Http404
    seen = switches.look(
        lambda: switches.turn(control, region, wanted),
        regions=settings.GT_REGIONS,
        places=place_of,
    )
    if not wants_fragment(request):
        return _page(request, sent, seen=seen)
    if seen.problem:
        line = render_page(request, PAGE, {"sandbox": seen}, fragment="sandbox-line")
        return retarget(line, "#sandbox")
    response = render_page(request, PAGE, {"switch": seen.switches[region]}, fragment="switch")
    log.tell(response, _switched(region, wanted))
    return trigger_client_event(response, "lab:switched", after="swap")


def _action(name: str) -> Action:
    try:
        return Action(name)
    except ValueError as error:
        raise Http404 from error


def _signed_step(request: HtmxHttpRequest, region: str, action: Action) -> tuple[int, str]:
    """The step with the sign of the button, and an empty text or what is wrong with it."""
    if not action.writes:
        return 0, ""
    step, error = read_step(request.POST, region)
    return (step if action is Action.PLUS else -step), error


def _items() -> LabItems:
    return LabItems(site_table())


def _control() -> SandboxClient:
    control = switches.client()
    if control is None:
        raise Http404
    return control


def _look(control: SandboxClient) -> SandboxView:
    return switches.look(control.status, regions=settings.GT_REGIONS, places=place_of)


def _answer(
    request: HtmxHttpRequest, sent: Sent, region: str, *, status: int = 200
) -> HttpResponse:
    if not wants_fragment(request):
        return _page(request, sent, status=status)
    panel = show_panel(sent, region, local=settings.GT_LOCAL_REGION, now_ms=now_ms())
    response = render_page(request, PAGE, {"panel": panel}, fragment="reply", status=status)
    return trigger_client_event(response, "lab:answered", after="swap")


def _page(
    request: HtmxHttpRequest, sent: Sent, *, seen: SandboxView | None = None, status: int = 200
) -> HttpResponse:
    return render_page(request, PAGE, console(sent, seen=seen), status=status)


def console(sent: Sent, *, seen: SandboxView | None = None) -> dict[str, Any]:
    """What the console shows: every panel, what they say together, the sandbox and the map."""
    control = switches.client()
    if seen is None and control is not None:
        seen = _look(control)
    now = now_ms()
    return {
        "panels": show_panels(
            sent,
            local=settings.GT_LOCAL_REGION,
            now_ms=now,
            switches=seen.switches if seen else {},
        ),
        "verdict": show_verdict(sent.panels, now_ms=now),
        "sandbox": seen,
        "map": _map(seen),
    }


def _map(seen: SandboxView | None) -> MapView:
    regions, local = settings.GT_REGIONS, settings.GT_LOCAL_REGION
    if seen is None:
        measured = last_latencies(regions)
        return show_map(regions, local=local, status=None, sandboxed=False, measured=measured)
    return show_map(regions, local=local, status=seen.status)


def _done(sent: Sent, region: str) -> Deed:
    """What the press that a panel has just answered did."""
    newest = sent.panels[region].newest
    if newest is None:
        return log.clear_done(region, place_of(region), at_ms=now_ms())
    return log.press_done(region, place_of(region), newest)


def _switched(region: str, fault: Fault) -> Deed:
    place = place_of(region)
    outcome = f"{place} is up." if fault == "none" else f"{place} is away. {FAULTS[fault][1]}"
    return Deed(
        at_ms=now_ms(),
        kind="fault",
        what=f"{place}: {switches.LABELS[fault]}",
        regions=(region,),
        outcome=outcome,
        facts={"fault": fault},
    )
