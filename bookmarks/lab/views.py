"""The lab's pages. A press is one request to one region, and its answer one panel.

Nothing is kept on the server: what the panels remember comes in hidden fields and goes back in
them, because requests that run side by side would overwrite one another's session.
"""

from django.conf import settings
from django.http import Http404, HttpResponse
from django.views.decorators.http import require_POST, require_safe
from django_htmx.http import retarget, trigger_client_event

from bookmarks.lab import sandbox as switches
from bookmarks.lab.entities import Action
from bookmarks.lab.forms import Sent, read_sent, read_step
from bookmarks.lab.panels import place_of, show_panel, show_panels, show_verdict
from bookmarks.lab.repository import LabItems
from bookmarks.lab.sandbox import SandboxView
from bookmarks.lab.services import Press, ask_everywhere, now_ms
from bookmarks.lab.services import ask as ask_region
from gtsite.dynamodb.connection import site_table
from gtsite.http import HtmxHttpRequest, render_page, wants_fragment
from gtsite.sandbox.client import SandboxClient

PAGE = "lab/lab.html"


@require_safe
def lab(request: HtmxHttpRequest) -> HttpResponse:
    """Every panel, empty; htmx asks each region for its item once the page is there."""
    return _page(request, read_sent({}, settings.GT_REGIONS))


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
    return _answer(request, sent, region)


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


@require_safe
def sandbox(request: HtmxHttpRequest) -> HttpResponse:
    """What the sandbox says, and with it every switch, unless only the line is wanted."""
    part = "sandbox-line" if request.GET.get("line") == "only" else "sandbox-reply"
    return render_page(request, f"{PAGE}#{part}", {"sandbox": _look(_control())})


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
    control = switches.client()
    if seen is None and control is not None:
        seen = _look(control)
    now = now_ms()
    context = {
        "panels": show_panels(
            sent,
            local=settings.GT_LOCAL_REGION,
            now_ms=now,
            switches=seen.switches if seen else {},
        ),
        "verdict": show_verdict(sent.panels, now_ms=now),
        "sandbox": seen,
    }
    return render_page(request, PAGE, context, status=status)
