"""IAM's documents by whom they are for."""

from typing import Any

from gtsite.deploy.config import Config
from gtsite.deploy.errors import BadConfig
from gtsite.deploy.policies import (
    deployer_policies,
    instance_policy,
    instance_trust,
    service_trust,
    trust_policy,
)

READERS = ("instance", "deployer", "github")


def policy(
    config: Config, account: str, *, reader: str | None, name: str | None, repository: str | None
) -> dict[str, Any]:
    """Documents by name, for one reader or all; the document itself where it is the only one.

    Raises `BadConfig`.
    """
    found = _documents(config, account, reader=reader, repository=repository)
    if name is None and len(found) == 1:
        (name,) = found
    if name is None:
        return found
    if name not in found:
        raise BadConfig(f"There is no document {name!r}: there are {', '.join(found)}.")
    document: dict[str, Any] = found[name]
    return document


def _documents(
    config: Config, account: str, *, reader: str | None, repository: str | None
) -> dict[str, Any]:
    if reader == "github" and not repository:
        raise BadConfig("Whose actions? Add --repository owner/name.")
    by_reader = {
        "instance": {
            f"{config.instance_role}": instance_policy(config, account),
            f"{config.instance_role}-trust": instance_trust(),
            f"{config.service_role}-trust": service_trust(),
        },
        "deployer": deployer_policies(config, account),
        "github": (
            {f"{config.application}-deployer-trust": trust_policy(account, repository)}
            if repository
            else {}
        ),
    }
    if reader:
        return dict(by_reader[reader])
    return {name: each for group in by_reader.values() for name, each in group.items()}
