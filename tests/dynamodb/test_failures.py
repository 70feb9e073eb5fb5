"""Whose fault it is, decided on failures of real sockets."""

from collections.abc import Callable
from contextlib import closing

import pytest
from botocore.exceptions import (
    ClientError,
    NoCredentialsError,
)

from gtsite.dynamodb.clients import Clients
from gtsite.dynamodb.errors import (
    AccessRefused,
    BadAwsSettings,
    ConditionFailed,
    Contended,
    ItemRefused,
    RegionUnavailable,
    TableMissing,
    Throttled,
)
from gtsite.dynamodb.failures import (
    FAILURES,
    Fault,
    as_data_error,
    classify,
    error_message,
    is_hiccup,
    outcome_unknown,
    trouble,
)
from tests.support import faults
from tests.support.faults import Behaviour, closed_port, faulty_server

REGION = "us-west-2"
LONG_SECONDS = 60.0


def failure_at(url: str, *, seconds: float = LONG_SECONDS) -> Exception:
    """What putting an item raises there. On a busy machine a failure may be long in coming."""
    clients = Clients(endpoints={REGION: url}, connect_seconds=LONG_SECONDS, read_seconds=seconds)
    with closing(clients), pytest.raises(FAILURES) as caught:
        clients.dynamodb(REGION).put_item(TableName="t", Item={"PK": {"S": "a"}})
    raised: Exception = caught.value
    return raised


@pytest.mark.parametrize(
    ("behaviour", "word", "hiccup"),
    [
        (faults.never_answer, "timeout", False),
        (faults.hang_up, "closed", True),
        (faults.reset, "closed", True),
        (faults.error(500, "InternalServerError"), "error", True),
        (faults.error(503, "ServiceUnavailable"), "error", True),
        (faults.answer(500, b""), "error", True),
        (faults.answer(502, b"<html>Bad Gateway</html>"), "error", True),
        (faults.answer(503, b"<html>Busy</html>"), "error", True),
        (faults.answer(504, b""), "error", True),
        (faults.answer(200, b"<html>Welcome to the hotel</html>"), "garbled", False),
        (faults.answer(200, b'{"Ite', length=400), "garbled", False),
        (faults.answer(200, b'{"Item": {}}', checksum="1"), "garbled", False),
        (faults.answer(404, b"<html>Not Found</html>"), "error", True),
        (faults.answer(302, b""), "error", True),
    ],
    ids=[
        "accepts and never answers",
        "FIN without an answer",
        "RST",
        "500",
        "503",
        "500 without a body",
        "502 in HTML",
        "503 in HTML",
        "504 without a body",
        "200 in HTML",
        "half an answer",
        "another answer than was checked",
        "404 in HTML",
        "302",
    ],
)
def test_a_region_that_fails_after_the_request_was_sent(
    behaviour: Behaviour, word: str, *, hiccup: bool
) -> None:
    with faulty_server(behaviour) as server:
        error = failure_at(server.url, seconds=0.3 if word == "timeout" else LONG_SECONDS)
    assert classify(error) is Fault.REGION
    assert outcome_unknown(error)
    assert trouble(error) == word
    assert is_hiccup(error) is hiccup


def test_a_closed_port_is_the_region_s_fault_and_nothing_was_sent() -> None:
    with closed_port() as url:
        error = failure_at(url)
    assert classify(error) is Fault.REGION
    assert not outcome_unknown(error)
    assert trouble(error) == "refused"


def test_a_name_that_does_not_resolve_is_the_region_s_fault_too() -> None:
    """As in an outage of the names themselves."""
    error = failure_at("http://nowhere.invalid")
    assert classify(error) is Fault.REGION
    assert not outcome_unknown(error)


@pytest.fixture
def answering() -> Callable[[int, str], Exception]:
    """Makes the exception that an error answer of DynamoDB becomes."""

    def make(status: int, code: str) -> Exception:
        with faulty_server(faults.error(status, code)) as server:
            return failure_at(server.url)

    return make


@pytest.mark.parametrize(
    ("status", "code", "fault"),
    [
        (400, "ThrottlingException", Fault.CAPACITY),
        (400, "ProvisionedThroughputExceededException", Fault.CAPACITY),
        (400, "RequestLimitExceeded", Fault.CAPACITY),
        (400, "ReplicatedWriteConflictException", Fault.CONFLICT),
        (409, "ReplicatedWriteConflictException", Fault.CONFLICT),
        (400, "TransactionConflictException", Fault.CONFLICT),
        (400, "ResourceNotFoundException", Fault.MISCONFIGURED),
        (400, "AccessDeniedException", Fault.MISCONFIGURED),
        (400, "UnrecognizedClientException", Fault.MISCONFIGURED),
        (400, "ExpiredTokenException", Fault.MISCONFIGURED),
        (400, "ConditionalCheckFailedException", Fault.CALLER),
        (400, "ValidationException", Fault.CALLER),
        (400, "TransactionCanceledException", Fault.CALLER),
        (413, "SomethingNew", Fault.CALLER),
        (599, "SomethingNew", Fault.REGION),
    ],
)
def test_an_error_answer(
    answering: Callable[[int, str], Exception], status: int, code: str, fault: Fault
) -> None:
    error = answering(status, code)
    assert isinstance(error, ClientError)
    assert classify(error) is fault
    assert outcome_unknown(error) is (fault is Fault.REGION)
    assert error_message(error) == "No."


@pytest.mark.parametrize(
    ("error", "fault"),
    [
        (NoCredentialsError(), Fault.MISCONFIGURED),
        (TableMissing("t", REGION), Fault.MISCONFIGURED),
        (AccessRefused(REGION, "no"), Fault.MISCONFIGURED),
        (BadAwsSettings("no such profile"), Fault.MISCONFIGURED),
        (ConditionFailed(None), Fault.CALLER),
        (ItemRefused("no"), Fault.CALLER),
        (KeyError("bug"), Fault.CALLER),
    ],
)
def test_errors_that_never_were_on_the_wire(error: Exception, fault: Fault) -> None:
    assert classify(error) is fault
    assert not outcome_unknown(error)


def test_one_region_s_failure_in_the_layer_s_words(
    answering: Callable[[int, str], Exception],
) -> None:
    assert isinstance(as_data_error(REGION, answering(400, "ThrottlingException")), Throttled)
    assert isinstance(
        as_data_error(REGION, answering(409, "ReplicatedWriteConflictException")), Contended
    )
    away = as_data_error(REGION, answering(500, "InternalServerError"))
    assert isinstance(away, RegionUnavailable)
    assert away.outcome_unknown
    assert away.__cause__ is not None


def test_a_caller_s_own_fault_is_not_reworded(answering: Callable[[int, str], Exception]) -> None:
    assert as_data_error(REGION, answering(400, "ValidationException")) is None
    known = ItemRefused("as it was")
    assert as_data_error(REGION, known) is known
