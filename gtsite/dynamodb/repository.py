"""One table's items: get, put, update, delete, pages of a partition, and batches.

Python values go in and come out; every call goes through the router, so any of them raises
`NoRegionAvailable`, or `RegionUnavailable` when pinned; `Throttled`; `TableMissing` or
`AccessRefused` where no region's table can be used; and `ItemRefused` for what DynamoDB will not
store. A read is eventually consistent unless it says otherwise, and even a consistent one knows
only what has reached the replica that answers.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextvars import copy_context
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Generic, Literal, TypeVar

from botocore.exceptions import ClientError

from gtsite.dynamodb.batches import Batch
from gtsite.dynamodb.conditions import Condition, Placeholders
from gtsite.dynamodb.cursors import Cursors
from gtsite.dynamodb.errors import (
    AccessRefused,
    ConditionFailed,
    DataError,
    ItemRefused,
    TableMissing,
)
from gtsite.dynamodb.failures import (
    FAILURES,
    MISSING_TABLE,
    NO_ACCESS,
    NO_CREDENTIALS,
    error_code,
    error_message,
    outcome_unknown,
)
from gtsite.dynamodb.items import AttributeValue, Item, Value, from_item, to_attribute, to_item
from gtsite.dynamodb.regions import region as known_region
from gtsite.dynamodb.router import Answer, Operation, Router
from gtsite.dynamodb.tables import TableDefinition

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

T = TypeVar("T")
Other = TypeVar("Other")
Record = dict[str, Any]
Returning = Literal["ALL_NEW", "ALL_OLD"]

REFUSALS = frozenset(
    {"ValidationException", "ItemCollectionSizeLimitExceededException", "SerializationException"}
)
GET_BATCH = 100
WRITE_BATCH = 25


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """Some items of a list, in its order, and the cursor for those that follow; None at the end.

    The page after a cursor may be empty: DynamoDB does not look ahead.
    """

    items: tuple[Record, ...]
    next_cursor: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class PageCount:
    """How many items a page of a scan has, and what reading it took; None if that is not said."""

    items: int
    read_units: float | None


class Table:
    """The items of one table, through the router or pinned to one region. Thread-safe.

    `cursor_keys` sign cursors: the first one writes, all of them read. `patience_seconds` is how
    long a batch keeps on asking for what DynamoDB left unprocessed, counted from the last item
    that it did process.
    """

    def __init__(
        self,
        definition: TableDefinition,
        router: Router,
        *,
        cursor_keys: Sequence[str | bytes] = (),
        patience_seconds: float = 10.0,
        region: str | None = None,
    ) -> None:
        self.definition = definition
        self.region = region
        self._router = router
        self._cursor_keys = tuple(cursor_keys)
        self._cursors = Cursors(cursor_keys)
        self._patience_seconds = patience_seconds

    @property
    def name(self) -> str:
        return self.definition.name

    def at(self, region: str) -> "Table":
        """The same table in that one region, with no fallback; raises `UnknownRegion`."""
        return Table(
            self.definition,
            self._router,
            cursor_keys=self._cursor_keys,
            patience_seconds=self._patience_seconds,
            region=known_region(region).name,
        )

    def both(self, first: Callable[[], T], second: Callable[[], Other]) -> tuple[T, Other]:
        """Two calls at once, as `Router.both` has it."""
        return self._router.both(first, second)

    def side_by_side(self, calls: Sequence[Callable[[], T]]) -> list[T]:
        """Many calls, some at a time, as `Router.side_by_side` has it."""
        return self._router.side_by_side(calls)

    def get(self, *key: Value, consistent: bool = False) -> Answer[Record | None]:
        """The item with that partition value and sort value; None if there is none."""
        return self.send("GetItem", self._getting(key, consistent=consistent))

    def get_everywhere(
        self, *key: Value, consistent: bool = False, regions: Sequence[str] | None = None
    ) -> dict[str, Answer[Record | None] | DataError]:
        """The item as each region has it, asked side by side, one attempt each."""
        read = self._translating(self._getting(key, consistent=consistent))
        return self._router.fan_out(read, name="GetItem", regions=regions)

    def put(self, item: Item, *, condition: Condition | None = None) -> Answer[None]:
        """Writes the whole item, whatever was there before: sending it twice does no harm.

        Raises `ConditionFailed` with the item that is there instead. The condition is checked in
        the replica that answers, and only there. An item found to be just as written, after an
        attempt whose outcome was unknown, is taken for the work of that attempt.
        """
        wire = to_item(item)
        written = from_item(wire)
        request = self._conditional({"Item": wire}, condition)

        def send(client: "DynamoDBClient") -> None:
            client.put_item(**request)

        return self._write("PutItem", send, done=lambda current: current == written)

    def update(
        self,
        *key: Value,
        set_: Mapping[str, Value] | None = None,
        add: Mapping[str, Value] | None = None,
        remove: Sequence[str] | None = None,
        condition: Condition | None = None,
        repeatable: bool = True,
        returning: Returning = "ALL_NEW",
    ) -> Answer[Record]:
        """Changes some attributes, making the item if there is none; returns the item after it.

        `returning="ALL_OLD"` returns the item before it instead; if there was none, nothing more
        than its key. An `add` is never carried out twice: it stays in the local region and is not
        sent again once its outcome is unknown, as with `repeatable=False`. Raises
        `ConditionFailed`, as `put` does.
        """
        placeholders = Placeholders(self.definition.partition_key.name)
        expression = _update_expression(placeholders, set_ or {}, add or {}, remove or ())
        request = self._conditional({"Key": self._key(key)}, condition, placeholders)
        request |= {"ReturnValues": returning}
        if expression:
            request["UpdateExpression"] = expression

        def send(client: "DynamoDBClient") -> Record:
            return from_item(client.update_item(**request).get("Attributes", {}))

        def done(current: Record | None) -> bool:
            holds = current is not None and returning == "ALL_NEW"
            return holds and _is_changed(current or {}, set_ or {}, remove or ())

        again = repeatable and not add
        return self._write("UpdateItem", send, done=done, found=dict, repeatable=again)

    def delete(self, *key: Value, condition: Condition | None = None) -> Answer[Record | None]:
        """Removes the item and returns it; None if there was none. Raises `ConditionFailed`.

        None, too, when an attempt without an answer has removed it.
        """
        request = self._conditional({"Key": self._key(key)}, condition)
        request |= {"ReturnValues": "ALL_OLD"}

        def send(client: "DynamoDBClient") -> Record | None:
            return from_item(client.delete_item(**request).get("Attributes", {})) or None

        return self._write("DeleteItem", send, done=lambda current: current is None)

    def query(
        self,
        partition: Value,
        *,
        prefix: str | None = None,
        limit: int = 100,
        cursor: str | None = None,
        newest_first: bool = False,
        attributes: Sequence[str] | None = None,
        consistent: bool = False,
    ) -> Answer[Page]:
        """One request: at most `limit` items of a partition in the order of their sort keys.

        `prefix` keeps the sort keys that begin with it; `newest_first` turns the order round;
        `attributes` leaves out the others. Raises `BadCursor` for a cursor of another list.
        """
        scope = ("query", self.name, to_attribute(partition), prefix, newest_first)
        request = self._querying(partition, prefix, newest_first, attributes)
        request |= {"Limit": limit, "ConsistentRead": consistent}
        if cursor is not None:
            partition_key = {self.definition.partition_key.name: to_attribute(partition)}
            request["ExclusiveStartKey"] = self._cursors.read(cursor, scope) | partition_key
        return self._page("Query", request, scope)

    def iter_query(
        self,
        partition: Value,
        *,
        prefix: str | None = None,
        newest_first: bool = False,
        attributes: Sequence[str] | None = None,
        page_size: int | None = None,
        consistent: bool = False,
    ) -> Iterator[Record]:
        """Every item of a partition, in as many requests as that takes; a page is at most 1 MB.

        Each page may come from another region, when one fails in between.
        """
        request = self._querying(partition, prefix, newest_first, attributes)
        request |= {"ConsistentRead": consistent} | ({"Limit": page_size} if page_size else {})
        return self._every_page("Query", request)

    def scan(
        self,
        *,
        limit: int = 100,
        cursor: str | None = None,
        segment: int | None = None,
        segments: int | None = None,
    ) -> Answer[Page]:
        """One request: at most `limit` items of the table, or of one of its `segments`, unordered.

        Raises `BadCursor`.
        """
        scope = ("scan", self.name, segment, segments)
        request = {**self._named(), "Limit": limit, **_segment(segment, segments)}
        if cursor is not None:
            request["ExclusiveStartKey"] = self._cursors.read(cursor, scope)
        return self._page("Scan", request, scope)

    def iter_scan(self, *, segments: int = 4, page_size: int | None = None) -> Iterator[Record]:
        """Every item of the table, unordered, from `segments` reads that run side by side.

        No more pages are fetched than the caller keeps up with.
        """
        limit = {"Limit": page_size} if page_size else {}
        requests = [
            {**self._named(), **limit, **_segment(each, segments)} for each in range(segments)
        ]
        for page in self._scan_pages(requests):
            yield from (from_item(item) for item in page["Items"])

    def iter_counts(
        self, *, segments: int = 4, page_size: int | None = None, consistent: bool = False
    ) -> Iterator[PageCount]:
        """How many items each page of a scan has, without the items, as `iter_scan` reads them."""
        how = {
            "Select": "COUNT",
            "ConsistentRead": consistent,
            "ReturnConsumedCapacity": "TOTAL",
            **({"Limit": page_size} if page_size else {}),
        }
        requests = [
            {**self._named(), **how, **_segment(each, segments)} for each in range(segments)
        ]
        for page in self._scan_pages(requests):
            units = page.get("ConsumedCapacity", {}).get("CapacityUnits")
            yield PageCount(items=page["Count"], read_units=units)

    def _scan_pages(self, requests: Sequence[Record]) -> Iterator[Mapping[str, Any]]:
        """Every page of scans that run side by side, in the order in which they arrive."""
        with ThreadPoolExecutor(len(requests), thread_name_prefix="scan") as threads:

            def ask(request: Record) -> Future[tuple[Record, Answer[Mapping[str, Any]]]]:
                context = copy_context()
                return threads.submit(context.run, self._fetch_with, request)

            under_way = {ask(request) for request in requests}
            while under_way:
                arrived, under_way = wait(under_way, return_when=FIRST_COMPLETED)
                for each in arrived:
                    request, answer = each.result()
                    following = _after(request, answer.value)
                    under_way |= {ask(following)} if following else set()
                    yield answer.value

    def batch_get(
        self, keys: Sequence[Sequence[Value]], *, consistent: bool = False
    ) -> Answer[list[Record | None]]:
        """The items of these keys, in their order, None where there is none.

        A hundred to a request. Raises `Throttled` when items stay unprocessed.
        """
        wanted = {self._identity(key): self._key(key) for key in keys}
        batch = self._new_batch()
        found: dict[tuple[Value, ...], Record] = {}
        for some in _in_parts(list(wanted.values()), GET_BATCH):
            for item in batch.get(some, consistent=consistent):
                found[tuple(item[name] for name in self.definition.key_names)] = item
        return batch.answer([found.get(self._identity(key)) for key in keys])

    def peek(
        self, keys: Sequence[Sequence[Value]], *, consistent: bool = False
    ) -> Answer[dict[tuple[Value, ...], Record | None]]:
        """What at most a hundred keys hold, by one request; None where there is no item.

        A key that DynamoDB left unprocessed is not in the answer.
        """
        asked = {self._identity(key): tuple(key) for key in keys}
        wires = {identity: self._key(key) for identity, key in asked.items()}
        wanted: dict[str, Any] = {
            self.name: {"Keys": list(wires.values()), "ConsistentRead": consistent}
        }
        answer: Answer[Any] = self.send(
            "BatchGetItem", lambda client: client.batch_get_item(RequestItems=wanted)
        )
        left = answer.value.get("UnprocessedKeys", {}).get(self.name, {}).get("Keys", [])
        unprocessed = {self._identity_of(key) for key in left}
        items = {
            self._identity_of(wire): from_item(wire)
            for wire in answer.value["Responses"].get(self.name, [])
        }
        seen = {key: items.get(each) for each, key in asked.items() if each not in unprocessed}
        return _same(answer, seen)

    def batch_put(self, items: Iterable[Item]) -> Answer[None]:
        """Writes whole items, twenty-five to a request; of several with one key, the last.

        Not atomic: when it raises, a part may have been written, and writing all again does no
        harm. Raises `Throttled` when items stay unprocessed.
        """
        wires = [to_item(item) for item in items]
        by_key = {self._identity_of(wire): {"PutRequest": {"Item": wire}} for wire in wires}
        return self._batch_write(list(by_key.values()))

    def batch_put_wires(self, wires: Iterable[Mapping[str, AttributeValue]]) -> Answer[None]:
        """Writes items that `to_item` has made, no two with one key, as `batch_put` does."""
        return self._batch_write([{"PutRequest": {"Item": wire}} for wire in wires])

    def batch_delete(self, keys: Iterable[Sequence[Value]]) -> Answer[None]:
        """Removes the items of these keys, as `batch_put` writes them."""
        by_key = {self._identity(key): {"DeleteRequest": {"Key": self._key(key)}} for key in keys}
        return self._batch_write(list(by_key.values()))

    def _batch_write(self, requests: Sequence[Record]) -> Answer[None]:
        batch = self._new_batch()
        for some in _in_parts(requests, WRITE_BATCH):
            batch.write(some)
        return batch.answer(None)

    def _new_batch(self) -> Batch:
        return Batch(
            self.send,
            table=self.name,
            region=self.region or self._router.regions[0],
            patience_seconds=self._patience_seconds,
        )

    def _named(self) -> Record:
        return {"TableName": self.name}

    def _key(self, key: Sequence[Value]) -> dict[str, AttributeValue]:
        names = self.definition.key_names
        if len(key) != len(names):
            raise ItemRefused(f"A key of {self.name} is {' and '.join(names)}.")
        return {name: to_attribute(value) for name, value in zip(names, key, strict=True)}

    def _identity(self, key: Sequence[Value]) -> tuple[Value, ...]:
        """What tells keys apart: 1, 1.0 and 10e-1 are one number."""
        return self._identity_of(self._key(key))

    def _identity_of(self, wire: Mapping[str, AttributeValue]) -> tuple[Value, ...]:
        missing = [name for name in self.definition.key_names if name not in wire]
        if missing:
            raise ItemRefused(f"The item has no {missing[0]}, which is part of its key.")
        values = from_item({name: wire[name] for name in self.definition.key_names})
        return tuple(values.values())

    def _conditional(
        self,
        request: Record,
        condition: Condition | None,
        placeholders: Placeholders | None = None,
    ) -> Record:
        """The request with its condition, asking for the current item should that not hold."""
        used = placeholders or Placeholders(self.definition.partition_key.name)
        if condition is not None:
            request = {
                **request,
                "ConditionExpression": condition.render(used),
                "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
            }
        return {**self._named(), **request, **used.parts()}

    def _getting(
        self, key: Sequence[Value], *, consistent: bool
    ) -> Callable[["DynamoDBClient"], Record | None]:
        request = {**self._named(), "Key": self._key(key), "ConsistentRead": consistent}

        def read(client: "DynamoDBClient") -> Record | None:
            return from_item(client.get_item(**request).get("Item", {})) or None

        return read

    def _querying(
        self,
        partition: Value,
        prefix: str | None,
        newest_first: bool,
        attributes: Sequence[str] | None,
    ) -> Record:
        used = Placeholders(self.definition.partition_key.name)
        condition = f"{used.name(used.key)} = {used.value(partition)}"
        if prefix:
            sort_key = self.definition.sort_key
            if sort_key is None:
                raise ValueError(f"{self.name} has no sort key, so nothing begins with a prefix.")
            condition += f" AND begins_with({used.name(sort_key.name)}, {used.value(prefix)})"
        request = {"KeyConditionExpression": condition, "ScanIndexForward": not newest_first}
        if attributes is not None:
            request["ProjectionExpression"] = ", ".join(used.name(each) for each in attributes)
        return {**self._named(), **request, **used.parts()}

    def _page(self, name: str, request: Record, scope: Sequence[object]) -> Answer[Page]:
        answer = self._fetch(name, request)
        last = answer.value.get("LastEvaluatedKey")
        if last and name == "Query":
            last = {key: value for key, value in last.items() if key in self._sort_name()}
        items = tuple(from_item(item) for item in answer.value["Items"])
        cursor = self._cursors.write(last, scope) if last else None
        return _same(answer, Page(items=items, next_cursor=cursor))

    def _every_page(self, name: str, request: Record | None) -> Iterator[Record]:
        while request is not None:
            answer = self._fetch(name, request)
            yield from (from_item(item) for item in answer.value["Items"])
            request = _after(request, answer.value)

    def _fetch_with(self, request: Record) -> tuple[Record, Answer[Mapping[str, Any]]]:
        return request, self._fetch("Scan", request)

    def _fetch(self, name: str, request: Record) -> Answer[Mapping[str, Any]]:
        def read(client: "DynamoDBClient") -> Mapping[str, Any]:
            return client.query(**request) if name == "Query" else client.scan(**request)

        return self.send(name, read)

    def _sort_name(self) -> tuple[str, ...]:
        return self.definition.key_names[1:]

    def _write(
        self,
        name: str,
        send: Operation[T],
        *,
        done: Callable[[Record | None], bool],
        found: Callable[[Any], Any] = lambda _: None,
        repeatable: bool = True,
    ) -> Answer[T]:
        """Sends a write that knows its own earlier attempts when it meets them."""
        writing = _Writing(send=self._translating(send), done=done, found=found)
        return self._router.call(writing, name=name, repeatable=repeatable, pinned=self.region)

    def send(self, name: str, ask: Operation[T]) -> Answer[T]:
        """Any other read or repeatable write, by the client; the service's errors translated."""
        return self._router.call(self._translating(ask), name=name, pinned=self.region)

    def _translating(self, ask: Operation[T]) -> Operation[T]:
        """The operation, with the service's errors in this layer's words; others pass up."""

        def translated(client: "DynamoDBClient") -> T:
            try:
                return ask(client)
            except (ClientError, *NO_CREDENTIALS) as error:
                said = self._in_own_words(error, client.meta.region_name)
                if said is None:
                    raise
                raise said from error

        return translated

    def _in_own_words(self, error: Exception, region: str) -> DataError | None:
        code = error_code(error)
        if isinstance(error, ClientError) and code == "ConditionalCheckFailedException":
            return ConditionFailed(from_item(error.response.get("Item", {})) or None)
        if code in REFUSALS:
            return ItemRefused(error_message(error))
        if code in MISSING_TABLE:
            return TableMissing(self.name, region)
        if code in NO_ACCESS or isinstance(error, NO_CREDENTIALS):
            return AccessRefused(region, error_message(error))
        return None


@dataclass(slots=True, kw_only=True)
class _Writing(Generic[T]):
    """One write over all its attempts.

    An attempt without an answer may have written. If a later one then fails on its condition, and
    what it meets is what was to be written, the first one did.
    """

    send: Operation[T]
    done: Callable[[Record | None], bool]
    found: Callable[[Any], T]
    uncertain: bool = field(default=False, init=False)

    def __call__(self, client: "DynamoDBClient") -> T:
        try:
            return self.send(client)
        except ConditionFailed as error:
            if self.uncertain and self.done(error.current):
                return self.found(error.current)
            raise
        except FAILURES as error:
            self.uncertain = self.uncertain or outcome_unknown(error)
            raise


def _update_expression(
    placeholders: Placeholders,
    set_: Mapping[str, Value],
    add: Mapping[str, Value],
    remove: Sequence[str],
) -> str:
    """The clauses for what there is to change; '' for nothing."""
    name, value = placeholders.name, placeholders.value
    clauses = {
        "SET": [f"{name(each)} = {value(given)}" for each, given in set_.items()],
        "ADD": [f"{name(each)} {value(given)}" for each, given in add.items()],
        "REMOVE": [name(each) for each in remove],
    }
    return " ".join(f"{word} {', '.join(parts)}" for word, parts in clauses.items() if parts)


def _is_changed(current: Record, set_: Mapping[str, Value], remove: Sequence[str]) -> bool:
    """Whether an item is as an update would have left it."""
    wanted = from_item(to_item(set_))
    held = {name: current[name] for name in wanted if name in current}
    return held == wanted and not any(name in current for name in remove)


def _after(request: Record, response: Mapping[str, Any]) -> Record | None:
    """The request for the page that follows, None after the last one."""
    last = response.get("LastEvaluatedKey")
    return {**request, "ExclusiveStartKey": last} if last else None


def _segment(segment: int | None, segments: int | None) -> Record:
    if (segment is None) != (segments is None):
        raise ValueError("Give a segment together with the number of segments.")
    return {} if segment is None else {"Segment": segment, "TotalSegments": segments}


def _in_parts(whole: Sequence[T], size: int) -> Iterator[Sequence[T]]:
    return (whole[start : start + size] for start in range(0, len(whole), size))


def _same(answer: Answer[Any], value: T) -> Answer[T]:
    """The same answer with another value."""
    return Answer(
        value=value,
        region=answer.region,
        elapsed_ms=answer.elapsed_ms,
        fell_back=answer.fell_back,
    )
