"""What deploy.toml says is what will be deployed; what it cannot say is refused, entry by entry."""

from pathlib import Path

import pytest

from gtsite.deploy.config import Config, checked, read_config
from gtsite.deploy.errors import BadConfig
from tests.support.sandbox import PROJECT

REGIONS = ("us-west-2", "eu-west-1")


def _read(tmp_path: Path, text: str) -> Config:
    file = tmp_path / "deploy.toml"
    file.write_text(text)
    return read_config(file, regions=REGIONS, table="a-table")


def test_without_a_file_everything_is_as_by_default(tmp_path: Path) -> None:
    config = read_config(tmp_path / "deploy.toml", regions=REGIONS, table="a-table")
    assert config == Config(regions=REGIONS, table="a-table")


def test_every_entry_of_the_file_counts(tmp_path: Path) -> None:
    config = _read(
        tmp_path,
        """
        application = "films"
        regions = ["eu-central-1", "ap-southeast-2"]
        table = "other"
        account = "123456789012"
        domain = "films.example.com"
        secret = "films/key"
        instance_types = ["t3.medium", "t3.large"]
        least_instances = 3
        most_instances = 9
        [environment]
        REGION_FALLBACK = "on"
        """,
    )
    assert config == Config(
        application="films",
        regions=("eu-central-1", "ap-southeast-2"),
        table="other",
        account="123456789012",
        domain="films.example.com",
        secret="films/key",
        instance_types=("t3.medium", "t3.large"),
        least_instances=3,
        most_instances=9,
        environment={"REGION_FALLBACK": "on"},
    )


def test_the_projects_own_file_says_what_is_so_by_default() -> None:
    config = read_config(PROJECT / "deploy.toml", regions=REGIONS, table="a-table")
    assert config == Config(regions=REGIONS, table="a-table")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("application = ", "deploy.toml cannot be read: Invalid value"),
        ("aplication = 'x'", "deploy.toml has 'aplication': it knows application, regions"),
        ("application = 7", "application in deploy.toml is 7: that is not a text in quotes"),
        ("application = 'My Films'", "application is 'My Films': write 2 to 40 small letters"),
        ("application = 'a'", "write 2 to 40"),
        ("application = 'films-'", "single hyphens"),
        ("regions = 'us-west-2'", "regions in deploy.toml is 'us-west-2': .* a list of texts"),
        ("regions = [1]", "a list of texts"),
        ("regions = []", "regions is empty: name at least one, home first"),
        ("regions = ['us-west-2', 'us-west-2']", "names a region twice"),
        ("regions = ['mars-1']", "mars-1"),
        ("table = 'x'", "table is 'x': write 3 to 255"),
        ("account = '1234'", "account is '1234': write the twelve digits"),
        ("account = 123456789012", "a text in quotes"),
        ("domain = 'https://example.com'", "write a host name such as www.example.com"),
        ("domain = 'example'", "write a host name"),
        ("secret = ''", "secret is '': write a name"),
        ("secret = 'arn:aws:secretsmanager:x'", "not an ARN"),
        ("instance_types = []", "instance_types is empty"),
        ("instance_types = ['small']", "instance_types has small: write types as t3.small"),
        ("least_instances = true", "that is not a whole number"),
        ("least_instances = 0", "least_instances is 0 and most_instances 4: write 1 to 100"),
        ("least_instances = 5", "the least first"),
        ("most_instances = 101", "write 1 to 100"),
        ("environment = ['A']", "not a table of texts"),
        ("[environment]\nlower = 'x'", "environment has lower: names of variables are capital"),
    ],
)  # fmt: skip
def test_an_entry_that_cannot_be_meant_is_named(tmp_path: Path, text: str, words: str) -> None:
    with pytest.raises(BadConfig, match=words) as raised:
        _read(tmp_path, text)
    assert "\n" not in str(raised.value)


def test_a_variable_of_the_wrong_type_is_refused_without_its_value(tmp_path: Path) -> None:
    with pytest.raises(BadConfig, match=r"environment in deploy.toml is not a table") as raised:
        _read(tmp_path, "[environment]\nTOKEN = 'hunter2'\nPORT = 8000")
    assert "hunter2" not in str(raised.value)


def test_a_file_that_cannot_be_read_is_told(tmp_path: Path) -> None:
    (tmp_path / "deploy.toml").mkdir()
    with pytest.raises(BadConfig, match=r"deploy.toml cannot be read: "):
        read_config(tmp_path / "deploy.toml", regions=REGIONS, table="a-table")
    (tmp_path / "bytes.toml").write_bytes(b"application = '\xff'")
    with pytest.raises(BadConfig, match=r"bytes.toml cannot be read: "):
        read_config(tmp_path / "bytes.toml", regions=REGIONS, table="a-table")


def test_a_name_too_long_for_elastic_beanstalk_says_by_how_much() -> None:
    fits = "a" * (40 - len("-ap-southeast-2"))
    regions = ("us-west-2", "ap-southeast-2")
    assert checked(Config(application=fits, regions=regions)).application == fits
    with pytest.raises(BadConfig, match=r"has 42 characters, .* takes 40: shorten it by 2"):
        checked(Config(application=f"{fits}aa", regions=regions))


def test_a_cname_is_the_same_in_every_region_and_the_accounts_own() -> None:
    config = Config(regions=REGIONS)
    mine, theirs = config.cname_prefix("123456789012"), config.cname_prefix("999999999999")
    assert mine != theirs
    assert config.cname("eu-west-1", "123456789012") == f"{mine}.eu-west-1.elasticbeanstalk.com"
    longest = Config(application="a" * 40).cname_prefix("123456789012")
    assert len(longest) <= 63


@pytest.mark.parametrize("domain", ["example.com", "xn--e1afmkfd.xn--p1ai", "a.b.example.co.uk"])
def test_a_domain_may_be_at_the_top_or_in_another_alphabet(domain: str) -> None:
    assert checked(Config(regions=REGIONS, domain=domain)).domain == domain


def test_the_scheme_follows_the_domain() -> None:
    assert Config().scheme == "http"
    assert Config(domain="www.example.com").scheme == "https"


def test_reading_leaves_everything_as_it_was(tmp_path: Path) -> None:
    _read(tmp_path, "application = 'films'")
    assert [each.name for each in tmp_path.iterdir()] == ["deploy.toml"]
