"""What is to be deployed, where, and under which names: `deploy.toml`, and what follows from it."""

import hashlib
import re
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from gtsite.deploy.errors import BadConfig
from gtsite.dynamodb.errors import UnknownRegion
from gtsite.dynamodb.regions import region as known_region

LONGEST_ENVIRONMENT = 40
SHORTEST_NAME, LONGEST_APPLICATION = 2, 40
MOST_INSTANCES = 100
APPLICATION = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")
LABEL = r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?"
DOMAIN = re.compile(rf"(?=.{{4,253}}$)({LABEL}\.)+([a-z]{{2,63}}|xn--{LABEL})")
ACCOUNT = re.compile(r"\d{12}")
TABLE = re.compile(r"[A-Za-z0-9_.-]{3,255}")
SECRET = re.compile(r"[A-Za-z0-9/_+=.@-]{1,512}")
INSTANCE_TYPE = re.compile(r"[a-z0-9-]+\.[a-z0-9-]+")
VARIABLE = re.compile(r"[A-Z][A-Z0-9_]*")


@dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    """One deployment. `regions` has home first; '' for what is left open.

    `account` is the only one to deploy to. `domain` is the name visitors use, and the reason for
    certificates and Route 53; without one each region has its own address, by HTTP only. `secret`
    is a name in Secrets Manager. `environment` are further variables of the site.
    """

    application: str = "meridian"
    regions: tuple[str, ...] = ()
    table: str = "global-serverless"
    account: str = ""
    domain: str = ""
    secret: str = "meridian/secret-key"  # noqa: S105 - its name
    instance_types: tuple[str, ...] = ("t3.small",)
    least_instances: int = 2
    most_instances: int = 4
    environment: Mapping[str, str] = field(default_factory=dict)

    @property
    def home(self) -> str:
        return self.regions[0]

    @property
    def instance_role(self) -> str:
        """Of the role and the instance profile."""
        return f"{self.application}-instance"

    @property
    def service_role(self) -> str:
        return f"{self.application}-service"

    @property
    def scheme(self) -> str:
        return "https" if self.domain else "http"

    @property
    def tags(self) -> list[dict[str, str]]:
        """What marks everything that a deployment makes, as most services take it."""
        return [{"Key": "meridian:application", "Value": self.application}]

    def environment_name(self, region: str) -> str:
        return f"{self.application}-{region}"

    def cname_prefix(self, account: str) -> str:
        """The same in every region, and nobody else's: it holds a digest of the account."""
        digest = hashlib.sha256(f"{account}/{self.application}".encode()).hexdigest()
        return f"{self.application}-{digest[:8]}"

    def cname(self, region: str, account: str) -> str:
        """The host name Elastic Beanstalk gives the region's environment."""
        return f"{self.cname_prefix(account)}.{region}.elasticbeanstalk.com"


def read_config(path: Path, *, regions: Sequence[str], table: str) -> Config:
    """What the file says; `regions` and `table` where it says nothing, all of it if there is none.

    Raises `BadConfig` with one sentence naming the entry.
    """
    try:
        text = path.read_text(encoding="utf-8") if path.exists() else ""
        entries = tomllib.loads(text)
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise BadConfig(f"{path.name} cannot be read: {error}.") from error
    return checked(_typed({"regions": list(regions), "table": table} | entries, path.name))


def checked(config: Config) -> Config:
    """The config itself, when every entry can be meant; raises `BadConfig`."""
    for name in config.regions:
        try:
            known_region(name)
        except UnknownRegion as error:
            raise BadConfig(str(error)) from error
    for holds, sentence in _rules(config):
        if not holds:
            raise BadConfig(sentence)
    return config


def _rules(config: Config) -> list[tuple[bool, str]]:
    name, most = config.application, LONGEST_ENVIRONMENT
    longest = max((config.environment_name(each) for each in config.regions), key=len, default="")
    return [
        (bool(config.regions), "regions is empty: name at least one, home first."),
        (
            len(set(config.regions)) == len(config.regions),
            "regions names a region twice: name each once.",
        ),
        (
            bool(APPLICATION.fullmatch(name)) and SHORTEST_NAME <= len(name) <= LONGEST_APPLICATION,
            (
                f"application is {name!r}: write 2 to {LONGEST_APPLICATION} small letters, digits "
                "and single hyphens, a letter first."
            ),
        ),
        (
            len(longest) <= most,
            (
                f"application is {name!r}: {longest} has {len(longest)} characters, and Elastic "
                f"Beanstalk takes {most}: shorten it by {len(longest) - most}."
            ),
        ),
        (
            not config.account or bool(ACCOUNT.fullmatch(config.account)),
            f"account is {config.account!r}: write the twelve digits of an AWS account.",
        ),
        (
            not config.domain or bool(DOMAIN.fullmatch(config.domain)),
            (
                f"domain is {config.domain!r}: write a host name such as www.example.com, in "
                "small letters and without a stop at its end."
            ),
        ),
        (
            bool(TABLE.fullmatch(config.table)),
            f"table is {config.table!r}: write 3 to 255 letters, digits and _ . -.",
        ),
        (
            bool(SECRET.fullmatch(config.secret)),
            f"secret is {config.secret!r}: write a name as Secrets Manager has them, not an ARN.",
        ),
        (bool(config.instance_types), "instance_types is empty: name at least one."),
        (
            all(INSTANCE_TYPE.fullmatch(each) for each in config.instance_types),
            f"instance_types has {', '.join(config.instance_types)}: write types as t3.small.",
        ),
        (
            1 <= config.least_instances <= config.most_instances <= MOST_INSTANCES,
            (
                f"least_instances is {config.least_instances} and most_instances "
                f"{config.most_instances}: write 1 to {MOST_INSTANCES}, the least first."
            ),
        ),
        (
            all(VARIABLE.fullmatch(each) for each in config.environment),
            (
                f"environment has {', '.join(config.environment)}: names of variables are capital "
                "letters, digits and underscores."
            ),
        ),
    ]


def _typed(entries: Mapping[str, Any], file: str) -> Config:
    """Lists become tuples; every entry is known and of its type; raises `BadConfig`."""
    known = {each.name: each.type for each in fields(Config)}
    values: dict[str, Any] = {}
    for name, value in entries.items():
        if name not in known:
            raise BadConfig(f"{file} has {name!r}: it knows {', '.join(known)}.")
        values[name] = tuple(value) if isinstance(value, list) else value
        if not _fits(values[name], known[name]):
            told = (
                "" if isinstance(value, dict) else f" {value!r}: that is"
            )  # its values may be secret
            raise BadConfig(f"{name} in {file} is{told} not {WANTED[known[name]]}.")
    return Config(**values)


WANTED: dict[Any, str] = {
    str: "a text in quotes",
    int: "a whole number",
    tuple[str, ...]: "a list of texts",
    Mapping[str, str]: "a table of texts",
}


def _fits(value: object, kind: object) -> bool:
    if kind is int:
        return isinstance(value, int) and not isinstance(value, bool)
    if kind is str:
        return isinstance(value, str)
    if kind == Mapping[str, str]:
        return isinstance(value, dict) and _all_texts(value.values())
    return isinstance(value, tuple) and _all_texts(value)


def _all_texts(values: Iterable[object]) -> bool:
    return all(isinstance(each, str) for each in values)
