"""How a commit's bundle becomes an application version in one region, once and whole.

A version's description remembers which version it replaced, until it has shown that it is
healthy: whoever goes on after an interruption then knows where back is.
"""

import base64
from dataclasses import dataclass

from gtsite.deploy.aws import Aws
from gtsite.deploy.beanstalk import Beanstalk, VersionState
from gtsite.deploy.bundle import LABEL, Bundle
from gtsite.deploy.config import Config
from gtsite.deploy.errors import DeployError, Refused
from gtsite.deploy.steps import Area, Kind, Problem
from gtsite.deploy.waiting import Watch

USABLE = frozenset({"Processed", "Unprocessed"})
"""Unprocessed is what somebody else's tool made without having its files looked at first."""

FAILED = "Failed"
NOT_THERE = frozenset({"404", "NoSuchKey", "NoSuchBucket", "NotFound"})
KEY_DIGITS = 12
REPLACES = "in place of "
PASSED = "passed its health gate"
KEPT = 20
"""Versions of a region that stay to go back to; an account has room for 1,000 of all its sites."""


class VersionFailed(DeployError):
    """Elastic Beanstalk cannot use the bundle, or has other content under the same label."""


def bundle_key(config: Config, bundle: Bundle) -> str:
    """Where the bundle lies in the region's bucket: another content has another key."""
    return f"{config.application}/{bundle.label}-{bundle.sha256[:KEY_DIGITS]}.zip"


def check_version(
    config: Config, bundle: Bundle, found: VersionState, region: str
) -> list[Problem]:
    """A problem if the region has the label already, with other content."""
    if found.key == bundle_key(config, bundle):
        return []
    sentence = (
        f"The version {bundle.label} exists in {region} with other content ({found.key}): "
        f"delete that version, or deploy another commit."
    )
    return [Problem(area=Area.VERSION, region=region, sentence=sentence)]


def is_bundle_stored(aws: Aws, region: str, bucket: str, key: str, bundle: Bundle) -> bool:
    """Whether the bucket has the bundle, as large as it has to be, and its digest if it has one."""
    try:
        told = aws.ask("s3", region, "head_object", Bucket=bucket, Key=key, ChecksumMode="ENABLED")
    except Refused as error:
        if error.code in NOT_THERE:
            return False
        raise
    digest = told.get("ChecksumSHA256", _checksum(bundle))
    return bool(told["ContentLength"] == bundle.size_bytes and digest == _checksum(bundle))


@dataclass(frozen=True, slots=True, kw_only=True)
class Release:
    """One bundle on its way into one region's application."""

    config: Config
    bundle: Bundle
    beanstalk: Beanstalk

    def make_application(self, watch: Watch) -> None:
        """The application, unless it is there."""
        if self.beanstalk.find_application() is not None:
            return
        watch.say(Kind.DOING, f"creating the application {self.config.application}")
        watch.insist(
            lambda: self.beanstalk.create_application("Meridian", self.config.tags),
            lambda: self.beanstalk.find_application() is not None,
        )

    def make_version(self, watch: Watch) -> None:
        """Bundle and version, as far as they are missing.

        Returns when the version is processed; raises `VersionFailed`.
        """
        bucket = self._store_bundle(watch)
        found = self.beanstalk.find_version(self.bundle.label)
        if found is not None and found.key != bundle_key(self.config, self.bundle):
            raise VersionFailed(
                f"The version {self.bundle.label} exists in {self.beanstalk.region} with other "
                "content: delete that version, or deploy another commit."
            )
        if found is not None and found.status == FAILED:
            watch.say(Kind.DOING, f"deleting the version {found.label}, which failed before")
            self.beanstalk.delete_version(found.label, with_bundle=False)
            found = None
        if found is None:
            self._create(watch, bucket)
        watch.until(self._is_processed, f"{self.bundle.label} to be processed")

    def remember(self, previous: str) -> None:
        """Notes which version the new one is about to replace."""
        self._describe(f"{REPLACES}{previous}" if previous else self.bundle.commit)

    def confirm(self) -> None:
        """Notes that the version is healthy where it runs: no way back has to be known any more."""
        self._describe(PASSED)

    def find_previous(self) -> str:
        """The version to go back to; '' if there is none, or the new one has shown its worth."""
        found = self.beanstalk.find_version(self.bundle.label)
        noted = found.description if found else ""
        return noted.removeprefix(REPLACES) if noted.startswith(REPLACES) else ""

    def prune(self, watch: Watch) -> None:
        """Deletes our own versions but for the newest, and those that an environment runs."""
        in_use = {each.version for each in self.beanstalk.list_environments()}
        ours = [each for each in self.beanstalk.list_versions() if self._is_ours(each)]
        for each in sorted(ours, key=_age)[KEPT:]:
            if each.label not in in_use:
                watch.say(Kind.DOING, f"deleting {each.label}, older than the newest {KEPT}")
                self.beanstalk.delete_version(each.label, with_bundle=True)

    def _is_ours(self, version: VersionState) -> bool:
        key = f"{self.config.application}/{LABEL}"
        return version.label.startswith(LABEL) and version.key.startswith(key)

    def _describe(self, text: str) -> None:
        found = self.beanstalk.find_version(self.bundle.label)
        if found is not None and found.description != text:
            self.beanstalk.describe_version(self.bundle.label, text)

    def _store_bundle(self, watch: Watch) -> str:
        """The bucket that has it."""
        aws, region, key = self.beanstalk.aws, self.beanstalk.region, self._key
        bucket = self.beanstalk.find_storage()
        if is_bundle_stored(aws, region, bucket, key, self.bundle):
            return bucket
        size = f"{self.bundle.size_bytes / 1e6:,.1f} MB"
        watch.say(Kind.DOING, f"uploading {self.bundle.label} ({size})")
        aws.ask(
            "s3",
            region,
            "put_object",
            Bucket=bucket,
            Key=key,
            Body=self.bundle.content,
            ContentType="application/zip",
            ChecksumAlgorithm="SHA256",
            ChecksumSHA256=_checksum(self.bundle),
        )
        return bucket

    def _create(self, watch: Watch, bucket: str) -> None:
        watch.say(Kind.DOING, f"creating the version {self.bundle.label}")
        watch.insist(
            lambda: self.beanstalk.create_version(
                self.bundle.label,
                bucket=bucket,
                key=self._key,
                description=self.bundle.commit,
                tags=self.config.tags,
            ),
            lambda: self.beanstalk.find_version(self.bundle.label) is not None,
        )

    def _is_processed(self) -> bool:
        found = self.beanstalk.find_version(self.bundle.label)
        if found is not None and found.status == FAILED:
            raise VersionFailed(
                f"Elastic Beanstalk cannot process {self.bundle.label} in "
                f"{self.beanstalk.region}: look at its events there, mend it, and commit."
            )
        return found is not None and found.status in USABLE

    @property
    def _key(self) -> str:
        return bundle_key(self.config, self.bundle)


def _age(version: VersionState) -> float:
    return -version.created_at.timestamp() if version.created_at else 0


def _checksum(bundle: Bundle) -> str:
    return base64.b64encode(bytes.fromhex(bundle.sha256)).decode()
