"""The control plane as moto answers it: auto scaling above all, which no other engine has."""

from collections.abc import Iterator
from contextlib import closing

import pytest

from gtsite.dynamodb.clients import Clients
from gtsite.dynamodb.control import ControlPlane, as_definition
from gtsite.dynamodb.errors import ChangeRefused, TableBusy, TableMissing
from gtsite.dynamodb.tables import (
    FLIGHTS,
    GLOBAL_SERVERLESS,
    MUSIC,
    Attribute,
    Billing,
    Consistency,
)
from gtsite.sandbox.storage.engines import find_engine
from tests.support.engines import empty, installed_engine, running

REGION = "us-west-2"


@pytest.fixture(scope="module")
def clients() -> Iterator[Clients]:
    with (
        running(find_engine("moto")) as process,
        closing(Clients(endpoints={REGION: process.url})) as made,
    ):
        yield made


@pytest.fixture
def control(clients: Clients) -> ControlPlane:
    """No tables."""
    empty(clients.control(REGION), keep=())
    return ControlPlane(clients)


def test_a_table_that_is_not_there_is_none(control: ControlPlane) -> None:
    assert control.describe(REGION, "flights") is None


@pytest.mark.parametrize("definition", [GLOBAL_SERVERLESS, FLIGHTS, MUSIC], ids=lambda t: t.name)
def test_a_table_is_described_as_it_was_made(control: ControlPlane, definition: object) -> None:
    assert isinstance(definition, type(FLIGHTS))
    control.create(REGION, definition)
    state = control.describe(REGION, definition.name)
    assert state is not None
    assert state.keys == definition.key_attributes
    assert (state.is_active, state.billing, state.has_stream) == (True, definition.billing, True)
    assert (state.replicas, state.consistency) == ({}, Consistency.EVENTUAL)
    assert not state.is_protected


def test_a_table_that_is_there_already_is_busy(control: ControlPlane) -> None:
    control.create(REGION, GLOBAL_SERVERLESS)
    with pytest.raises(TableBusy):
        control.create(REGION, GLOBAL_SERVERLESS)


def test_expiry_is_off_until_it_is_turned_on(control: ControlPlane) -> None:
    control.create(REGION, GLOBAL_SERVERLESS)
    assert control.expiry(REGION, GLOBAL_SERVERLESS.name) == ""
    control.start_expiry(REGION, GLOBAL_SERVERLESS)
    assert control.expiry(REGION, GLOBAL_SERVERLESS.name) == "expires_at"


def test_a_protected_table_says_so_and_cannot_be_deleted(
    control: ControlPlane, clients: Clients
) -> None:
    control.create(REGION, MUSIC)
    control.protect(REGION, MUSIC.name)
    state = control.describe(REGION, MUSIC.name)
    assert state is not None
    assert state.is_protected
    with pytest.raises(ChangeRefused, match="can't be deleted"):
        control.delete(REGION, MUSIC.name)
    clients.control(REGION).update_table(TableName=MUSIC.name, DeletionProtectionEnabled=False)


def test_writes_scale_once_a_target_and_a_policy_are_there(
    control: ControlPlane, clients: Clients
) -> None:
    control.create(REGION, FLIGHTS)
    assert not control.scales_writes(REGION, FLIGHTS.name)
    for _ in range(2):
        control.scale_writes(REGION, FLIGHTS)
        assert control.scales_writes(REGION, FLIGHTS.name)
    found = clients.autoscaling(REGION).describe_scalable_targets(ServiceNamespace="dynamodb")
    (target,) = found["ScalableTargets"]
    assert (target["MinCapacity"], target["MaxCapacity"]) == (30, 300)
    policies = clients.autoscaling(REGION).describe_scaling_policies(ServiceNamespace="dynamodb")
    (policy,) = policies["ScalingPolicies"]
    assert policy["TargetTrackingScalingPolicyConfiguration"]["TargetValue"] == 70.0


def test_a_table_that_is_not_there_cannot_be_changed(control: ControlPlane) -> None:
    with pytest.raises(TableMissing, match=r"Music is not in us-west-2"):
        control.delete(REGION, MUSIC.name)
    with pytest.raises(TableMissing):
        control.protect(REGION, MUSIC.name)


def test_any_table_that_is_there_has_a_definition(control: ControlPlane) -> None:
    control.create(REGION, MUSIC.named("Other"))
    state = control.describe(REGION, "Other")
    assert state is not None
    found = as_definition("Other", state)
    assert found.key_attributes == MUSIC.key_attributes
    assert found.billing is Billing.PROVISIONED
    assert found.partition_key == Attribute(name="Artist", type="S")


def test_an_engine_without_auto_scaling_says_what_to_do() -> None:
    engine = installed_engine("dynoxide")
    if engine is None:
        pytest.skip("dynoxide is not installed on this machine")
    with (
        running(engine) as process,
        closing(Clients(endpoints={REGION: process.url})) as clients,
        pytest.raises(ChangeRefused, match=r"does not offer here: use --billing on-demand\."),
    ):
        ControlPlane(clients).scales_writes(REGION, FLIGHTS.name)
