"""Which IAM actions, on which resources, a call needs: its own name mostly, and what AWS adds.

After AWS's service authorization reference. A call that is not known here fails the test.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

from tests.support.iam.calls import Call
from tests.support.iam.evaluation import Request

Need = tuple[str, str, Mapping[str, tuple[str, ...]]]
"""An action, a resource, and what else a condition may ask for."""

NOTHING: Mapping[str, tuple[str, ...]] = {}
ANY = "*"
OURS = "meridian:application"
S3_ACTIONS = {"HeadObject": ("GetObject", "ListBucket"), "ListObjectsV2": ("ListBucket",)}
"""Where the action has another name; who may not list is not told that something is missing."""

REPLICATION = (
    "BatchWriteItem",
    "CreateTable",
    "CreateTableReplica",
    "DeleteItem",
    "GetItem",
    "PutItem",
    "Query",
    "Scan",
    "UpdateItem",
)
"""What AWS asks of whoever makes a replica, in the replica's region."""

OF_NO_RESOURCE = frozenset(
    {
        "CheckDNSAvailability",
        "CreateStorageLocation",
        "DescribeApplicationVersions",
        "DescribeApplications",
        "DescribeEnvironmentHealth",
        "DescribeEnvironments",
        "DescribeEvents",
        "DescribeInstancesHealth",
        "ListAvailableSolutionStacks",
    }
)
"""Of Elastic Beanstalk: they cannot be limited, or are asked without an application's name."""

PASSED = {"IamInstanceProfile": "ec2", "ServiceRole": "elasticbeanstalk"}


def all_needs(calls: Iterable[Call], account: str) -> list[Request]:
    """What the caller of all of them has to be allowed, each once: polling repeats itself."""
    every = (request for call in calls for request in needs(call, account))
    return list({(each.action, each.resource, str(each.context)): each for each in every}.values())


def needs(call: Call, account: str) -> list[Request]:
    """What the caller has to be allowed, the operation's own action first."""
    finding = SERVICES.get(call.service)
    assert finding is not None, f"{call.service} is not known here: {call.operation}"
    region = {"aws:RequestedRegion": (call.region,)}
    return [
        Request(action=action, resource=resource, context={**region, **context})
        for action, resource, context in finding(call, account)
    ]


def _dynamodb(call: Call, account: str) -> Iterator[Need]:
    params = call.params
    if "GlobalTableName" in params:
        name = params["GlobalTableName"]
        arn = f"arn:aws:dynamodb::{account}:global-table/{name}"
        yield f"dynamodb:{call.operation}", arn, NOTHING
        return
    for table in params.get("RequestItems") or [params["TableName"]]:
        yield f"dynamodb:{call.operation}", _table(call.region, account, table), NOTHING
    for update in params.get("ReplicaUpdates", ()):
        for kind, replica in update.items():
            region = replica["RegionName"]
            actions = REPLICATION if kind == "Create" else ("DeleteTable", "DeleteTableReplica")
            for action in actions:
                arn = _table(region, account, params["TableName"])
                yield f"dynamodb:{action}", arn, {"aws:RequestedRegion": (region,)}
            if kind == "Create":
                yield _linked_role(
                    "replication.dynamodb", account, "AWSServiceRoleForDynamoDBReplication"
                )


def _table(region: str, account: str, name: str) -> str:
    return f"arn:aws:dynamodb:{region}:{account}:table/{name}"


def _linked_role(service: str, account: str, role: str) -> Need:
    name = f"{service}.amazonaws.com"
    arn = f"arn:aws:iam::{account}:role/aws-service-role/{name}/{role}"
    return "iam:CreateServiceLinkedRole", arn, {"iam:AWSServiceName": (name,)}


def _beanstalk(call: Call, account: str) -> Iterator[Need]:
    action, params = f"elasticbeanstalk:{call.operation}", call.params
    resource = _of_beanstalk(call, account)
    yield action, resource, NOTHING
    if "Tags" in params:
        yield "elasticbeanstalk:AddTags", resource, NOTHING
    for option in params.get("OptionSettings", ()):
        service = PASSED.get(option["OptionName"])
        if service and call.operation in ("CreateEnvironment", "UpdateEnvironment"):
            arn = f"arn:aws:iam::{account}:role/{option['Value']}"
            yield "iam:PassRole", arn, {"iam:PassedToService": (f"{service}.amazonaws.com",)}


def _of_beanstalk(call: Call, account: str) -> str:
    """Elastic Beanstalk looks an environment's application up by itself."""
    if call.operation in OF_NO_RESOURCE:
        return ANY
    params = call.params
    if "ResourceArn" in params:
        return str(params["ResourceArn"])
    head = f"arn:aws:elasticbeanstalk:{call.region}:{account}"
    name = params.get("ApplicationName", "meridian")
    if "EnvironmentName" in params or "EnvironmentId" in params:
        environment = params.get("EnvironmentName", f"{name}-{call.region}")
        return f"{head}:environment/{name}/{environment}"
    if "VersionLabel" in params:
        return f"{head}:applicationversion/{name}/{params['VersionLabel']}"
    return f"{head}:application/{name}"


def _s3(call: Call, _account: str) -> Iterator[Need]:
    bucket = f"arn:aws:s3:::{call.params['Bucket']}"
    for name in S3_ACTIONS.get(call.operation, (call.operation,)):
        is_of_object = "Key" in call.params and name != "ListBucket"
        resource = f"{bucket}/{call.params['Key']}" if is_of_object else bucket
        yield f"s3:{name}", resource, NOTHING


def _iam(call: Call, account: str) -> Iterator[Need]:
    params = call.params
    profile = params.get("InstanceProfileName")
    kind, name = ("instance-profile", profile) if profile else ("role", params["RoleName"])
    arn = f"arn:aws:iam::{account}:{kind}/{name}"
    attached = {"iam:PolicyARN": (params["PolicyArn"],)} if "PolicyArn" in params else NOTHING
    yield f"iam:{call.operation}", arn, attached
    if "Tags" in params:
        yield f"iam:Tag{'InstanceProfile' if profile else 'Role'}", arn, NOTHING
    if call.operation == "AddRoleToInstanceProfile":
        role = f"arn:aws:iam::{account}:role/{params['RoleName']}"
        yield "iam:PassRole", role, {"iam:PassedToService": ("ec2.amazonaws.com",)}


def _secrets(call: Call, account: str) -> Iterator[Need]:
    """By name: Secrets Manager puts six characters of its own behind it."""
    params = call.params
    named = params.get("SecretId") or params["Name"]
    head = f"arn:aws:secretsmanager:{call.region}:{account}:secret:"
    names = [named] if named.startswith("arn:") else [f"{head}{named}", f"{head}{named}-AbC1d2"]
    actions = [call.operation]
    if "AddReplicaRegions" in params and call.operation == "CreateSecret":
        actions.append("ReplicateSecretToRegions")
    if "Tags" in params:
        actions.append("TagResource")
    for action in actions:
        for arn in names:
            yield f"secretsmanager:{action}", arn, NOTHING


def _acm(call: Call, account: str) -> Iterator[Need]:
    """Only certificates with our tag are changed: that is what is asked for here, and looked at
    in the tests of certificates."""
    params = call.params
    arn = params.get("CertificateArn", f"arn:aws:acm:{call.region}:{account}:certificate/*")
    tags = {f"aws:RequestTag/{each['Key']}": (each["Value"],) for each in params.get("Tags", ())}
    owned = {f"aws:ResourceTag/{OURS}": ("meridian",)} if "CertificateArn" in params else {}
    resource = ANY if call.operation == "ListCertificates" else arn
    yield f"acm:{call.operation}", resource, {**tags, **owned}
    if call.operation == "RequestCertificate" and tags:
        yield "acm:AddTagsToCertificate", arn, tags


def _route53(call: Call, _account: str) -> Iterator[Need]:
    params, head = call.params, "arn:aws:route53:::"
    context: Mapping[str, tuple[str, ...]] = NOTHING
    if "ChangeBatch" in params:
        changes = params["ChangeBatch"]["Changes"]
        names = tuple(each["ResourceRecordSet"]["Name"].rstrip(".") for each in changes)
        types = tuple(each["ResourceRecordSet"]["Type"] for each in changes)
        context = {
            "route53:ChangeResourceRecordSetsNormalizedRecordNames": names,
            "route53:ChangeResourceRecordSetsRecordTypes": types,
        }
    if "HostedZoneId" in params:
        resource = f"{head}hostedzone/{params['HostedZoneId'].rpartition('/')[2]}"
    elif call.operation == "GetChange":
        resource = f"{head}change/{params['Id'].rpartition('/')[2]}"
    elif call.operation.startswith("List") and "ResourceType" not in params:
        resource = ANY
    else:
        resource = f"{head}healthcheck/{_check_of(params)}"
    yield f"route53:{call.operation}", resource, context


def _check_of(params: Mapping[str, Any]) -> str:
    numbers: Sequence[str] = params.get("ResourceIds") or [""]
    return str(params.get("HealthCheckId") or params.get("ResourceId") or numbers[0])


def _anywhere(call: Call, _account: str) -> Iterator[Need]:
    yield f"{call.service}:{call.operation}", ANY, NOTHING


def _quotas(call: Call, account: str) -> Iterator[Need]:
    quota = f"{call.params['ServiceCode']}/{call.params['QuotaCode']}"
    yield (
        f"servicequotas:{call.operation}",
        f"arn:aws:servicequotas:{call.region}:{account}:{quota}",
        NOTHING,
    )


def _always(_call: Call, _account: str) -> Iterator[Need]:
    """Who one is may be asked by everybody."""
    return iter(())


SERVICES: dict[str, Callable[[Call, str], Iterator[Need]]] = {
    "acm": _acm,
    "cloudwatch": _anywhere,
    "dynamodb": _dynamodb,
    "ec2": _anywhere,
    "elasticbeanstalk": _beanstalk,
    "iam": _iam,
    "route53": _route53,
    "s3": _s3,
    "secretsmanager": _secrets,
    "service-quotas": _quotas,
    "sts": _always,
}
