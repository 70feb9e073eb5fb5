"""Whose fault an exception is: the region's, its capacity's, another writer's, or the caller's.

Everything the AWS SDK raises goes through `classify` once, in the router.
"""

from enum import StrEnum
from typing import Any

from botocore.exceptions import (
    BotoCoreError,
    ChecksumError,
    ClientError,
    ConnectionClosedError,
    ConnectTimeoutError,
    CredentialRetrievalError,
    EndpointConnectionError,
    HTTPClientError,
    IncompleteReadError,
    LoginError,
    NoCredentialsError,
    PartialCredentialsError,
    ProxyConnectionError,
    ReadTimeoutError,
    SSOError,
    TokenRetrievalError,
)
from botocore.exceptions import ConnectionError as NotConnected
from botocore.parsers import ResponseParserError

from gtsite.dynamodb.errors import (
    AccessRefused,
    BadAwsSettings,
    Contended,
    DataError,
    RegionUnavailable,
    TableMissing,
    Throttled,
)


class GarbledAnswer(ResponseParserError):  # type: ignore[misc]
    """A region's answer is not whole, or comes from somebody else."""


class Fault(StrEnum):
    """Where the fault lies, and so what is to be done about it."""

    REGION = "region"  # ask another region
    CAPACITY = "capacity"  # ask again in a moment
    CONFLICT = "conflict"  # another region or transaction holds the item: ask again in a moment
    MISCONFIGURED = "misconfigured"  # this region cannot serve until someone mends it
    CALLER = "caller"  # no region would answer otherwise


FAILURES = (BotoCoreError, ClientError, ResponseParserError, DataError)
"""Everything a call to DynamoDB raises, by the SDK or by this layer."""

TRANSPORT = (
    NotConnected,
    HTTPClientError,
    IncompleteReadError,
    ChecksumError,
    ResponseParserError,
)
NEVER_SENT = (EndpointConnectionError, ConnectTimeoutError, ProxyConnectionError)
NO_CREDENTIALS = (
    NoCredentialsError,
    PartialCredentialsError,
    CredentialRetrievalError,
    TokenRetrievalError,
    SSOError,
    LoginError,
)
SERVER_ERRORS = 500
TOO_LARGE = 413
MISSING_TABLE = frozenset({"ResourceNotFoundException", "TableNotFoundException"})
NO_ACCESS = frozenset(
    {
        "AccessDenied",
        "AccessDeniedException",
        "ExpiredToken",
        "ExpiredTokenException",
        "IncompleteSignature",
        "IncompleteSignatureException",
        "InvalidClientTokenId",
        "InvalidSignatureException",
        "MissingAuthenticationToken",
        "MissingAuthenticationTokenException",
        "NotAuthorized",
        "OptInRequired",
        "RequestExpired",
        "SignatureDoesNotMatch",
        "UnrecognizedClientException",
    }
)
CAPACITY = frozenset(
    {
        "LimitExceededException",
        "ProvisionedThroughputExceededException",
        "RequestLimitExceeded",
        "Throttling",
        "ThrottlingException",
        "TooManyRequestsException",
    }
)
CONFLICT = frozenset(
    {
        "ReplicatedWriteConflictException",
        "TransactionConflictException",
        "TransactionInProgressException",
    }
)
REGION = frozenset(
    {
        "InternalFailure",
        "InternalServerError",
        "RequestTimeout",
        "ServiceUnavailable",
        "ServiceUnavailableException",
    }
)
_BY_CODE = {
    **dict.fromkeys(REGION, Fault.REGION),
    **dict.fromkeys(CAPACITY, Fault.CAPACITY),
    **dict.fromkeys(CONFLICT, Fault.CONFLICT),
    **dict.fromkeys(MISSING_TABLE | NO_ACCESS, Fault.MISCONFIGURED),
}


def error_code(error: BaseException) -> str:
    """The service's name for an error, such as `ThrottlingException`; '' for anything else."""
    return str(_body(error).get("Code", "")) if isinstance(error, ClientError) else ""


def error_message(error: BaseException) -> str:
    """What the service says about an error, or what the SDK says where the service does not."""
    said = _body(error).get("Message") if isinstance(error, ClientError) else None
    return str(said or error)


def http_status(error: BaseException) -> int:
    """The HTTP status of a service's error, 0 for anything else."""
    if not isinstance(error, ClientError):
        return 0
    return int(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))


def classify(error: BaseException) -> Fault:
    """Where the fault lies. What is not known to be anything else is the caller's."""
    if isinstance(error, ClientError):
        return _BY_CODE.get(error_code(error)) or _by_status(error)
    if isinstance(error, TRANSPORT):
        return Fault.REGION
    if isinstance(error, (*NO_CREDENTIALS, TableMissing, AccessRefused, BadAwsSettings)):
        return Fault.MISCONFIGURED
    return Fault.CALLER


def _by_status(error: ClientError) -> Fault:
    """A code of digits is the SDK's: whoever answered spoke HTML, and was not DynamoDB."""
    stranger = error_code(error).isdigit() and http_status(error) != TOO_LARGE
    return Fault.REGION if stranger or http_status(error) >= SERVER_ERRORS else Fault.CALLER


def outcome_unknown(error: BaseException) -> bool:
    """Whether a write that failed like this may have been carried out.

    It was sent, and the answer is missing or is a server error; a connection never made sent
    nothing.
    """
    if isinstance(error, ClientError):
        return classify(error) is Fault.REGION
    return isinstance(error, TRANSPORT) and not isinstance(error, NEVER_SENT)


def is_hiccup(error: BaseException) -> bool:
    """Whether a healthy region may fail like this now and then: a server error, or hanging up.

    A kept-alive connection that the other side closed while it was idle looks like the latter.
    """
    if isinstance(error, ClientError):
        return classify(error) is Fault.REGION
    return isinstance(error, ConnectionClosedError)


def trouble(error: BaseException) -> str:
    """One word for what went wrong with a region: refused, timeout, closed, garbled, …"""
    if isinstance(error, ClientError):
        return _service_trouble(error)
    if isinstance(error, TableMissing):
        return "no-table"
    if isinstance(error, (AccessRefused, BadAwsSettings, *NO_CREDENTIALS)):
        return "no-access"
    if isinstance(error, ReadTimeoutError | ConnectTimeoutError):
        return "timeout"
    if isinstance(error, NotConnected):
        return "refused"
    return "closed" if isinstance(error, HTTPClientError) else "garbled"


def as_data_error(region: str, error: Exception) -> DataError | None:
    """One region's failure in this layer's words; None for what is the caller's own."""
    if isinstance(error, DataError):
        return error
    match classify(error):
        case Fault.CALLER:
            return None
        case Fault.CAPACITY | Fault.CONFLICT:
            found: DataError = busy(region, error)
        case _:
            unknown = outcome_unknown(error)
            found = RegionUnavailable(region, trouble=trouble(error), outcome_unknown=unknown)
    found.__cause__ = error
    return found


def busy(region: str, error: BaseException) -> Throttled:
    """What to raise when a region stayed without capacity, or another writer held the item."""
    return Contended(region) if classify(error) is Fault.CONFLICT else Throttled(region)


def _service_trouble(error: ClientError) -> str:
    code = error_code(error)
    if code in MISSING_TABLE:
        return "no-table"
    if code in NO_ACCESS:
        return "no-access"
    return "throttled" if code in CAPACITY else "error"


def _body(error: ClientError) -> dict[str, Any]:
    body: dict[str, Any] = error.response.get("Error", {})
    return body
