"""The key file, the two-slot record, and the rule against signing twice."""

import json
import os
from pathlib import Path
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chain.errors import InvariantViolation
from chain.keccak import keccak256
from chain.secp256k1 import PrivateKey, verify
from chain.types import Hash32
from consensus.durable import DiskFault
from consensus.sign_bytes import sign_bytes
from consensus.signer import (
    DoubleSignRefused,
    FileSigner,
    KeyFile,
    KeyFileUnusable,
    KeyInUse,
    SignedRecord,
    SignerState,
    SignerStateDamaged,
    SignStep,
    decode_slot,
    encode_slot,
)
from consensus.types import Proposal, SignedMessage, Vote, VoteKind
from tests.sim.disk import PowerCut, SimDisk

KEY = PrivateKey(b"\x11" * 32)
BLOCK_A, BLOCK_B = Hash32(b"\xaa" * 32), Hash32(b"\xbb" * 32)
NAME = "key.state"


def prevote(height: int, round_: int, block_id: Hash32 | None = BLOCK_A) -> Vote:
    return Vote(VoteKind.PREVOTE, height, round_, block_id, KEY.address)


def precommit(height: int, round_: int, block_id: Hash32 | None = BLOCK_A) -> Vote:
    return Vote(VoteKind.PRECOMMIT, height, round_, block_id, KEY.address)


def proposal(height: int, round_: int, block_id: Hash32 = BLOCK_A) -> Proposal:
    return Proposal(height, round_, -1, block_id, KEY.address)


def signer_on(disk: SimDisk) -> FileSigner:
    signer = FileSigner(KEY, disk, NAME, chain_id=7)
    if signer.last_height() is None:
        signer.create_state()
    return signer


def test_a_signature_verifies_under_the_public_key() -> None:
    signed = signer_on(SimDisk()).sign(prevote(5, 0))
    assert verify(KEY.public_key, keccak256(sign_bytes(7, signed)), signed.signature)


def test_the_same_message_gets_the_stored_signature_without_a_write() -> None:
    disk = SimDisk()
    signer = signer_on(disk)
    first = signer.sign(prevote(5, 0))
    writes = disk.operations
    assert signer.sign(prevote(5, 0)) == first
    assert disk.operations == writes


@pytest.mark.parametrize(
    ("last", "refused"),
    [
        (prevote(5, 1), prevote(5, 1, BLOCK_B)),
        (prevote(5, 1), prevote(5, 1, None)),
        (prevote(5, 1), prevote(5, 0)),
        (prevote(5, 1), precommit(5, 0)),
        (prevote(5, 1), precommit(4, 9)),
        (precommit(5, 1), prevote(5, 1)),
        (prevote(5, 1), proposal(5, 1)),
        (proposal(5, 1), proposal(5, 1, BLOCK_B)),
    ],
)
def test_a_conflicting_or_earlier_message_is_refused(last: SignedMessage, refused: SignedMessage) -> None:
    signer = signer_on(SimDisk())
    signer.sign(last)
    with pytest.raises(DoubleSignRefused):
        signer.sign(refused)


@pytest.mark.parametrize(
    ("last", "allowed"),
    [
        (proposal(5, 1), prevote(5, 1)),
        (prevote(5, 1), precommit(5, 1, None)),
        (precommit(5, 1), proposal(5, 2)),
        (precommit(5, 1), prevote(6, 0, BLOCK_B)),
    ],
)
def test_a_later_step_is_signed(last: SignedMessage, allowed: SignedMessage) -> None:
    signer = signer_on(SimDisk())
    signer.sign(last)
    assert signer.sign(allowed).signature


def test_no_power_cut_lets_a_released_signature_be_forgotten() -> None:
    """Cut the power at every disk operation of a run of votes, reopen, and try to sign otherwise."""
    for cut_in in range(60):
        disk = SimDisk()
        signer = signer_on(disk)
        released: list[SignedMessage] = []
        disk.cut_in = cut_in
        try:
            for height in range(1, 12):
                released.append(signer.sign(prevote(height, 0)))
        except PowerCut:
            pass
        disk.power_cut(Random(cut_in))
        signer = signer_on(disk)
        for vote in released:
            with pytest.raises(DoubleSignRefused):
                signer.sign(prevote(vote.height, 0, BLOCK_B))
        signer.sign(prevote(len(released) + 2, 0))


def test_one_unreadable_slot_falls_back_to_the_other() -> None:
    disk = SimDisk()
    signer = signer_on(disk)
    signer.sign(prevote(1, 0))
    signer.sign(prevote(2, 0))  # sequence 2, in slot 0
    disk.files[NAME].visible[20] ^= 1
    assert signer_on(disk).last_height() == 1


def test_two_unreadable_slots_refuse_to_start() -> None:
    disk = SimDisk()
    signer_on(disk).sign(prevote(1, 0))
    disk.files[NAME].visible[20] ^= 1
    disk.files[NAME].visible[4096 + 20] ^= 1
    with pytest.raises(SignerStateDamaged, match="both slots"):
        signer_on(disk)


def test_the_state_of_another_key_is_refused() -> None:
    disk = SimDisk()
    signer_on(disk)
    with pytest.raises(SignerStateDamaged, match="another consensus key"):
        SignerState.open(disk, NAME, PrivateKey(b"\x22" * 32).address)


def test_observing_a_forgotten_message_raises_the_guard() -> None:
    signer = signer_on(SimDisk())
    own = signer_on(SimDisk()).sign(precommit(9, 3))
    assert signer.observe(own)
    assert not signer.observe(own)
    with pytest.raises(DoubleSignRefused):
        signer.sign(precommit(9, 3, None))
    assert signer.sign(precommit(9, 3)) == own


def test_nothing_is_signed_after_a_disk_fault() -> None:
    disk = SimDisk()
    signer = signer_on(disk)
    disk.cut_in = 0
    with pytest.raises(PowerCut):
        signer.sign(prevote(1, 0))
    with pytest.raises(InvariantViolation):
        signer.sign(prevote(1, 0))


records = st.builds(
    SignedRecord,
    sequence=st.integers(0, 2**64 - 1),
    height=st.integers(0, 2**63 - 1),
    round=st.integers(0, 2**31 - 1),
    step=st.sampled_from([SignStep.PROPOSAL, SignStep.PREVOTE, SignStep.PRECOMMIT]),
    sign_bytes=st.binary(max_size=200),
    signature=st.binary(min_size=64, max_size=64),
)


@given(records)
def test_a_slot_reads_back_as_written(record: SignedRecord) -> None:
    assert decode_slot(encode_slot(record, KEY.address).ljust(4096, b"\0")) == (record, KEY.address)


@given(records, st.data())
def test_a_slot_with_one_flipped_bit_is_unreadable(record: SignedRecord, data: st.DataObject) -> None:
    raw = bytearray(encode_slot(record, KEY.address))
    bit = data.draw(st.integers(0, len(raw) * 8 - 1))
    raw[bit // 8] ^= 1 << bit % 8
    assert decode_slot(bytes(raw)) is None


@given(st.binary(max_size=300))
def test_arbitrary_bytes_are_an_unreadable_slot(raw: bytes) -> None:
    assert decode_slot(raw) is None


def test_a_created_key_file_is_private_and_loads(tmp_path: Path) -> None:
    path = tmp_path / "validator.json"
    address = FileSigner.create(path)
    assert path.stat().st_mode & 0o777 == 0o600
    signer = FileSigner.load(path, 7)
    assert signer.address == address
    assert signer.last_height() == 0
    assert signer.sign(prevote(1, 0)).signature
    signer.close()


def test_a_signer_on_a_real_disk_remembers_across_processes(tmp_path: Path) -> None:
    path = tmp_path / "key.json"
    FileSigner.create(path)
    signer = FileSigner.load(path, 7)
    signed = signer.sign(prevote(3, 1))
    signer.close()
    again = FileSigner.load(path, 7)
    assert again.last_height() == 3
    assert again.sign(prevote(3, 1)) == signed
    with pytest.raises(DoubleSignRefused):
        again.sign(prevote(3, 1, None))
    again.close()


def test_a_key_whose_state_is_missing_says_so_and_does_not_sign(tmp_path: Path) -> None:
    path = tmp_path / "key.json"
    FileSigner.create(path)
    (tmp_path / "key.state").unlink()
    signer = FileSigner.load(path, 7)
    assert signer.last_height() is None
    with pytest.raises(InvariantViolation):
        signer.sign(prevote(1, 0))
    signer.close()


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o644])
def test_a_key_file_that_others_can_read_is_refused(tmp_path: Path, mode: int) -> None:
    path = tmp_path / "key.json"
    KeyFile.create(path)
    path.chmod(mode)
    with pytest.raises(KeyFileUnusable, match="chmod 600"):
        KeyFile.open(path)


def test_a_second_opening_of_the_key_is_refused_until_the_first_is_closed(tmp_path: Path) -> None:
    path = tmp_path / "key.json"
    KeyFile.create(path)
    first = KeyFile.open(path)
    with pytest.raises(KeyInUse):
        KeyFile.open(path)
    first.close()
    KeyFile.open(path).close()


def test_an_existing_key_file_is_never_overwritten(tmp_path: Path) -> None:
    path = tmp_path / "key.json"
    FileSigner.create(path, KEY.secret)
    with pytest.raises(KeyFileUnusable, match="exists"):
        FileSigner.create(path)
    opened = KeyFile.open(path)
    assert opened.key == KEY
    opened.close()


def test_a_state_without_its_key_is_never_overwritten(tmp_path: Path) -> None:
    path = tmp_path / "key.json"
    FileSigner.create(path)
    path.unlink()
    with pytest.raises(DiskFault, match="exists"):
        FileSigner.create(path)


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"{}",
        b"[]",
        b"null",
        b'{"format": "aurigraph-consensus-key", "version": 2}',
        b"\xff" * 30,
        b" " * 5000,
    ],
)
def test_a_file_that_is_no_key_file_is_refused(tmp_path: Path, text: bytes) -> None:
    path = tmp_path / "key.json"
    path.write_bytes(text)
    path.chmod(0o600)
    with pytest.raises(KeyFileUnusable):
        KeyFile.open(path)


def test_a_damaged_key_file_is_refused_without_showing_the_secret(tmp_path: Path) -> None:
    path = tmp_path / "key.json"
    KeyFile.create(path, KEY.secret)
    fields = json.loads(path.read_text())
    fields["public_key"] = "0x" + PrivateKey(b"\x22" * 32).public_key.hex()
    path.write_text(json.dumps(fields))
    with pytest.raises(KeyFileUnusable) as refused:
        KeyFile.open(path)
    assert KEY.secret.hex() not in str(refused.value)


def test_a_missing_key_or_a_link_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "key.json"
    with pytest.raises(KeyFileUnusable):
        KeyFile.open(path)
    KeyFile.create(tmp_path / "real.json")
    os.symlink(tmp_path / "real.json", path)
    with pytest.raises(KeyFileUnusable):
        KeyFile.open(path)
