"""What a request of the data plane names: its tables, and the items it writes."""

from collections.abc import Iterable
from typing import Any

from gtsite.sandbox.data_plane import partiql
from gtsite.sandbox.wire import Answer, Call, table_name, validation

TRANSACTION = {"Put": "Item", "Update": "Key", "Delete": "Key"}


def with_plain_names(call: Call) -> Call:
    """Engines know tables by name only; AWS takes their ARN as well."""
    if not any(name.startswith("arn:") for name in tables_of(call)):
        return call
    body = dict(call.body)
    if isinstance(body.get("TableName"), str):
        body["TableName"] = table_name(body["TableName"])
    if isinstance(body.get("RequestItems"), dict):
        plain = {table_name(name): items for name, items in body["RequestItems"].items()}
        if len(plain) < len(body["RequestItems"]):
            raise validation("RequestItems names a table twice, by its name and by its ARN")
        body["RequestItems"] = plain
    if isinstance(body.get("TransactItems"), list):
        body["TransactItems"] = [_plain_part(part) for part in body["TransactItems"]]
    return Call(region=call.region, service=call.service, operation=call.operation, body=body)


def wholly_done(call: Call, answer: Answer) -> bool:
    """Whether each of the request's writes was done."""
    match call.operation:
        case "BatchWriteItem":
            return answer.ok and not answer.json().get("UnprocessedItems")
        case "BatchExecuteStatement":
            parts = answer.json().get("Responses", []) if answer.ok else []
            return answer.ok and not any("Error" in part for part in parts)
    return answer.ok


def written_by(call: Call) -> list[tuple[Any, Any, bool]]:
    """(table, an image that holds the key, counts though unchanged) of each write in a request."""
    body = call.body
    match call.operation:
        case "PutItem":
            return [(body.get("TableName"), body.get("Item"), True)]
        case "UpdateItem":
            return [(body.get("TableName"), body.get("Key"), True)]
        case "DeleteItem":
            return [(body.get("TableName"), body.get("Key"), False)]
        case "BatchWriteItem":
            return [each for place in _pairs(body.get("RequestItems")) for each in _batch(*place)]
        case "TransactWriteItems":
            return [each for part in _list(body.get("TransactItems")) for each in _transact(part)]
    return []


def _batch(table: str, requests: Any) -> Iterable[tuple[Any, Any, bool]]:
    for request in _list(requests):
        for name, what in _pairs(request):
            always = name == "PutRequest"
            yield table, _inside(what, "Item" if always else "Key"), always


def _transact(part: Any) -> Iterable[tuple[Any, Any, bool]]:
    for name, action in _pairs(part):
        if name in TRANSACTION:
            yield _inside(action, "TableName"), _inside(action, TRANSACTION[name]), name != "Delete"


def tables_of(call: Call) -> list[str]:
    """The tables of a request, by name or ARN as it has them."""
    body = call.body
    names = [body.get("TableName"), body.get("ResourceArn")]
    names += [name for name, _ in _pairs(body.get("RequestItems"))]
    for part in _list(body.get("TransactItems")):
        names += [_inside(action, "TableName") for _, action in _pairs(part)]
    if call.operation in partiql.OPERATIONS:
        names += partiql.tables(call.operation, body)
    return [name for name in names if isinstance(name, str)]


def _plain_part(part: Any) -> Any:
    return {
        name: {**action, "TableName": table_name(str(action.get("TableName", "")))}
        for name, action in _pairs(part)
        if isinstance(action, dict)
    }


def _pairs(value: Any) -> list[tuple[str, Any]]:
    return list(value.items()) if isinstance(value, dict) else []


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _inside(value: Any, name: str) -> Any:
    return value.get(name) if isinstance(value, dict) else None
