"""The hash is Keccak-256, and a machine without a fast one is told so."""

import hashlib
import os

import pytest
import sha3
from hypothesis import given
from hypothesis import strategies as st

from chain import keccak
from chain.errors import EnvironmentFault


@pytest.mark.parametrize(
    ("message", "digest"),
    [
        (b"", "c5d2460186f7233c927e7db2dcc703c0e500b653ca82273b7bfad8045d85a470"),
        (b"abc", "4e03657aea45a94fc7d47ba826c8d667c0d1e6e33a64a036ec44f58fa12d6c45"),
        (b"testing", "5f16f4c7f149ac4f9510d9cf8cf384038ad348b3bcdc01915f95de12df9d1b02"),
    ],
)
def test_known_digests(message: bytes, digest: str) -> None:
    assert keccak.keccak256(message).hex() == digest


@given(st.binary(max_size=600))
def test_agrees_with_pysha3_across_block_boundaries(message: bytes) -> None:
    assert keccak.keccak256(message) == sha3.keccak_256(message).digest()


def test_the_well_known_hashes_of_empty_things() -> None:
    assert keccak.EMPTY_TRIE_ROOT.hex() == "56e81f171bcc55a6ff8345e692c0f86e5b48e01b996cadc001622fb5e363b421"
    assert (
        keccak.EMPTY_OMMERS_HASH.hex() == "1dcc4de8dec75d7aab85b567b6ccd41ad312451b948a7413f0a142fd40d49347"
    )
    assert (
        keccak.EMPTY_REQUESTS_HASH.hex() == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    )


def test_the_fallback_is_used_when_the_first_choice_is_missing() -> None:
    def missing() -> object:
        raise ImportError

    chosen = keccak._select_implementation((missing, keccak._pysha3))  # type: ignore[arg-type]
    assert chosen(b"abc") == keccak.keccak256(b"abc")


def test_a_machine_without_fast_keccak_is_told_what_to_install() -> None:
    def missing() -> object:
        raise ImportError

    with pytest.raises(EnvironmentFault, match="pip install tiny-keccak"):
        keccak._select_implementation((missing, missing))  # type: ignore[arg-type]


def test_fips_sha3_is_not_mistaken_for_keccak() -> None:
    def wrong_padding() -> object:
        return lambda message: hashlib.sha3_256(message).digest()

    with pytest.raises(EnvironmentFault):
        keccak._select_implementation((wrong_padding,))  # type: ignore[arg-type]


def test_third_party_libraries_are_pointed_to_a_fast_back_end() -> None:
    assert os.environ["ETH_HASH_BACKEND"] == "pysha3"
