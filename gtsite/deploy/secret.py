"""The key that signs the site's cookies and cursors: one secret, the same in every region.

It is text: keys with blanks between them. The first signs, all are accepted. So keys change in
three steps, and all regions are restarted after each: a new key is introduced, last; it is
promoted to the first; the old one is retired. No value ever leaves this module but for AWS.
"""

import re
import secrets
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from enum import Enum, auto
from functools import partial
from typing import Any, TypeVar
from uuid import NAMESPACE_URL, uuid5

from gtsite.deploy.aws import Aws
from gtsite.deploy.config import Config
from gtsite.deploy.errors import DeployError, OutOfPatience, Refused
from gtsite.deploy.steps import Area, Findings, Kind, News, Problem, Tell
from gtsite.deploy.waiting import Patience, wait_until

T = TypeVar("T")

SERVICE = "secretsmanager"
CURRENT = "AWSCURRENT"
NEXT = "NEXT"
"""The label of a version that is written, and not yet what the regions get."""

NOT_FOUND = "ResourceNotFoundException"
EXISTS = "ResourceExistsException"
NOT_ATTACHED = "InvalidParameterException"

DESCRIPTION = "Signs the site's cookies and cursors: the first key signs, all are accepted."
SHORTEST_KEY = 50
RANDOM_BYTES = 64
KEY_START = 12
RECOVERY_DAYS = 30
NUMBERED = re.compile(r"k(\d{1,9})\.")
FAILED = "Failed"
PATIENCE = Patience(poll_seconds=2, longest_seconds=300)

RESTART = "restart every region: manage.py deploy restart"


class SecretRefused(DeployError):
    """The secret is not as the step asked for needs it."""


class Stage(Enum):
    """How far a change of keys is."""

    SETTLED = auto()
    INTRODUCED = auto()
    PROMOTED = auto()
    UNCLEAR = auto()


@dataclass(frozen=True, slots=True, kw_only=True)
class Copy:
    """The secret in one region: a replica, or what the others are replicas of.

    `value` is '' where there is none, or none that is text. `replication` is what the primary says
    of its replicas: what stopped each one, '' for those under way or there.
    """

    region: str
    arn: str
    primary_region: str
    is_deleted: bool
    is_ours: bool
    own_key: str
    version: str
    value: str = field(repr=False)
    replication: Mapping[str, str]

    @property
    def is_primary(self) -> bool:
        return self.primary_region == self.region

    @property
    def keys(self) -> list[str]:
        return self.value.split()

    @property
    def stage(self) -> Stage:
        """Told by the numbers that keys begin with; a key made elsewhere counts as the oldest."""
        ages = [_number(key) for key in self.keys]
        if len(ages) == 1:
            return Stage.SETTLED
        if ages.count(max(ages, default=0)) != 1:
            return Stage.UNCLEAR
        newest = ages.index(max(ages))
        if newest == 0:
            return Stage.PROMOTED
        return Stage.INTRODUCED if newest == len(ages) - 1 else Stage.UNCLEAR


def plan_secret(config: Config, aws: Aws) -> Findings:
    """Whether every region has the same good secret; values are compared here and never shown."""
    copies = _look(config, aws)
    if not copies:
        return Findings(problems=(Problem(area=Area.SECRET, sentence=_no_secret(config)),))
    problems = [*_missing(config, copies), *_malformed(config, copies.values())]
    return Findings(
        problems=tuple(problems or _differing(config, copies)),
        notes=tuple(_notes(config, copies)),
    )


def find_secret_arns(config: Config, aws: Aws) -> dict[str, str]:
    """By region, those that are there and stay."""
    described = _side_by_side(config.regions, partial(_described, config, aws))
    return {
        region: str(found["ARN"])
        for region, found in described.items()
        if found is not None and found.get("DeletedDate") is None
    }


def create_secret(config: Config, aws: Aws, tell: Tell, patience: Patience = PATIENCE) -> None:
    """Makes the secret, of random characters, with a replica in every further region.

    Where it exists it stays as it is, and is copied to the regions that lack it.
    """
    copies = _look(config, aws)
    _refuse(_deleted(config, copies.values()))
    if not copies:
        _create(config, aws)
        _say(tell, Kind.DOING, f"made {config.secret} in {config.home}; nobody has seen it")
        wait_until(lambda: config.home in _look(config, aws), patience)
        copies = _look(config, aws)
    primary = _primary(config, aws, copies)
    under_way = {region for region, trouble in primary.replication.items() if not trouble}
    missing = [each for each in config.regions if each not in copies and each not in under_way]
    if missing:
        _say(tell, Kind.DOING, f"copying {config.secret} to {', '.join(missing)}")
        wanted = [{"Region": region} for region in missing]
        request = {"SecretId": primary.arn, "AddReplicaRegions": wanted}
        aws.ask(SERVICE, primary.region, "replicate_secret_to_regions", **request)
    _wait_for(primary.version, config, aws, tell, patience)
    _say(tell, Kind.DONE, f"{config.secret} is in every region: {', '.join(config.regions)}")


def introduce_key(config: Config, aws: Aws, tell: Tell, patience: Patience = PATIENCE) -> None:
    """Adds a new key, last: every region will accept what it signs, none signs with it yet."""
    primary = _ready_to_change(config, aws, tell, patience)
    if primary.stage is Stage.PROMOTED:
        raise SecretRefused(
            f"{config.secret} still has the key before the present one: "
            "run manage.py deploy secret retire first."
        )
    if primary.stage is Stage.SETTLED:
        newest = max(_number(key) for key in primary.keys)
        changed = [*primary.keys, _new_key(newest + 1)]
        _change(config, aws, primary, "introduce", changed)
    _finish(config, aws, tell, patience)
    _say(
        tell,
        Kind.DONE,
        f"every region's secret has the new key: {RESTART}, then run manage.py deploy secret "
        "promote",
    )


def promote_key(config: Config, aws: Aws, tell: Tell, patience: Patience = PATIENCE) -> None:
    """Puts the new key first: it signs, and what the one before signed is still accepted."""
    primary = _ready_to_change(config, aws, tell, patience)
    if primary.stage is Stage.SETTLED:
        raise SecretRefused(
            f"{config.secret} has no new key to promote: run manage.py deploy secret introduce, "
            f"and {RESTART}."
        )
    if primary.stage is Stage.INTRODUCED:
        *others, newest = primary.keys
        _change(config, aws, primary, "promote", [newest, *others])
    _finish(config, aws, tell, patience)
    _say(
        tell,
        Kind.DONE,
        f"the new key is first: {RESTART}; when visitors have had time to come back, run "
        "manage.py deploy secret retire",
    )


def retire_keys(config: Config, aws: Aws, tell: Tell, patience: Patience = PATIENCE) -> None:
    """Leaves the first key alone: what others signed is not accepted any more."""
    primary = _ready_to_change(config, aws, tell, patience)
    if primary.stage is Stage.INTRODUCED:
        raise SecretRefused(
            f"{config.secret} has a new key that does not sign yet: run manage.py deploy secret "
            f"promote, and {RESTART}."
        )
    if primary.stage is Stage.PROMOTED:
        _change(config, aws, primary, "retire", primary.keys[:1])
    _finish(config, aws, tell, patience)
    _say(tell, Kind.DONE, f"{config.secret} has one key: {RESTART}")


def remove_secret(config: Config, aws: Aws, tell: Tell, patience: Patience = PATIENCE) -> None:
    """Has the secret deleted in 30 days; until then it can be restored. Only one made here."""
    copies = _look(config, aws)
    left = [each for each in copies.values() if not each.is_deleted]
    if not left:
        return
    primary = _primary(config, aws, copies)
    if not primary.is_ours:
        _say(tell, Kind.DONE, f"{config.secret} was not made by manage.py deploy: it stays")
        return
    if primary.replication:
        aws.ask(
            SERVICE,
            primary.region,
            "remove_regions_from_replication",
            SecretId=primary.arn,
            RemoveReplicaRegions=list(primary.replication),
        )
        _wait_until_alone(config, aws, primary, tell, patience)
    aws.ask(
        SERVICE,
        primary.region,
        "delete_secret",
        SecretId=primary.arn,
        RecoveryWindowInDays=RECOVERY_DAYS,
    )
    _say(
        tell,
        Kind.DONE,
        f"{config.secret} will be deleted in {RECOVERY_DAYS} days; until then: aws secretsmanager "
        f"restore-secret --secret-id {config.secret} --region {primary.region}",
    )


def _look(config: Config, aws: Aws) -> dict[str, Copy]:
    """What there is, by region, in the order of the regions; asked all at once."""
    found = _side_by_side(config.regions, partial(_copy, config, aws))
    return {region: copy for region, copy in found.items() if copy is not None}


def _side_by_side(regions: Sequence[str], ask: Callable[[str], T]) -> dict[str, T]:
    with ThreadPoolExecutor(len(regions), thread_name_prefix="secret") as threads:
        return dict(zip(regions, threads.map(ask, regions), strict=True))


def _described(config: Config, aws: Aws, region: str) -> dict[str, Any] | None:
    try:
        found: dict[str, Any] = aws.ask(SERVICE, region, "describe_secret", SecretId=config.secret)
    except Refused as error:
        if error.code == NOT_FOUND:
            return None
        raise
    return found


def _copy(config: Config, aws: Aws, region: str) -> Copy | None:
    found = _described(config, aws, region)
    if found is None:
        return None
    is_deleted = found.get("DeletedDate") is not None
    version, value = ("", "") if is_deleted else _current(config, aws, region)
    tags = {tag["Key"]: tag["Value"] for tag in found.get("Tags", ())}
    return Copy(
        region=region,
        arn=found["ARN"],
        primary_region=found.get("PrimaryRegion") or region,
        is_deleted=is_deleted,
        is_ours=all(tags.get(each["Key"]) == each["Value"] for each in config.tags),
        own_key=found.get("KmsKeyId", ""),
        version=version,
        value=value,
        replication={
            each["Region"]: each.get("StatusMessage", FAILED) if each["Status"] == FAILED else ""
            for each in found.get("ReplicationStatus", ())
        },
    )


def _current(config: Config, aws: Aws, region: str) -> tuple[str, str]:
    """The version that the site would get, and its text."""
    request = {"SecretId": config.secret, "VersionStage": CURRENT}
    try:
        found = aws.ask(SERVICE, region, "get_secret_value", **request)
    except Refused as error:
        if error.code == NOT_FOUND:
            return "", ""
        raise
    return found["VersionId"], found.get("SecretString", "")


def _no_secret(config: Config) -> str:
    return f"There is no secret {config.secret}: run manage.py deploy secret create."


def _missing(config: Config, copies: Mapping[str, Copy]) -> Iterator[Problem]:
    troubles = {
        region: trouble
        for copy in copies.values()
        for region, trouble in copy.replication.items()
        if trouble
    }
    for region in config.regions:
        if region not in copies:
            trouble = troubles.get(region, "").rstrip(".")
            why = f" ({trouble})" if trouble else ""
            sentence = (
                f"The secret {config.secret} is not in {region}{why}: run manage.py deploy secret "
                "create, which copies it there."
            )
            yield Problem(area=Area.SECRET, region=region, sentence=sentence)


def _malformed(config: Config, copies: Iterable[Copy]) -> Iterator[Problem]:
    """What the site would not start with."""
    yield from _deleted(config, copies)
    for copy in copies:
        put = (
            f"put one into it of at least {SHORTEST_KEY} random characters (aws secretsmanager "
            f"put-secret-value --secret-id {config.secret} --region {copy.primary_region})"
        )
        sentence = ""
        if not copy.is_deleted and not copy.keys:
            sentence = f"The secret {config.secret} in {copy.region} has no key as text: {put}."
        elif any(len(key) < SHORTEST_KEY for key in copy.keys):
            sentence = f"The secret {config.secret} in {copy.region} has a key too short: {put}."
        if sentence:
            yield Problem(area=Area.SECRET, region=copy.region, sentence=sentence)


def _deleted(config: Config, copies: Iterable[Copy]) -> Iterator[Problem]:
    for copy in copies:
        if copy.is_deleted:
            sentence = (
                f"The secret {config.secret} in {copy.region} is about to be deleted: run aws "
                f"secretsmanager restore-secret --secret-id {config.secret} "
                f"--region {copy.region}."
            )
            yield Problem(area=Area.SECRET, region=copy.region, sentence=sentence)


def _differing(config: Config, copies: Mapping[str, Copy]) -> Iterator[Problem]:
    first, *others = copies.values()
    differing = [copy.region for copy in others if copy.keys != first.keys]
    if differing:
        sentence = (
            f"The secret {config.secret} in {', '.join(differing)} is not that of {first.region}: "
            "if it has just been changed, wait a minute; else delete it there, then run "
            "manage.py deploy secret create."
        )
        yield Problem(area=Area.SECRET, sentence=sentence)


def _notes(config: Config, copies: Mapping[str, Copy]) -> Iterator[str]:
    first = next(iter(copies.values()))
    if first.stage is Stage.INTRODUCED:
        yield (
            f"{config.secret} has a new key that does not sign yet: {RESTART}, then run manage.py "
            "deploy secret promote."
        )
    if first.stage is Stage.PROMOTED:
        yield (
            f"{config.secret} still accepts the key before the present one: manage.py deploy "
            "secret retire ends that."
        )
    primary = copies.get(first.primary_region, first)
    if further := sorted(set(primary.replication) - set(config.regions)):
        yield (
            f"{config.secret} is also in {', '.join(further)}, no longer among the regions: aws "
            f"secretsmanager remove-regions-from-replication --secret-id {config.secret} "
            f"--remove-replica-regions {' '.join(further)} --region {primary.region} ends that."
        )
    for copy in copies.values():
        if copy.own_key and not copy.own_key.endswith("alias/aws/secretsmanager"):
            yield (
                f"{config.secret} in {copy.region} is encrypted with a key of your own: "
                f"{config.instance_role} has to be allowed kms:Decrypt with it."
            )


def _create(config: Config, aws: Aws) -> None:
    """Of two operators at once the first one's secret stands; asked twice, it is made once."""
    request: dict[str, Any] = {
        "Name": config.secret,
        "Description": DESCRIPTION,
        "Tags": config.tags,
    }
    if further := [{"Region": region} for region in config.regions[1:]]:
        request["AddReplicaRegions"] = further
    _write([_new_key(1)], aws, config.home, "create_secret", **request)


def _write(keys: Sequence[str], aws: Aws, region: str, operation: str, **request: Any) -> None:
    """Unless it is there already; who refuses the keys is not quoted if they are said again."""
    try:
        aws.ask(SERVICE, region, operation, SecretString=" ".join(keys), **request)
    except Refused as error:
        if error.code == EXISTS:
            return
        if not any(key[:KEY_START] in error.reason for key in keys):
            raise
        raise Refused(
            service=error.service, region=error.region, code=error.code, reason=error.code
        ) from None


def _primary(config: Config, aws: Aws, copies: Mapping[str, Copy]) -> Copy:
    """What all the others are replicas of; it may be in a region that is no more among them."""
    if not copies:
        raise SecretRefused(_no_secret(config))
    (region, *more) = {copy.primary_region: None for copy in copies.values()}
    if more:
        raise SecretRefused(
            f"{config.secret} is a secret of its own in {region} and in {', '.join(more)}: delete "
            "it in all but one of them, then run manage.py deploy secret create."
        )
    found = copies.get(region) or _copy(config, aws, region)
    if found is None or not found.is_primary:
        raise SecretRefused(f"{config.secret} is a replica of one in {region} that is not there.")
    return found


def _ready_to_change(config: Config, aws: Aws, tell: Tell, patience: Patience) -> Copy:
    """The primary, once every region has the same good secret: an earlier step may be on its way.

    Raises `SecretRefused`, and `OutOfPatience`.
    """
    copies = _look(config, aws)
    if not copies:
        raise SecretRefused(_no_secret(config))
    _refuse([*_missing(config, copies), *_malformed(config, copies.values())])
    primary = _primary(config, aws, copies)
    _wait_for(primary.version, config, aws, tell, patience)
    if primary.stage is Stage.UNCLEAR:
        raise SecretRefused(
            f"{config.secret} has {len(primary.keys)} keys, and which is the newest cannot be "
            "told: leave one or two of them, the newest last."
        )
    return primary


def _refuse(problems: Iterable[Problem]) -> None:
    for problem in problems:
        raise SecretRefused(problem.sentence)


def _change(config: Config, aws: Aws, now: Copy, step: str, keys: Sequence[str]) -> None:
    """Writes the next version, then makes it the current one in place of the one that was read.

    The version's name follows from the one it replaces: whoever takes the same step, be it a
    second operator or this one once more, goes on with the same version. Should the secret have
    been changed otherwise, it is left as it is.
    """
    version = str(uuid5(NAMESPACE_URL, f"{now.arn} {now.version} {step}"))
    _write(
        keys,
        aws,
        now.region,
        "put_secret_value",
        SecretId=now.arn,
        ClientRequestToken=version,
        VersionStages=[NEXT],
    )
    try:
        aws.ask(
            SERVICE,
            now.region,
            "update_secret_version_stage",
            SecretId=now.arn,
            VersionStage=CURRENT,
            MoveToVersionId=version,
            RemoveFromVersionId=now.version,
        )
    except Refused as error:
        if error.code != NOT_ATTACHED:
            raise
        if _current(config, aws, now.region)[0] != version:
            raise SecretRefused(
                f"{config.secret} has just been changed by somebody else, and was left as they "
                "made it: look at manage.py deploy plan, then run this again."
            ) from error


def _finish(config: Config, aws: Aws, tell: Tell, patience: Patience) -> None:
    """Waits until every region has what the primary has now."""
    primary = _primary(config, aws, _look(config, aws))
    _wait_for(primary.version, config, aws, tell, patience)


def _wait_for(version: str, config: Config, aws: Aws, tell: Tell, patience: Patience) -> None:
    """Until every region has that version; raises `SecretRefused` where one cannot get it."""
    behind: list[str] = []

    def is_everywhere() -> bool:
        copies = _look(config, aws)
        there = {region for region, copy in copies.items() if copy.version == version}
        behind[:] = [region for region in config.regions if region not in there]
        if behind:
            _refuse_failed(config, copies, behind)
            _say(tell, Kind.WAITING, f"waiting for {config.secret} in {', '.join(behind)}")
        return not behind

    if not wait_until(is_everywhere, patience):
        raise OutOfPatience(
            f"{config.secret} is not yet the same in {', '.join(behind)}: run the command again "
            "in a minute."
        )


def _refuse_failed(config: Config, copies: Mapping[str, Copy], behind: Sequence[str]) -> None:
    for copy in copies.values():
        for region in behind:
            if trouble := copy.replication.get(region, "").rstrip("."):
                raise SecretRefused(
                    f"{config.secret} cannot be copied to {region} ({trouble}): mend that, then "
                    "run manage.py deploy secret create."
                )


def _wait_until_alone(
    config: Config, aws: Aws, primary: Copy, tell: Tell, patience: Patience
) -> None:
    left: list[str] = []

    def is_alone() -> bool:
        found = _described(config, aws, primary.region) or {}
        left[:] = [each["Region"] for each in found.get("ReplicationStatus", ())]
        if left:
            where = ", ".join(left)
            _say(tell, Kind.WAITING, f"waiting for {config.secret} to be removed from {where}")
        return not left

    if not wait_until(is_alone, patience):
        raise OutOfPatience(
            f"{config.secret} is not yet removed from {', '.join(left)}: run the command again."
        )


def _new_key(number: int) -> str:
    """The number says which of two keys is the newer one; the rest, 86 characters, is random."""
    return f"k{number}.{secrets.token_urlsafe(RANDOM_BYTES)}"


def _number(key: str) -> int:
    """0 for a key that was not made here."""
    found = NUMBERED.match(key)
    return int(found[1]) if found else 0


def _say(tell: Tell, kind: Kind, sentence: str) -> None:
    tell(News(kind=kind, sentence=sentence))
