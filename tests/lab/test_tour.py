"""The tour: eight steps, each whole in itself."""

import html
import re
import shlex

import pytest
from django.core.management import load_command_class
from django.test import Client
from pytest_django import Settings

from bookmarks.lab.tour import STEPS

PARTS = ("Do", "See", "Why", "In your application")
NUMBERS = range(1, len(STEPS) + 1)


pytestmark = pytest.mark.usefixtures("lab_regions")


def step(number: int) -> str:
    response = Client().get(f"/lab/tour/{number}/")
    assert response.status_code == 200
    return response.content.decode()


def test_begins_with_the_first_step() -> None:
    page = Client().get("/lab/tour/").content.decode()
    assert "Step 1 of 8" in page
    assert STEPS[0].title in page


@pytest.mark.parametrize("number", NUMBERS)
def test_a_step_says_what_to_do_what_to_see_why_and_what_follows(number: int) -> None:
    page = step(number)
    assert f"Step {number} of 8" in page
    assert [part for part in PARTS if f"<h2>{part}</h2>" not in page] == []
    assert page.count('aria-current="step"') == 1


@pytest.mark.parametrize("number", NUMBERS)
def test_a_step_names_commands_as_they_are(number: int) -> None:
    """Each is read by its own command, options and all; a word too many ends the test."""
    commands = re.findall(r"python manage\.py ([^<\n]+)", step(number))
    assert commands
    for command in commands:
        name, *words = shlex.split(html.unescape(command))
        parser = load_command_class("gtsite", name).create_parser("manage.py", name)
        parser.parse_args(words)


@pytest.mark.parametrize("number", NUMBERS)
def test_back_and_next_lead_from_step_to_step(number: int) -> None:
    page = step(number)
    assert (f'rel="next" href="/lab/tour/{number + 1}/"' in page) is (number < len(STEPS))
    assert (f'rel="prev" href="/lab/tour/{number - 1}/"' in page) is (number > 1)


@pytest.mark.parametrize("number", NUMBERS)
def test_the_panels_are_right_there_where_there_is_something_to_press(number: int) -> None:
    assert ('id="panel-eu-west-1"' in step(number)) is STEPS[number - 1].bench


@pytest.mark.parametrize("number", [0, 9, 1000])
def test_there_is_no_step_beyond(number: int) -> None:
    assert Client().get(f"/lab/tour/{number}/").status_code == 404


def test_no_region_is_asked_for_a_step() -> None:
    timing = Client().get("/lab/tour/2/").headers["Server-Timing"]
    assert timing.startswith("ddb;dur=0.0")


def test_on_aws_the_outage_is_explained_not_offered(settings: Settings) -> None:
    settings.SANDBOX_CONTROL_URL = ""
    page = step(7)
    assert "on AWS" in page
    assert "lab-switch" not in page
