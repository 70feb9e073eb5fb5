"""Who won a race and what was lost, told from nothing but what each write replaced.

A global table never says so: of two writes that did not know each other the last one stands, and
the other is gone without a word. But every write can return the value it replaced. Whoever
replaced a value knew it, and so whatever that one had replaced; an acknowledged value that the
one that stands did not come to know in this way is lost.
"""

import json
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

from gtsite.dynamodb.items import Value, from_attribute, to_attribute

Held = Value | None
"""What an item holds of one attribute; None for nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """Who wrote what stands, and whose acknowledged writes are as if they had never been.

    `winner` is None where several regions wrote it, or none did. `unclear`: behind what stands
    may be a write that got no answer, or somebody else's; then nobody is said to have lost.
    """

    winner: str | None
    lost: tuple[str, ...] = ()
    unclear: bool = False


def judge(
    writes: Mapping[str, Value],
    replaced: Mapping[str, Held],
    *,
    uncertain: Collection[str],
    before: Iterable[Held],
    stands: Held,
) -> Verdict:
    """The verdict on one item on which every region agrees.

    `writes` are all regions' values; `replaced` what those found whose write was acknowledged, in
    the order in which losers are listed; `uncertain` the regions whose write got no answer;
    `before` the values that any region held before the first write.

    Two equal values cannot be told apart: a value that the one that stands knew, or is, is not
    lost, whoever wrote it.
    """
    if not replaced and not uncertain:
        return Verdict(winner=None)
    said = {region: token(value) for region, value in writes.items()}
    found = {region: token(value) for region, value in replaced.items()}
    final = token(stands)
    known = _known(final, said, found)
    doubtful = {said[region] for region in uncertain}
    sure = {said[region] for region in found}
    old = {token(value) for value in before}
    explained = final in sure and known <= sure | old
    unclear = not explained or bool(known & doubtful)
    lost = () if unclear else tuple(region for region in found if said[region] not in known)
    wrote = found if final in sure else () if final in old else uncertain
    winners = [region for region in wrote if said[region] == final]
    winner = winners[0] if len(winners) == 1 else None
    return Verdict(winner=winner, lost=lost, unclear=unclear)


def strangers(seen: Iterable[Held], known: Iterable[Held]) -> tuple[Held, ...]:
    """The values among `seen` that are none of the `known`, each once, in the order seen."""
    ours = {token(value) for value in known}
    found = {token(value): value for value in seen}
    return tuple(value for each, value in found.items() if each not in ours)


def token(value: Held) -> str:
    """The same text for the same value as DynamoDB has it: 1 and 1.0, but not 1 and true."""
    wire = to_attribute(from_attribute(to_attribute(value)))
    return json.dumps(wire, sort_keys=True, default=repr)


def same(one: Held, other: Held) -> bool:
    """Whether DynamoDB would call them equal."""
    return token(one) == token(other)


def _known(final: str, said: Mapping[str, str], found: Mapping[str, str]) -> set[str]:
    """The value that stands, what its writers replaced, what those had replaced, and so on."""
    known: set[str] = set()
    to_follow = {final}
    while to_follow:
        known |= to_follow
        to_follow = {found[region] for region in found if said[region] in to_follow} - known
    return known
