"""One item's part in a request: what it is sent as, and what it makes of the item."""
# ruff: noqa: S608 - some writes are statements

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from tests.support.sandbox import number, text

Image = Mapping[str, Any]
Kind = Literal["put", "new", "change", "add", "remove", "delete", "drop"]
"""`new` is a put where nothing is, `change` an update where something is, `drop` a delete there."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One item's part in a request. `mark` is a number that no other write has."""

    kind: Kind
    item: str
    mark: int

    def done_to(self, before: Image | None) -> Image | None:
        """The item after this step; the same object where its condition does not hold."""
        mark = number(self.mark)
        base: dict[str, Any] = {**self.key(), **(before or {})}
        match self.kind:
            case "new" if before is not None:
                return before
            case "change" | "drop" if before is None:
                return before
            case "delete" | "drop":
                return None
            case "put" | "new":
                return {**self.key(), "w": mark, "n": number(0)}
            case "add":
                return {**base, "w": mark, "n": number(int(base.get("n", number(0))["N"]) + 1)}
            case "remove":
                return {name: part for name, part in base.items() if name != "n"} | {"w": mark}
            case "change":
                return {**base, "w": mark, "c": text("changed")}
        raise AssertionError(self.kind)

    def refused_over(self, before: Image | None) -> bool:
        return (self.kind == "new" and before is not None) or (
            self.kind in ("change", "drop") and before is None
        )

    def key(self) -> dict[str, Any]:
        history, _, item = self.item.partition("/")
        return {"PK": text(history), "SK": text(item)}

    def request(self, table: str) -> tuple[str, dict[str, Any]]:
        """The operation for this step alone, and its body; a transaction's part has the same."""
        base: dict[str, Any] = {"TableName": table}
        if self.kind in ("put", "new"):
            base["Item"] = dict(self.done_to(None) or {})
            condition = {"ConditionExpression": "attribute_not_exists(PK)"}
            return "PutItem", base | (condition if self.kind == "new" else {})
        base["Key"] = self.key()
        if self.kind in ("delete", "drop"):
            condition = {"ConditionExpression": "attribute_exists(PK)"}
            return "DeleteItem", base | (condition if self.kind == "drop" else {})
        return "UpdateItem", base | self._update()

    def _update(self) -> dict[str, Any]:
        values: dict[str, Any] = {":w": number(self.mark)}
        match self.kind:
            case "add":
                values[":one"] = number(1)
                return _update("SET w = :w ADD n :one", values)
            case "remove":
                return _update("SET w = :w REMOVE n", values)
        values[":c"] = text("changed")
        condition = {"ConditionExpression": "attribute_exists(PK)"}
        return _update("SET w = :w, c = :c", values) | condition


def statement(step: Step, table: str) -> dict[str, Any]:
    """The same write as PartiQL, for the kinds `new`, `change` and `delete`."""
    where = f"WHERE PK = '{step.item.partition('/')[0]}' AND SK = ?"
    place = [step.key()["SK"]]
    match step.kind:
        case "new":
            image = "{'PK': ?, 'SK': ?, 'w': ?, 'n': 0}"
            given = [*step.key().values(), number(step.mark)]
            return {"Statement": f'INSERT INTO "{table}" VALUE {image}', "Parameters": given}
        case "change":
            text = f"UPDATE {table} SET w = {step.mark}, c = 'changed' {where}"
            return {"Statement": text, "Parameters": place}
    return {"Statement": f"DELETE FROM {table} {where}", "Parameters": place}


def _update(expression: str, values: Mapping[str, Any]) -> dict[str, Any]:
    return {"UpdateExpression": expression, "ExpressionAttributeValues": values}


def batch_part(step: Step, table: str) -> dict[str, Any]:
    operation, body = step.request(table)
    what = {name: body[name] for name in ("Item", "Key") if name in body}
    return {operation.replace("Item", "Request"): what}


def transaction_part(step: Step, table: str) -> dict[str, Any]:
    operation, body = step.request(table)
    return {operation.removesuffix("Item"): body}
