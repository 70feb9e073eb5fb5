"""The tour of the lab: eight steps through what the documents of global tables walk through."""

from dataclasses import dataclass

from django.conf import settings
from django.http import Http404, HttpResponse
from django.views.decorators.http import require_safe

from bookmarks.lab.forms import read_sent
from bookmarks.lab.views import console
from gtsite.http import HtmxHttpRequest, render_page

PAGE = "lab/tour.html"


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One step; its words are in `templates/lab/tour/<name>.html`.

    `bench` says whether the panels are beneath it, to do it right there.
    """

    name: str
    title: str
    bench: bool = True


STEPS = (
    Step(name="item", title="An item in every region"),
    Step(name="replicate", title="Write here, read there"),
    Step(name="stale", title="Read too soon"),
    Step(name="conflict", title="Two writes at once"),
    Step(name="counters", title="Counting, and why it fails"),
    Step(name="lag", title="Measure the lag, and watch it"),
    Step(name="outage", title="A region goes away, and comes back"),
    Step(name="table", title="A table of your own", bench=False),
)


@require_safe
def first(request: HtmxHttpRequest) -> HttpResponse:
    return show(request, 1)


@require_safe
def show(request: HtmxHttpRequest, number: int) -> HttpResponse:
    """One step of the tour, counted from 1; the panels in it are those of the console."""
    if not 1 <= number <= len(STEPS):
        raise Http404
    step = STEPS[number - 1]
    context = {
        "step": step,
        "words": f"lab/tour/{step.name}.html",
        "number": number,
        "steps": list(enumerate(STEPS, start=1)),
        "previous": (number - 1, STEPS[number - 2]) if number > 1 else None,
        "next": (number + 1, STEPS[number]) if number < len(STEPS) else None,
        **console(read_sent({}, settings.GT_REGIONS)),
    }
    return render_page(request, PAGE, context)
