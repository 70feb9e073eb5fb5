"""What can go wrong on the way to AWS, each in one sentence that says what to do next."""


class DeployError(Exception):
    """Something between the operator and AWS went wrong."""


class BadConfig(DeployError):
    """The deployment's own file or options ask for what cannot be."""


class CredentialsMissing(DeployError):
    """The SDK finds no credentials, or cannot use the profile it was told to."""


class CredentialsRefused(DeployError):
    """AWS does not accept the credentials: expired, deactivated, or signed by a wrong clock."""


class AccessDenied(DeployError):
    """The credentials are good, and may not do this."""


class Unreachable(DeployError):
    """A service did not answer; whether what it was asked was done is not known."""


class Throttled(DeployError):
    """A service asks to go slower, and went on asking while the SDK tried again."""


class Refused(DeployError):
    """A service refuses; `code` and `reason` are its own."""

    def __init__(self, *, service: str, region: str, code: str, reason: str) -> None:
        where = f" in {region}" if region else ""
        super().__init__(f"{service}{where} refuses: {reason.rstrip('.') or code}.")
        self.service = service
        self.region = region
        self.code = code
        self.reason = reason


class OutOfPatience(DeployError):
    """What was asked for was accepted and is not there when patience ends."""
