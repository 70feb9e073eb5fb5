"""Percentiles and histograms."""

import random
from statistics import quantiles

import pytest

from gtsite.experiments.statistics import Bin, histogram, percentile


def test_percentiles_are_those_that_python_calls_inclusive() -> None:
    values = [random.Random(seed).uniform(0, 1000) for seed in range(41)]
    cuts = quantiles(values, n=100, method="inclusive")
    assert [percentile(values, p) for p in range(1, 100)] == pytest.approx(cuts)


def test_a_percentile_of_little_is_what_there_is() -> None:
    assert percentile([], 50) is None
    assert percentile([7.0], 99) == 7.0
    assert [percentile([3.0, 1.0], p) for p in (0, 50, 100)] == [1.0, 2.0, 3.0]


def test_there_is_no_percentile_beyond_a_hundred() -> None:
    with pytest.raises(ValueError, match="from 0 to 100"):
        percentile([1.0], 101)


def test_a_histogram_holds_every_value_once_between_round_edges() -> None:
    assert histogram([1.0, 12.0, 19.9, 30.0], 3) == (
        Bin(low=0.0, high=10.0, count=1),
        Bin(low=10.0, high=20.0, count=2),
        Bin(low=20.0, high=30.0, count=1),
    )


@pytest.mark.parametrize("bins", [1, 2, 12])
def test_a_histogram_of_anything_has_no_more_bins_than_asked_for(bins: int) -> None:
    for seed in range(200):
        dice = random.Random(seed)
        values = [dice.uniform(0, 10 ** dice.uniform(-3, 6)) for _ in range(dice.randint(1, 60))]
        found = histogram(values, bins)
        assert len(found) <= bins
        assert sum(each.count for each in found) == len(values)
        assert found[0].low <= min(values)
        assert found[-1].high >= max(values)


def test_a_histogram_of_one_value_and_of_none() -> None:
    (only,) = histogram([250.0, 250.0], 12)
    assert only.count == 2
    assert only.low <= 250 <= only.high
    assert histogram([], 12) == ()
    with pytest.raises(ValueError, match="at least one"):
        histogram([1.0], 0)
