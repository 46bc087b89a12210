from state.columns import META_FOREIGN_PREFIX, META_GENESIS, META_HEAD, META_SCHEMA, Column, number_key


def test_every_column_is_one_byte_of_its_own() -> None:
    prefixes = [column.value for column in Column.__members__.values()]
    assert all(len(prefix) == 1 for prefix in prefixes)
    assert len(set(prefixes)) == len(prefixes)


def test_keys_of_numbers_sort_as_the_numbers_do() -> None:
    numbers = [0, 1, 255, 256, 65_535, 2**32, 2**64 - 1]
    keys = [number_key(Column.HEADER, number) for number in numbers]
    assert keys == sorted(keys)


def test_records_of_other_layers_cannot_take_the_names_of_our_own() -> None:
    assert not any(name.startswith(META_FOREIGN_PREFIX) for name in (META_SCHEMA, META_GENESIS, META_HEAD))
