"""AWS on this machine: moto as a process of its own, and the stand-in for Elastic Beanstalk."""

import http.client
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import boto3
import pytest
from botocore.config import Config

from gtsite.sandbox.storage.engines import Engine
from tests.support.beanstalk import Beanstalk
from tests.support.beanstalk.neighbours import Neighbours
from tests.support.engines import EngineProcess
from tests.support.sandbox import PROJECT

ACCOUNT = "123456789012"
KEY, SECRET = (
    "AKIAIOSFODNN7EXAMPLE",
    "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
)  # AWS's own examples

CLOSED = "http://127.0.0.1:9"
"""Where nobody answers: no test can be given that port while another counts on it."""

MOTO = Engine(
    name="moto", durable=False, program=(sys.executable, "-m", "tests.support.moto_server")
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Cloud:
    """`moto` answers for every service but Elastic Beanstalk, which `beanstalk` stands in for."""

    moto: str
    beanstalk: Beanstalk

    @property
    def environment(self) -> dict[str, str]:
        """What leads the SDK here, with credentials, and plain HTTP to the environments' sites."""
        return {
            "AWS_ENDPOINT_URL": self.moto,
            "AWS_ENDPOINT_URL_ELASTIC_BEANSTALK": self.beanstalk.endpoint,
            "AWS_ACCESS_KEY_ID": KEY,
            "AWS_SECRET_ACCESS_KEY": SECRET,
            "AWS_CONFIG_FILE": os.devnull,
            "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
            "AWS_EC2_METADATA_DISABLED": "true",
            "http_proxy": self.beanstalk.endpoint,
            "no_proxy": "127.0.0.1,localhost",
        }

    def client(self, service: str, region: str, *, read_seconds: float = 60) -> Any:
        """To put things there and to see what is there; its calls to Elastic Beanstalk count."""
        endpoint = self.beanstalk.endpoint if service == "elasticbeanstalk" else self.moto
        return boto3.client(
            service,
            region_name=region,
            endpoint_url=endpoint,
            aws_access_key_id=KEY,
            aws_secret_access_key=SECRET,
            config=Config(proxies={}, retries={"total_max_attempts": 1}, read_timeout=read_seconds),
        )

    def reset(self) -> None:
        """An account as it is on its first day."""
        self.beanstalk.reset()
        address = urlsplit(self.moto)
        connection = http.client.HTTPConnection(str(address.hostname), address.port, timeout=60)
        connection.request("POST", "/moto-api/reset")
        connection.getresponse().read()
        connection.close()


@contextmanager
def running_cloud() -> Iterator[Cloud]:
    """For as long as the block."""
    moto = EngineProcess(MOTO)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", str(PROJECT))
        moto.start()
    beanstalk = Beanstalk(Neighbours(moto.url))
    beanstalk.start()
    try:
        yield Cloud(moto=moto.url, beanstalk=beanstalk)
    finally:
        beanstalk.stop()
        moto.kill()
