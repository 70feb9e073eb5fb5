"""The pages of the experiments: a form, and what came of it.

The same address answers a browser without scripts with the whole page once the run has ended, and
the page's own script with frames while it goes on.
"""

from contextlib import closing
from functools import partial
from typing import Any

from django.http import Http404, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render
from django.template.loader import render_to_string
from django.utils.cache import patch_cache_control, patch_vary_headers
from django.views.decorators.http import require_http_methods, require_safe

from bookmarks.lab.experiments.catalogue import EXPERIMENTS, Experiment
from bookmarks.lab.experiments.entities import Picture
from bookmarks.lab.experiments.forms import ExperimentForm
from bookmarks.lab.experiments.frames import stream, wants_frames
from bookmarks.lab.experiments.panels import show
from bookmarks.lab.experiments.running import AT_ONCE, Running, TooManyRuns
from bookmarks.lab.experiments.services import carry_out
from gtsite.dynamodb.meter import Meter
from gtsite.http import HtmxHttpRequest

PAGE = "lab/experiments/page.html"
TOO_MANY = (
    f"This site runs {AT_ONCE} experiments already. Wait until one has ended, a minute at most, "
    "then run this one again."
)


@require_safe
def first(_request: HtmxHttpRequest) -> HttpResponse:
    return redirect("lab:experiment", next(iter(EXPERIMENTS)))


@require_http_methods(["GET", "HEAD", "POST"])
def experiment(request: HtmxHttpRequest, name: str) -> HttpResponseBase:
    """The form; with POST a run of it."""
    wanted = EXPERIMENTS.get(name)
    if wanted is None:
        raise Http404
    if request.method != "POST":
        return _page(request, wanted, wanted.form(asked=request.GET))
    form = wanted.form(request.POST)
    if not form.is_valid():
        return _page(request, wanted, form, status=422)
    try:
        running = Running(partial(carry_out, form.plan(), calls=_meter(request)))
    except TooManyRuns:
        return _page(request, wanted, form, said=TOO_MANY, status=429)
    if wants_frames(request):
        return stream(running, partial(_render, wanted, form))
    with closing(running):
        return _page(request, wanted, form, picture=running.result())


def _meter(request: HtmxHttpRequest) -> Meter | None:
    """A whole page says what it cost; of frames, which have been begun by then, the log does."""
    return getattr(request, "meter", None)


def _render(wanted: Experiment, form: ExperimentForm, picture: Picture) -> str:
    """One frame, without the page around it."""
    return render_to_string(f"{PAGE}#results", _results(wanted, form, picture))


def _results(wanted: Experiment, form: ExperimentForm, picture: Picture) -> dict[str, Any]:
    return {"experiment": wanted, "result": show(wanted.name, form.cleaned_data, picture)}


def _page(
    request: HtmxHttpRequest,
    wanted: Experiment,
    form: ExperimentForm,
    *,
    picture: Picture | None = None,
    said: str = "",
    status: int = 200,
) -> HttpResponse:
    """The whole page; for its script, the desk alone."""
    context = {
        "experiment": wanted,
        "experiments": EXPERIMENTS.values(),
        "form": form,
        "said": said,
        **(_results(wanted, form, picture) if picture else {}),
    }
    template = f"{PAGE}#desk" if wants_frames(request) else PAGE
    response = render(request, template, context, status=status)
    patch_vary_headers(response, ["Accept"])
    patch_cache_control(response, private=True, no_cache=True)
    return response
