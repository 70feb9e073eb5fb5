"""Which hosted zone of Route 53 a name belongs to, and what it holds under that name."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import takewhile
from typing import Any

from gtsite.deploy.aws import Aws
from gtsite.deploy.errors import DeployError, OutOfPatience
from gtsite.deploy.waiting import Patience, wait_until
from gtsite.wording import listed

Record = dict[str, Any]
"""A record set as Route 53 gives it."""

ALIAS_ZONES: Mapping[str, str] = {
    "af-south-1": "Z1EI3BVKMKK4AM",
    "ap-east-1": "ZPWYUBWRU171A",
    "ap-northeast-1": "Z1R25G3KIG2GBW",
    "ap-northeast-2": "Z3JE5OI70TWKCP",
    "ap-northeast-3": "ZNE5GEY1TIAGY",
    "ap-south-1": "Z18NTBI3Y7N9TZ",
    "ap-south-2": "Z10223522IBWPBF2C2FJS",
    "ap-southeast-1": "Z16FZ9L249IFLT",
    "ap-southeast-2": "Z2PCDNR3VC2G1N",
    "ap-southeast-3": "Z05913172VM7EAZB40TA8",
    "ap-southeast-4": "Z0666869LC74UHAO5YE4",
    "ap-southeast-5": "Z01812971H0QCYWSL7WOH",
    "ap-southeast-6": "Z01144401H1NECCLJDD4D",
    "ap-southeast-7": "Z08384933QM5LSQCVMNZM",
    "ca-central-1": "ZJFCZL7SSZB5I",
    "ca-west-1": "Z1021028356Y0CYS11DQI",
    "eu-central-1": "Z1FRNW7UH4DEZJ",
    "eu-central-2": "Z00227012FSHBMZNNSJJI",
    "eu-north-1": "Z23GO28BZ5AETM",
    "eu-south-1": "Z10VDYYOA2JFKM",
    "eu-south-2": "Z0243492AO4B9S3KI68O",
    "eu-west-1": "Z2NYPWQ7DFZAZH",
    "eu-west-2": "Z1GKAAAUGATPF1",
    "eu-west-3": "Z5WN6GAYWG5OB",
    "il-central-1": "Z02941091PERNCB1MI5H7",
    "me-central-1": "Z0650511N84AAKGW7QUK",
    "me-south-1": "Z2BBTEKR2I36N2",
    "sa-east-1": "Z10X7K2B4QSOFV",
    "us-east-1": "Z117KPS5GTRQ2G",
    "us-east-2": "Z14LCN19Q5QHIC",
    "us-west-1": "Z1LQECGX5PH1X",
    "us-west-2": "Z38NKT9BP95V3O",
}
"""Where Elastic Beanstalk keeps the names of its environments, as the AWS General Reference says.

Regions missing there, such as ap-east-2 and mx-central-1, cannot be the target of an alias.
"""


class ZoneUnclear(DeployError):
    """Route 53 has no public hosted zone for a name, or several that cannot be told apart."""


class ZoneMissing(ZoneUnclear):
    """Route 53 has no public hosted zone for a name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Zone:
    """A public hosted zone; its name has no dot at the end."""

    id: str
    name: str


def find_zone(domain: str, aws: Aws) -> Zone:
    """The public zone with the longest name that the domain ends in; raises `ZoneUnclear`."""
    zones = [
        Zone(id=each["Id"].rpartition("/")[2], name=plain(each["Name"]))
        for each in aws.pages("route53", "", "list_hosted_zones", "HostedZones")
        if not each.get("Config", {}).get("PrivateZone")
    ]
    fitting = [each for each in zones if f".{domain}".endswith(f".{each.name}")]
    longest = max((len(each.name) for each in fitting), default=0)
    nearest = [each for each in fitting if len(each.name) == longest]
    if not nearest:
        raise ZoneMissing(
            f"Route 53 has no public hosted zone for {domain}: make one and name its servers at "
            "the registrar, or write another domain into deploy.toml."
        )
    if len(nearest) > 1:
        raise ZoneUnclear(
            f"Route 53 has {len(nearest)} public hosted zones named {nearest[0].name} "
            f"({listed(sorted(each.id for each in nearest))}): delete those that the registrar "
            "does not name."
        )
    return nearest[0]


def records_named(name: str, zone: Zone, aws: Aws) -> list[Record]:
    """Every record set of exactly that name. Route 53 lists by name, so the first other ends it."""
    pages = aws.pages(
        "route53",
        "",
        "list_resource_record_sets",
        "ResourceRecordSets",
        HostedZoneId=zone.id,
        StartRecordName=name,
    )
    return list(takewhile(lambda record: plain(record["Name"]) == name, pages))


def change_records(
    zone: Zone, changes: Sequence[tuple[str, Record]], aws: Aws, patience: Patience
) -> None:
    """Makes all changes (UPSERT, DELETE) or none; returns when every name server has them.

    A record that is to be deleted has to be as Route 53 gave it: one that was changed since is
    refused, and with it all the others.
    """
    batch = [{"Action": action, "ResourceRecordSet": record} for action, record in changes]
    answer = aws.ask(
        "route53",
        "",
        "change_resource_record_sets",
        HostedZoneId=zone.id,
        ChangeBatch={"Changes": batch},
    )
    number = answer["ChangeInfo"]["Id"]

    def is_everywhere() -> bool:
        found = aws.ask("route53", "", "get_change", Id=number)
        return bool(found["ChangeInfo"]["Status"] == "INSYNC")

    if not wait_until(is_everywhere, patience):
        raise OutOfPatience(
            f"Route 53 has accepted the change of {zone.name} and not yet spread it to all its "
            "servers: that goes on by itself, run the command again later."
        )


def plain(name: str) -> str:
    """A name as people write it: no dot at the end, small letters."""
    return name.rstrip(".").lower()
