"""DynamoDB's JSON protocol: what a request asks, how an answer or an error is written."""

import json
import re
import secrets
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, NoReturn, get_args

Service = Literal["DynamoDB_20120810", "DynamoDBStreams_20120810"]
SERVICES: dict[str, Service] = {name: name for name in get_args(Service)}

ACCOUNT = "123456789012"
SCOPE = re.compile(r"Credential=[^/\s,]+/\d{8}/(?P<region>[a-z0-9-]+)/(?P<service>[a-z0-9-]+)/")
# fmt: off
REGIONS = frozenset((
    "af-south-1", "ap-east-1", "ap-east-2", "ap-northeast-1", "ap-northeast-2", "ap-northeast-3",
    "ap-south-1", "ap-south-2", "ap-southeast-1", "ap-southeast-2", "ap-southeast-3",
    "ap-southeast-4", "ap-southeast-5", "ap-southeast-6", "ap-southeast-7", "ca-central-1",
    "ca-west-1", "eu-central-1", "eu-central-2", "eu-north-1", "eu-south-1", "eu-south-2",
    "eu-west-1", "eu-west-2", "eu-west-3", "il-central-1", "me-central-1", "me-south-1",
    "mx-central-1", "sa-east-1", "us-east-1", "us-east-2", "us-west-1", "us-west-2",
))
# fmt: on
"""Where DynamoDB is, without GovCloud and China: a mistyped name is no new region."""
TABLE_ARN = re.compile(r"^arn:aws:dynamodb:[a-z0-9-]*:\d*:table/(?P<name>[^/]+)(?P<rest>/.*)?$")
ENGINE_ARN = re.compile(rb"arn:aws:(?:(dynamodb):[a-z0-9-]*:\d{12}|(kms):[a-z0-9-]*:0{12}):")
"""Of a table in any account, or of a key in the engine's: a caller may have named another key."""

DYNAMODB = "com.amazonaws.dynamodb.v20120810"
CORAL = "com.amazon.coral.service"
VALIDATE = "com.amazon.coral.validate"


class ApiError(Exception):
    """An answer that is an error: HTTP status, the service's type name, its message."""

    def __init__(self, status: int, kind: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.kind = kind
        self.message = message


def validation(message: str) -> ApiError:
    return ApiError(400, f"{VALIDATE}#ValidationException", message)


def not_found(message: str) -> ApiError:
    return ApiError(400, f"{DYNAMODB}#ResourceNotFoundException", message)


def malformed(what: str = "structure") -> ApiError:
    """JSON of another type than the field's."""
    return ApiError(400, f"{CORAL}#SerializationException", f"Start of {what} expected")


def in_use(message: str) -> ApiError:
    return ApiError(400, f"{DYNAMODB}#ResourceInUseException", message)


def internal_error() -> ApiError:
    return ApiError(500, f"{DYNAMODB}#InternalServerError", "Internal server error")


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One API request and its JSON."""

    region: str
    service: Service
    operation: str
    body: dict[str, Any]

    @property
    def raw(self) -> bytes:
        """The body as it was understood, so that no engine reads something else in it."""
        return to_json(self.body)

    @property
    def table(self) -> str:
        """The table named in the request, without an ARN around it; '' where there is none."""
        name = self.body.get("TableName", "")
        return table_name(name) if isinstance(name, str) else ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """An HTTP answer: status and JSON bytes."""

    status: int
    raw: bytes

    @property
    def ok(self) -> bool:
        return self.status == 200

    def json(self) -> dict[str, Any]:
        body: dict[str, Any] = json.loads(self.raw)
        return body

    def headers(self) -> dict[str, str]:
        return {
            "Content-Type": "application/x-amz-json-1.0",
            "x-amzn-RequestId": secrets.token_hex(26).upper(),
            "x-amz-crc32": str(zlib.crc32(self.raw)),
        }


def to_json(body: Mapping[str, Any]) -> bytes:
    return json.dumps(body, separators=(",", ":")).encode()


def answer(body: Mapping[str, Any]) -> Answer:
    return Answer(status=200, raw=to_json(body))


def refusal(error: ApiError) -> Answer:
    body = {"__type": error.kind, "message": error.message}
    return Answer(status=error.status, raw=to_json(body))


def refused_as(answered: Answer) -> ApiError:
    """The error that an answer is, to be raised."""
    body = answered.json()
    return ApiError(answered.status, body["__type"], body.get("message", ""))


def credential_scope(authorization: str | None) -> tuple[str, str]:
    """(region, service) from the SigV4 header any SDK sends; `ApiError` as AWS's without it."""
    if not authorization:
        raise ApiError(
            400,
            f"{CORAL}#MissingAuthenticationTokenException",
            "Request is missing Authentication Token",
        )
    found = SCOPE.search(authorization)
    if found is None:
        raise ApiError(
            400,
            f"{CORAL}#IncompleteSignatureException",
            "Authorization header requires 'Credential' parameter with a region and a service.",
        )
    return found["region"], found["service"]


def parse_call(region: str, target: str | None, raw: bytes) -> Call:
    """The request behind `X-Amz-Target`; `ApiError` for anything that is no request at all."""
    name, _, operation = (target or "").partition(".")
    service = SERVICES.get(name)
    if service is None or not operation:
        _unknown_operation()
    try:
        body = _loads(raw)
    except (ValueError, RecursionError) as error:
        raise ApiError(400, f"{CORAL}#SerializationException", "Malformed JSON") from error
    if not isinstance(body, dict):
        raise ApiError(400, f"{CORAL}#SerializationException", "Start of structure expected")
    return Call(region=region, service=service, operation=operation, body=body)


def _loads(raw: bytes) -> Any:
    """JSON as DynamoDB reads it; `ValueError` for numbers and text that are none to it."""
    body = json.loads(raw.decode(), parse_constant=_no_constant)
    if b"\\u" in raw:
        json.dumps(body, ensure_ascii=False).encode()
    return body


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON.")


def _unknown_operation() -> NoReturn:
    raise ApiError(400, f"{CORAL}#UnknownOperationException", "")


def table_name(name_or_arn: str) -> str:
    found = TABLE_ARN.match(name_or_arn)
    return found["name"] if found else name_or_arn


def table_arn(region: str, table: str) -> str:
    return f"arn:aws:dynamodb:{region}:{ACCOUNT}:table/{table}"


def stream_arn(region: str, table: str, label: str) -> str:
    return f"{table_arn(region, table)}/stream/{label}"


def with_own_arns(region: str, raw: bytes) -> bytes:
    """An engine's word about a table, with this region and account in its ARNs."""
    own = f":{region}:{ACCOUNT}:".encode()
    return ENGINE_ARN.sub(lambda found: b"arn:aws:" + (found[1] or found[2]) + own, raw)
