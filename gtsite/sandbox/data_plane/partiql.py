"""Which item a PartiQL statement writes: INSERT, UPDATE and DELETE name one by its whole key.

Only what leads to that item is read; whether the statement is right in all else is the engine's to
say. What could be read in two ways is refused, since a write at an unknown place cannot be
replicated.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, NoReturn

from gtsite.sandbox.wire import validation

OPERATIONS = ("ExecuteStatement", "BatchExecuteStatement", "ExecuteTransaction")
WRITES = ("INSERT", "UPDATE", "DELETE")
Kind = Literal["word", "name", "text", "number", "sign"]

TOKEN = re.compile(
    r"""(?P<space>[ \t\n\f\r]+)
      | (?P<word>[A-Za-z_][A-Za-z0-9_]*)
      | (?P<number>[0-9][0-9.]*)
      | "(?P<name>(?:[^"]|"")*)"
      | '(?P<text>(?:[^']|'')*)'
      | (?P<sign><<|>>|<>|<=|>=|!=|[-+*?.,:=<>(){}\[\]])
    """,
    re.VERBOSE,
)
TABLE = re.compile(r"\b(?:FROM|INTO|UPDATE)\s+[\"']?([A-Za-z0-9_.-]+)", re.IGNORECASE)
QUOTES = {"name": '"', "text": "'"}
NO_VALUE: Mapping[str, Any] = {}
"""What a parameter stands for that was not sent: it is no key, and no engine takes it."""
OPENING = ("(", "[", "{", "<<")
CLOSING = (")", "]", "}", ">>")


@dataclass(frozen=True, slots=True)
class Token:
    """One piece of a statement. `depth` counts the brackets around it; its own is one of them."""

    kind: Kind
    text: str
    depth: int
    parameter: int
    """For a `?`, which one it is, from 0."""

    def says(self, *words: str) -> bool:
        """Whether it is one of these keywords or signs; what stands in quotes is neither."""
        return self.kind in ("word", "sign") and self.text.upper() in words


Tokens = Sequence[Token]


@dataclass(frozen=True, slots=True, kw_only=True)
class Write:
    """One statement that writes. `values` are the attributes it says its item has, keys included.

    `unclear` are attributes that it compares with something else than one value, `assigned` those
    that it changes. `always` says that it counts as a write though nothing changed.
    """

    table: str
    values: Mapping[str, Any]
    unclear: frozenset[str] = field(default_factory=frozenset)
    assigned: frozenset[str] = field(default_factory=frozenset)
    always: bool = False

    def check(self, key_names: Sequence[str]) -> None:
        """`ApiError` where the statement changes its item's key, or leaves it in doubt."""
        for name in key_names:
            if name in self.assigned:
                raise validation(
                    "One or more parameter values were invalid: Cannot update attribute "
                    f"{name}. This attribute is part of the key"
                )
            if name in self.unclear:
                _malformed(f"the key attribute {name} needs one value, as a literal or a ?")


def writes(operation: str, body: Mapping[str, Any]) -> list[Write]:
    """The writes of a request, in its order; `ApiError` for a statement that makes no sense."""
    found = (
        _write(part["Statement"], part.get("Parameters"))
        for part in _parts(operation, body)
        if isinstance(part, dict) and isinstance(part.get("Statement"), str)
    )
    return [write for write in found if write is not None]


def tables(operation: str, body: Mapping[str, Any]) -> list[str]:
    """The tables that a request's statements seem to name, before anything is made of them."""
    texts = [part.get("Statement") for part in _parts(operation, body) if isinstance(part, dict)]
    return [name for text in texts if isinstance(text, str) for name in TABLE.findall(text)]


def _parts(operation: str, body: Mapping[str, Any]) -> Sequence[Any]:
    """The statements of a request with their parameters, as it has them."""
    if operation == "ExecuteStatement":
        return [body]
    parts = body.get("Statements" if operation == "BatchExecuteStatement" else "TransactStatements")
    return parts if isinstance(parts, list) else []


def _write(statement: str, parameters: Any) -> Write | None:
    """None for a read, and for what no engine takes for a statement."""
    words = statement.split(maxsplit=1)
    if not words or not words[0].upper().startswith(WRITES):
        return None
    tokens = _tokens(statement)
    given = parameters if isinstance(parameters, list) else []
    match tokens[0].text.upper():
        case "INSERT":
            return _insert(tokens, given)
        case "UPDATE":
            return _update(tokens, given)
        case "DELETE":
            return _delete(tokens, given)
    return None


def _insert(tokens: Tokens, given: Sequence[Any]) -> Write:
    """`INSERT INTO table VALUE {'key': value, …}`; it makes an item or fails, so it never idles."""
    _expect(tokens, 1, "INTO")
    table = _table(tokens, 2)
    _expect(tokens, 3, "VALUE")
    _expect(tokens, 4, "{")
    end = next(at for at in range(5, len(tokens)) if tokens[at].says("}") and tokens[at].depth == 1)
    values: dict[str, Any] = {}
    unclear: set[str] = set()
    for entry in _split(tokens[5:end], ",", depth=1):
        if not entry:
            continue
        name = _attribute(entry[0])
        if name is None or len(entry) < 3 or not entry[1].says(":"):
            _malformed("write VALUE {'attribute': value, …}")
        if name in values or (value := _value(entry[2:], given)) is None:
            unclear.add(name)
        else:
            values[name] = value
    return Write(table=table, values=values, unclear=frozenset(unclear))


def _update(tokens: Tokens, given: Sequence[Any]) -> Write:
    """`UPDATE table SET … REMOVE … WHERE …`."""
    table = _table(tokens, 1)
    start = _where(tokens)
    values, unclear = _equalities(tokens[start:], given)
    assigned = frozenset(_assigned(tokens[2:start]))
    return Write(table=table, values=values, unclear=unclear, assigned=assigned, always=True)


def _delete(tokens: Tokens, given: Sequence[Any]) -> Write:
    """`DELETE FROM table WHERE …`."""
    _expect(tokens, 1, "FROM")
    table = _table(tokens, 2)
    values, unclear = _equalities(tokens[_where(tokens) :], given)
    return Write(table=table, values=values, unclear=unclear)


def _where(tokens: Tokens) -> int:
    """Where the condition begins; the statement's end where it has none."""
    found = (at for at, token in enumerate(tokens) if token.says("WHERE") and not token.depth)
    return next(found, len(tokens))


def _assigned(clauses: Tokens) -> Iterator[str]:
    """The attributes that SET and REMOVE clauses change as a whole."""
    for at, token in enumerate(clauses[:-1]):
        if token.depth == 0 and token.says("SET", "REMOVE", ","):
            deeper = at + 2 < len(clauses) and clauses[at + 2].says(".", "[")
            name = _attribute(clauses[at + 1])
            if name is not None and not deeper:
                yield name


def _equalities(where: Tokens, given: Sequence[Any]) -> tuple[dict[str, Any], frozenset[str]]:
    """The values that attributes have to be equal to, and the attributes where that is in doubt."""
    values: dict[str, Any] = {}
    unclear: set[str] = set()
    for name, value in _compared(_before_returning(where[1:]), given):
        if value is None or values.get(name, value) != value:
            unclear.add(name)
        else:
            values[name] = value
    return values, frozenset(unclear)


def _before_returning(tokens: Tokens) -> Tokens:
    found = (at for at, token in enumerate(tokens) if token.says("RETURNING") and not token.depth)
    return tokens[: next(found, len(tokens))]


def _compared(tokens: Tokens, given: Sequence[Any]) -> Iterator[tuple[str, Any]]:
    """(attribute, value) of each `attribute = value` that has to hold; None for no plain value.

    What stands under OR or NOT need not hold, and names no key.
    """
    while _wrapped(tokens):
        tokens = tokens[1:-1]
    depth = min((token.depth for token in tokens), default=0)
    if len(_split(tokens, "OR", depth=depth)) > 1:
        return
    for part in _split(tokens, "AND", depth=depth):
        if _wrapped(part):
            yield from _compared(part, given)
        elif len(part) > 1 and part[1].says("="):
            name = _attribute(part[0])
            if name is not None:
                yield name, _value(part[2:], given)


def _wrapped(part: Tokens) -> bool:
    """Whether one pair of parentheses holds all of it."""
    if len(part) < 3 or not part[0].says("(") or not part[-1].says(")"):
        return False
    return all(token.depth >= part[0].depth for token in part) and not any(
        token.says(")") and token.depth == part[0].depth for token in part[:-1]
    )


def _value(tokens: Tokens, given: Sequence[Any]) -> Any:
    """A string, a number or a parameter as an attribute value; None for anything else."""
    sign = ""
    if len(tokens) == 2 and tokens[0].says("+", "-"):
        sign, tokens = tokens[0].text, tokens[1:]
        if tokens[0].kind != "number":
            return None
    if len(tokens) != 1:
        return None
    (token,) = tokens
    if token.kind == "text":
        return {"S": token.text}
    if token.kind == "number":
        return {"N": sign + token.text}
    if token.says("?"):
        return given[token.parameter] if token.parameter < len(given) else NO_VALUE
    return None


def _attribute(token: Token) -> str | None:
    """An attribute's name; engines take it in either kind of quotes."""
    return token.text if token.kind in ("word", "name", "text") else None


def _table(tokens: Tokens, at: int) -> str:
    name = _attribute(tokens[at]) if at < len(tokens) else None
    if name is None:
        _malformed("Expected table name")
    return name


def _expect(tokens: Tokens, at: int, word: str) -> None:
    if at >= len(tokens):
        _malformed(f"Expected '{word}'")
    if not tokens[at].says(word):
        _malformed(f"Expected '{word}' but got '{tokens[at].text}'")


def _split(tokens: Tokens, word: str, *, depth: int) -> list[Tokens]:
    """The pieces between these words or signs, where they stand at this depth."""
    pieces: list[list[Token]] = [[]]
    for token in tokens:
        if token.depth == depth and token.says(word):
            pieces.append([])
        else:
            pieces[-1].append(token)
    return list(pieces)


def _tokens(statement: str) -> list[Token]:
    """The statement in pieces, every bracket closed by one of its kind."""
    tokens: list[Token] = []
    opened: list[str] = []
    parameters = 0
    for kind, text in _pieces(statement):
        depth = len(opened)
        if kind == "sign" and text in OPENING:
            opened.append(CLOSING[OPENING.index(text)])
            depth += 1
        elif kind == "sign" and text in CLOSING and (not opened or opened.pop() != text):
            _malformed(f"Unexpected '{text}'")
        tokens.append(Token(kind, text, depth, parameters))
        parameters += kind == "sign" and text == "?"
    if opened:
        _malformed(f"Expected '{opened[-1]}'")
    return tokens


def _pieces(statement: str) -> Iterator[tuple[Kind, str]]:
    at = 0
    while at < len(statement):
        found = TOKEN.match(statement, at)
        if found is None:
            _malformed(f"Unexpected character: '{statement[at]}'")
        at = found.end()
        match found.lastgroup:
            case "space":
                continue
            case "name" | "text" as kind:
                yield kind, found[kind].replace(QUOTES[kind] * 2, QUOTES[kind])
            case "word" | "number" | "sign" as kind:
                yield kind, found[kind]


def _malformed(why: str) -> NoReturn:
    raise validation(f"Statement wasn't well formed, can't be processed: {why}")
