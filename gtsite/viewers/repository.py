"""Profiles in DynamoDB: partition the name, one item each.

Every change of a profile is written in the table's home region and nowhere else: of two whole
items written in two regions at once the later one would win, and take a password change, a
deletion, or somebody else's name with it. Reads work in every region.
"""

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from gtsite.dynamodb.conditions import Absent, AllOf, Equals
from gtsite.dynamodb.connection import router
from gtsite.dynamodb.errors import ConditionFailed, RegionUnavailable
from gtsite.dynamodb.repository import Record, Table
from gtsite.dynamodb.router import Answer, BreakerState
from gtsite.viewers.entities import Profile
from gtsite.viewers.errors import AccountGone, HomeAway, MalformedProfile, NameTaken, PasswordWrong
from gtsite.viewers.sessions import SESSIONS_KEY

PROFILE = "profile"

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What is known of a name. `vouched`: the home region says so, so that it is not old."""

    profile: Profile | None
    vouched: bool


class Profiles:
    """`home` is the region that writes. What is there but cannot be read counts as no profile."""

    def __init__(self, table: Table, *, home: str, local: str) -> None:
        self._table = table
        self._home = home
        self._local = local

    def find(self, name_key: str) -> Found:
        """What the home region says, else the nearest that answers: both are asked side by side.

        Who just signed up, or changed the password, may go on anywhere at once; and with the home
        region away everybody may. The same is asked whether the name exists or not.
        """
        key = (_partition(name_key), PROFILE)
        wanted = tuple(dict.fromkeys((self._home, self._local)))
        regions = [region for region in wanted if _seems_up(region)]
        answers = self._table.get_everywhere(*key, consistent=True, regions=regions)
        for region in wanted:
            answer = answers.get(region)
            if isinstance(answer, Answer):
                return Found(profile=_readable(answer.value), vouched=region == self._home)
        nearest = self._table.get(*key)
        return Found(profile=_readable(nearest.value), vouched=nearest.region == self._home)

    def find_with_marker(
        self, name_key: str, viewer_id: str
    ) -> tuple[Profile | None, Record | None]:
        """The profile, and the marker of ended sessions: one request to the nearest region."""
        keys = [(_partition(name_key), PROFILE), (viewer_id, SESSIONS_KEY)]
        profile, marker = self._table.batch_get(keys).value
        return _readable(profile), marker

    def find_at_home(self, name_key: str) -> Profile | None:
        """The profile as it is, for somebody about to change it; raises `HomeAway`."""
        try:
            found = self._at_home.get(_partition(name_key), PROFILE, consistent=True)
        except RegionUnavailable as error:
            raise HomeAway(self._home, outcome_unknown=False) from error
        return _readable(found.value)

    def add(self, profile: Profile) -> None:
        """Takes the name; raises `NameTaken` if somebody has it, and `HomeAway`."""
        try:
            self._at_home.put(profile_to_item(profile), condition=Absent())
        except ConditionFailed as error:
            raise NameTaken(_readable(error.current)) from error
        except RegionUnavailable as error:
            raise self._away(error) from error

    def set_password(self, profile: Profile, hashed: str, *, changed_at_ms: int) -> None:
        """Only where the profile is still as it was read.

        Raises `PasswordWrong` when the password has been changed meanwhile, `AccountGone`, and
        `HomeAway`.
        """
        unchanged = AllOf(
            Equals("viewer_id", profile.viewer_id), Equals("password", profile.password)
        )
        try:
            self._at_home.update(
                _partition(profile.name_key),
                PROFILE,
                set_={"password": hashed, "changed_at": changed_at_ms},
                condition=unchanged,
            )
        except ConditionFailed as error:
            theirs = (error.current or {}).get("viewer_id") == profile.viewer_id
            raise (PasswordWrong if theirs else AccountGone) from error
        except RegionUnavailable as error:
            raise self._away(error) from error

    def remove(self, profile: Profile) -> None:
        """Removes it; nothing happens if it is gone, or the name somebody else's by now."""
        own = Equals("viewer_id", profile.viewer_id)
        try:
            self._at_home.delete(_partition(profile.name_key), PROFILE, condition=own)
        except ConditionFailed as error:
            logger.info("nothing to remove: %s", error)
        except RegionUnavailable as error:
            raise self._away(error) from error

    @property
    def _at_home(self) -> Table:
        return self._table.at(self._home)

    def _away(self, error: RegionUnavailable) -> HomeAway:
        return HomeAway(self._home, outcome_unknown=error.outcome_unknown)


def profile_to_item(profile: Profile) -> dict[str, Any]:
    return {
        "PK": _partition(profile.name_key),
        "SK": PROFILE,
        "viewer_id": profile.viewer_id,
        "display_name": profile.display_name,
        "password": profile.password,
        "created_at": profile.created_at_ms,
        "changed_at": profile.changed_at_ms,
    }


def profile_from_item(item: Mapping[str, Any]) -> Profile:
    """Raises `MalformedProfile`, which names neither the viewer nor a password."""
    key = str(item.get("PK"))
    texts = {name: item.get(name) for name in ("viewer_id", "display_name", "password")}
    wrong = [name for name, value in texts.items() if not isinstance(value, str) or not value]
    if wrong:
        raise MalformedProfile(f"{wrong[0]} is not text.")
    created = _moment(item, "created_at")
    return Profile(
        name_key=key.removeprefix(_partition("")),
        created_at_ms=created,
        changed_at_ms=_moment(item, "changed_at") or created,
        **texts,  # type: ignore[arg-type]
    )


def _moment(item: Mapping[str, Any], name: str) -> int:
    value = item.get(name, 0)
    if isinstance(value, bool) or not isinstance(value, int | Decimal) or value < 0:
        raise MalformedProfile(f"{name} is no moment.")
    return int(value)


def _readable(item: Record | None) -> Profile | None:
    try:
        return None if item is None else profile_from_item(item)
    except MalformedProfile as error:
        logger.warning("a profile cannot be read: %s", error)
        return None


def _partition(name_key: str) -> str:
    return f"viewer#{name_key}"


def _seems_up(region: str) -> bool:
    states = {state.region: state.breaker for state in router().states()}
    return states.get(region) is BreakerState.CLOSED
