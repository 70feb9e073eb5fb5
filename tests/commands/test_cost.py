"""`manage.py cost`: the documents' arithmetic and today's, and a month's bill."""

import json
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from gtsite.dynamodb.regions import region
from gtsite.dynamodb.tables import Billing
from gtsite.experiments.cost import (
    PRICES,
    Load,
    Prices,
    RegionPrices,
    cost_of,
    load_prices,
    monthly_cost,
    total,
    units_2017,
    units_today,
)
from tests.commands.conftest import IRELAND, OHIO, Ran
from tests.support.sandbox import RunningSandbox

Manage = Callable[..., Ran]

VIRGINIA = "us-east-1"
THREE = f"{OHIO},{IRELAND},{VIRGINIA}"
MADE_UP = Prices(
    date="2026-01-01",
    check_at="https://example.com/",
    regions={
        OHIO: RegionPrices(
            write_per_million=Decimal("0.625"),
            read_per_million=Decimal("0.125"),
            write_unit_hour=Decimal("0.00065"),
            read_unit_hour=Decimal("0.00013"),
        ),
        IRELAND: RegionPrices(write_per_million=Decimal("0.7")),
    },
)


class TestArithmetic:
    def test_ten_writes_in_three_regions_took_sixty_units_and_take_thirty(self) -> None:
        load = Load(writes=Decimal(10))
        assert units_2017(load, 3) == 60
        assert units_today(load, 3) == 30

    @pytest.mark.parametrize(
        ("item_kb", "write", "read", "consistent"),
        [("0.1", 1, "0.5", 1), ("1", 1, "0.5", 1), ("1.001", 2, "0.5", 1), ("4.5", 5, "1", 2)],
    )
    def test_units_are_counted_in_steps(
        self, item_kb: str, write: int, read: str, consistent: int
    ) -> None:
        load = Load(writes=Decimal(1), item_kb=Decimal(item_kb))
        assert load.units_per_write == write
        assert load.units_per_read == Decimal(read)
        sure = Load(writes=Decimal(1), item_kb=Decimal(item_kb), consistent=True)
        assert sure.units_per_read == consistent

    def test_ten_million_writes_on_demand(self) -> None:
        load = Load(writes=Decimal(10_000_000), reads=Decimal(4_000_000))
        home, other = cost_of(load, (OHIO, IRELAND), MADE_UP)
        assert [home.write_units, home.read_units] == [10_000_000, 2_000_000]
        assert [home.dollars, home.dollars_2017] == [Decimal("6.50"), Decimal("12.75")]
        assert [other.read_units, other.dollars] == [0, Decimal("7.00")]
        assert total((home, other)) == (Decimal("13.50"), Decimal("26.75"))

    def test_a_month_is_730_hours(self) -> None:
        (home,) = monthly_cost(
            Load(writes=Decimal(10)), Decimal(1), (OHIO,), MADE_UP, Billing.ON_DEMAND
        )
        assert home.write_units == 2_628_000
        assert home.dollars == Decimal("1.64")

    def test_provisioned_capacity_is_paid_by_the_hour_and_in_use_to_seventy_percent(self) -> None:
        load = Load(writes=Decimal(10), reads=Decimal(40))
        (home,) = monthly_cost(load, Decimal(7), (OHIO,), MADE_UP, Billing.PROVISIONED)
        assert [home.write_units, home.read_units] == [10, 20]
        assert home.dollars == round((10 * Decimal("0.00065") + 20 * Decimal("0.00013")) * 730, 2)

    def test_what_has_no_price_has_no_cost(self) -> None:
        load = Load(writes=Decimal(10_000_000), reads=Decimal(1))
        costs = cost_of(load, (IRELAND, "sa-east-1"), MADE_UP)
        assert [each.dollars for each in costs] == [None, None]
        assert sum(total(costs)) == 0


class TestPrices:
    def test_every_one_says_where_it_was_read(self) -> None:
        raw = json.loads(PRICES.read_text())
        for name, prices in raw["regions"].items():
            assert region(name).name == name
            for each in prices.values():
                assert raw["sources"][each["source"]]["as_of"]
        assert len(raw["date"]) == len("2026-11-21")

    def test_they_are_dollars_of_a_likely_size(self) -> None:
        found = load_prices()
        assert found.of(VIRGINIA).write_per_million == Decimal("0.625")
        assert found.of("mx-central-1") == RegionPrices()
        for prices in found.regions.values():
            write, read = prices.of(Billing.PROVISIONED)
            assert write is not None
            assert read is not None
            assert Decimal("0.0005") < write < Decimal("0.002")
            assert write / read == pytest.approx(Decimal(5), abs=Decimal("0.05"))

    @pytest.mark.parametrize(
        "regions",
        [
            "[]",
            '{"us-east-1": 3}',
            '{"us-east-1": {"on_demand": {"write_per_million": "cheap"}}}',
            '{"us-east-1": {"on_demand": {"write_per_million": -1}}}',
            '{"us-east-1": {"on_demand": {"write_per_million": "NaN"}}}',
            "",
        ],
    )
    def test_a_file_that_is_none_is_one_sentence(
        self, manage: Manage, tmp_path: Path, regions: str
    ) -> None:
        file = tmp_path / "prices"
        file.write_text(f'{{"date": "", "check_at": "", "regions": {regions}}}')
        ran = manage("cost", "flights", "--regions", THREE, "--prices", file)
        assert ran.code == 2
        assert ran.err == f"cost: {file} is no file of prices: see prices.json for one.\n"

    def test_a_file_that_is_not_there(self, manage: Manage, tmp_path: Path) -> None:
        ran = manage("cost", "flights", "--prices", tmp_path / "none")
        assert (ran.code, ran.err.count("\n")) == (2, 1)
        assert "cannot be read: No such file" in ran.err

    def test_one_s_own_prices_are_taken(self, manage: Manage, tmp_path: Path) -> None:
        file = tmp_path / "prices"
        on_demand = {"write_per_million": "1000000"}
        regions = {VIRGINIA: {"on_demand": on_demand}}
        file.write_text(json.dumps({"date": "d", "check_at": "c", "regions": regions}))
        where = ("--regions", VIRGINIA, "--billing", "on-demand", "--prices", file)
        assert (
            "they cost $ 10.00 ($ 20.00 on version 2017.11.29)."
            in manage("cost", "flights", *where).out
        )


def words(ran: Ran) -> dict[str, str]:
    """First words of each line → the line."""
    return {" ".join(line.split()[:2]): " ".join(line.split()) for line in ran.out.splitlines()}


class TestCommand:
    def test_the_documents_example_is_done_step_by_step(self, manage: Manage) -> None:
        where = ("--regions", THREE, "--billing", "provisioned")
        ran = manage("cost", "flights", "--writes", 10, *where)
        assert (ran.code, ran.err) == (0, "")
        lines = words(ran)
        assert lines["in 3"] == "in 3 regions 10 + 10 + 10 = 30 10 + 10 + 10 = 30"
        assert lines["written twice"] == "written twice 30 × 2 = 60 once"
        assert lines["altogether 60"] == "altogether 60 30"
        assert "check them at https://aws.amazon.com/dynamodb/pricing/" in " ".join(ran.out.split())
        assert "storage" in lines["Left out:"]

    @pytest.mark.usefixtures("exercises")
    def test_the_table_s_own_regions_and_billing_are_the_default(self, manage: Manage) -> None:
        found = manage("cost", "flights", "--per-second", "100", "--json").json
        assert found["regions"] == [OHIO, IRELAND]
        assert found["billing"] == "on-demand"
        assert (found["write_units_2017"], found["write_units"]) == (40, 20)
        assert found["month"]["regions"][0]["write_units"] == 262_800_000
        assert found["month"]["price_per"] == "million units"

    def test_where_it_is_away_it_is_reckoned_as_defined(
        self, manage: Manage, exercises: RunningSandbox
    ) -> None:
        exercises.control.outage(OHIO)
        exercises.control.outage(IRELAND)
        ran = manage("cost", "flights", "--json")
        assert (ran.json["regions"], ran.json["billing"]) == ([OHIO, IRELAND], "provisioned")
        assert ran.err.startswith("No region answers")
        assert "Reckoned as flights is defined, in us-east-2, eu-west-1." in ran.err

    def test_a_month_by_its_writes_is_a_month_by_its_rate(self, manage: Manage) -> None:
        where = ("--regions", THREE, "--billing", "on-demand", "--json")
        by_month = manage("cost", "flights", "--per-month", "2628000", *where).json
        by_second = manage("cost", "flights", "--per-second", "1", *where).json
        assert by_month == by_second
        assert by_month["month"]["unknown_prices"] == []
        assert by_month["month"]["known_dollars"] == pytest.approx(5.13)

    def test_a_region_without_a_price_is_said_and_left_out_of_the_sum(self, manage: Manage) -> None:
        where = ("--regions", f"{VIRGINIA},mx-central-1", "--billing", "on-demand")
        ran = manage("cost", "flights", "--per-month", 10_000_000, *where)
        assert "A month costs at least $ 6.25" in ran.out
        assert "no price is known for mx-central-1." in ran.out
        nowhere = manage("cost", "flights", "--regions", "mx-central-1", "--billing", "on-demand")
        assert "$" not in nowhere.out

    def test_reads_are_reckoned_in_the_first_region(
        self, manage: Manage, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("COLUMNS", "120")
        where = ("--regions", THREE, "--billing", "provisioned", "--per-second", "70")
        ran = manage("cost", "flights", "--reads", 20, *where, "--consistent")
        assert "20 reads in us-east-2, consistent: steps of 4 KB, 20 × 1 = 20" in " ".join(
            ran.out.split()
        )
        month = ran.out[ran.out.index("A month") :].splitlines()
        ohio, ireland = (line.split() for line in month[2:4])
        assert ohio[:5] == [OHIO, "100", "0.00065", "200", "0.00013"]
        assert ireland[3] == "0"

    @pytest.mark.parametrize(
        ("arguments", "sentence"),
        [
            (["nosuch"], "Table nosuch is not in"),
            (["flights", "--regions", "nowhere-1"], "'nowhere-1' is not an AWS region"),
            (["flights", "--regions", f"{OHIO},{OHIO}"], "names a region twice"),
            (["flights", "--regions", ""], "No region is named"),
            (["flights", "--writes", "0"], "--writes is 0: write a number from 1"),
            (["flights", "--writes", "many"], "--writes is many: write a number"),
            (["flights", "--writes", "1e99"], "--writes is 1e99: write a number"),
            (["flights", "--reads", "-1"], "--reads is -1: write a number from 0"),
            (["flights", "--size-kb", "401"], "--size-kb is 401: write a number from 0.001 to 400"),
            (["flights", "--per-second", "0"], "--per-second is 0: write a number"),
        ],
    )
    @pytest.mark.usefixtures("exercises")
    def test_bad_input_is_one_clear_sentence(
        self, manage: Manage, arguments: list[Any], sentence: str
    ) -> None:
        ran = manage("cost", *arguments)
        assert (ran.code, ran.out) == (2, "")
        assert sentence in ran.err
        assert ran.err.count("\n") == 1
