"""What can go wrong when somebody signs up, signs in, or changes what is theirs."""

from gtsite.viewers.entities import Profile


class ViewerError(Exception):
    """Base of the viewers' errors."""


class SignInRefused(ViewerError):
    """There is no such name, or that is not its password: which of the two is not said."""


class NameTaken(ViewerError):
    """Somebody signed up under that name before; `profile` is theirs, None if unreadable."""

    def __init__(self, profile: Profile | None) -> None:
        super().__init__("The name is taken.")
        self.profile = profile


class PasswordWrong(ViewerError):
    """The signed-in viewer gave another password than their own."""


class AccountGone(ViewerError):
    """The account of this session has been deleted."""


class OthersStay(ViewerError):
    """The password is changed, but no region took note that other sessions are to end."""


class DeletionInterrupted(ViewerError):
    """A part of the account is deleted; the profile is still there, to try again with."""


class TooManyAttempts(ViewerError):
    """A name, or an address, has been tried too often; `wait_seconds` until it may be again."""

    def __init__(self, wait_seconds: int) -> None:
        super().__init__(f"Too many attempts: wait {wait_seconds} s.")
        self.wait_seconds = wait_seconds


class HomeAway(ViewerError):
    """The region that alone writes profiles does not answer.

    `outcome_unknown` says that it may have written all the same.
    """

    def __init__(self, region: str, *, outcome_unknown: bool) -> None:
        super().__init__(f"{region}, where profiles are written, does not answer.")
        self.region = region
        self.outcome_unknown = outcome_unknown


class SessionEnded(ViewerError):
    """The viewer has signed out everywhere, or changed the password, since this session began."""


class MalformedProfile(ViewerError):
    """A stored item cannot be read as a profile."""
