"""Signing up and in, and what viewers do to their own account.

`Accounts` is made for one request: where profiles are, where it comes from, and the time.
"""

import logging
from collections.abc import Callable
from dataclasses import dataclass

from django.views.decorators.debug import sensitive_variables

from gtsite.dynamodb.errors import DataError
from gtsite.dynamodb.repository import Table
from gtsite.viewers import attempts, passwords, sessions
from gtsite.viewers.entities import Profile, Viewer
from gtsite.viewers.errors import (
    AccountGone,
    DeletionInterrupted,
    NameTaken,
    OthersStay,
    PasswordWrong,
    SignInRefused,
    ViewerError,
)
from gtsite.viewers.names import name_key
from gtsite.viewers.repository import Profiles
from gtsite.viewers.services import new_viewer_id
from gtsite.viewers.signals import account_deleted

logger = logging.getLogger(__name__)

KeepSession = Callable[[int], None]
"""Told the new beginning (ms) when all older sessions end, so that the one at hand goes on."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Accounts:
    """The use cases. All raise `DataError`; those that change a profile raise `HomeAway`, too.

    `network` is the client's, for the limits; `clock` tells milliseconds since 1970.
    """

    table: Table
    profiles: Profiles
    network: str
    clock: Callable[[], int]

    @sensitive_variables("password")
    def sign_up(self, *, name: str, password: str) -> Viewer:
        """Takes the name, in the home region; raises `NameTaken` and `TooManyAttempts`.

        A sign-up whose answer was lost finds itself when it is repeated: the name is taken, by
        somebody with the very same password. Whoever knows that may come in anyway, and tries
        count as those of sign-in do.
        """
        key, now_ms = name_key(name), self.clock()
        self._count(attempts.on_sign_ups(self.network), attempts.on_name(key))
        profile = Profile(
            name_key=key,
            viewer_id=new_viewer_id(),
            display_name=name,
            password=passwords.hash_of(password),
            created_at_ms=now_ms,
            changed_at_ms=now_ms,
        )
        try:
            self.profiles.add(profile)
        except NameTaken as error:
            there = error.profile
            if there is None or not passwords.matches(password, there.password):
                raise
            return self._entering(there, vouched=True)
        sessions.markers.remember(profile.viewer_id, 0)
        return Viewer(id=profile.viewer_id, name=name, since_ms=now_ms)

    @sensitive_variables("password")
    def sign_in(self, *, name: str, password: str) -> Viewer:
        """Raises `SignInRefused` and `TooManyAttempts`.

        The same requests and the same hashing, whether the name exists or not.
        """
        key = name_key(name)
        self._count(attempts.on_address(self.network), attempts.on_name(key))
        found = self.profiles.find(key)
        profile = found.profile
        if profile is None:
            passwords.matches(password, None)
            raise SignInRefused
        if not passwords.matches(password, profile.password, upgrade=self._upgrade(profile)):
            raise SignInRefused
        return self._entering(profile, vouched=found.vouched)

    @sensitive_variables("current", "new")
    def change_password(
        self, viewer: Viewer, *, current: str, new: str, keep_session: KeepSession
    ) -> None:
        """Changes it in the home region, then ends every other session.

        In this order: who signs in with the old password until it is changed is signed out, too.
        Raises `PasswordWrong`, `AccountGone`, `TooManyAttempts`, and `OthersStay` when only the
        second step failed. A change whose answer was lost is found done when it is repeated.
        """
        profile = self._own_profile(viewer)
        if passwords.matches(current, profile.password):
            hashed = passwords.hash_of(new)
            self.profiles.set_password(profile, hashed, changed_at_ms=self.clock())
        elif not passwords.matches(new, profile.password):
            raise PasswordWrong
        try:
            keep_session(self.end_sessions(viewer))
        except DataError as error:
            raise OthersStay from error

    @sensitive_variables("password")
    def delete_account(
        self, viewer: Viewer, *, password: str, former_id: str | None, keep_session: KeepSession
    ) -> None:
        """Ends the other sessions, deletes all that is the viewer's, and the profile at last.

        What is left of the anonymous viewer `former_id`, who became this one, goes with it.
        So it can be repeated until it is done, with the same name and password. Raises
        `PasswordWrong`, `TooManyAttempts`, and `DeletionInterrupted` once something is deleted.
        What remains is the marker of ended sessions, until it expires (TTL).
        """
        try:
            profile: Profile | None = self._own_profile(viewer)
        except AccountGone:
            profile = None
        if profile is not None and not passwords.matches(password, profile.password):
            raise PasswordWrong
        keep_session(self.end_sessions(viewer))
        try:
            for viewer_id in filter(None, (viewer.id, former_id)):
                account_deleted.send(sender=Viewer, viewer_id=viewer_id)
            if profile is not None:
                self.profiles.remove(profile)
        except (DataError, ViewerError) as error:
            raise DeletionInterrupted from error

    def end_sessions(self, viewer: Viewer) -> int:
        """Signs out everywhere, here too; returns from when (ms) on a session counts."""
        return sessions.end_sessions(self.table, viewer, now_ms=self.clock())

    def _own_profile(self, viewer: Viewer) -> Profile:
        """The viewer's own, in the home region; one more attempt at its password is counted."""
        key = name_key(viewer.name)
        self._count(attempts.on_name(key))
        profile = self.profiles.find_at_home(key)
        if profile is None or profile.viewer_id != viewer.id:
            raise AccountGone
        return profile

    def _entering(self, profile: Profile, *, vouched: bool) -> Viewer:
        """Who has shown the right password. A session is as old as what it was shown against.

        A replica that cannot ask the home region may know an old password only: a session opened
        with that counts as old as the password, and ends when the change arrives.
        """
        marker = sessions.read_marker(self.table, profile.viewer_id)
        valid_from = sessions.valid_from_ms(marker)
        latest = sessions.markers.remember(profile.viewer_id, valid_from)
        since_ms = max(profile.changed_at_ms, latest, self.clock() if vouched else 0)
        return Viewer(id=profile.viewer_id, name=profile.display_name, since_ms=since_ms)

    def _upgrade(self, profile: Profile) -> Callable[[str], None]:
        """Hashes anew with today's effort. What prevents it prevents no sign-in."""

        @sensitive_variables("password")
        def upgrade(password: str) -> None:
            hashed = passwords.hash_of(password)
            try:
                self.profiles.set_password(profile, hashed, changed_at_ms=profile.changed_at_ms)
            except (DataError, ViewerError) as error:
                logger.warning("a password keeps its old hash: %s", type(error).__name__)

        return upgrade

    def _count(self, *limits: attempts.Limit) -> None:
        attempts.count(*limits, now_seconds=self.clock() // 1000)
