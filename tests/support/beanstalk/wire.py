"""Elastic Beanstalk's query protocol on the side that answers, by botocore's own service model.

A request is read and checked as it was received: botocore's client checks neither the longest
length, nor patterns, nor the values an enumeration has.
"""

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import cache
from typing import Any
from xml.etree import ElementTree

import botocore.session
from botocore.model import ServiceModel
from botocore.utils import parse_timestamp
from botocore.validate import ParamValidator

NAMESPACE = "http://elasticbeanstalk.amazonaws.com/docs/2010-12-01/"
COMMON = frozenset({"Action", "Version"})


class Malformed(Exception):
    """A request that no client may send: in one sentence, what is wrong with it."""


@cache
def model() -> ServiceModel:
    """What botocore knows of Elastic Beanstalk."""
    return botocore.session.get_session().get_service_model("elasticbeanstalk")


def read(operation: str, form: Mapping[str, str]) -> dict[str, Any]:
    """The parameters of one request; raises `Malformed` for any that the model does not allow."""
    if operation not in model().operation_names:
        raise Malformed(f"There is no operation {operation!r}.")
    shape = model().operation_model(operation).input_shape
    left = {name: value for name, value in form.items() if name not in COMMON}
    request: dict[str, Any] = _structure(shape, left, "") if shape else {}
    if left:
        raise Malformed(f"{operation} takes no {', '.join(sorted(left))}.")
    if shape:
        _check(operation, request, shape)
    return request


def answer(operation: str, result: Mapping[str, Any], request_id: str) -> bytes:
    """The XML of one answer; an answer that the model does not allow is a mistake of ours."""
    shape = model().operation_model(operation).output_shape
    root = ElementTree.Element(f"{operation}Response", xmlns=NAMESPACE)
    if shape is not None:
        _check(operation, result, shape)
        _write(ElementTree.SubElement(root, f"{operation}Result"), result, shape)
    metadata = ElementTree.SubElement(root, "ResponseMetadata")
    ElementTree.SubElement(metadata, "RequestId").text = request_id
    return ElementTree.tostring(root)


def refusal(code: str, message: str, request_id: str, *, ours: bool = False) -> bytes:
    """The XML of an error; `ours` when it is the service's fault and not the sender's."""
    root = ElementTree.Element("ErrorResponse", xmlns=NAMESPACE)
    error = ElementTree.SubElement(root, "Error")
    for name, text in (
        ("Type", "Receiver" if ours else "Sender"),
        ("Code", code),
        ("Message", message),
    ):
        ElementTree.SubElement(error, name).text = text
    ElementTree.SubElement(root, "RequestId").text = request_id
    return ElementTree.tostring(root)


def _structure(shape: Any, left: dict[str, str], prefix: str) -> dict[str, Any]:
    found = {}
    for name, member in shape.members.items():
        place = f"{prefix}.{name}" if prefix else name
        if any(key == place or key.startswith(f"{place}.") for key in left):
            found[name] = _value(member, left, place)
    return found


def _value(shape: Any, left: dict[str, str], place: str) -> Any:
    if shape.type_name == "structure":
        return _structure(shape, left, place)
    if shape.type_name == "list":
        return _list(shape, left, place)
    text = left.pop(place, None)
    if text is None:
        raise Malformed(f"{place} is one value, and parts of it were sent.")
    try:
        return READERS.get(shape.type_name, str)(text)
    except (KeyError, ValueError) as error:
        raise Malformed(f"{place} is {text!r}, which is no {shape.type_name}.") from error


def _list(shape: Any, left: dict[str, str], place: str) -> list[Any]:
    if left.get(place) == "":
        del left[place]
        return []
    found: list[Any] = []
    while any(_belongs(key, f"{place}.member.{len(found) + 1}") for key in left):
        found.append(_value(shape.member, left, f"{place}.member.{len(found) + 1}"))
    return found


def _belongs(key: str, place: str) -> bool:
    return key == place or key.startswith(f"{place}.")


READERS: dict[str, Any] = {
    "boolean": {"true": True, "false": False}.__getitem__,
    "integer": int,
    "timestamp": parse_timestamp,
}


def _check(operation: str, value: Mapping[str, Any], shape: Any) -> None:
    report = ParamValidator().validate(value, shape)
    if report.has_errors():
        raise Malformed(f"{operation}: {report.generate_report()}")
    _check_limits(operation, value, shape)


def _check_limits(place: str, value: Any, shape: Any) -> None:
    """What botocore's validator leaves to the service."""
    if shape.type_name == "structure":
        for name, member in value.items():
            _check_limits(f"{place}.{name}", member, shape.members[name])
    elif shape.type_name == "list":
        for number, member in enumerate(value, start=1):
            _check_limits(f"{place}.{number}", member, shape.member)
    elif shape.type_name == "string":
        _check_text(place, value, shape)
    elif shape.type_name == "integer" and value > shape.metadata.get("max", value):
        raise Malformed(f"{place} is {value}, and {shape.metadata['max']} is the most.")


def _check_text(place: str, value: str, shape: Any) -> None:
    most, pattern = shape.metadata.get("max", len(value)), shape.metadata.get("pattern")
    if len(value) > most:
        raise Malformed(f"{place} has {len(value)} characters, and {most} is the most.")
    if shape.enum and value not in shape.enum:
        raise Malformed(f"{place} is {value!r}, and not one of {', '.join(shape.enum)}.")
    if pattern and not re.fullmatch(pattern, value):
        raise Malformed(f"{place} is {value!r}, which does not match {pattern}.")


def _write(parent: ElementTree.Element, value: Any, shape: Any) -> None:
    if shape.type_name == "structure":
        for name, member in value.items():
            _write(ElementTree.SubElement(parent, name), member, shape.members[name])
    elif shape.type_name == "list":
        for member in value:
            _write(ElementTree.SubElement(parent, "member"), member, shape.member)
    else:
        parent.text = _text(value)


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, datetime):
        at = value.astimezone(UTC)
        return f"{at:%Y-%m-%dT%H:%M:%S}.{at.microsecond // 1000:03d}Z"
    return str(value)
