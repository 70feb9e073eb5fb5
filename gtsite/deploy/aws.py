"""Every AWS service a deployment asks, one client each, and what they refuse in our own words."""

import threading
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import boto3
from botocore.config import Config
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    CredentialRetrievalError,
    HTTPClientError,
    InvalidConfigError,
    LoginError,
    NoCredentialsError,
    PartialCredentialsError,
    SSOError,
    TokenRetrievalError,
    UnknownCredentialError,
)
from botocore.exceptions import ConnectionError as NotConnected
from botocore.parsers import ResponseParserError

from gtsite.deploy.errors import (
    AccessDenied,
    CredentialsMissing,
    CredentialsRefused,
    DeployError,
    Refused,
    Throttled,
    Unreachable,
)

GLOBAL_REGION = "us-east-1"
"""Where IAM and Route 53 have their control planes."""

NAMES = {
    "acm": "Certificate Manager",
    "ec2": "EC2",
    "elasticbeanstalk": "Elastic Beanstalk",
    "iam": "IAM",
    "route53": "Route 53",
    "s3": "S3",
    "secretsmanager": "Secrets Manager",
    "service-quotas": "Service Quotas",
    "sts": "STS",
}
GLOBAL_SERVICES = frozenset({"iam", "route53"})
LOOPBACK = ("127.0.0.1", "localhost", "::1")
CONNECT_SECONDS = 5
READ_SECONDS = 15
UPLOAD_SECONDS = 60
"""For S3: some MB that this machine has sent may be on a slow line for so long."""
ATTEMPTS = 4
"""Of the SDK for one operation: a region that is silent is given up within a minute or so."""

NO_CREDENTIALS = (
    NoCredentialsError,
    PartialCredentialsError,
    CredentialRetrievalError,
    InvalidConfigError,
    TokenRetrievalError,
    UnknownCredentialError,
    SSOError,
    LoginError,
)
CREDENTIALS_REFUSED = frozenset(
    {
        "AuthFailure",
        "ExpiredToken",
        "ExpiredTokenException",
        "IncompleteSignature",
        "InvalidAccessKeyId",
        "InvalidClientTokenId",
        "InvalidSignatureException",
        "InvalidToken",
        "RequestExpired",
        "RequestTimeTooSkewed",
        "SignatureDoesNotMatch",
        "UnrecognizedClientException",
    }
)
ACCESS_DENIED = frozenset(
    {
        "403",  # S3 answers HEAD without a body
        "AccessDenied",
        "AccessDeniedException",
        "InsufficientPrivilegesException",
        "UnauthorizedOperation",
    }
)
THROTTLED = frozenset(
    {
        "EC2ThrottledException",
        "OperationInProgressFailure",
        "PriorRequestNotComplete",
        "RequestLimitExceeded",
        "RequestThrottled",
        "RequestThrottledException",
        "SlowDown",
        "ThrottledException",
        "Throttling",
        "ThrottlingException",
        "TooManyRequestsException",
    }
)
SERVER_ERRORS = 500
ENCODED = "Encoded authorization failure message"
"""After this EC2 says the reason once more, in a code that only its administrators can read."""
LONGEST_REASON = 400


class Aws:
    """One operator's AWS. Clients are built on first use; thread-safe.

    Endpoints come from where the SDK looks for them, AWS_ENDPOINT_URL_ELASTIC_BEANSTALK and its
    like included. The SDK tries again by itself what was throttled or did not arrive. Every
    method raises a `DeployError` for what goes wrong.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._clients: dict[tuple[str, str], Any] = {}
        try:
            self._session = boto3.session.Session()
        except BotoCoreError as error:
            raise CredentialsMissing(
                f"The AWS profile cannot be used ({_trimmed(str(error))}): set AWS_PROFILE to one "
                "of those that aws configure list-profiles shows."
            ) from error

    def ask(self, service: str, region: str, operation: str, **request: Any) -> dict[str, Any]:
        """The answer of one operation, named as boto3 names it; `region` is '' for IAM, Route 53.

        Raises `Refused` with the service's code for what is not said better by another error.
        """
        try:
            answer: dict[str, Any] = getattr(self.client(service, region), operation)(**request)
        except (BotoCoreError, ClientError, ResponseParserError) as error:
            raise translated(service, region, error) from error
        return answer

    def pages(
        self, service: str, region: str, operation: str, key: str, **request: Any
    ) -> Iterator[Any]:
        """What an operation lists under `key`, all pages of it."""
        try:
            paginator = self.client(service, region).get_paginator(operation)
            for page in paginator.paginate(**request):
                yield from page.get(key, ())
        except (BotoCoreError, ClientError, ResponseParserError) as error:
            raise translated(service, region, error) from error

    def client(self, service: str, region: str) -> Any:
        """The SDK's own client, for what `ask` and `pages` cannot say, such as an upload."""
        where = GLOBAL_REGION if service in GLOBAL_SERVICES else region
        with self._lock:
            client = self._clients.get((service, where))
            if client is None:
                client = self._clients[service, where] = self._build(service, where)
        return client

    def close(self) -> None:
        """Closes every connection."""
        with self._lock:
            clients, self._clients = list(self._clients.values()), {}
        for client in clients:
            client.close()

    def _build(self, service: str, region: str) -> Any:
        config = Config(
            connect_timeout=CONNECT_SECONDS,
            read_timeout=UPLOAD_SECONDS if service == "s3" else READ_SECONDS,
            retries={"mode": "standard", "total_max_attempts": ATTEMPTS},
        )
        try:
            client = self._session.client(service, region_name=region, config=config)
            if urlsplit(client.meta.endpoint_url).hostname in LOOPBACK:
                client.close()
                direct = config.merge(Config(proxies={}))
                client = self._session.client(service, region_name=region, config=direct)
        except BotoCoreError as error:
            raise translated(service, region, error) from error
        return client


def translated(service: str, region: str, error: Exception) -> DeployError:
    """The error in this package's words: whose fault it is, and what to do."""
    name = NAMES.get(service, service)
    where = f"{name} in {region}" if region else name
    if isinstance(error, NO_CREDENTIALS):
        return CredentialsMissing(
            "No AWS credentials are found: sign in (aws sso login, aws configure) or set "
            f"AWS_PROFILE, then try again ({_trimmed(str(error))})."
        )
    if not isinstance(error, ClientError):
        return _transport(where, error)
    code, reason, status = _said(error)
    if code in CREDENTIALS_REFUSED:
        return CredentialsRefused(
            f"{where} does not accept the AWS credentials ({code}: {reason}): "
            "renew them, check this machine's clock, and that the region is enabled."
        )
    if code in ACCESS_DENIED:
        return AccessDenied(
            f"{where} denies access: {reason}. manage.py deploy policy prints what "
            "the deployer has to be allowed."
        )
    if code in THROTTLED:
        return Throttled(f"{where} asks to go slower ({code}): run the command again in a minute.")
    if status >= SERVER_ERRORS:
        return Unreachable(f"{where} failed ({code}, HTTP {status}): try again.")
    return Refused(service=name, region=region, code=code, reason=reason)


def _transport(where: str, error: Exception) -> DeployError:
    if isinstance(error, ResponseParserError):
        return Unreachable(
            f"What answers for {where} is not AWS: check the network, where a proxy or a page to "
            "sign in may be in between."
        )
    if isinstance(error, NotConnected | HTTPClientError):
        return Unreachable(f"{where} does not answer ({_trimmed(str(error))}): check the network.")
    reason = _trimmed(str(error))
    return Refused(service=where, region="", code=type(error).__name__, reason=reason)


def _said(error: ClientError) -> tuple[str, str, int]:
    told = error.response.get("Error", {})
    status = int(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))
    return str(told.get("Code", "")), _trimmed(str(told.get("Message", ""))), status


def _trimmed(text: str) -> str:
    """One line of it, without a full stop."""
    line = " ".join(text.partition(ENCODED)[0].split())
    return line[:LONGEST_REASON].rstrip(". ")
