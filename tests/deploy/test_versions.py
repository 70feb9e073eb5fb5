"""A bundle becomes a version once, whole, and with its own content."""

import base64
import hashlib

import pytest

from gtsite.deploy.aws import Aws
from gtsite.deploy.beanstalk import Beanstalk
from gtsite.deploy.bundle import Bundle
from gtsite.deploy.config import Config
from gtsite.deploy.errors import OutOfPatience
from gtsite.deploy.turns import beanstalk_of
from gtsite.deploy.versions import PASSED, Release, VersionFailed, bundle_key, is_bundle_stored
from gtsite.deploy.waiting import Patience, Watch
from tests.support.cloud import ACCOUNT, Cloud
from tests.support.rollouts import PATIENCE, A, PassingClock, bundle

REGION = "eu-west-1"
BUCKET = f"elasticbeanstalk-{REGION}-{ACCOUNT}"


@pytest.fixture
def beanstalk(config: Config, aws: Aws) -> Beanstalk:
    return beanstalk_of(config, REGION, aws)


def _watch(beanstalk: Beanstalk, patience: Patience = PATIENCE) -> Watch:
    return Watch(
        beanstalk=beanstalk, patience=patience, clock=PassingClock(), tell=lambda _news: None
    )


def _make(config: Config, beanstalk: Beanstalk, wanted: Bundle = A) -> Release:
    release = Release(config=config, bundle=wanted, beanstalk=beanstalk)
    release.make_application(_watch(beanstalk))
    release.make_version(_watch(beanstalk))
    return release


def _changes(cloud: Cloud) -> list[str]:
    return [each.operation for each in cloud.beanstalk.changes]


def test_a_bundle_is_stored_byte_for_byte_with_its_digest(
    config: Config, beanstalk: Beanstalk, cloud: Cloud
) -> None:
    _make(config, beanstalk)

    found = cloud.client("s3", REGION).get_object(
        Bucket=BUCKET, Key=bundle_key(config, A), ChecksumMode="ENABLED"
    )
    assert found["Body"].read() == A.content
    digest = base64.b64encode(hashlib.sha256(A.content).digest()).decode()
    assert found["ChecksumSHA256"] == digest


def test_done_twice_nothing_is_made_twice(
    config: Config, beanstalk: Beanstalk, cloud: Cloud
) -> None:
    _make(config, beanstalk)
    before = _changes(cloud)
    _make(config, beanstalk)

    assert before == ["CreateApplication", "CreateStorageLocation", "CreateApplicationVersion"]
    assert _changes(cloud) == [*before, "CreateStorageLocation"]


def test_a_bundle_that_was_deleted_is_stored_again(
    config: Config, beanstalk: Beanstalk, cloud: Cloud
) -> None:
    _make(config, beanstalk)
    s3, key = cloud.client("s3", REGION), bundle_key(config, A)
    s3.delete_object(Bucket=BUCKET, Key=key)
    assert not is_bundle_stored(beanstalk.aws, REGION, BUCKET, key, A)

    _make(config, beanstalk)

    assert is_bundle_stored(beanstalk.aws, REGION, BUCKET, key, A)


@pytest.mark.parametrize("content", [b"half", b"X" * A.size_bytes], ids=["shorter", "as long"])
def test_a_bundle_that_is_not_whole_or_not_the_same_is_stored_again(
    config: Config, beanstalk: Beanstalk, cloud: Cloud, content: bytes
) -> None:
    _make(config, beanstalk)
    s3, key = cloud.client("s3", REGION), bundle_key(config, A)
    s3.put_object(Bucket=BUCKET, Key=key, Body=content, ChecksumAlgorithm="SHA256")

    _make(config, beanstalk)

    assert s3.get_object(Bucket=BUCKET, Key=key)["Body"].read() == A.content


def test_a_label_with_other_content_is_left_as_it_is(config: Config, beanstalk: Beanstalk) -> None:
    _make(config, beanstalk)

    with pytest.raises(VersionFailed, match="git-aaaaaaaaaaaa exists in eu-west-1 with other"):
        _make(config, beanstalk, bundle("a", b"built otherwise"))

    found = beanstalk.find_version(A.label)
    assert found is not None
    assert found.key == bundle_key(config, A)


def test_a_version_that_failed_is_said_and_made_anew_the_next_time(
    config: Config, beanstalk: Beanstalk, cloud: Cloud
) -> None:
    cloud.beanstalk.fail_version(REGION, A.label)
    with pytest.raises(VersionFailed, match="cannot process git-aaaaaaaaaaaa in eu-west-1"):
        _make(config, beanstalk)
    cloud.beanstalk.region(REGION).failing_versions.clear()

    _make(config, beanstalk)

    found = beanstalk.find_version(A.label)
    assert found is not None
    assert found.status == "Processed"


def test_a_version_that_is_never_processed_ends_the_patience(
    config: Config, beanstalk: Beanstalk, cloud: Cloud
) -> None:
    release = _make(config, beanstalk)
    cloud.beanstalk.region(REGION).versions[0].status = "Building"

    with pytest.raises(OutOfPatience, match="600 s were not enough in eu-west-1"):
        release.make_version(_watch(beanstalk))


def test_what_a_version_replaced_is_remembered_until_it_has_passed(
    config: Config, beanstalk: Beanstalk
) -> None:
    release = _make(config, beanstalk)
    assert release.find_previous() == ""

    release.remember("git-before")
    assert release.find_previous() == "git-before"

    release.confirm()
    assert release.find_previous() == ""
    found = beanstalk.find_version(A.label)
    assert found is not None
    assert found.description == PASSED
