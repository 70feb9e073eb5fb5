"""Every address of the site, as its URL configuration has it."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from django.urls import URLPattern, URLResolver, get_resolver

ARGUMENT = re.compile(r"<(?:(?P<converter>\w+):)?(?P<name>\w+)>")


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """One pattern. `name` is what `reverse` takes, `route` the path without its first slash."""

    name: str
    route: str

    @property
    def arguments(self) -> tuple[str, ...]:
        """The names of what the route leaves open, in order."""
        return tuple(found["name"] for found in ARGUMENT.finditer(self.route))

    def path(self, *values: str) -> str:
        """The address with these in place of its arguments, in order, as they stand."""
        given = iter(values)
        return "/" + ARGUMENT.sub(lambda _: next(given), self.route)


def addresses() -> tuple[Address, ...]:
    """All of them, those of the lab included."""
    return tuple(_within(get_resolver(), route="", spaces=()))


def _within(resolver: URLResolver, *, route: str, spaces: tuple[str, ...]) -> Iterator[Address]:
    for each in resolver.url_patterns:
        here = route + str(each.pattern)
        if isinstance(each, URLPattern):
            yield Address(name=":".join((*spaces, each.name or "")), route=here)
        else:
            namespace = (each.namespace,) if each.namespace else ()
            yield from _within(each, route=here, spaces=(*spaces, *namespace))
