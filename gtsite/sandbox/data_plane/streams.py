"""DynamoDB Streams' API: four operations, answered from the stream log in AWS's words."""

import base64
import binascii
import json
from collections.abc import Mapping
from math import ceil
from typing import Any

from gtsite.sandbox.ledger.stream_log import Page, Record, Shard, Stream, StreamLog
from gtsite.sandbox.versions import Clock
from gtsite.sandbox.wire import (
    DYNAMODB,
    Answer,
    ApiError,
    Call,
    answer,
    not_found,
    stream_arn,
    table_name,
    validation,
)

RECORD_LIMIT = 1000
PAGE_BYTES = 1_000_000
LIST_LIMIT = 100
ITERATOR_US = 15 * 60 * 1_000_000
LAST_POSITION = 2**62
KINDS = ("TRIM_HORIZON", "LATEST", "AT_SEQUENCE_NUMBER", "AFTER_SEQUENCE_NUMBER", "AT_TIMESTAMP")
IMAGES = {
    "NEW_AND_OLD_IMAGES": ("NewImage", "OldImage"),
    "NEW_IMAGE": ("NewImage",),
    "OLD_IMAGE": ("OldImage",),
    "KEYS_ONLY": (),
}
TTL_IDENTITY = {"Type": "Service", "PrincipalId": "dynamodb.amazonaws.com"}
"""Spelt as the API has it; Lambda passes the same on as `type` and `principalId`."""


class Streams:
    """Answers DynamoDB Streams calls of every region.

    An iterator says all that it needs to be read: the shard, the position that its records come
    after, and when it was given. It outlives a restart, though not its fifteen minutes.
    """

    def __init__(self, log: StreamLog, clock: Clock) -> None:
        self._log = log
        self._clock = clock

    def handle(self, call: Call) -> Answer:
        match call.operation:
            case "ListStreams":
                return answer(self._list(call))
            case "DescribeStream":
                return answer(self._describe(call))
            case "GetShardIterator":
                return answer(self._iterator(call))
            case "GetRecords":
                return answer(self._records(call))
        raise ApiError(400, "com.amazon.coral.service#UnknownOperationException", "")

    def _list(self, call: Call) -> dict[str, Any]:
        limit = _limit(call.body, LIST_LIMIT)
        start = call.body.get("ExclusiveStartStreamArn")
        streams = self._log.streams(call.region, call.table, now=self._clock.read())
        if isinstance(start, str):
            streams = [each for each in streams if _place(_arn(each)) > _place(start)]
        page = streams[:limit]
        more = {"LastEvaluatedStreamArn": _arn(page[-1])} if len(streams) > limit else {}
        return {"Streams": [_listed(each) for each in page], **more}

    def _describe(self, call: Call) -> dict[str, Any]:
        limit = _limit(call.body, LIST_LIMIT)
        now = self._clock.read()
        stream = self._stream(call.region, call.body.get("StreamArn"), now)
        shards = _behind(
            _filtered(self._log.shards(stream, now=now), call.body.get("ShardFilter")),
            call.body.get("ExclusiveStartShardId"),
        )
        page = shards[:limit]
        more = {"LastEvaluatedShardId": page[-1].name} if len(shards) > limit else {}
        return {
            "StreamDescription": {
                **_listed(stream),
                "StreamStatus": "ENABLED" if stream.closed_at is None else "DISABLED",
                "StreamViewType": stream.view,
                "CreationRequestDateTime": stream.created_at // 1_000_000,
                "KeySchema": [
                    {"AttributeName": name, "KeyType": kind}
                    for name, kind in zip(stream.key_names, ("HASH", "RANGE"), strict=False)
                ],
                "Shards": [_described(each) for each in page],
                **more,
            }
        }

    def _iterator(self, call: Call) -> dict[str, Any]:
        now = self._clock.read()
        stream = self._stream(call.region, call.body.get("StreamArn"), now)
        shard = self._shard(stream, call.body.get("ShardId"), now)
        if shard is None:
            raise not_found("Requested resource not found: Shard does not exist")
        position = self._start(stream, shard, call.body, now)
        return {"ShardIterator": _pack(stream, shard, position, now)}

    def _start(self, stream: Stream, shard: Shard, body: Mapping[str, Any], now: int) -> int:
        """The position that the iterator's records come after."""
        trimmed = self._log.trimmed(stream, shard, now=now)
        match body.get("ShardIteratorType"):
            case "TRIM_HORIZON":
                return max(shard.first, trimmed)
            case "LATEST":
                return self._log.end() if shard.last is None else shard.last
            case "AT_SEQUENCE_NUMBER":
                return _untrimmed(_position(body), shard, trimmed) - 1
            case "AFTER_SEQUENCE_NUMBER":
                return _untrimmed(_position(body), shard, trimmed)
            case "AT_TIMESTAMP":
                return max(self._log.before(_moment(body, now)), shard.first, trimmed)
        raise validation(
            f"1 validation error detected: Value '{body.get('ShardIteratorType')}' at "
            "'shardIteratorType' failed to satisfy constraint: Member must satisfy enum value "
            f"set: [{', '.join(KINDS)}]"
        )

    def _records(self, call: Call) -> dict[str, Any]:
        limit = _limit(call.body, RECORD_LIMIT)
        now = self._clock.read()
        arn, name, position, given_at = _unpack(call.body.get("ShardIterator"))
        if now - given_at > ITERATOR_US:
            raise ApiError(
                400, f"{DYNAMODB}#ExpiredIteratorException", "Shard iterator has expired"
            )
        stream = self._stream(call.region, arn, now)
        shard = self._shard(stream, name, now)
        if shard is None or position < self._log.trimmed(stream, shard, now=now):
            raise _trimmed()
        page = self._log.read(stream, shard, position, limit=limit, most_bytes=PAGE_BYTES)
        return {
            "Records": [_recorded(stream, each) for each in page.records],
            **_next(stream, shard, page, now),
        }

    def _stream(self, region: str, arn: Any, now: int) -> Stream:
        name = table_name(arn) if isinstance(arn, str) else ""
        for stream in self._log.streams(region, name, now=now) if name else ():
            if _arn(stream) == arn:
                return stream
        raise not_found(f"Requested resource not found: Stream: {arn} not found")

    def _shard(self, stream: Stream, name: Any, now: int) -> Shard | None:
        shards = self._log.shards(stream, now=now)
        return next((each for each in shards if each.name == name), None)


def _arn(stream: Stream) -> str:
    return stream_arn(stream.region, stream.table, stream.label)


def _place(arn: str) -> tuple[str, str]:
    """Where a stream is in the order of listing: by table, then by age."""
    return table_name(arn), arn.rpartition("/stream/")[2]


def _listed(stream: Stream) -> dict[str, str]:
    return {
        "StreamArn": _arn(stream),
        "TableName": stream.table,
        "StreamLabel": stream.label,
    }


def _described(shard: Shard) -> dict[str, Any]:
    numbers = {"StartingSequenceNumber": _sequence(shard.first)}
    if shard.last is not None:
        numbers["EndingSequenceNumber"] = _sequence(shard.last)
    parent = {"ParentShardId": shard.parent} if shard.parent else {}
    return {"ShardId": shard.name, "SequenceNumberRange": numbers, **parent}


def _filtered(shards: list[Shard], wanted: Any) -> list[Shard]:
    """The children of the shard that a filter names; all where there is no filter."""
    if wanted is None:
        return shards
    if not isinstance(wanted, dict) or wanted.get("Type") != "CHILD_SHARDS":
        raise validation(
            "1 validation error detected: Value at 'shardFilter.type' failed to satisfy "
            "constraint: Member must satisfy enum value set: [CHILD_SHARDS]"
        )
    return [each for each in shards if each.parent == wanted.get("ShardId")]


def _behind(shards: list[Shard], start: Any) -> list[Shard]:
    """The shards behind the one named; all where it is trimmed by now, as they came later."""
    places = [place for place, each in enumerate(shards) if each.name == start]
    return shards[places[0] + 1 :] if places else shards


def _next(stream: Stream, shard: Shard, page: Page, now: int) -> dict[str, str]:
    if page.position is None:
        return {}
    return {"NextShardIterator": _pack(stream, shard, page.position, now)}


def _sequence(position: int) -> str:
    """Sequence numbers are 21 to 40 digits that sort as numbers."""
    return f"1{position:020d}"


def _position(body: Mapping[str, Any]) -> int:
    number = body.get("SequenceNumber")
    if not isinstance(number, str) or not number.isdecimal() or not 21 <= len(number) <= 40:
        raise validation("Invalid SequenceNumber")
    return min(int(number[1:]), LAST_POSITION)


def _untrimmed(position: int, shard: Shard, trimmed: int) -> int:
    if position < shard.first or position <= trimmed:
        raise _trimmed()
    return position


def _moment(body: Mapping[str, Any], now: int) -> int:
    """The timestamp asked for in microseconds, rounded up: records are dated by whole seconds."""
    seconds = body.get("Timestamp")
    if not isinstance(seconds, int | float) or isinstance(seconds, bool):
        raise validation("Timestamp must be specified for the shard iterator type AT_TIMESTAMP")
    if not 0 <= seconds * 1_000_000 <= now:
        raise validation("Timestamp must not be in the future")
    return ceil(seconds) * 1_000_000


def _trimmed() -> ApiError:
    return ApiError(
        400,
        f"{DYNAMODB}#TrimmedDataAccessException",
        "The data you are trying to access has been trimmed",
    )


def _pack(stream: Stream, shard: Shard, position: int, now: int) -> str:
    text = json.dumps([_arn(stream), shard.name, position, now])
    return base64.urlsafe_b64encode(text.encode()).decode()


def _unpack(iterator: Any) -> tuple[str, str, int, int]:
    """(stream's ARN, shard, position, when it was given)"""
    try:
        arn, shard, position, given_at = json.loads(base64.urlsafe_b64decode(iterator))
        return str(arn), str(shard), min(int(position), LAST_POSITION), int(given_at)
    except (TypeError, ValueError, OverflowError, RecursionError, binascii.Error) as error:
        raise validation("Invalid ShardIterator") from error


def _recorded(stream: Stream, record: Record) -> dict[str, Any]:
    both = {"NewImage": record.after, "OldImage": record.before}
    images = {name: both[name] for name in IMAGES[stream.view] if both[name] is not None}
    return {
        "eventID": f"{record.position:032x}",
        "eventName": record.event,
        "eventVersion": "1.1",
        "eventSource": "aws:dynamodb",
        "awsRegion": stream.region,
        "dynamodb": {
            "ApproximateCreationDateTime": record.written_at // 1_000_000,
            "Keys": record.key,
            **images,
            "SequenceNumber": _sequence(record.position),
            "SizeBytes": len(json.dumps([record.key, images])),
            "StreamViewType": stream.view,
        },
        **({"userIdentity": TTL_IDENTITY} if record.expired else {}),
    }


def _limit(body: Mapping[str, Any], most: int) -> int:
    limit = body.get("Limit", most)
    if not isinstance(limit, int) or isinstance(limit, bool) or not 1 <= limit <= most:
        bound = (
            f"less than or equal to {most}"
            if isinstance(limit, int) and limit > most
            else "greater than or equal to 1"
        )
        raise validation(
            f"1 validation error detected: Value '{limit}' at 'limit' failed to satisfy "
            f"constraint: Member must have value {bound}"
        )
    return limit
