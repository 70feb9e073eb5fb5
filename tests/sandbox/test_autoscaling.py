"""Application Auto Scaling: what scales is what was said to, and stays so after a restart."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import pytest

from gtsite.sandbox.ledger.ledger import Ledger
from gtsite.sandbox.services.autoscaling import AutoScaling
from gtsite.sandbox.wire import ApiError
from tests.sandbox.test_metrics import replica
from tests.support.sandbox import REGIONS, RunningSandbox, children, error_of

HOME, AWAY, THIRD = REGIONS
TRACKING = {
    "TargetValue": 70.0,
    "PredefinedMetricSpecification": {"PredefinedMetricType": "DynamoDBWriteCapacityUtilization"},
}


# Whether writes scale


class World:
    """Auto Scaling as a caller fills it."""

    def __init__(self) -> None:
        self.ledger = Ledger(None)
        self.scaling = AutoScaling(self.ledger)

    def scales(self, table: str, index: str | None = None, region: str = HOME) -> bool:
        """The answer to the sandbox's own question, which has nothing to wait for."""
        asked = self.scaling.writes_scale(region, table, index)
        try:
            asked.send(None)
        except StopIteration as done:
            answer: bool = done.value
            return answer
        raise AssertionError("This waits for something.")

    def target(self, resource: str, kind: str = "table", region: str = HOME) -> None:
        self.call("RegisterScalableTarget", resource, kind, region, MinCapacity=1, MaxCapacity=9)

    def policy(self, resource: str, kind: str = "table", region: str = HOME) -> None:
        self.call(
            "PutScalingPolicy",
            resource,
            kind,
            region,
            PolicyName="writes",
            PolicyType="TargetTrackingScaling",
            TargetTrackingScalingPolicyConfiguration=TRACKING,
        )

    def call(
        self, operation: str, resource: str, kind: str = "table", region: str = HOME, **more: Any
    ) -> dict[str, Any]:
        """An answer of the API; it has to be the sandbox's own."""
        body = {
            "ServiceNamespace": "dynamodb",
            "ResourceId": resource,
            "ScalableDimension": f"dynamodb:{kind}:WriteCapacityUnits",
            **more,
        }
        answered = self.scaling.answer(region, operation, body)
        assert answered is not None
        return answered.json()


@pytest.fixture
def world() -> World:
    return World()


@contextmanager
def refused(kind: str, *words: str) -> Iterator[None]:
    with pytest.raises(ApiError) as raised:
        yield
    assert raised.value.kind == kind
    assert all(word in raised.value.message for word in words), raised.value.message


def test_a_table_scales_with_a_target_and_a_policy_and_with_neither_alone(world: World) -> None:
    assert not world.scales("flights")
    world.target("table/flights")
    assert not world.scales("flights")
    world.policy("table/flights")
    assert world.scales("flights")
    assert not world.scales("flights-archive")
    assert not world.scales("flight")
    assert not world.scales("flights", region=AWAY)


def test_reads_that_scale_are_no_writes_that_do(world: World) -> None:
    reads = "dynamodb:table:ReadCapacityUnits"
    world.call(
        "RegisterScalableTarget",
        "table/flights",
        ScalableDimension=reads,
        MinCapacity=1,
        MaxCapacity=9,
    )
    world.call(
        "PutScalingPolicy",
        "table/flights",
        ScalableDimension=reads,
        PolicyName="reads",
        TargetTrackingScalingPolicyConfiguration=TRACKING,
    )
    assert not world.scales("flights")
    world.target("table/flights")
    assert not world.scales("flights")


def test_an_index_scales_by_what_is_said_of_itself(world: World) -> None:
    world.target("table/flights")
    world.policy("table/flights")
    world.target("table/flights/index/by-date", "index")
    assert not world.scales("flights", "by-date")
    world.policy("table/flights/index/by-date", "index")
    assert world.scales("flights", "by-date")
    assert not world.scales("flights", "by-name")


def test_what_one_member_of_a_global_table_was_told_is_true_in_all(world: World) -> None:
    world.target("table/notes")
    world.policy("table/notes")
    for region in (HOME, AWAY):
        world.ledger.save_replica(replica(region))
    assert world.scales("notes", region=AWAY)
    assert not world.scales("notes", region=THIRD)


def test_a_target_that_is_deregistered_takes_its_policies_along(world: World) -> None:
    world.target("table/flights")
    world.policy("table/flights")
    world.call("DeregisterScalableTarget", "table/flights")
    world.target("table/flights")
    assert not world.scales("flights")


def test_a_policy_that_is_deleted_scales_nothing(world: World) -> None:
    world.target("table/flights")
    world.policy("table/flights")
    world.call("DeleteScalingPolicy", "table/flights", PolicyName="writes")
    assert not world.scales("flights")


# What the API refuses


@pytest.mark.parametrize(
    ("resource", "kind"),
    [
        ("table/flights", "index"),
        ("table/flights/index/by-date", "table"),
        ("flights", "table"),
        ("service/cluster/web", "table"),
    ],
)
def test_a_dimension_that_does_not_fit_its_resource_is_refused(
    world: World, resource: str, kind: str
) -> None:
    with refused("ValidationException", "Unsupported service namespace"):
        world.target(resource, kind)


@pytest.mark.parametrize(
    "capacities",
    [
        {},
        {"MinCapacity": 1},
        {"MinCapacity": 9, "MaxCapacity": 1},
        {"MinCapacity": "1", "MaxCapacity": 9},
        {"MinCapacity": 0, "MaxCapacity": 9},
    ],
)
def test_capacities_that_cannot_be_meant_change_nothing(
    world: World, capacities: dict[str, Any]
) -> None:
    with refused("ValidationException"):
        world.call("RegisterScalableTarget", "table/flights", **capacities)
    assert targets(world) == []


def test_what_a_later_registration_does_not_name_stays(world: World) -> None:
    world.target("table/flights")
    world.call(
        "RegisterScalableTarget",
        "table/flights",
        MaxCapacity=20,
        SuspendedState={"DynamicScalingInSuspended": True},
    )
    world.call("RegisterScalableTarget", "table/flights", MinCapacity=2)
    (target,) = targets(world)
    assert (target["MinCapacity"], target["MaxCapacity"]) == (2, 20)
    assert target["SuspendedState"] == {
        "DynamicScalingInSuspended": True,
        "DynamicScalingOutSuspended": False,
        "ScheduledScalingSuspended": False,
    }


def test_a_policy_needs_a_target_and_a_configuration(world: World) -> None:
    with refused("ObjectNotFoundException", "No scalable target registered", "table/flights"):
        world.policy("table/flights")
    world.target("table/flights")
    with refused("ValidationException"):
        world.call("PutScalingPolicy", "table/flights", PolicyName="writes")
    with refused("ValidationException", "'policyName'"):
        world.call(
            "PutScalingPolicy", "table/flights", TargetTrackingScalingPolicyConfiguration=TRACKING
        )


def test_what_is_not_there_cannot_be_removed(world: World) -> None:
    with refused("ObjectNotFoundException", "No scalable target found"):
        world.call("DeregisterScalableTarget", "table/flights")
    world.target("table/flights")
    with refused("ObjectNotFoundException", "No scaling policy found", "policy name: writes"):
        world.call("DeleteScalingPolicy", "table/flights", PolicyName="writes")


@pytest.mark.parametrize(
    "more",
    [
        {"ResourceIds": "table/flights"},
        {"ResourceIds": [1]},
        {"MaxResults": 51},
        {"MaxResults": "1"},
    ],
)
def test_a_question_that_cannot_be_meant_is_refused(world: World, more: dict[str, Any]) -> None:
    with refused("ValidationException"):
        world.call("DescribeScalableTargets", "", **more)


def test_a_page_ends_where_the_next_begins(world: World) -> None:
    names = [f"table/table-{place}" for place in range(5)]
    for name in names:
        world.target(name)
    body: dict[str, Any] = {"ServiceNamespace": "dynamodb", "MaxResults": 2}
    found = []
    for _ in range(3):
        answered = world.scaling.answer(HOME, "DescribeScalableTargets", body)
        assert answered is not None
        page = answered.json()
        found.append([each["ResourceId"] for each in page["ScalableTargets"]])
        body["NextToken"] = page.get("NextToken")
    assert found == [names[:2], names[2:4], names[4:]]
    assert body["NextToken"] is None
    with refused("InvalidNextTokenException"):
        world.scaling.answer(HOME, "DescribeScalableTargets", {**body, "NextToken": "x"})


def test_other_services_and_operations_are_left_to_moto(world: World) -> None:
    body = {"ServiceNamespace": "ecs"}
    assert world.scaling.answer(HOME, "DescribeScalableTargets", body) is None
    body = {"ServiceNamespace": "dynamodb"}
    assert world.scaling.answer(HOME, "PutScheduledAction", body) is None


def targets(world: World) -> list[dict[str, Any]]:
    answered = world.scaling.answer(
        HOME, "DescribeScalableTargets", {"ServiceNamespace": "dynamodb"}
    )
    assert answered is not None
    found: list[dict[str, Any]] = answered.json()["ScalableTargets"]
    return found


# Through the endpoint


def test_what_was_said_outlives_the_sandbox_and_needs_no_moto(
    start: Callable[..., RunningSandbox],
) -> None:
    own = start()
    scaled = {
        "ServiceNamespace": "dynamodb",
        "ResourceId": "table/flights",
        "ScalableDimension": "dynamodb:table:WriteCapacityUnits",
    }
    scaling = own.service("application-autoscaling", HOME, shared=True)
    scaling.register_scalable_target(**scaled, MinCapacity=30, MaxCapacity=300)
    policy = partial(
        scaling.put_scaling_policy,
        **scaled,
        PolicyName="writes",
        PolicyType="TargetTrackingScaling",
        TargetTrackingScalingPolicyConfiguration=TRACKING,
    )
    assert policy()["PolicyARN"] == policy()["PolicyARN"]
    before = described(own, HOME)
    assert [(each["ResourceId"], each["MaxCapacity"]) for each in before[0]] == [
        ("table/flights", 300)
    ]
    assert [each["TargetTrackingScalingPolicyConfiguration"] for each in before[1]] == [TRACKING]
    assert described(own, AWAY) == ([], [])
    own.kill()
    own.start()
    assert described(own, HOME) == before
    assert children(own.pid, "moto_server") == []


def described(sandbox: RunningSandbox, region: str) -> tuple[list[Any], list[Any]]:
    """Every target and every policy, as botocore reads them."""
    scaling = sandbox.service("application-autoscaling", region, shared=True)
    policies = scaling.describe_scaling_policies(
        ServiceNamespace="dynamodb", ResourceId="table/flights"
    )
    found = scaling.describe_scalable_targets(ServiceNamespace="dynamodb")["ScalableTargets"]
    return found, policies["ScalingPolicies"]


def test_a_refusal_reaches_the_caller_in_its_own_words(sandbox: RunningSandbox) -> None:
    scaling = sandbox.service("application-autoscaling", HOME, shared=True)
    code, message = error_of(
        partial(
            scaling.deregister_scalable_target,
            ServiceNamespace="dynamodb",
            ResourceId="table/nowhere",
            ScalableDimension="dynamodb:table:WriteCapacityUnits",
        )
    )
    assert code == "ObjectNotFoundException"
    assert message.endswith("scalable dimension: dynamodb:table:WriteCapacityUnits")
