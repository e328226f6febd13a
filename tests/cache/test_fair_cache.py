"""The bounded cache that namespaces share."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from wfreport.cache.fair_cache import FairCache

NAMESPACES = "xyz"
VALUES = st.tuples(st.sampled_from(NAMESPACES), st.integers(0, 20), st.integers(0, 40))


def a_cache(*, max_entries: int = 6, max_weight: int = 60) -> FairCache[tuple[str, int], int]:
    return FairCache(
        namespace_of=lambda key: key[0], max_entries=max_entries, max_weight=max_weight, weight_of=lambda value: value
    )


@given(puts=st.lists(VALUES, max_size=60))
def test_a_namespace_below_its_share_loses_nothing_and_the_cache_stays_bounded(
    puts: list[tuple[str, int, int]],
) -> None:
    cache, stored = a_cache(), dict[tuple[str, int], int]()
    for namespace, number, weight in puts:
        key = (namespace, number)
        stored[key] = weight
        in_use = {name for name, _ in stored}
        sizes = {name: [w for (n, _), w in stored.items() if n == name] for name in in_use}
        safe = {name for name, w in sizes.items() if len(w) < 6 / len(in_use) and sum(w) < 60 / len(in_use)}
        for evicted, value in cache.put(key, weight):
            assert stored.pop(evicted) == value
            assert evicted[0] not in safe
        assert {key: cache.get(key) for key in stored} == stored
        assert (len(cache), cache.weight) == (len(stored), sum(stored.values()))
        assert len(cache) <= 6
        assert cache.weight <= 60 or stored[key] > 0
    for key in tuple(stored):
        assert cache.remove(key) == stored[key]
    assert (len(cache), cache.weight) == (0, 0)


def test_a_value_that_weighs_more_than_all_stays_until_the_next_one() -> None:
    cache = a_cache()
    assert cache.put(("x", 1), 500) == []
    assert cache.put(("y", 1), 10) == [(("x", 1), 500)]


def test_the_namespace_that_has_most_loses_its_oldest_value() -> None:
    cache = a_cache(max_entries=3)
    for number in range(3):
        cache.put(("x", number), 1)
    assert cache.put(("y", 0), 1) == [(("x", 0), 1)]
