"""Planning and applying, against a control plane that says what AWS says and takes its time."""

from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace

import pytest

from gtsite.dynamodb.clients import Clients
from gtsite.dynamodb.control import ControlPlane
from gtsite.dynamodb.errors import (
    AccessRefused,
    ChangeRefused,
    NotReady,
    RegionUnavailable,
    TableDiffers,
)
from gtsite.dynamodb.provisioner import (
    Action,
    Phase,
    Plan,
    Progress,
    apply,
    plan_removal,
    plan_table,
)
from gtsite.dynamodb.tables import (
    FLIGHTS,
    GLOBAL_SERVERLESS,
    ORDERS,
    Attribute,
    Billing,
    Consistency,
    TableDefinition,
)
from tests.support.control_plane import (
    ControlPlaneServer,
    ControlPlaneState,
    running_control_plane,
)

OREGON, OHIO, IRELAND, TOKYO = "us-west-2", "us-east-2", "eu-west-1", "ap-northeast-1"
REGIONS = (OREGON, IRELAND, OHIO)
NAME = GLOBAL_SERVERLESS.name
STRONG = replace(GLOBAL_SERVERLESS, consistency=Consistency.STRONG)
ALL_ACTIVE = dict.fromkeys(REGIONS, "ACTIVE")


@pytest.fixture(scope="module")
def server() -> Iterator[ControlPlaneServer]:
    with running_control_plane() as running:
        yield running


@pytest.fixture(autouse=True)
def state(server: ControlPlaneServer) -> ControlPlaneState:
    """No tables, no calls, no faults."""
    server.state.forget()
    return server.state


@pytest.fixture(scope="module")
def control(server: ControlPlaneServer) -> Iterator[ControlPlane]:
    with closing(Clients(endpoints=server.endpoints(*REGIONS, TOKYO))) as clients:
        yield ControlPlane(clients)


class Clock:
    """Seconds that only waiting spends; `on_wait` runs with each wait."""

    def __init__(self) -> None:
        self.now = 0.0
        self.on_wait: Callable[[], object] = lambda: None

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds
        self.on_wait()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def carry_out(control: ControlPlane, clock: Clock) -> Callable[[Plan], list[Progress]]:
    """Applies a plan in no time, and returns what it reported."""

    def run(plan: Plan) -> list[Progress]:
        reported: list[Progress] = []
        apply(plan, control, report=reported.append, clock=clock, sleep=clock.sleep)
        return reported

    return run


def actions(plan: Plan) -> list[str]:
    return [" ".join([step.action, step.region, *step.targets]) for step in plan.steps]


class TestFromNothing:
    def test_the_home_region_creates_and_replicates_one_region_at_a_time(
        self, control: ControlPlane
    ) -> None:
        plan = plan_table(GLOBAL_SERVERLESS, REGIONS, control)
        assert actions(plan) == [
            f"create {OREGON}",
            f"expire {OREGON}",
            f"replicate {OREGON} {IRELAND}",
            f"replicate {OREGON} {OHIO}",
        ]
        assert [step.sentence for step in plan.steps] == [
            "create global-serverless in us-west-2, on-demand",
            "let items of global-serverless expire at expires_at",
            "replicate global-serverless from us-west-2 to eu-west-1",
            "replicate global-serverless from us-west-2 to us-east-2",
        ]

    def test_planning_changes_nothing(
        self, control: ControlPlane, state: ControlPlaneState
    ) -> None:
        plan_table(GLOBAL_SERVERLESS, REGIONS, control)
        assert state.changes() == []

    def test_applied_every_region_is_active_and_the_next_plan_is_empty(
        self,
        control: ControlPlane,
        state: ControlPlaneState,
        carry_out: Callable[[Plan], list[Progress]],
    ) -> None:
        carry_out(plan_table(GLOBAL_SERVERLESS, REGIONS, control))
        assert state.regions_of(NAME) == ALL_ACTIVE
        assert plan_table(GLOBAL_SERVERLESS, REGIONS, control).is_empty
        made = state.changes()
        carry_out(plan_table(GLOBAL_SERVERLESS, REGIONS, control))
        assert state.changes() == made

    def test_the_table_is_created_as_defined(
        self,
        control: ControlPlane,
        state: ControlPlaneState,
        carry_out: Callable[[Plan], list[Progress]],
    ) -> None:
        carry_out(plan_table(GLOBAL_SERVERLESS, [OREGON], control))
        (request,) = [body for _, operation, body in state.calls if operation == "CreateTable"]
        assert request == {
            "TableName": "global-serverless",
            "AttributeDefinitions": [
                {"AttributeName": "PK", "AttributeType": "S"},
                {"AttributeName": "SK", "AttributeType": "S"},
            ],
            "KeySchema": [
                {"AttributeName": "PK", "KeyType": "HASH"},
                {"AttributeName": "SK", "KeyType": "RANGE"},
            ],
            "BillingMode": "PAY_PER_REQUEST",
            "StreamSpecification": {
                "StreamEnabled": True,
                "StreamViewType": "NEW_AND_OLD_IMAGES",
            },
        }
        (expiry,) = [body for _, operation, body in state.calls if operation == "UpdateTimeToLive"]
        assert expiry["TimeToLiveSpecification"]["AttributeName"] == "expires_at"

    def test_a_region_that_lists_itself_is_not_taken_for_its_own_replica(
        self,
        control: ControlPlane,
        state: ControlPlaneState,
        carry_out: Callable[[Plan], list[Progress]],
    ) -> None:
        state.lists_itself = True
        carry_out(plan_table(GLOBAL_SERVERLESS, REGIONS, control))
        assert plan_table(GLOBAL_SERVERLESS, REGIONS, control).is_empty
        home = control.describe(OREGON, NAME)
        assert home is not None
        assert set(home.replicas) == {IRELAND, OHIO}

    def test_a_table_without_expiry_and_sort_key(
        self,
        control: ControlPlane,
        state: ControlPlaneState,
        carry_out: Callable[[Plan], list[Progress]],
    ) -> None:
        plain = TableDefinition(name="plain", partition_key=Attribute(name="id", type="N"))
        carry_out(plan_table(plain, [OREGON], control))
        assert [operation for _, operation in state.changes()] == ["CreateTable"]
        assert plan_table(plain, [OREGON], control).is_empty

    @pytest.mark.parametrize("lag", ["own_lag", "listed_lag"])
    def test_a_replica_is_there_when_both_sides_say_so(
        self,
        control: ControlPlane,
        state: ControlPlaneState,
        carry_out: Callable[[Plan], list[Progress]],
        lag: str,
    ) -> None:
        setattr(state, lag, {IRELAND: 5})
        carry_out(plan_table(ORDERS, [OREGON, IRELAND], control))
        assert getattr(state, lag)[IRELAND] < 0

    def test_progress_is_reported_from_beginning_to_end(
        self, control: ControlPlane, carry_out: Callable[[Plan], list[Progress]]
    ) -> None:
        reported = carry_out(plan_table(ORDERS, [OREGON, IRELAND], control))
        by_step = [each.phase for each in reported if each.step.action is Action.REPLICATE]
        assert by_step[0] is Phase.BEGUN
        assert by_step[-1] is Phase.DONE
        assert set(by_step[1:-1]) == {Phase.WAITING}
        assert reported[-1].seconds > 0


class TestFromWhatIsThere:
    @pytest.fixture(autouse=True)
    def _there_already(
        self, control: ControlPlane, carry_out: Callable[[Plan], list[Progress]]
    ) -> None:
        carry_out(plan_table(GLOBAL_SERVERLESS, [OREGON, IRELAND], control))

    def test_only_the_missing_replica_is_added(self, control: ControlPlane) -> None:
        plan = plan_table(GLOBAL_SERVERLESS, REGIONS, control)
        assert actions(plan) == [f"replicate {OREGON} {OHIO}"]

    def test_a_home_region_that_has_none_gets_it_from_one_that_has(
        self, control: ControlPlane
    ) -> None:
        plan = plan_table(GLOBAL_SERVERLESS, [OHIO, IRELAND, OREGON], control)
        assert actions(plan) == [f"replicate {IRELAND} {OHIO}"]

    def test_replicas_elsewhere_are_left_alone_and_mentioned(self, control: ControlPlane) -> None:
        plan = plan_table(GLOBAL_SERVERLESS, [OREGON], control)
        assert plan.is_empty
        assert plan.notes == (
            "global-serverless has a replica in eu-west-1, too, which is left alone",
        )

    def test_a_replica_under_way_is_waited_for(
        self,
        control: ControlPlane,
        state: ControlPlaneState,
        carry_out: Callable[[Plan], list[Progress]],
    ) -> None:
        control.add_replicas(OREGON, NAME, [OHIO], Consistency.EVENTUAL)
        control.describe(OREGON, NAME)
        plan = plan_table(GLOBAL_SERVERLESS, REGIONS, control)
        assert actions(plan) == [f"wait {OREGON} {OREGON}", f"wait {OREGON} {OHIO}"]
        carry_out(plan)
        assert state.regions_of(NAME) == ALL_ACTIVE

    def test_other_keys_are_an_error_that_names_both(self, control: ControlPlane) -> None:
        other = replace(GLOBAL_SERVERLESS, sort_key=Attribute(name="SK", type="N"))
        with pytest.raises(TableDiffers) as caught:
            plan_table(other, REGIONS, control)
        assert str(caught.value) == (
            "Table global-serverless in us-west-2 has the key PK (S) + SK (S), not "
            "PK (S) + SK (N): give one of them another name, or destroy it."
        )

    def test_a_table_of_that_name_outside_the_group_is_an_error(
        self,
        control: ControlPlane,
        carry_out: Callable[[Plan], list[Progress]],
    ) -> None:
        carry_out(plan_table(GLOBAL_SERVERLESS, [OHIO], control))
        with pytest.raises(TableDiffers, match=r"in us-east-2 is not a replica of the one in us-w"):
            plan_table(GLOBAL_SERVERLESS, REGIONS, control)

    def test_a_replica_that_failed_is_an_error(
        self, control: ControlPlane, state: ControlPlaneState
    ) -> None:
        state.replicas[IRELAND, NAME].status = "INACCESSIBLE_ENCRYPTION_CREDENTIALS"
        with pytest.raises(TableDiffers, match="eu-west-1 is INACCESSIBLE_ENCRYPTION_CREDENTIALS"):
            plan_table(GLOBAL_SERVERLESS, REGIONS, control)

    def test_another_billing_is_left_alone_and_mentioned(self, control: ControlPlane) -> None:
        wanted = replace(GLOBAL_SERVERLESS, billing=Billing.PROVISIONED)
        plan = plan_table(wanted, [OREGON, IRELAND], control)
        assert plan.is_empty
        assert plan.notes == ("global-serverless is on-demand, which is left alone",)

    def test_another_expiry_is_left_alone_and_mentioned(
        self, control: ControlPlane, state: ControlPlaneState
    ) -> None:
        state.replicas[OREGON, NAME].ttl = "dies_at"
        plan = plan_table(GLOBAL_SERVERLESS, [OREGON, IRELAND], control)
        assert plan.notes == ("items of global-serverless expire at dies_at, which is left alone",)

    def test_each_region_is_protected_by_itself_and_once(
        self,
        control: ControlPlane,
        state: ControlPlaneState,
        carry_out: Callable[[Plan], list[Progress]],
    ) -> None:
        plan = plan_table(GLOBAL_SERVERLESS, REGIONS, control, protect=True)
        assert [step.region for step in plan.steps if step.action is Action.PROTECT] == [*REGIONS]
        carry_out(plan)
        assert all(each.protected for each in state.tables(NAME))
        assert plan_table(GLOBAL_SERVERLESS, REGIONS, control, protect=True).is_empty

    def test_the_home_region_keeps_backups_as_soon_as_it_can(
        self,
        control: ControlPlane,
        state: ControlPlaneState,
        carry_out: Callable[[Plan], list[Progress]],
    ) -> None:
        state.refuse("UpdateContinuousBackups", "ContinuousBackupsUnavailableException")
        carry_out(plan_table(GLOBAL_SERVERLESS, REGIONS, control, backups=True))
        assert [each.region for each in state.tables(NAME) if each.backed_up] == [REGIONS[0]]
        assert plan_table(GLOBAL_SERVERLESS, REGIONS, control, backups=True).is_empty


def test_a_stream_that_is_missing_is_turned_on(
    control: ControlPlane,
    state: ControlPlaneState,
    carry_out: Callable[[Plan], list[Progress]],
) -> None:
    """A table made by hand may have none."""
    carry_out(plan_table(replace(GLOBAL_SERVERLESS, stream=""), [OREGON], control))
    plan = plan_table(GLOBAL_SERVERLESS, [OREGON], control)
    assert actions(plan) == [f"stream {OREGON}"]
    carry_out(plan)
    assert plan_table(GLOBAL_SERVERLESS, [OREGON], control).is_empty
    assert state.replicas[OREGON, NAME].stream is not None


class TestProvisionedCapacity:
    def test_writes_are_scaled_before_a_replica_is_added(
        self,
        control: ControlPlane,
        state: ControlPlaneState,
        carry_out: Callable[[Plan], list[Progress]],
    ) -> None:
        plan = plan_table(FLIGHTS, [OHIO, IRELAND], control)
        assert actions(plan) == [f"create {OHIO}", f"scale {OHIO}", f"replicate {OHIO} {IRELAND}"]
        carry_out(plan)
        assert state.regions_of("flights") == {OHIO: "ACTIVE", IRELAND: "ACTIVE"}
        assert plan_table(FLIGHTS, [OHIO, IRELAND], control).is_empty
        (capacity,) = [
            body["ProvisionedThroughput"] for _, op, body in state.calls if op == "CreateTable"
        ]
        assert capacity == {"ReadCapacityUnits": 30, "WriteCapacityUnits": 30}

    def test_a_single_region_needs_no_scaling(self, control: ControlPlane) -> None:
        assert actions(plan_table(FLIGHTS, [OHIO], control)) == [f"create {OHIO}"]

    def test_where_there_is_no_auto_scaling_the_plan_says_what_to_do(
        self, control: ControlPlane, state: ControlPlaneState
    ) -> None:
        state.has_autoscaling = False
        with pytest.raises(ChangeRefused, match=r"use --billing on-demand\.$"):
            plan_table(FLIGHTS, [OHIO, IRELAND], control)
        on_demand = replace(FLIGHTS, billing=Billing.ON_DEMAND)
        assert len(plan_table(on_demand, [OHIO, IRELAND], control).steps) == 2


class TestStrongConsistency:
    def test_all_three_regions_are_born_in_one_step(
        self,
        control: ControlPlane,
        state: ControlPlaneState,
        carry_out: Callable[[Plan], list[Progress]],
    ) -> None:
        plan = plan_table(STRONG, REGIONS, control)
        assert actions(plan) == [f"create {OREGON}", f"replicate {OREGON} {IRELAND} {OHIO}"]
        carry_out(plan)
        assert state.strong == {NAME}
        assert plan_table(STRONG, REGIONS, control).is_empty

    @pytest.mark.parametrize("regions", [[OREGON], [OREGON, OHIO], [*REGIONS, TOKYO]])
    def test_any_other_number_of_regions_is_refused(
        self, control: ControlPlane, regions: list[str]
    ) -> None:
        with pytest.raises(ChangeRefused, match="exactly 3 regions"):
            plan_table(STRONG, regions, control)

    def test_a_table_cannot_change_its_consistency(
        self, control: ControlPlane, carry_out: Callable[[Plan], list[Progress]]
    ) -> None:
        carry_out(plan_table(GLOBAL_SERVERLESS, REGIONS, control))
        with pytest.raises(TableDiffers, match=r"is eventual and cannot become strong"):
            plan_table(STRONG, REGIONS, control)

    def test_it_goes_as_it_came(
        self,
        control: ControlPlane,
        state: ControlPlaneState,
        carry_out: Callable[[Plan], list[Progress]],
    ) -> None:
        carry_out(plan_table(STRONG, REGIONS, control))
        plan = plan_removal(STRONG, REGIONS, control)
        assert actions(plan) == [f"withdraw {OREGON} {IRELAND} {OHIO}", f"delete {OREGON}"]
        carry_out(plan)
        assert state.regions_of(NAME) == {}


class TestRemoval:
    @pytest.fixture(autouse=True)
    def _there_already(
        self, control: ControlPlane, carry_out: Callable[[Plan], list[Progress]]
    ) -> None:
        carry_out(plan_table(GLOBAL_SERVERLESS, REGIONS, control))

    def test_the_newest_replica_goes_first_and_the_oldest_last(
        self,
        control: ControlPlane,
        state: ControlPlaneState,
        carry_out: Callable[[Plan], list[Progress]],
    ) -> None:
        plan = plan_removal(GLOBAL_SERVERLESS, [OHIO, OREGON, IRELAND], control)
        assert actions(plan) == [
            f"withdraw {OREGON} {OHIO}",
            f"withdraw {OREGON} {IRELAND}",
            f"delete {OREGON}",
        ]
        carry_out(plan)
        assert state.regions_of(NAME) == {}
        assert plan_removal(GLOBAL_SERVERLESS, REGIONS, control).is_empty

    def test_a_chain_of_replicas_goes_leaf_first(
        self,
        control: ControlPlane,
        state: ControlPlaneState,
        carry_out: Callable[[Plan], list[Progress]],
    ) -> None:
        """Tokyo was copied from Ohio, so Ohio cannot go before it."""
        control.add_replicas(OHIO, NAME, [TOKYO], Consistency.EVENTUAL)
        carry_out(plan_table(GLOBAL_SERVERLESS, [*REGIONS, TOKYO], control))
        carry_out(plan_removal(GLOBAL_SERVERLESS, [OREGON], control, everywhere=True))
        assert state.regions_of(NAME) == {}

    def test_one_region_only_leaves_the_others(
        self,
        control: ControlPlane,
        state: ControlPlaneState,
        carry_out: Callable[[Plan], list[Progress]],
    ) -> None:
        plan = plan_removal(GLOBAL_SERVERLESS, [IRELAND], control)
        assert actions(plan) == [f"withdraw {OREGON} {IRELAND}"]
        carry_out(plan)
        assert state.regions_of(NAME) == {OREGON: "ACTIVE", OHIO: "ACTIVE"}

    def test_everywhere_includes_replicas_nobody_named(self, control: ControlPlane) -> None:
        plan = plan_removal(GLOBAL_SERVERLESS, [OREGON], control, everywhere=True)
        assert len(plan.steps) == 3

    def test_a_protected_table_is_refused_before_anything_goes(
        self, control: ControlPlane, state: ControlPlaneState
    ) -> None:
        state.replicas[OREGON, NAME].protected = True
        with pytest.raises(ChangeRefused, match="in us-west-2 is protected against deletion"):
            plan_removal(GLOBAL_SERVERLESS, REGIONS, control)

    def test_a_protected_table_goes_when_that_is_lifted(
        self,
        control: ControlPlane,
        state: ControlPlaneState,
        carry_out: Callable[[Plan], list[Progress]],
    ) -> None:
        state.replicas[OREGON, NAME].protected = True
        plan = plan_removal(GLOBAL_SERVERLESS, REGIONS, control, unprotect=True)
        assert (plan.steps[0].action, plan.steps[0].region) == (Action.UNPROTECT, OREGON)
        carry_out(plan)
        assert not state.tables(NAME)

    def test_a_table_with_other_keys_is_not_ours_to_remove(self, control: ControlPlane) -> None:
        with pytest.raises(TableDiffers):
            plan_removal(ORDERS.named(NAME), REGIONS, control)

    def test_a_table_that_is_nowhere_needs_no_steps(self, control: ControlPlane) -> None:
        assert plan_removal(ORDERS, REGIONS, control).is_empty


class TestTrouble:
    @pytest.mark.parametrize(
        "code", ["ResourceInUseException", "LimitExceededException", "ThrottlingException"]
    )
    @pytest.mark.parametrize("operation", ["CreateTable", "UpdateTable"])
    def test_a_busy_control_plane_is_asked_again(
        self,
        control: ControlPlane,
        state: ControlPlaneState,
        carry_out: Callable[[Plan], list[Progress]],
        operation: str,
        code: str,
    ) -> None:
        state.refuse(operation, code, times=3)
        carry_out(plan_table(GLOBAL_SERVERLESS, REGIONS, control))
        assert state.regions_of(NAME) == ALL_ACTIVE

    @pytest.mark.parametrize("operation", ["CreateTable", "UpdateTable", "UpdateTimeToLive"])
    def test_a_change_that_is_made_and_not_answered_is_made_once(
        self,
        control: ControlPlane,
        state: ControlPlaneState,
        carry_out: Callable[[Plan], list[Progress]],
        operation: str,
    ) -> None:
        state.hang_up_after(operation, times=1)
        carry_out(plan_table(GLOBAL_SERVERLESS, REGIONS, control))
        assert state.regions_of(NAME) == ALL_ACTIVE
        assert plan_table(GLOBAL_SERVERLESS, REGIONS, control).is_empty

    def test_a_removal_that_is_made_and_not_answered_is_made_once(
        self,
        control: ControlPlane,
        state: ControlPlaneState,
        carry_out: Callable[[Plan], list[Progress]],
    ) -> None:
        carry_out(plan_table(GLOBAL_SERVERLESS, REGIONS, control))
        state.hang_up_after("UpdateTable", times=1)
        state.hang_up_after("DeleteTable", times=1)
        carry_out(plan_removal(GLOBAL_SERVERLESS, REGIONS, control))
        assert state.regions_of(NAME) == {}

    def test_a_refusal_ends_it_with_the_service_s_sentence(
        self,
        control: ControlPlane,
        state: ControlPlaneState,
        carry_out: Callable[[Plan], list[Progress]],
    ) -> None:
        state.refuse("UpdateTable", "ValidationException", "No replicas on Sundays.")
        with pytest.raises(ChangeRefused, match="No replicas on Sundays"):
            carry_out(plan_table(GLOBAL_SERVERLESS, REGIONS, control))

    def test_what_was_done_before_a_refusal_is_not_done_again(
        self,
        control: ControlPlane,
        state: ControlPlaneState,
        carry_out: Callable[[Plan], list[Progress]],
    ) -> None:
        state.refuse("UpdateTable", "ValidationException", times=1)
        with pytest.raises(ChangeRefused):
            carry_out(plan_table(GLOBAL_SERVERLESS, REGIONS, control))
        plan = plan_table(GLOBAL_SERVERLESS, REGIONS, control)
        assert actions(plan) == [f"replicate {OREGON} {IRELAND}", f"replicate {OREGON} {OHIO}"]

    def test_a_replica_that_cannot_be_made_is_an_error(
        self,
        control: ControlPlane,
        state: ControlPlaneState,
        carry_out: Callable[[Plan], list[Progress]],
    ) -> None:
        state.failing_replicas = {IRELAND}
        with pytest.raises(ChangeRefused, match="eu-west-1 could not make its replica"):
            carry_out(plan_table(GLOBAL_SERVERLESS, REGIONS, control))

    def test_patience_ends_with_what_to_do(
        self, control: ControlPlane, state: ControlPlaneState, clock: Clock
    ) -> None:
        state.refuse("UpdateTable", "ResourceInUseException", times=10_000)
        plan = plan_table(GLOBAL_SERVERLESS, REGIONS, control)
        with pytest.raises(NotReady, match=r"Still not done after 60 s: replicate .* Run the comm"):
            apply(
                plan,
                control,
                report=lambda _: None,
                timeout_seconds=60,
                clock=clock,
                sleep=clock.sleep,
            )
        assert 60 <= clock.now < 66

    def test_no_permission_is_said_before_anything_is_changed(
        self, control: ControlPlane, state: ControlPlaneState
    ) -> None:
        state.refuse("DescribeTable", "AccessDeniedException", "You may not.")
        with pytest.raises(AccessRefused, match=r"us-west-2 refused access: You may not\."):
            plan_table(GLOBAL_SERVERLESS, REGIONS, control)
        assert state.changes() == []


def test_a_region_away_is_said_before_anything_is_changed(server: ControlPlaneServer) -> None:
    endpoints = server.endpoints(OREGON, OHIO) | {IRELAND: "http://127.0.0.1:9"}
    with closing(Clients(endpoints=endpoints)) as clients:
        control = ControlPlane(clients)
        with pytest.raises(RegionUnavailable, match=r"eu-west-1 does not answer \(refused\)"):
            plan_table(GLOBAL_SERVERLESS, REGIONS, control)
    assert server.state.changes() == []
