"""Application Auto Scaling for DynamoDB: who is registered to scale, and by which policies.

Nothing is ever scaled, as nothing here is throttled. But a table of provisioned capacity gets no
replica unless its writes are said to scale, so what was said is kept with the sandbox's data.
"""

import re
import time
import uuid
from collections.abc import Callable, Mapping
from typing import Any

from gtsite.sandbox.ledger.ledger import Ledger
from gtsite.sandbox.services.scaling import Scaled, ScalingLog
from gtsite.sandbox.wire import ACCOUNT, Answer, ApiError, answer

NAMESPACE = "dynamodb"
RESOURCE = re.compile(r"table/[^/]+(?P<index>/index/[^/]+)?")
TOKEN = re.compile(r"[0-9]{1,9}")
UNITS = ("ReadCapacityUnits", "WriteCapacityUnits")
SUSPENDABLE = (
    "DynamicScalingInSuspended",
    "DynamicScalingOutSuspended",
    "ScheduledScalingSuspended",
)
CONFIGURATIONS = (
    "TargetTrackingScalingPolicyConfiguration",
    "StepScalingPolicyConfiguration",
    "PredictiveScalingPolicyConfiguration",
)
MOST_RESULTS = 50

Body = Mapping[str, Any]


class AutoScaling:
    """Answers the API for DynamoDB's tables and indexes, and the sandbox's own question."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._log = ScalingLog(ledger.database)
        self._operations: dict[str, Callable[[str, Body], dict[str, Any]]] = {
            "RegisterScalableTarget": self._register,
            "DeregisterScalableTarget": self._deregister,
            "DescribeScalableTargets": self._describe_targets,
            "PutScalingPolicy": self._put_policy,
            "DeleteScalingPolicy": self._delete_policy,
            "DescribeScalingPolicies": self._describe_policies,
            "DescribeScalingActivities": lambda *_: {"ScalingActivities": []},
        }

    async def writes_scale(self, region: str, table: str, index: str | None) -> bool:
        """Whether a target and a policy are there for the writes of a table, or of its index.

        What is said in one region of a global table is true in all of them.
        """
        resource = f"table/{table}/index/{index}" if index else f"table/{table}"
        dimension = f"dynamodb:{'index' if index else 'table'}:WriteCapacityUnits"
        members = {region, *(each.region for each in self._ledger.group(region, table))}
        return any(
            self._log.find(Scaled(region=each, resource=resource, dimension=dimension))
            and _of(self._log.policies(each), resource, dimension)
            for each in members
        )

    def answer(self, region: str, operation: str, body: Body) -> Answer | None:
        """The answer; None for what is not DynamoDB's or not known here. `ApiError` if refused."""
        asked = self._operations.get(operation)
        if asked is None or _text(body, "ServiceNamespace") != NAMESPACE:
            return None
        return answer(asked(region, body))

    def _register(self, region: str, body: Body) -> dict[str, Any]:
        scaled = _scaled(region, body)
        known = self._log.find(scaled) or _new_target(scaled)
        target = {**known, **_capacities(body)}
        if "MinCapacity" not in target or "MaxCapacity" not in target:
            raise _invalid("A new scalable target needs a MinCapacity and a MaxCapacity")
        if target["MaxCapacity"] < target["MinCapacity"]:
            raise _invalid("Maximum capacity cannot be less than minimum capacity")
        target["SuspendedState"] = {**target["SuspendedState"], **_suspended(body)}
        self._log.save(scaled, "", target)
        return {"ScalableTargetARN": target["ScalableTargetARN"]}

    def _deregister(self, region: str, body: Body) -> dict[str, Any]:
        scaled = _scaled(region, body)
        if not self._log.remove_target(scaled):
            raise _missing(f"No scalable target found for {_said(scaled)}")
        return {}

    def _describe_targets(self, region: str, body: Body) -> dict[str, Any]:
        wanted = _names(body, "ResourceIds")
        found = [
            target
            for target in self._log.targets(region)
            if (not wanted or target["ResourceId"] in wanted)
            and body.get("ScalableDimension") in (None, target["ScalableDimension"])
        ]
        return _page("ScalableTargets", found, body)

    def _put_policy(self, region: str, body: Body) -> dict[str, Any]:
        scaled, name = _scaled(region, body), _text(body, "PolicyName")
        if self._log.find(scaled) is None:
            raise _missing(f"No scalable target registered for {_said(scaled)}")
        known = self._log.find(scaled, name) or _new_policy(scaled, name)
        given = {each: body[each] for each in ("PolicyType", *CONFIGURATIONS) if each in body}
        if not any(each in given for each in CONFIGURATIONS):
            raise _invalid("A scaling policy needs its configuration")
        policy = {**known, **given}
        self._log.save(scaled, name, policy)
        return {"PolicyARN": policy["PolicyARN"], "Alarms": []}

    def _delete_policy(self, region: str, body: Body) -> dict[str, Any]:
        scaled, name = _scaled(region, body), _text(body, "PolicyName")
        if not self._log.remove_policy(scaled, name):
            raise _missing(f"No scaling policy found for {_said(scaled)}, policy name: {name}")
        return {}

    def _describe_policies(self, region: str, body: Body) -> dict[str, Any]:
        names = _names(body, "PolicyNames")
        found = _of(
            self._log.policies(region), body.get("ResourceId"), body.get("ScalableDimension")
        )
        policies = [each for each in found if not names or each["PolicyName"] in names]
        return _page("ScalingPolicies", policies, body)


def _of(
    found: list[dict[str, Any]], resource: str | None, dimension: str | None
) -> list[dict[str, Any]]:
    """Those of one resource and dimension; None stands for any."""
    return [
        each
        for each in found
        if resource in (None, each["ResourceId"]) and dimension in (None, each["ScalableDimension"])
    ]


def _scaled(region: str, body: Body) -> Scaled:
    resource, dimension = _text(body, "ResourceId"), _text(body, "ScalableDimension")
    matched = RESOURCE.fullmatch(resource)
    kind = "index" if matched and matched["index"] else "table"
    if not matched or dimension not in [f"dynamodb:{kind}:{unit}" for unit in UNITS]:
        raise _invalid("Unsupported service namespace, resource type or scalable dimension")
    return Scaled(region=region, resource=resource, dimension=dimension)


def _new_target(scaled: Scaled) -> dict[str, Any]:
    role = "AWSServiceRoleForApplicationAutoScaling_DynamoDBTable"
    path = "aws-service-role/dynamodb.application-autoscaling.amazonaws.com"
    return {
        **_about(scaled),
        "RoleARN": f"arn:aws:iam::{ACCOUNT}:role/{path}/{role}",
        "SuspendedState": dict.fromkeys(SUSPENDABLE, False),
        "ScalableTargetARN": f"arn:aws:application-autoscaling:{scaled.region}:{ACCOUNT}:"
        f"scalable-target/{uuid.uuid4().hex}",
    }


def _new_policy(scaled: Scaled, name: str) -> dict[str, Any]:
    place = f"resource/dynamodb/{scaled.resource}:policyName/{name}"
    return {
        **_about(scaled),
        "PolicyName": name,
        "PolicyType": "StepScaling",
        "PolicyARN": f"arn:aws:autoscaling:{scaled.region}:{ACCOUNT}:"
        f"scalingPolicy:{uuid.uuid4()}:{place}",
        "Alarms": [],
    }


def _about(scaled: Scaled) -> dict[str, Any]:
    return {
        "ServiceNamespace": NAMESPACE,
        "ResourceId": scaled.resource,
        "ScalableDimension": scaled.dimension,
        "CreationTime": round(time.time(), 3),
    }


def _capacities(body: Body) -> dict[str, int]:
    found = {name: body[name] for name in ("MinCapacity", "MaxCapacity") if name in body}
    for name, value in found.items():
        if not isinstance(value, int) or isinstance(value, bool) or value < 1:
            raise _invalid(f"{name} is a whole number of at least 1")
    return found


def _suspended(body: Body) -> dict[str, bool]:
    state = body.get("SuspendedState") or {}
    if not isinstance(state, dict) or not all(isinstance(each, bool) for each in state.values()):
        raise _invalid("SuspendedState has true or false for what is suspended")
    return {name: state[name] for name in SUSPENDABLE if name in state}


def _page(name: str, found: list[dict[str, Any]], body: Body) -> dict[str, Any]:
    """At most `MaxResults` of them, from where `NextToken` says."""
    token, most = body.get("NextToken") or "0", body.get("MaxResults") or MOST_RESULTS
    if not isinstance(token, str) or not TOKEN.fullmatch(token):
        raise ApiError(400, "InvalidNextTokenException", "Invalid next token")
    if not isinstance(most, int) or not 1 <= most <= MOST_RESULTS:
        raise _invalid(f"MaxResults is a number from 1 to {MOST_RESULTS}")
    end = int(token) + most
    more = {"NextToken": str(end)} if end < len(found) else {}
    return {name: found[int(token) : end], **more}


def _text(body: Body, name: str) -> str:
    value = body.get(name)
    if not isinstance(value, str) or not value:
        field = name[0].lower() + name[1:]
        raise _invalid(
            f"1 validation error detected: Value null at '{field}' failed to satisfy constraint: "
            "Member must not be null"
        )
    return value


def _names(body: Body, name: str) -> list[str]:
    """A list of names to choose by; an empty one chooses all."""
    value = body.get(name) or []
    if not isinstance(value, list) or not all(isinstance(each, str) for each in value):
        raise _invalid(f"{name} is a list of names")
    return value


def _said(scaled: Scaled) -> str:
    return (
        f"service namespace: {NAMESPACE}, resource ID: {scaled.resource}, "
        f"scalable dimension: {scaled.dimension}"
    )


def _invalid(message: str) -> ApiError:
    return ApiError(400, "ValidationException", message)


def _missing(message: str) -> ApiError:
    return ApiError(400, "ObjectNotFoundException", message)
