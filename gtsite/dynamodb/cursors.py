"""A page's cursor: where the next page begins, signed for one list so that it opens no other."""

from base64 import b64decode, b64encode
from collections.abc import Mapping, Sequence
from typing import Any

from django.core.signing import BadSignature, Signer

from gtsite.dynamodb.errors import BadCursor
from gtsite.dynamodb.items import AttributeValue

Key = str | bytes


class Cursors:
    """Signs with the first key and accepts any of them, so that keys can be changed in service."""

    def __init__(self, keys: Sequence[Key]) -> None:
        self._keys: list[Key] = list(keys)

    def write(self, position: Mapping[str, AttributeValue], scope: Sequence[object]) -> str:
        """The cursor for a position, key attributes as the API writes them, in one list."""
        payload = {name: _to_json(value) for name, value in position.items()}
        return str(self._signer(scope).sign_object(payload))

    def read(self, cursor: str, scope: Sequence[object]) -> dict[str, AttributeValue]:
        """The position; raises `BadCursor` unless it was written for the same list."""
        signer = self._signer(scope)
        try:
            payload: dict[str, Any] = signer.unsign_object(cursor)
        except (BadSignature, ValueError) as error:
            raise BadCursor from error
        return {name: _from_json(value) for name, value in payload.items()}

    def _signer(self, scope: Sequence[object]) -> Signer:
        if not self._keys:
            raise ValueError("Give the table a key to sign cursors with.")
        salt = f"gtsite.dynamodb.cursors {list(scope)!r}"
        return Signer(key=self._keys[0], fallback_keys=self._keys[1:], salt=salt)


def _to_json(attribute: AttributeValue) -> dict[str, str]:
    return {
        kind: b64encode(raw).decode() if kind == "B" else raw for kind, raw in attribute.items()
    }


def _from_json(attribute: Mapping[str, str]) -> AttributeValue:
    return {kind: b64decode(raw) if kind == "B" else raw for kind, raw in attribute.items()}
