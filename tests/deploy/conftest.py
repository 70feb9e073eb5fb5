"""AWS as a deployment finds it, on this machine: one for the whole run, empty for every test."""

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest
from botocore.retries.standard import ExponentialBackoff

from gtsite.deploy.aws import Aws
from gtsite.deploy.config import Config
from tests.support.answering import FixedAnswer, answering_service
from tests.support.cloud import Cloud
from tests.support.sandbox import REGIONS

PROXIES = ("http_proxy", "https_proxy", "all_proxy", "no_proxy")


@pytest.fixture(autouse=True)
def _sdk_tries_again_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """As often as ever, without the pause in between."""
    monkeypatch.setattr(ExponentialBackoff, "delay_amount", lambda *_: 0.0)


@pytest.fixture
def bare_environment(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """Nothing leads to AWS or to a proxy: no variable, no file, no instance that would know."""
    for name in list(os.environ):
        if name.startswith("AWS_") or name.lower() in PROXIES:
            monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", os.devnull)
    return monkeypatch


@pytest.fixture
def operator(cloud: Cloud, bare_environment: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """The operator's variables: they lead to `cloud`, and a test may set others."""
    for name, value in cloud.environment.items():
        bare_environment.setenv(name, value)
    return bare_environment


@pytest.fixture
def aws(operator: pytest.MonkeyPatch) -> Iterator[Aws]:
    """The operator's AWS, which is `cloud`."""
    del operator
    aws = Aws()
    yield aws
    aws.close()


@pytest.fixture
def config() -> Config:
    """Three regions and a domain; everything else as it is when nobody says anything."""
    return Config(regions=REGIONS, domain="www.example.com")


@pytest.fixture
def answering() -> Iterator[Callable[[FixedAnswer], str]]:
    """Starts services that say one thing only, and gives their addresses."""
    with ExitStack() as services:
        yield lambda answer: services.enter_context(answering_service(answer))
