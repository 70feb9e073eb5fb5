"""The player in a real browser: its controls, what comes next, other tabs, and a bad connection."""

import re
import time
from pathlib import Path
from uuid import uuid4

import pytest
from playwright.sync_api import BrowserContext, Locator, Page, Request, Route, expect

from tests.browser.conftest import OpenPage
from tests.browser.saved import SAVED, saved_at
from tests.support.demo import RunningDemo
from tests.support.sandbox import REGIONS, wait_until

HOME = REGIONS[0]
EPISODE = "/watch/caminandes/S01E02/"
EPISODE_SECONDS = 146
pytestmark = pytest.mark.browser
HALF_A_MINUTE = 30


def play(demo: RunningDemo, open_page: OpenPage, path: str, **more: object) -> Page:
    """The player, when it knows how long the programme is."""
    page = open_page(f"{demo.site(HOME)}{path}", **more)
    wait_until_ready(page)
    return page


def wait_until_ready(page: Page) -> None:
    expect(page.locator(".controls")).to_be_visible()
    expect(page.locator("#video")).to_have_js_property("readyState", 4)
    expect(slider(page)).not_to_have_attribute("max", "0")


def seek(page: Page, seconds: float) -> None:
    """With the slider's own events, once each, as a hand does."""
    slider(page).fill(str(int(seconds)))


def slider(page: Page) -> Locator:
    return page.get_by_role("slider", name="Seek")


def button(page: Page, name: str) -> Locator:
    return page.locator("#stage").get_by_role("button", name=name, exact=True)


def video(page: Page, expression: str) -> object:
    return page.evaluate(f"document.getElementById('video').{expression}")


def position(page: Page) -> float:
    """Where the film is, in seconds: for a stand-in in the first run of its clip."""
    return float(str(video(page, "currentTime")))


def pause(page: Page) -> None:
    """The hand comes to the controls first: they go while a film plays on."""
    page.locator("#stage").hover(position={"x": 60, "y": 60})
    button(page, "Pause").click()
    expect(button(page, "Play")).to_be_visible()


def kept_here(page: Page) -> list[dict[str, float]]:
    """The positions this browser keeps because no region has taken them."""
    found: list[dict[str, float]] = page.evaluate(
        """Object.entries({...localStorage})
            .filter(([key]) => key.startsWith('meridian.position.'))
            .map(([, value]) => JSON.parse(value))"""
    )
    return found


def stored(page: Page, path: str) -> float:
    """The position as the site's own region has it."""
    answer = page.request.get(f"{page.url.split('/watch/')[0]}/bookmarks/{path}/").json()
    return float(answer["position"])


def shoot(page: Page, shots: Path | None, name: str) -> None:
    if shots:
        page.screenshot(path=shots / f"{name}.png")


def test_it_is_driven_by_keys_alone(
    demo: RunningDemo, open_page: OpenPage, shots: Path | None
) -> None:
    page = play(demo, open_page, EPISODE)
    press = page.keyboard.press
    press("k")
    expect(button(page, "Play")).to_be_visible()
    press("3")
    expect(slider(page)).to_have_attribute("aria-valuetext", "0:43 of 2:26")
    press("l")
    expect(slider(page)).to_have_attribute("aria-valuetext", "0:53 of 2:26")
    press("j")
    press("ArrowLeft")
    expect(page.locator("#clock")).to_have_text("0:38")
    button(page, "Mute").focus()
    press("Home")
    expect(page.locator("#clock")).to_have_text("0:00")
    press("m")
    expect(button(page, "Unmute")).to_be_visible()
    press("ArrowUp")
    expect(page.get_by_role("slider", name="Volume")).to_have_attribute("aria-valuetext", "5 %")
    press(">")
    assert video(page, "playbackRate") == 1.25
    expect(page.locator("#said")).to_have_text("Speed 1.25×")
    press("c")
    expect(button(page, "Captions")).to_have_attribute("aria-pressed", "true")
    expect(page.locator(".stage__captions")).to_contain_text("A clock ticks")
    shoot(page, shots, "player-captions")
    press("?")
    expect(page.get_by_role("dialog", name="Keys")).to_be_visible()
    shoot(page, shots, "player-keys")
    press("Escape")
    expect(page.get_by_role("dialog")).to_be_hidden()
    expect(button(page, "Mute")).to_be_focused()
    slider(page).focus()
    press("ArrowRight")
    expect(slider(page)).to_have_attribute("aria-valuetext", "0:05 of 2:26")
    press("f")
    expect(button(page, "Leave full screen")).to_be_visible()
    press("f")
    expect(button(page, "Full screen")).to_be_visible()


def test_it_is_driven_by_mouse_and_remembers_what_was_chosen(
    demo: RunningDemo, open_page: OpenPage
) -> None:
    page = play(demo, open_page, EPISODE)
    page.locator("#video").click(position={"x": 300, "y": 200})
    expect(button(page, "Play")).to_be_visible()
    slider(page).hover(position={"x": 300, "y": 20})
    expect(page.locator(".controls__tip")).to_have_text(re.compile(r"^0:3\d$"))
    slider(page).click(position={"x": 300, "y": 20})
    expect(page.locator("#clock")).to_have_text(re.compile(r"^0:3\d$"))
    button(page, "Mute").click()
    page.get_by_label("Settings").click()
    page.get_by_label("Speed").select_option("1.5")
    page.locator("[data-captions-select]").select_option("English")
    page.get_by_label("Play the next episode by itself").uncheck()
    page.keyboard.press("Escape")
    expect(page.get_by_label("Settings")).to_be_focused()
    page.reload()
    wait_until_ready(page)
    expect(button(page, "Unmute")).to_be_visible()
    expect(button(page, "Captions")).to_have_attribute("aria-pressed", "true")
    assert video(page, "playbackRate") == 1.5
    expect(page.locator("[data-switch=autoplay]")).not_to_be_checked()


def test_letters_are_left_alone_when_they_are_off(demo: RunningDemo, open_page: OpenPage) -> None:
    page = play(demo, open_page, EPISODE)
    pause(page)
    page.keyboard.press("?")
    page.get_by_label("Letters and figures").uncheck()
    page.keyboard.press("Escape")
    page.keyboard.press("5")
    page.keyboard.press("k")
    expect(button(page, "Play")).to_be_visible()
    expect(slider(page)).not_to_have_attribute("aria-valuetext", re.compile("1:13"))
    page.keyboard.press("ArrowRight")
    expect(page.locator("#said")).to_contain_text("+5 s")


def test_controls_go_while_it_plays_and_come_back_for_a_focus(
    demo: RunningDemo, open_page: OpenPage
) -> None:
    page = play(demo, open_page, EPISODE)
    stage = page.locator("#stage")
    expect(stage).to_have_attribute("data-idle", "")
    page.keyboard.press("Tab")
    slider(page).focus()
    expect(stage).not_to_have_attribute("data-idle", "")
    page.mouse.move(400, 300)
    page.keyboard.press("k")
    expect(button(page, "Play")).to_be_visible()
    expect(stage).not_to_have_attribute("data-idle", "")


def test_taps_show_the_controls_and_two_of_them_seek(
    demo: RunningDemo, open_page: OpenPage
) -> None:
    page = play(demo, open_page, EPISODE, width=390, height=844)
    pause(page)
    seek(page, 60)
    expect(page.locator("#clock")).to_have_text("1:00")
    tap = """([x, y]) => {
        const video = document.getElementById('video');
        const { left, top, width, height } = video.getBoundingClientRect();
        const at = { clientX: left + x * width, clientY: top + y * height };
        const touch = { ...at, pointerType: 'touch', bubbles: true };
        for (const time of [1, 2]) video.dispatchEvent(new PointerEvent('pointerup', touch));
    }"""
    page.evaluate(tap, [0.9, 0.4])
    expect(page.locator("#clock")).to_have_text("1:10")
    expect(button(page, "Play")).to_be_visible()


def test_the_next_episode_comes_by_itself_unless_it_is_stopped(
    demo: RunningDemo, open_page: OpenPage, shots: Path | None
) -> None:
    page = open_page(f"{demo.site(HOME)}/browse/")
    page.clock.install(time=time.time() - 3600)
    page.goto(f"{demo.site(HOME)}{EPISODE}")
    wait_until_ready(page)
    page.clock.pause_at(time.time())
    card = page.get_by_role("region", name="Next episode")
    seek(page, EPISODE_SECONDS - 9)
    expect(card).to_contain_text("in 10 s")
    page.clock.run_for(1000)
    expect(card).to_contain_text("in 9 s")
    shoot(page, shots, "player-next")
    page.keyboard.press("Escape")
    expect(card).to_be_hidden()
    seek(page, EPISODE_SECONDS - 1)
    expect(button(page, "Play again")).to_be_visible()
    page.clock.fast_forward(11_000)
    expect(card).to_be_hidden()
    seek(page, 60)
    button(page, "Play").click()
    seek(page, EPISODE_SECONDS - 9)
    expect(card).to_be_visible()
    seek(page, 60)
    expect(card).to_be_hidden()
    seek(page, EPISODE_SECONDS - 9)
    expect(card).to_be_visible()
    page.clock.resume()
    page.clock.fast_forward(11_000)
    page.wait_for_url(re.compile("S01E03"))
    wait_until_ready(page)
    wait_until(lambda: stored(page, "caminandes/S01E02") == EPISODE_SECONDS)


def test_offline_for_half_a_minute_nothing_is_lost(demo: RunningDemo, open_page: OpenPage) -> None:
    page = play(demo, open_page, "/watch/spring/")
    seek(page, 100)
    expect(page.locator("#saved")).to_have_text(SAVED)
    wait_until(lambda: stored(page, "spring") >= 100)
    page.context.set_offline(True)
    left = position(page)
    page.wait_for_function(
        "end => document.getElementById('video').currentTime >= end",
        arg=left + HALF_A_MINUTE,
        timeout=4 * HALF_A_MINUTE * 1000,
    )
    expect(page.locator("#saved")).to_have_text("Not saved yet; kept in this browser")
    assert video(page, "paused") is False
    wait_until(lambda: kept_here(page)[0]["position"] >= left + HALF_A_MINUTE - 10)
    [kept] = kept_here(page)
    assert stored(page, "spring") <= left
    page.context.set_offline(False)
    expect(page.locator("#saved")).to_have_text(SAVED)
    wait_until(lambda: kept_here(page) == [])
    assert stored(page, "spring") >= int(kept["position"])


def test_a_position_left_unsent_is_sent_by_the_next_page(
    demo: RunningDemo, open_page: OpenPage
) -> None:
    page = play(demo, open_page, "/watch/charge/")
    page.route("**/bookmarks/**", lambda route: route.abort())
    seek(page, 90)
    expect(page.locator("#saved")).to_have_text("Not saved yet; kept in this browser")
    pause(page)
    [kept] = kept_here(page)
    page.unroute("**/bookmarks/**")
    page.goto(f"{demo.site(HOME)}/browse/")
    page.wait_for_function(
        "() => !Object.keys(localStorage).some(key => key.startsWith('meridian.position.'))"
    )
    answer = page.request.get(f"{demo.site(HOME)}/bookmarks/charge/").json()
    assert answer["position"] == int(kept["position"])


def test_a_position_left_unsent_goes_with_the_viewer_who_signs_up(
    demo: RunningDemo, open_page: OpenPage
) -> None:
    page = play(demo, open_page, "/watch/charge/")
    page.route("**/bookmarks/**", lambda route: route.abort())
    seek(page, 95)
    expect(page.locator("#saved")).to_have_text("Not saved yet; kept in this browser")
    pause(page)
    [kept] = kept_here(page)
    anonymous = page.locator("body").get_attribute("data-viewer")
    page.goto(f"{demo.site(HOME)}/viewers/sign-up/")
    page.get_by_label("Name").fill(f"Player {uuid4().hex[:8]}")
    page.get_by_label("Password", exact=True).fill("a whole sentence of one")
    page.get_by_role("button", name="Make an account").click()
    expect(page.locator("body")).to_have_attribute("data-former-viewers", str(anonymous))
    assert kept_here(page) == [kept]
    page.unroute("**/bookmarks/**")
    page.goto(f"{demo.site(HOME)}/browse/")
    page.wait_for_function(
        "() => !Object.keys(localStorage).some(key => key.startsWith('meridian.position.'))"
    )
    answer = page.request.get(f"{demo.site(HOME)}/bookmarks/charge/").json()
    assert answer["position"] == int(kept["position"])


def test_a_tab_that_rested_asks_before_it_goes_on(demo: RunningDemo, open_page: OpenPage) -> None:
    first = play(demo, open_page, "/watch/hero/")
    seek(first, 20)
    expect(first.locator("#saved")).to_have_text(SAVED)
    second = play(demo, open_page, "/watch/hero/", context=first.context)
    expect(button(first, "Play")).to_be_attached()
    pause(second)
    seek(second, 150)
    expect(second.locator("#saved")).to_have_text(saved_at("2:30"))
    at = stored(second, "hero")
    assert at == 150
    first.bring_to_front()
    assert stored(first, "hero") == at
    button(first, "Play").click()
    expect(first.get_by_text("You are at 2:30")).to_be_visible()
    expect(button(second, "Play")).to_be_attached()
    assert stored(first, "hero") == at
    button(first, "Jump there").click()
    expect(first.locator("#clock")).to_have_text(re.compile(r"^(2:[345]|3:[0-5])\d$"))
    expect(first.get_by_text("You are at 2:30")).to_be_hidden()


def test_another_form_token_is_fetched_and_the_position_is_kept(
    demo: RunningDemo, open_page: OpenPage
) -> None:
    """Also when the first try to fetch it gets no answer."""
    page = play(demo, open_page, "/watch/coffee-run/")
    pause(page)
    forget_token(page.context)
    page.route("**/watch/coffee-run/", lambda route: route.abort(), times=1)
    seek(page, 70)
    expect(page.locator("#saved")).to_have_text(saved_at("1:10"))


def test_a_clock_that_is_behind_is_put_right_by_the_first_answer(
    demo: RunningDemo, open_page: OpenPage
) -> None:
    page = open_page(f"{demo.site(HOME)}/browse/")
    page.clock.install(time=time.time() - 3600)
    page.goto(f"{demo.site(HOME)}/watch/coffee-run/")
    wait_until_ready(page)
    pause(page)
    for seconds in (70, 80):
        seek(page, seconds)
        expect(page.locator("#saved")).to_have_text(saved_at(f"1:{seconds - 60}"))
    found = page.request.get(f"{demo.site(HOME)}/bookmarks/coffee-run/").json()
    assert time.time() - found["updated_at"] / 1000 < 600


def test_a_session_that_is_over_ends_saving_and_says_so(
    demo: RunningDemo, open_page: OpenPage
) -> None:
    page = play(demo, open_page, "/watch/coffee-run/")
    pause(page)
    page.context.clear_cookies()
    sent: list[Request] = []
    page.on("request", lambda asked: sent.append(asked) if asked.method == "POST" else None)
    seek(page, 70)
    expect(page.locator("#saved")).to_contain_text("Your session here is over")
    expect(page.get_by_role("link", name="Reload this page")).to_be_visible()
    seek(page, 80)
    expect(page.locator("#clock")).to_have_text("1:20")
    page.wait_for_function(
        """() => Object.entries({...localStorage}).some(([key, value]) =>
            key.startsWith('meridian.position.') && JSON.parse(value).position === 80)"""
    )
    assert len(sent) == 1
    page.get_by_role("link", name="Reload this page").click()
    wait_until_ready(page)
    expect(page.locator("#clock")).to_have_text(re.compile(r"^0:[0-5]\d$"))


def forget_token(context: BrowserContext) -> None:
    """As signing in elsewhere does: the page's own token fits no more, the session does."""
    context.clear_cookies(name="csrftoken")


def test_a_film_that_breaks_off_is_tried_again_and_can_be_stood_in_for(
    demo: RunningDemo, open_page: OpenPage
) -> None:
    """The film's server is played by the clip's own file, a piece at a time, until it is gone."""
    clip = (Path(__file__).parents[2] / "static/media/standin.webm").read_bytes()
    gone = False

    def film(route: Route) -> None:
        if gone:
            route.abort()
            return
        asked = re.match(r"bytes=(\d+)-", route.request.headers.get("range", ""))
        start = int(asked.group(1)) if asked else 0
        piece = clip[start : start + 64 * 1024]
        whole = f"bytes {start}-{start + len(piece) - 1}/{len(clip)}"
        headers = {"Content-Type": "video/webm", "Content-Range": whole, "Accept-Ranges": "bytes"}
        route.fulfill(status=206, headers=headers, body=piece)

    page = open_page(f"{demo.site(HOME)}/browse/")
    page.context.route("https://upload.wikimedia.org/**", film)
    page.clock.install()
    page.goto(f"{demo.site(HOME)}/watch/sintel/")
    wait_until_ready(page)
    expect(page.locator("#standin-note")).to_be_hidden()
    gone = True
    seek(page, 400)
    page.clock.fast_forward(16_000)
    expect(page.get_by_text("The film broke off. Trying again…")).to_be_visible()
    for seconds in (2, 5, 11):
        expect(page.locator("#video")).to_have_js_property("networkState", 3)
        page.clock.fast_forward(seconds * 1000)
    button(page, "Play the stand-in clip").click()
    expect(page.locator("#standin-note")).to_be_visible()
    expect(page.locator("#clock")).to_have_text(re.compile(r"^(6:[45]|7:[0-5])\d$"))


def test_without_scripts_the_browsers_own_controls_play_it(
    demo: RunningDemo, open_page: OpenPage
) -> None:
    page = open_page(f"{demo.site(HOME)}/watch/the-stranger/", scripts=False)
    assert page.locator("#video").get_attribute("controls") == ""
    expect(page.locator(".controls")).to_be_hidden()
    page.locator("#video").click()
    expect(page.locator("#video")).to_have_js_property("paused", False)
    expect(page.locator("#video")).to_have_js_property("readyState", 4)
    size = page.locator("#video").bounding_box()
    assert size is not None
    assert size["height"] > 200
