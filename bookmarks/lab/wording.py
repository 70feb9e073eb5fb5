"""The lab's sentences: what an answer says, and what the verdict says."""

from collections.abc import Callable, Iterator

from bookmarks.lab.entities import Action, Entry, Number, Outcome, digits
from bookmarks.lab.verdict import Conflict, Kind, Stale, Verdict, Write
from gtsite.wording import listed

Places = Callable[[str], str]

HEADLINES = {
    Kind.IN_SYNC: "In sync",
    Kind.STALE: "Stale",
    Kind.CONFLICT: "Conflict",
    Kind.UNKNOWN: "Not known",
}
MINUS_SIGN = "−"


def number(value: Number | None) -> str:
    """With a real minus sign; a dash where there is no number."""
    return "–" if value is None else digits(value).replace("-", MINUS_SIGN)


def signed(step: int) -> str:
    return f"+{step}" if step >= 0 else number(step)


def span(elapsed_ms: int) -> str:
    """Hundredths below ten seconds, then tenths, then minutes."""
    seconds = max(elapsed_ms, 0) / 1000
    if seconds < 10:
        return f"{seconds:.2f} s"
    return f"{seconds:.1f} s" if seconds < 120 else f"{seconds / 60:.0f} min"


def answer(entry: Entry, place: str) -> str:
    """One answer in one sentence, or why there is none."""
    if entry.outcome is not Outcome.OK:
        return _failure(entry, place)
    match entry.action:
        case Action.PING:
            return f"{place} answers."
        case Action.GET if entry.value is None:
            return f"{place} has no bookmark here."
        case Action.GET:
            return f"{place} holds {number(entry.value)}."
        case _:
            return f"{place} wrote {number(entry.old)} ➜ {number(entry.value)}."


def _failure(entry: Entry, place: str) -> str:
    written = " Nothing was written." if entry.action.writes else ""
    match entry.outcome:
        case Outcome.UNCERTAIN:
            return (
                f"{place} failed to answer. The {signed(entry.step)} may have been written "
                "or not: get the item once the region is back."
            )
        case Outcome.AWAY:
            return f"{place} does not answer.{written}"
        case Outcome.BUSY:
            return f"{place} is at its limit just now.{written} Try again."
        case _:
            return f"{place} refused.{written} Is the table provisioned there, with a number in it?"


def brief(entry: Entry) -> str:
    """The same in two or three words, for a list."""
    match entry:
        case Entry(outcome=Outcome.AWAY):
            return "no answer"
        case Entry(outcome=Outcome.UNCERTAIN):
            return "no answer: written or not"
        case Entry(outcome=Outcome.BUSY):
            return "throttled"
        case Entry(outcome=Outcome.REFUSED):
            return "refused"
        case Entry(action=Action.PING):
            return "answered"
        case Entry(action=Action.GET):
            return number(entry.value)
        case _:
            return f"{number(entry.old)} ➜ {number(entry.value)}"


def update(write: Write, places: Places) -> str:
    """`Oregon’s +1 (5 ➜ 6)`."""
    return (
        f"{places(write.region)}’s {signed(write.step)} ({number(write.old)} ➜ {number(write.new)})"
    )


def headline(verdict: Verdict, places: Places) -> str:
    """The verdict line: the kind, and where."""
    match verdict:
        case Verdict(kind=Kind.IN_SYNC, conflicts=conflicts) if conflicts:
            return "In sync, after a conflict"
        case Verdict(kind=Kind.STALE, stale=stale):
            return f"Stale in {listed([places(each.held.region) for each in stale])}"
        case Verdict(kind=Kind.UNKNOWN, unheard=unheard) if unheard:
            away = listed([places(region) for region in unheard])
            return f"Not known: {away} {'does' if len(unheard) == 1 else 'do'} not answer"
        case _:
            return HEADLINES[verdict.kind]


def facts(verdict: Verdict, places: Places) -> Iterator[str]:
    """What there is to know beyond the headline, a sentence each."""
    if verdict.agreed is not None:
        writer = f", written in {places(verdict.agreed.writer)}" if verdict.agreed.writer else ""
        yield f"Every region holds {number(verdict.agreed.value)}{writer}."
    for conflict in verdict.conflicts:
        yield _conflict(conflict, places)
    for stale in verdict.stale:
        yield _stale(stale, places)
    if verdict.unheard and verdict.kind is not Kind.UNKNOWN:
        yield f"{listed([places(region) for region in verdict.unheard])} did not answer."
    if verdict.unasked:
        yield _unasked(verdict, places)


def _conflict(conflict: Conflict, places: Places) -> str:
    winner, loser = conflict.winner, conflict.loser
    later = span(abs(winner.stamp_ms - loser.stamp_ms))
    lost = f"{places(loser.region)}’s {number(loser.new)}"
    if conflict.lost > 1:
        lost += f", the last of {conflict.lost} updates,"
    fate = "was lost" if conflict.settled else "is lost"
    order = "after" if winner.name > loser.name else "before"
    return (
        f"{update(winner, places)} came {later} {order} {update(loser, places)} and did not "
        f"know it. The later write wins: {lost} {fate}."
    )


def _stale(stale: Stale, places: Places) -> str:
    held, newest = stale.held, stale.newest
    writer = places(newest.writer) if newest.writer else "another region"
    return (
        f"{places(held.region)} gave {number(held.value)}, {span(stale.behind_ms)} after {writer} "
        f"had written {number(newest.value)}."
    )


def _unasked(verdict: Verdict, places: Places) -> str:
    if verdict.newest is None:
        return "Get the item in every region to compare them."
    names = listed([places(region) for region in verdict.unasked])
    have = "has" if len(verdict.unasked) == 1 else "have"
    return f"{names} {have} not been asked since the newest write."
