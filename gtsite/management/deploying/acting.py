"""The small changes between deployments: the secret's keys, restarts, and where visitors go."""

from collections.abc import Callable, Mapping

from gtsite.deploy import secret
from gtsite.deploy.aws import Aws
from gtsite.deploy.config import Config
from gtsite.deploy.errors import DeployError
from gtsite.deploy.preflight import Identity, find_identity
from gtsite.deploy.routing import come_back, evacuate
from gtsite.deploy.steps import Kind, News, Tell

Act = Callable[[Aws, Tell], None]

SECRET_ACTS: Mapping[str, Callable[[Config, Aws, Tell], None]] = {
    "create": secret.create_secret,
    "introduce": secret.introduce_key,
    "promote": secret.promote_key,
    "retire": secret.retire_keys,
}
"""In the order of a rotation; after each but the first the site is restarted."""


class WrongAccount(DeployError):
    """The credentials are good, and of another account than the only one to touch."""


def right_account(config: Config, aws: Aws) -> Identity:
    """Whose credentials these are; raises `WrongAccount`, `CredentialsMissing` and its like."""
    identity = find_identity(aws, config.home)
    if config.account not in ("", identity.account):
        raise WrongAccount(
            f"The credentials are of account {identity.account} ({identity.arn}), and "
            f"{config.account} is the only one to touch: sign in to that one."
        )
    return identity


def carried_out(act: Act, aws: Aws, tell: Tell) -> list[str]:
    """What the act did, in its own sentences; the rest of its news is passed on."""
    done: list[str] = []

    def listen(news: News) -> None:
        if news.kind is Kind.DONE:
            done.append(news.sentence)
        else:
            tell(news)

    act(aws, listen)
    return done


def evacuation(config: Config, region: str, *, force: bool) -> Act:
    """Route 53 sends nobody to the region any more."""
    return lambda aws, tell: evacuate(config, region, aws, tell, force=force)


def homecoming(config: Config, region: str) -> Act:
    """Route 53 sends visitors to the region again, if its site answers."""
    return lambda aws, tell: come_back(config, region, aws, tell)


def secret_act(config: Config, name: str) -> Act:
    """One of `SECRET_ACTS`."""
    return lambda aws, tell: SECRET_ACTS[name](config, aws, tell)
