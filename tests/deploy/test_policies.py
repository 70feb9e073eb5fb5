"""What the policies refuse, as IAM would judge it; what they allow is compared with real calls."""

import pytest

from gtsite.deploy.config import Config
from gtsite.deploy.errors import BadConfig
from gtsite.deploy.policies import (
    deployer_policies,
    instance_policy,
    instance_trust,
    service_trust,
    trust_policy,
)
from tests.support.iam.evaluation import Document, Request, is_allowed, matches, unused

ACCOUNT, OTHER = "123456789012", "210987654321"
HOME = "us-west-2"
RECORDS = "route53:ChangeResourceRecordSetsNormalizedRecordNames"
TYPES = "route53:ChangeResourceRecordSetsRecordTypes"


def may(request: tuple[str, str], *documents: Document, region: str = HOME, **keys: str) -> bool:
    """Whether a request is allowed; `keys` are what conditions ask for, `__` standing for `:`."""
    action, resource = request
    context = {name.replace("__", ":"): (value,) for name, value in keys.items()}
    asked = Request(
        action=action, resource=resource, context={"aws:RequestedRegion": (region,), **context}
    )
    return is_allowed(asked, *documents)


def arn(service: str, name: str, *, region: str = HOME, account: str = ACCOUNT) -> str:
    return f"arn:aws:{service}:{region}:{account}:{name}"


@pytest.fixture
def instance(config: Config) -> Document:
    return instance_policy(config, ACCOUNT)


@pytest.fixture
def deployer(config: Config) -> tuple[Document, ...]:
    return tuple(deployer_policies(config, ACCOUNT).values())


class TestInstances:
    def test_their_own_table_is_theirs_in_their_regions_only(self, instance: Document) -> None:
        table = "table/global-serverless"
        assert may(("dynamodb:PutItem", arn("dynamodb", table)), instance)
        assert not may(("dynamodb:PutItem", arn("dynamodb", "table/Orders")), instance)
        assert not may(("dynamodb:PutItem", arn("dynamodb", table, region="sa-east-1")), instance)
        assert not may(("dynamodb:PutItem", arn("dynamodb", table, account=OTHER)), instance)

    @pytest.mark.parametrize("action", ["Scan", "DeleteTable", "UpdateTable", "PartiQLDelete"])
    def test_what_the_site_never_does_is_not_theirs(self, instance: Document, action: str) -> None:
        resource = arn("dynamodb", "table/global-serverless")
        assert not may((f"dynamodb:{action}", resource), instance)

    def test_no_secret_but_the_one(self, instance: Document) -> None:
        read = "secretsmanager:GetSecretValue"
        head = "secret:meridian/secret-key"
        assert may((read, arn("secretsmanager", f"{head}-AbC1d2")), instance)
        assert not may((read, arn("secretsmanager", f"{head}-of-others-AbC1d2")), instance)

    def test_bundles_are_read_and_never_written(self, instance: Document) -> None:
        bundle = f"arn:aws:s3:::elasticbeanstalk-{HOME}-{ACCOUNT}/meridian/git-1.zip"
        assert may(("s3:GetObject", bundle), instance)
        assert not may(("s3:PutObject", bundle), instance)
        assert not may(("s3:GetObject", bundle.replace("/meridian/", "/others/")), instance)


class TestDeployer:
    def test_no_role_but_ours(self, deployer: tuple[Document, ...]) -> None:
        ours, other = (f"arn:aws:iam::{ACCOUNT}:role/{each}" for each in ("meridian-service", "x"))
        for action in ("iam:CreateRole", "iam:DeleteRole", "iam:PassRole"):
            given = {"iam__PassedToService": "ec2.amazonaws.com"}
            assert may((action, ours), *deployer, **given)
            assert not may((action, other), *deployer, **given)

    def test_a_role_is_not_given_to_another_service(self, deployer: tuple[Document, ...]) -> None:
        passing = ("iam:PassRole", f"arn:aws:iam::{ACCOUNT}:role/meridian-instance")
        assert may(passing, *deployer, iam__PassedToService="ec2.amazonaws.com")
        assert not may(passing, *deployer, iam__PassedToService="lambda.amazonaws.com")

    @pytest.mark.parametrize("action", ["PutRolePolicy", "UpdateAssumeRolePolicy", "CreateRole"])
    def test_a_pipeline_without_the_last_document_cannot_widen_a_role(
        self, deployer: tuple[Document, ...], action: str
    ) -> None:
        (*pipeline, roles) = deployer
        widening = (f"iam:{action}", f"arn:aws:iam::{ACCOUNT}:role/meridian-instance")
        assert may(widening, roles)
        assert not may(widening, *pipeline)

    @pytest.mark.parametrize("kind", ["platform-assets", "env-resources"])
    def test_what_aws_keeps_for_the_platform_may_be_read(
        self, deployer: tuple[Document, ...], kind: str
    ) -> None:
        file = f"arn:aws:s3:::elasticbeanstalk-{kind}-{HOME}/stalks/one"
        assert may(("s3:GetObject", file), *deployer)
        assert not may(("s3:PutObject", file), *deployer)

    def test_no_policy_is_attached_but_elastic_beanstalks_own(
        self, deployer: tuple[Document, ...]
    ) -> None:
        attaching = ("iam:AttachRolePolicy", f"arn:aws:iam::{ACCOUNT}:role/meridian-service")
        wide = "arn:aws:iam::aws:policy/AdministratorAccess"
        fitting = "arn:aws:iam::aws:policy/service-role/AWSElasticBeanstalkEnhancedHealth"
        assert may(attaching, *deployer, iam__PolicyARN=fitting)
        assert not may(attaching, *deployer, iam__PolicyARN=wide)
        assert not may(attaching, *deployer)

    def test_no_record_but_of_the_domain(self, deployer: tuple[Document, ...]) -> None:
        change = ("route53:ChangeResourceRecordSets", "arn:aws:route53:::hostedzone/Z1")

        def may_change(*names: str, kind: str = "A") -> bool:
            action, resource = change
            context = {RECORDS: names, TYPES: (kind,)}
            request = Request(action=action, resource=resource, context=context)
            return is_allowed(request, *deployer)

        assert may_change("www.example.com", "_abc.www.example.com")
        assert not may_change("www.example.com", "example.com")
        assert not may_change("mail.example.com")
        assert not may_change("www.example.com", kind="NS")

    def test_no_certificate_is_deleted_but_ours(self, deployer: tuple[Document, ...]) -> None:
        deleting = ("acm:DeleteCertificate", arn("acm", "certificate/1"))
        tag = "aws__ResourceTag/meridian__application"
        assert may(deleting, *deployer, **{tag: "meridian"})
        assert not may(deleting, *deployer, **{tag: "other"})
        assert not may(deleting, *deployer)

    def test_no_environment_of_another_application(self, deployer: tuple[Document, ...]) -> None:
        ending = "elasticbeanstalk:TerminateEnvironment"
        ours = arn("elasticbeanstalk", "environment/meridian/meridian-us-west-2")
        assert may((ending, ours), *deployer)
        assert not may((ending, ours.replace("/meridian/", "/other/")), *deployer)
        assert not may((ending, ours), *deployer, region="sa-east-1")


class TestTrust:
    def test_github_may_take_the_role_in_runs_for_tags_of_the_repository(self) -> None:
        (statement,) = trust_policy(ACCOUNT, "ada/meridian")["Statement"]
        assert statement["Principal"]["Federated"].startswith(f"arn:aws:iam::{ACCOUNT}:oidc")
        assert statement["Condition"]["StringEquals"] == {
            "token.actions.githubusercontent.com:aud": "sts.amazonaws.com"
        }
        ((_, pattern),) = statement["Condition"]["StringLike"].items()
        assert matches(pattern, "repo:ada/meridian:ref:refs/tags/v1.0")
        assert not matches(pattern, "repo:ada/meridian:ref:refs/heads/main")
        assert not matches(pattern, "repo:ada/meridian-fork:ref:refs/tags/v1.0")
        assert not matches(pattern, "repo:ada/meridian:pull_request")

    def test_a_repository_may_be_named_by_numbers_that_never_change(self) -> None:
        (statement,) = trust_policy(ACCOUNT, "ada@12/meridian@345")["Statement"]
        ((_, pattern),) = statement["Condition"]["StringLike"].items()
        assert pattern == "repo:ada@12/meridian@345:ref:refs/tags/*"

    @pytest.mark.parametrize("repository", ["", "*", "ada/*", "ada", "ada/meridian:ref", "a/b/c"])
    def test_what_is_no_repository_is_refused(self, repository: str) -> None:
        with pytest.raises(BadConfig, match="write owner/name"):
            trust_policy(ACCOUNT, repository)

    def test_one_service_each_takes_the_others(self) -> None:
        principals = [
            statement["Principal"]
            for trust in (instance_trust(), service_trust())
            for statement in trust["Statement"]
        ]
        assert principals == [
            {"Service": "ec2.amazonaws.com"},
            {"Service": "elasticbeanstalk.amazonaws.com"},
        ]


class TestJudging:
    """The judge itself: a judge that allows everything would prove nothing."""

    @pytest.mark.parametrize(
        ("pattern", "text", "fits"),
        [
            ("a*c", "abbc", True),
            ("a?c", "abbc", False),
            ("a.c", "abc", False),
            ("[ab]", "a", False),
            ("*", "a/b:c", True),
        ],
    )
    def test_patterns(self, pattern: str, text: str, fits: bool) -> None:
        assert matches(pattern, text) is fits

    def test_an_operator_it_does_not_know_fails(self) -> None:
        statement = {
            "Sid": "One",
            "Effect": "Allow",
            "Action": ["a:b"],
            "Resource": ["*"],
            "Condition": {"NumericLessThan": {"aws:X": "1"}},
        }
        document = {"Version": "2012-10-17", "Statement": [statement]}
        with pytest.raises(AssertionError, match="NumericLessThan"):
            may(("a:b", "x"), document, aws__X="0")

    def test_what_nobody_asked_for_is_unused(self, instance: Document) -> None:
        asked = [Request(action="dynamodb:GetItem", resource=arn("dynamodb", "table/other"))]
        assert ("Table", "dynamodb:GetItem") in unused(asked, instance)
