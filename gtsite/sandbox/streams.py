"""DynamoDB Streams, answered from the ledger: every write of a replica once, nothing echoed."""

import base64
import binascii
import json
from collections.abc import Mapping
from typing import Any

from gtsite.sandbox.ledger import Ledger, Replica
from gtsite.sandbox.wire import (
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
TABLE_LIMIT = 100
LAST_POSITION = 2**62
IMAGES = {
    "NEW_AND_OLD_IMAGES": ("after", "before"),
    "NEW_IMAGE": ("after",),
    "OLD_IMAGE": ("before",),
    "KEYS_ONLY": (),
}
IMAGE_NAMES = {"after": "NewImage", "before": "OldImage"}


class Streams:
    """The four operations of DynamoDB Streams. Each stream has one shard, open for good."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger

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
        wanted = call.table
        start = call.body.get("ExclusiveStartStreamArn")
        limit = _limit(call.body, TABLE_LIMIT)
        arns = sorted(
            _arn(replica)
            for replica in self._ledger.replicas(wanted or None)
            if replica.region == call.region and replica.stream_label
        )
        behind = [arn for arn in arns if not isinstance(start, str) or arn > start]
        page = behind[:limit]
        more = {"LastEvaluatedStreamArn": page[-1]} if len(behind) > limit else {}
        return {"Streams": [_listed(arn) for arn in page], **more}

    def _describe(self, call: Call) -> dict[str, Any]:
        replica = self._replica(call.region, call.body.get("StreamArn"))
        shard = {
            "ShardId": _shard(replica),
            "SequenceNumberRange": {"StartingSequenceNumber": _sequence(0)},
        }
        behind = call.body.get("ExclusiveStartShardId") == shard["ShardId"]
        return {
            "StreamDescription": {
                "StreamArn": _arn(replica),
                "StreamLabel": replica.stream_label,
                "StreamStatus": "ENABLED",
                "StreamViewType": replica.stream_view,
                "CreationRequestDateTime": replica.created_at // 1_000_000,
                "TableName": replica.table,
                "KeySchema": [
                    {"AttributeName": name, "KeyType": kind}
                    for name, kind in zip(replica.key_names, ("HASH", "RANGE"), strict=False)
                ],
                "Shards": [] if behind else [shard],
            }
        }

    def _iterator(self, call: Call) -> dict[str, Any]:
        replica = self._replica(call.region, call.body.get("StreamArn"))
        if call.body.get("ShardId") != _shard(replica):
            raise not_found("Requested resource not found: Shard does not exist")
        return {"ShardIterator": _pack(_arn(replica), self._start(replica, call.body))}

    def _start(self, replica: Replica, body: Mapping[str, Any]) -> int:
        """The position that the iterator's records come after."""
        match body.get("ShardIteratorType"):
            case "TRIM_HORIZON":
                return 0
            case "LATEST":
                return self._ledger.stream_end(replica.region, replica.table, replica.stream_label)
            case "AT_SEQUENCE_NUMBER":
                return _position(body) - 1
            case "AFTER_SEQUENCE_NUMBER":
                return _position(body)
        raise validation(
            "1 validation error detected: Value at 'shardIteratorType' failed to satisfy "
            "constraint: Member must satisfy enum value set: [AFTER_SEQUENCE_NUMBER, LATEST, "
            "AT_SEQUENCE_NUMBER, TRIM_HORIZON]"
        )

    def _records(self, call: Call) -> dict[str, Any]:
        arn, position = _unpack(call.body.get("ShardIterator"))
        replica = self._replica(call.region, arn)
        rows = self._ledger.stream(
            replica.region,
            replica.table,
            replica.stream_label,
            after=position,
            limit=_limit(call.body, RECORD_LIMIT),
        )
        end = rows[-1]["id"] if rows else position
        return {
            "Records": [_record(replica, row) for row in rows],
            "NextShardIterator": _pack(arn, end),
        }

    def _replica(self, region: str, arn: Any) -> Replica:
        name = table_name(arn) if isinstance(arn, str) else ""
        replica = self._ledger.replica(region, name)
        if replica is None or not replica.stream_label or _arn(replica) != arn:
            raise not_found(f"Requested resource not found: Stream: {arn} not found")
        return replica


def _arn(replica: Replica) -> str:
    return stream_arn(replica.region, replica.table, replica.stream_label)


def _listed(arn: str) -> dict[str, str]:
    return {
        "StreamArn": arn,
        "TableName": table_name(arn),
        "StreamLabel": arn.rpartition("/stream/")[2],
    }


def _shard(replica: Replica) -> str:
    """Shard ids have at least 28 characters, or botocore refuses to send them."""
    return f"shardId-{replica.created_at:020d}-00000001"


def _sequence(position: int) -> str:
    """Sequence numbers are 21 to 40 digits that sort as numbers."""
    return f"1{position:020d}"


def _position(body: Mapping[str, Any]) -> int:
    number = body.get("SequenceNumber")
    if not isinstance(number, str) or not number.isdecimal() or not 21 <= len(number) <= 40:
        raise validation("Invalid SequenceNumber")
    return min(int(number[1:]), LAST_POSITION)


def _pack(arn: str, position: int) -> str:
    return base64.urlsafe_b64encode(json.dumps([arn, position]).encode()).decode()


def _unpack(iterator: Any) -> tuple[str, int]:
    try:
        arn, position = json.loads(base64.urlsafe_b64decode(iterator))
        return str(arn), min(int(position), LAST_POSITION)
    except (TypeError, ValueError, binascii.Error) as error:
        raise validation("Invalid ShardIterator") from error


def _record(replica: Replica, row: Mapping[str, Any]) -> dict[str, Any]:
    images = {
        IMAGE_NAMES[which]: row[which]
        for which in IMAGES[replica.stream_view]
        if row[which] is not None
    }
    size = len(json.dumps([row["key"], images]))
    return {
        "eventID": f"{row['id']:032x}",
        "eventName": row["event"],
        "eventVersion": "1.1",
        "eventSource": "aws:dynamodb",
        "awsRegion": replica.region,
        "dynamodb": {
            "ApproximateCreationDateTime": row["written_at"] // 1_000_000,
            "Keys": row["key"],
            **images,
            "SequenceNumber": _sequence(row["id"]),
            "SizeBytes": size,
            "StreamViewType": replica.stream_view,
        },
    }


def _limit(body: Mapping[str, Any], most: int) -> int:
    limit = body.get("Limit", most)
    if not isinstance(limit, int) or not 1 <= limit <= most:
        raise validation(
            f"1 validation error detected: Value '{limit}' at 'limit' failed to satisfy "
            f"constraint: Member must have value less than or equal to {most}"
        )
    return limit
