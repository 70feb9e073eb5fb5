"""How a page carries data for those who read it by machine."""

import json
from typing import Any

from django import template
from django.utils.safestring import SafeString, mark_safe

ESCAPES = {ord("<"): "\\u003C", ord(">"): "\\u003E", ord("&"): "\\u0026"}

register = template.Library()


@register.filter
def linked_data(data: dict[str, Any]) -> SafeString:
    """JSON-LD in a data block, which no browser runs; no value can end the block early."""
    written = json.dumps(data).translate(ESCAPES)
    return mark_safe(f'<script type="application/ld+json">{written}</script>')  # noqa: S308
