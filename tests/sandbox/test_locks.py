"""Whoever holds an item holds it alone, and nothing is left of a lock that nobody wants."""

import asyncio
from collections.abc import Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gtsite.sandbox.data_plane.locks import ItemLocks

keys = st.lists(st.sampled_from("abcd"), max_size=6)


@given(st.lists(keys, max_size=6), st.integers(0, 3))
def test_holders_of_one_key_never_overlap_and_all_get_their_turn(
    wanted: list[list[str]], pauses: int
) -> None:
    async def run() -> None:
        locks = ItemLocks()
        held: set[str] = set()

        async def hold(mine: list[str]) -> None:
            async with locks.all_of(mine):
                assert held.isdisjoint(mine)
                held.update(mine)
                for _ in range(pauses):
                    await asyncio.sleep(0)
                held.difference_update(mine)

        async with asyncio.timeout(30):
            await asyncio.gather(*(hold(mine) for mine in wanted))
        assert_nothing_is_left(locks)

    asyncio.run(run())


@given(st.lists(keys, min_size=2, max_size=6), st.integers(0, 5), st.integers(0, 4))
def test_whoever_is_cancelled_holding_or_waiting_leaves_the_locks_to_the_others(
    wanted: list[list[str]], victim: int, after: int
) -> None:
    async def run() -> None:
        locks = ItemLocks()

        async def hold(mine: Iterable[str]) -> None:
            async with locks.all_of(mine):
                await asyncio.sleep(0)
                await asyncio.sleep(0)

        tasks = [asyncio.create_task(hold(mine)) for mine in wanted]
        for _ in range(after):
            await asyncio.sleep(0)
        tasks[victim % len(tasks)].cancel()
        async with asyncio.timeout(30):
            await asyncio.gather(*tasks, return_exceptions=True)
        assert_nothing_is_left(locks)

    asyncio.run(run())


def test_an_error_inside_lets_go() -> None:
    async def run() -> None:
        locks = ItemLocks()
        with pytest.raises(ValueError, match="inside"):
            async with locks.all_of(["a", "b"]):
                raise ValueError("inside")
        assert_nothing_is_left(locks)

    asyncio.run(run())


def assert_nothing_is_left(locks: ItemLocks) -> None:
    assert locks._locks == {}
    assert locks._users == {}
