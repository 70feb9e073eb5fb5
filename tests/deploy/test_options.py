"""Options of a region's environment: what they are, what they may not be, and when they differ."""

from collections.abc import Sequence
from dataclasses import replace
from itertools import permutations

import pytest

from gtsite.deploy.config import Config
from gtsite.deploy.errors import BadConfig
from gtsite.deploy.options import (
    HTTPS_LISTENER,
    MANAGED,
    SECRETS,
    VARIABLES,
    Difference,
    Option,
    as_request,
    differences,
    environment_variables,
    from_answer,
    option_settings,
    update_window,
)
from gtsite.dynamodb.regions import all_regions
from tests.support.beanstalk.options import complaint

ACCOUNT = "123456789012"
REGION = "eu-west-1"
CERTIFICATE = f"arn:aws:acm:{REGION}:{ACCOUNT}:certificate/1"
SECRET = f"arn:aws:secretsmanager:{REGION}:{ACCOUNT}:secret:meridian/secret-key-AbCdEf"


def _options(config: Config, region: str = REGION) -> dict[Option, str]:
    return option_settings(
        config, region, account=ACCOUNT, certificate_arn=CERTIFICATE, secret_arn=SECRET
    )


def test_every_option_is_one_that_elastic_beanstalk_takes(config: Config) -> None:
    complaints = [complaint(*option, value) for option, value in _options(config).items()]

    assert [each for each in complaints if each] == []


def test_a_domain_has_a_listener_with_its_certificate_and_https(config: Config) -> None:
    options = _options(config)

    assert options[HTTPS_LISTENER, "SSLCertificateArns"] == CERTIFICATE
    assert options[HTTPS_LISTENER, "Protocol"] == "HTTPS"
    assert options[VARIABLES, "HTTPS"] == "on"
    cname = config.cname(REGION, ACCOUNT)
    assert options[VARIABLES, "ALLOWED_HOSTS"] == f"www.example.com,{cname}"


def test_without_a_domain_there_is_plain_http_only(config: Config) -> None:
    options = _options(replace(config, domain=""))

    assert not [option for option in options if option[0] == HTTPS_LISTENER]
    assert options[VARIABLES, "HTTPS"] == "off"
    assert options[VARIABLES, "ALLOWED_HOSTS"] == config.cname(REGION, ACCOUNT)


def test_the_secret_goes_as_its_arn_and_never_among_the_variables(config: Config) -> None:
    options = _options(config)

    assert options[SECRETS, "SECRET_KEY"] == SECRET
    assert (VARIABLES, "SECRET_KEY") not in options


def test_what_does_not_exist_yet_is_left_out(config: Config) -> None:
    options = option_settings(config, REGION, account=ACCOUNT, certificate_arn="", secret_arn="")

    assert not [option for option in options if option[0] in (HTTPS_LISTENER, SECRETS)]


@pytest.mark.parametrize("name", ["AWS_REGION", "GT_TABLE", "SECRET_KEY"])
def test_a_variable_that_the_deployment_sets_is_not_the_operators(
    config: Config, name: str
) -> None:
    with pytest.raises(BadConfig, match=f"sets {name}, which the deployment sets itself"):
        _options(replace(config, environment={name: "mine"}))


def test_a_variable_without_a_value_is_none(config: Config) -> None:
    variables = environment_variables(
        replace(config, environment={"EMPTY": "", "COLOUR": "teal"}), REGION, account=ACCOUNT
    )

    assert variables["COLOUR"] == "teal"
    assert "EMPTY" not in variables


def test_variables_are_counted_all_together(config: Config) -> None:
    ours = environment_variables(config, REGION, account=ACCOUNT)
    taken = len(",".join(f"{name}={value}" for name, value in ours.items()))
    room = 4096 - taken - len(",LONG=")

    _options(replace(config, environment={"LONG": "x" * room}))
    with pytest.raises(BadConfig, match="4,097 bytes together"):
        _options(replace(config, environment={"LONG": "x" * (room + 1)}))


def test_the_order_of_the_other_regions_changes_nothing(config: Config) -> None:
    home, *others = config.regions
    several = [
        _options(replace(config, regions=(home, *order)), home) for order in permutations(others)
    ]

    assert all(each == several[0] for each in several)


def test_every_region_is_updated_on_a_day_of_its_own_at_night() -> None:
    regions = ["us-west-2", "eu-west-1", "us-east-2", "ap-northeast-1", "sa-east-1", "eu-west-2"]
    windows = {name: update_window(regions, name) for name in regions}

    assert len({each[:3] for each in windows.values()}) == len(regions)
    assert windows["us-west-2"].endswith(":11:00")
    assert windows["eu-west-1"].endswith(":03:00")
    assert windows["ap-northeast-1"].endswith(":18:00")


def test_more_regions_than_days_share_them() -> None:
    names = [each.name for each in all_regions()]

    days = {update_window(names, name)[:3] for name in names}

    assert len(days) == 7


def test_a_further_region_moves_no_day_but_one_it_falls_on() -> None:
    before: Sequence[str] = ["us-west-2", "eu-west-1"]
    after = [*before, "us-east-2"]

    moved = [name for name in before if update_window(before, name) != update_window(after, name)]

    assert len(moved) <= 1


ROLE = "arn:aws:iam::123456789012:role/meridian-service"


@pytest.mark.parametrize(
    ("option", "wanted", "standing"),
    [
        ((MANAGED, "ManagedActionsEnabled"), "true", "True"),
        ((MANAGED, "PreferredStartTime"), "Tue:09:00", "TUE:09:00"),
        (("aws:elasticbeanstalk:environment", "ServiceRole"), "meridian-service", ROLE),
        (("aws:ec2:instances", "InstanceTypes"), "t3.small,t3.medium", "t3.small, t3.medium"),
        ((HTTPS_LISTENER, "SSLCertificateArns"), "arn:1,arn:2", "arn:2,arn:1"),
        ((VARIABLES, "COLOUR"), "teal", "teal"),
    ],
    ids=["case of a switch", "case of a day", "ARN of a role", "blanks", "order", "the same"],
)
def test_what_means_the_same_does_not_differ(option: Option, wanted: str, standing: str) -> None:
    assert differences({option: wanted}, {option: standing}) == ()


@pytest.mark.parametrize(
    ("option", "wanted", "standing"),
    [
        ((MANAGED, "ManagedActionsEnabled"), "true", "false"),
        (("aws:elasticbeanstalk:environment", "ServiceRole"), "meridian-service", f"{ROLE}-2"),
        (("aws:ec2:instances", "InstanceTypes"), "t3.small,t3.medium", "t3.medium,t3.small"),
        ((VARIABLES, "SWITCH"), "true", "True"),
        ((VARIABLES, "HOSTS"), "a,b", "b,a"),
        ((VARIABLES, "COLOUR"), "teal", None),
    ],
    ids=["switch", "role", "first type", "the site's own case", "the site's own order", "missing"],
)
def test_what_does_not_mean_the_same_differs(
    option: Option, wanted: str, standing: str | None
) -> None:
    found = {} if standing is None else {option: standing}

    (difference,) = differences({option: wanted}, found)

    assert difference == Difference(option=option, wanted=wanted, standing=standing)


def test_what_nobody_here_sets_is_not_looked_at() -> None:
    assert differences({}, {("aws:autoscaling:asg", "Cooldown"): "360"}) == ()


def test_a_difference_is_said_without_its_value() -> None:
    difference = Difference(option=(VARIABLES, "TOKEN"), wanted="hush", standing="quiet")

    assert difference.sentence == "the variable TOKEN"


def test_options_go_to_elastic_beanstalk_and_come_back_the_same(config: Config) -> None:
    options = _options(config)

    assert from_answer(as_request(options)) == options
    assert from_answer([{"Namespace": "a", "OptionName": "b"}]) == {}
