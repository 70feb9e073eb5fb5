"""How templates write times, texts and names, and where a title's pictures are."""

import re
from collections.abc import Iterable
from urllib.parse import urlsplit

from django import template
from django.utils.html import escape
from django.utils.safestring import SafeString, mark_safe
from django.utils.text import slugify

from catalog import pictures
from catalog.words import Part

CREATIVE_COMMONS = re.compile(r"^CC-([A-Z-]+)-([0-9.]+)$")

register = template.Library()

register.filter(pictures.poster_url)
register.filter(pictures.backdrop_url)


@register.filter
def clock(seconds: int | None) -> str:
    """754 → 12:34, 3754 → 1:02:34; nothing for what is unknown."""
    if seconds is None:
        return ""
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


@register.filter
def duration(seconds: int | None) -> str:
    """5400 → 1 h 30 min, 888 → 15 min, 45 → 45 s; nothing for what is unknown."""
    if seconds is None:
        return ""
    if seconds < 60:
        return f"{seconds} s"
    hours, minutes = divmod(round(seconds / 60), 60)
    if not hours:
        return f"{minutes} min"
    return f"{hours} h {minutes} min" if minutes else f"{hours} h"


@register.filter
def marked(parts: Iterable[Part]) -> SafeString:
    """A text in which what was searched for is marked."""
    written = (
        f"<mark>{escape(each.text)}</mark>" if each.marked else escape(each.text) for each in parts
    )
    return mark_safe("".join(written))  # noqa: S308


@register.filter
def genre_slug(genre: str) -> str:
    """As the browse page names it in its address."""
    return slugify(genre)


@register.filter
def licence_name(licence: str) -> str:
    """CC-BY-SA-4.0, as registers write it, is CC BY-SA 4.0 to people."""
    return CREATIVE_COMMONS.sub(r"CC \1 \2", licence)


@register.filter
def host(address: str) -> str:
    """https://studio.blender.org/films/spring → studio.blender.org"""
    return urlsplit(address).hostname or address
