"""When a write may be carried out: each condition has a name that says when it holds.

A condition sees one replica, the one that answers. Attribute names and values are always passed
as placeholders, so that reserved words are as good as any other name.
"""

from dataclasses import dataclass
from typing import Protocol

from gtsite.dynamodb.items import AttributeValue, Value, to_attribute


class Placeholders:
    """Hands out `#n0` for names and `:v0` for values, and remembers what they stand for."""

    def __init__(self, key: str) -> None:
        self.key = key
        self.names: dict[str, str] = {}
        self.values: dict[str, AttributeValue] = {}
        self._by_name: dict[str, str] = {}

    def name(self, attribute: str) -> str:
        known = self._by_name.setdefault(attribute, f"#n{len(self._by_name)}")
        self.names[known] = attribute
        return known

    def value(self, value: Value) -> str:
        placeholder = f":v{len(self.values)}"
        self.values[placeholder] = to_attribute(value)
        return placeholder

    def parts(self) -> dict[str, object]:
        """The request's members; absent where there are none, as the API demands."""
        found: dict[str, object] = {}
        if self.names:
            found["ExpressionAttributeNames"] = self.names
        if self.values:
            found["ExpressionAttributeValues"] = self.values
        return found


class Condition(Protocol):
    """Anything that can be written as a condition expression."""

    def render(self, placeholders: Placeholders) -> str: ...


@dataclass(frozen=True, slots=True)
class Absent:
    """There is no such item; with an attribute, the item lacks it or is not there."""

    attribute: str | None = None

    def render(self, placeholders: Placeholders) -> str:
        return f"attribute_not_exists({placeholders.name(self.attribute or placeholders.key)})"


@dataclass(frozen=True, slots=True)
class Present:
    """There is such an item; with an attribute, it has that."""

    attribute: str | None = None

    def render(self, placeholders: Placeholders) -> str:
        return f"attribute_exists({placeholders.name(self.attribute or placeholders.key)})"


@dataclass(frozen=True, slots=True)
class Equals:
    """The attribute is there and has this value."""

    attribute: str
    value: Value

    def render(self, placeholders: Placeholders) -> str:
        return f"{placeholders.name(self.attribute)} = {placeholders.value(self.value)}"


@dataclass(frozen=True, slots=True)
class Newer:
    """What is written is newer: the attribute is not there, or is less than `than`."""

    attribute: str
    than: Value

    def render(self, placeholders: Placeholders) -> str:
        name = placeholders.name(self.attribute)
        return f"(attribute_not_exists({name}) OR {name} < {placeholders.value(self.than)})"


class AllOf:
    """Every one of the conditions holds."""

    def __init__(self, *conditions: Condition) -> None:
        self.conditions = conditions

    def render(self, placeholders: Placeholders) -> str:
        return _joined(" AND ", self.conditions, placeholders)


class AnyOf:
    """At least one of the conditions holds."""

    def __init__(self, *conditions: Condition) -> None:
        self.conditions = conditions

    def render(self, placeholders: Placeholders) -> str:
        return _joined(" OR ", self.conditions, placeholders)


def _joined(word: str, conditions: tuple[Condition, ...], placeholders: Placeholders) -> str:
    if not conditions:
        raise ValueError("Give at least one condition.")
    return "(" + word.join(each.render(placeholders) for each in conditions) + ")"
