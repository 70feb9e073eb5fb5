"""What a roll-out's tests start from: commits, a role, secrets, and time that just passes."""

import copy
import hashlib
import json
import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from gtsite.deploy.aws import Aws
from gtsite.deploy.bundle import Bundle
from gtsite.deploy.config import Config
from gtsite.deploy.options import SECRETS
from gtsite.deploy.preflight import Identity
from gtsite.deploy.regional_plans import RegionPlan, plan_regions
from gtsite.deploy.rollout import Outcome, restart_regions, roll_out
from gtsite.deploy.steps import Kind, News
from gtsite.deploy.teardown import remove_environments
from gtsite.deploy.versions import bundle_key
from gtsite.deploy.waiting import Clock, Patience
from tests.support.cloud import ACCOUNT, Cloud

IDENTITY = Identity(account=ACCOUNT, arn=f"arn:aws:iam::{ACCOUNT}:user/operator")
PATIENCE = Patience(poll_seconds=5, longest_seconds=600, settled_looks=3, ill_looks=4)
KEY = "k1." + "x" * 60


class PassingClock(Clock):
    """Nobody sleeps, and time passes as if they had."""

    def __init__(self) -> None:
        self._now = 0.0
        self._lock = threading.Lock()

    def now(self) -> float:
        with self._lock:
            return self._now

    def sleep(self, seconds: float) -> None:
        with self._lock:
            self._now += seconds


def bundle(digit: str, content: bytes = b"") -> Bundle:
    """The bundle of a commit whose digits are all the same."""
    whole = content or f"the files of {digit}".encode()
    return Bundle(
        label=f"git-{digit * 12}",
        commit=digit * 40,
        sha256=hashlib.sha256(whole).hexdigest(),
        size_bytes=len(whole),
        content=whole,
    )


A, B = bundle("a"), bundle("b")
_LEFT: dict[str, dict[str, dict[str, Any]]] = {}


@dataclass(slots=True, kw_only=True)
class Stage:
    """A deployment at hand: its config, the cloud it goes to, and what it told."""

    config: Config
    aws: Aws
    cloud: Cloud
    patience: Patience = PATIENCE
    news: list[News] = field(default_factory=list)
    secrets: dict[str, str] = field(default_factory=dict)

    def prepare(self) -> None:
        """The instance profile, and the secret in every region."""
        role = self.config.instance_role
        trust = json.dumps({"Statement": []})
        self.aws.ask("iam", "", "create_role", RoleName=role, AssumeRolePolicyDocument=trust)
        self.aws.ask("iam", "", "create_instance_profile", InstanceProfileName=role)
        for region in self.config.regions:
            request = {"Name": self.config.secret, "SecretString": KEY}
            made = self.aws.ask("secretsmanager", region, "create_secret", **request)
            self.secrets[region] = made["ARN"]

    def stand(self, standing: Bundle) -> None:
        """Every region as `up` left it the first time, which is done once and copied after that."""
        if standing.label not in _LEFT:
            assert self.up(standing).is_good
            _LEFT[standing.label] = {name: self._left(name) for name in self.config.regions}
        for region, left in _LEFT[standing.label].items():
            there = self.cloud.beanstalk.region(region)
            for name, value in copy.deepcopy(left).items():
                setattr(there, name, value)
            self.environment(region).options[SECRETS, "SECRET_KEY"] = self.secrets[region]
            self._store(region, standing)
        self.cloud.beanstalk.calls.clear()
        self.news.clear()

    def _left(self, region: str) -> dict[str, Any]:
        there = self.cloud.beanstalk.region(region)
        names = ("applications", "versions", "environments", "events")
        return {name: copy.deepcopy(getattr(there, name)) for name in names}

    def _store(self, region: str, standing: Bundle) -> None:
        bucket = str(
            self.aws.ask("elasticbeanstalk", region, "create_storage_location")["S3Bucket"]
        )
        key = bundle_key(self.config, standing)
        self.aws.ask("s3", region, "put_object", Bucket=bucket, Key=key, Body=standing.content)

    def plan(self, wanted: Bundle, only: Sequence[str] = ()) -> tuple[RegionPlan, ...]:
        return plan_regions(self.config, IDENTITY, wanted, self.aws, only=only)

    def up(self, wanted: Bundle, *, parallel: bool = False, only: Sequence[str] = ()) -> Outcome:
        return roll_out(
            self.plan(wanted, only),
            parallel=parallel,
            patience=self.patience,
            tell=self.news.append,
            clock=PassingClock(),
        )

    def restart(self) -> Outcome:
        return restart_regions(
            self.config,
            self.config.regions,
            self.aws,
            patience=self.patience,
            tell=self.news.append,
            clock=PassingClock(),
        )

    def remove(self) -> None:
        remove_environments(
            self.config,
            self.config.regions,
            self.aws,
            self.patience,
            self.news.append,
            clock=PassingClock(),
        )

    def environment(self, region: str) -> Any:
        """The stand-in's own."""
        return self.cloud.beanstalk.environment(region, self.config.environment_name(region))

    def changes(self, region: str = "") -> list[tuple[str, str]]:
        """Region and operation of what was asked to be changed, and was."""
        return [
            (each.region, each.operation)
            for each in self.cloud.beanstalk.changes
            if region in ("", each.region) and not each.outcome
        ]

    def said(self, kind: Kind) -> list[str]:
        return [each.sentence for each in self.news if each.kind is kind]
