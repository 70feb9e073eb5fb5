"""What the environment says, read strictly: what cannot be meant is an error, not a guess."""

import os
from collections.abc import Mapping, Sequence

from django.core.exceptions import ImproperlyConfigured

from gtsite.dynamodb.regions import ANYWHERE, all_regions

REGIONS = frozenset(region.name for region in all_regions())
SWITCH = {"1": True, "on": True, "true": True, "0": False, "off": False, "false": False}


class Environment:
    """Typed reading of environment variables.

    Every reader raises `ImproperlyConfigured` with one sentence naming the variable. An unset
    variable takes the default; an empty one counts as set.
    """

    def __init__(self, variables: Mapping[str, str] = os.environ) -> None:
        self._variables = variables

    def text(self, name: str, default: str) -> str:
        return self._variables.get(name, default).strip()

    def switch(self, name: str, *, default: bool) -> bool:
        raw = self._variables.get(name)
        if raw is None:
            return default
        value = SWITCH.get(raw.strip().lower())
        if value is None:
            raise ImproperlyConfigured(f"{name} is {raw!r}: write on or off.")
        return value

    def port(self, name: str, default: int) -> int:
        raw = self.text(name, str(default))
        if not raw.isdecimal() or not 1024 <= int(raw) <= 65000:
            raise ImproperlyConfigured(f"{name} is {raw!r}: write a port from 1024 to 65000.")
        return int(raw)

    def count(self, name: str, default: int) -> int:
        raw = self.text(name, str(default))
        if not raw.isdecimal() or int(raw) > 9:
            raise ImproperlyConfigured(f"{name} is {raw!r}: write a number from 0 to 9.")
        return int(raw)

    def words(self, name: str, default: Sequence[str]) -> list[str]:
        raw = self._variables.get(name)
        if raw is None:
            return list(default)
        return [word.strip() for word in raw.split(",") if word.strip()]

    def regions(self, name: str, default: Sequence[str]) -> list[str]:
        """Names of regions that exist, in the order given, home first; at least one, none twice."""
        names = self.words(name, default)
        if not names or not REGIONS.issuperset(names) or len(set(names)) != len(names):
            raise ImproperlyConfigured(
                f"{name} is {','.join(names)!r}: write names of AWS regions such as "
                "us-west-2,eu-west-1, each once."
            )
        return names

    def endpoints(self, name: str, default: Mapping[str, str]) -> dict[str, str]:
        """`region=url,…`: where each region's DynamoDB answers, `*=url` for all others.

        Empty means AWS itself.
        """
        if name not in self._variables:
            return dict(default)
        found: dict[str, str] = {}
        for word in self.words(name, ()):
            region, equals, url = word.partition("=")
            if (
                not equals
                or region not in {*REGIONS, ANYWHERE}
                or not url.startswith(("http://", "https://"))
            ):
                raise ImproperlyConfigured(
                    f"{name} has {word!r}: write region=url, such as "
                    "us-west-2=http://127.0.0.1:8101."
                )
            found[region] = url
        return found

    def missing(self, names: Sequence[str]) -> list[str]:
        """The names among these that are unset or empty, in the order given."""
        return [name for name in names if not self._variables.get(name, "").strip()]
