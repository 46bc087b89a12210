import random

from state.caches import ByteBoundedCache, GenerationCache, VersionedCache


def test_generation_cache_keeps_its_bound_and_what_is_used() -> None:
    cache: GenerationCache[int, str] = GenerationCache(10)
    cache.put(-1, "kept")
    for key in range(100):
        cache.put(key, str(key))
        assert cache.get(-1) == "kept"
        assert len(cache) <= 10
    assert cache.get(99) == "99"
    assert cache.get(0) is None


def test_generation_cache_never_returns_a_replaced_or_discarded_entry() -> None:
    rng = random.Random(1)
    cache: GenerationCache[int, int] = GenerationCache(8)
    newest: dict[int, int] = {}
    for step in range(1, 5000):
        key = rng.randrange(12)
        action = rng.randrange(4)
        if action == 0:
            cache.put(key, step)
            newest[key] = step
        elif action == 1:
            cache.discard(key)
            newest.pop(key, None)
        else:
            found = cache.get(key)
            assert found is None or found == newest.get(key)


def test_byte_bounded_cache_drops_the_least_recently_used() -> None:
    cache: ByteBoundedCache[str, int] = ByteBoundedCache(100)
    cache.put("a", 1, 40)
    cache.put("b", 2, 40)
    assert cache.get("a") == 1
    cache.put("c", 3, 40)
    assert cache.get("b") is None
    assert (cache.get("a"), cache.get("c")) == (1, 3)


def test_byte_bounded_cache_counts_a_replaced_entry_once() -> None:
    cache: ByteBoundedCache[str, int] = ByteBoundedCache(100)
    for value in range(10):
        cache.put("a", value, 60)
    cache.put("b", 0, 40)
    assert (cache.get("a"), cache.get("b")) == (9, 0)


def test_byte_bounded_cache_does_not_keep_what_is_larger_than_itself() -> None:
    cache: ByteBoundedCache[str, int] = ByteBoundedCache(100)
    cache.put("small", 1, 50)
    cache.put("large", 2, 101)
    assert cache.get("large") is None
    assert cache.get("small") == 1


def test_versioned_cache_serves_old_readers_only_what_has_not_changed_since() -> None:
    cache: VersionedCache[str, int] = VersionedCache(100, version=5)
    cache.offer("same", 1, 5)
    cache.offer("changed", 1, 5)
    cache.advance(6, [("changed", 2)])
    assert cache.find("same", 5) == cache.find("same", 6) == (1, 5)
    assert cache.find("changed", 6) == (2, 6)
    assert cache.find("changed", 5) is None


def test_versioned_cache_takes_nothing_from_a_reader_of_an_older_version() -> None:
    cache: VersionedCache[str, int] = VersionedCache(100, version=5)
    cache.advance(6, [])
    cache.offer("key", 1, 5)
    assert cache.find("key", 6) is None


def test_versioned_cache_can_forget_everything_older() -> None:
    cache: VersionedCache[str, int] = VersionedCache(100, version=5)
    cache.offer("old", 1, 5)
    cache.advance(6, [("new", 2)], forget=True)
    assert cache.find("old", 6) is None
    assert cache.find("new", 6) == (2, 6)


def test_versioned_cache_is_true_for_every_reader_under_random_use() -> None:
    rng = random.Random(2)
    cache: VersionedCache[int, int] = VersionedCache(6, version=0)
    history: list[dict[int, int]] = [dict.fromkeys(range(10), 0)]
    for _ in range(5000):
        version = len(history) - 1
        if rng.randrange(4) == 0:
            changed = {rng.randrange(10): rng.randrange(1000) for _ in range(3)}
            history.append(history[-1] | changed)
            cache.advance(version + 1, changed.items())
            continue
        reader = max(0, version - rng.randrange(4))
        key = rng.randrange(10)
        entry = cache.young.get(key)
        if entry is None or entry[1] > reader:
            entry = cache.find(key, reader)
        if entry is None:
            cache.offer(key, history[reader][key], reader)
        else:
            assert entry[0] == history[reader][key]
        assert len(cache) <= 6
