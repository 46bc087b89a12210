"""Keys from mnemonics: the published vectors of BIP-39 and BIP-32, and the accounts that every wallet shows."""

import pytest
from eth_account import Account

from chain.hd import (
    HARDENED,
    ExtendedKey,
    InvalidDerivation,
    InvalidMnemonic,
    derive_accounts,
    derive_child,
    master_key,
    mnemonic_seed,
)
from chain.secp256k1 import CURVE_ORDER
from chain.types import checksum_address

DEV_MNEMONIC = "test test test test test test test test test test test junk"
ABANDON = "abandon " * 11 + "about"


def test_the_seed_vector_of_bip_39() -> None:
    assert mnemonic_seed(ABANDON, "TREZOR").hex() == (
        "c55257c360c07c72029aebc1b53c05ed0362ada38ead3e3e9efa3708e5349553"
        "1f09a6987599d18264c1e1c92f2cf141630c7a3c4ab7c81b2f001698e7463b04"
    )


def test_the_first_vector_of_bip_32() -> None:
    master = master_key(bytes(range(16)))
    assert master.secret.hex() == "e8f32e723decf4051aefac8e2c93c9c5b214313817cdb01a1494b917c8436b35"
    assert master.chain_code.hex() == "873dff81c02f525623fd1fe5167eac3a55a049de3d314bb42ee227ffed37d508"
    child = derive_child(master, HARDENED)
    assert child.secret.hex() == "edb2e14f9ee77d26dd93b4ecede8d16ed408ce149b6cd80b0715a2d911a0afea"
    assert child.chain_code.hex() == "47fdacbd0f1097043b78c63c20c34ef4ed9a111d980047ad16282c7ae6236141"
    grandchild = derive_child(child, 1)
    assert grandchild.secret.hex() == "3c6cb8d0f6a264c91ea8b5030fadaa8e538b020f0a387421a12de9319dc93368"


def test_the_accounts_of_development_chains() -> None:
    accounts = derive_accounts(DEV_MNEMONIC, 10)
    assert accounts[0].secret.hex() == "ac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80"
    assert checksum_address(accounts[0].address) == "0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266"
    assert checksum_address(accounts[1].address) == "0x70997970C51812dc3A010C7d01b50e0d17dc79C8"
    assert checksum_address(accounts[9].address) == "0xa0Ee7A142d267C1f36714E4a8F75612F20a79720"


@pytest.mark.parametrize("passphrase", ["", "päss"])
def test_agrees_with_eth_account(passphrase: str) -> None:
    Account.enable_unaudited_hdwallet_features()
    for index, key in enumerate(derive_accounts(ABANDON, 3, passphrase=passphrase)):
        expected = Account.from_mnemonic(ABANDON, passphrase, f"m/44'/60'/0'/0/{index}")
        assert key.secret == bytes(expected.key)


def test_spacing_and_unicode_form_do_not_matter() -> None:
    assert mnemonic_seed("  abandon\n" * 11 + " about ") == mnemonic_seed(ABANDON)
    assert mnemonic_seed(ABANDON, "é") == mnemonic_seed(ABANDON, "é")


@pytest.mark.parametrize("mnemonic", ["", "test", "test " * 11, "test " * 13, "test " * 27])
def test_other_numbers_of_words_are_refused_without_repeating_them(mnemonic: str) -> None:
    with pytest.raises(InvalidMnemonic) as caught:
        mnemonic_seed(mnemonic)
    assert "test" not in str(caught.value)


@pytest.mark.parametrize("length", [0, 15, 65])
def test_seeds_of_other_lengths_are_refused(length: int) -> None:
    with pytest.raises(InvalidDerivation):
        master_key(bytes(length))


@pytest.mark.parametrize("index", [-1, 2**32])
def test_indices_out_of_range_are_refused(index: int) -> None:
    with pytest.raises(InvalidDerivation):
        derive_child(master_key(bytes(range(16))), index)


def test_extended_keys_do_not_show_their_secret() -> None:
    key = ExtendedKey((CURVE_ORDER - 1).to_bytes(32, "big"), bytes(32))
    assert repr(key) == str(key) == "ExtendedKey(...)"
