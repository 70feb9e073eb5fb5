"""`{% icon "play" %}`: what stands beside words on buttons and links."""

import functools

from django import template
from django.template.loader import render_to_string
from django.utils.safestring import SafeString

register = template.Library()


@register.simple_tag
@functools.cache
def icon(name: str) -> SafeString:
    """The shape of that name in `templates/site/icons`; screen readers pass over it."""
    return render_to_string("site/icon.svg", {"shape": f"site/icons/{name}.svg"})
