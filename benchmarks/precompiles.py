"""Every precompile at its usual sizes, beside py-evm's: CPU time of a call, and of a block full of calls.

The peer is py-evm's own precompile (py-ecc behind the curves). Inputs are valid and of the expensive kind. With --full
the peer also runs where it takes more than a second a call; results of both are compared before they are timed. py-evm
has nothing of Osaka. The block is a loop of STATICCALLs: what they cost around the precompile is part of it.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial

import ckzg
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed, decode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256
from py_arkworks_bls12381 import G1Point, G2Point, Scalar
from zksnake._algebra import ec_bn254  # type: ignore[import-untyped]

from benchmarks.measurement import Measurement, Options
from chain.errors import InvariantViolation
from chain.keccak import keccak256
from chain.secp256k1 import PrivateKey
from chain.types import Address
from tests.vm.precompiles.reference import address, reference
from tests.vm.worlds import ENVIRONMENT, assemble, funded
from vm.call import OUT_OF_GAS, new_context
from vm.environment import TransactionContext
from vm.forks import Fork
from vm.message import CallKind, Message
from vm.precompiles import PRECOMPILES, load_trusted_setup

BN_ORDER = 0x30644E72E131A029B85045B68181585D2833E84879B9709143E1F593F0000001
BUDGET_S = 0.25
BLOCK_GAS = 30_000_000
SLOW_GAS = 100_000  # py-evm takes a second and more for a call of this price


def words(*numbers: int) -> bytes:
    return b"".join(n.to_bytes(32, "big") for n in numbers)


def pad(raw: bytes) -> bytes:
    return b"".join(bytes(16) + raw[i : i + 48] for i in range(0, len(raw), 48))


def bls_g1(n: int) -> bytes:
    return pad((G1Point() * Scalar(n)).to_xy_bytes_be())


def bls_g2(n: int) -> bytes:
    return pad((G2Point() * Scalar(n)).to_xy_bytes_be())


def bn_pairs(count: int) -> bytes:
    out = b""
    for i in range(count):
        p = ec_bn254.g1() * (i + 3) ** 40
        q = ec_bn254.g2() * (i + 5) ** 40
        out += words(p.x, p.y, q.x[1], q.x[0], q.y[1], q.y[0])
    return out


def inputs() -> Iterator[tuple[int, str, bytes]]:
    key = PrivateKey(b"\x07" * 32)
    digest = keccak256(b"measured")
    y_parity, r, s = key.sign(digest)
    yield 1, "ecrecover", digest + words(27 + y_parity, r, s)
    for size in (32, 1024):
        yield 2, f"sha256 {size} B", bytes(size)
        yield 3, f"ripemd160 {size} B", bytes(size)
        yield 4, f"identity {size} B", bytes(size)
    for size, exponent in ((1, 2048), (8, 256), (32, 32), (256, 32), (256, 256), (1024, 32)):
        head = words(size, exponent, size)
        yield (
            5,
            f"modexp {size} B ^ {exponent} B",
            head + b"\xfe" * size + b"\xff" * exponent + b"\xff" * (size - 1) + b"\xfd",
        )
    p, q = ec_bn254.g1() * 3**90, ec_bn254.g1() * 5**70
    yield 6, "bn254 add", words(p.x, p.y, q.x, q.y)
    yield 7, "bn254 mul", words(p.x, p.y, BN_ORDER - 12345)
    for count in (1, 2, 4, 8):
        yield 8, f"bn254 pairing {count}", bn_pairs(count)
    for rounds in (12, 100_000):
        yield 9, f"blake2f {rounds} rounds", rounds.to_bytes(4, "big") + bytes(208) + b"\x01"
    setup = load_trusted_setup()
    blob = b"".join(i.to_bytes(32, "big") for i in range(4096))
    commitment = ckzg.blob_to_kzg_commitment(blob, setup)
    proof, y = ckzg.compute_kzg_proof(blob, bytes(31) + b"\x09", setup)
    versioned = b"\x01" + hashlib.sha256(commitment).digest()[1:]
    yield 10, "point evaluation", versioned + bytes(31) + b"\x09" + y + commitment + proof
    yield 11, "bls g1 add", bls_g1(3**100) + bls_g1(5**90)
    yield 13, "bls g2 add", bls_g2(3**100) + bls_g2(5**90)
    for count in (1, 16, 128):
        scalar = b"\x73" * 32
        yield 12, f"bls g1 msm {count}", b"".join(bls_g1((i + 3) ** 30) + scalar for i in range(count))
        yield 14, f"bls g2 msm {count}", b"".join(bls_g2((i + 3) ** 30) + scalar for i in range(count))
    for count in (1, 2, 8):
        yield (
            15,
            f"bls pairing {count}",
            b"".join(bls_g1((i + 3) ** 30) + bls_g2((i + 5) ** 30) for i in range(count)),
        )
    yield 5, "modexp slowest shape, Prague", words(8, 100, 8) + b"\xfe" * 8 + b"\xff" * 107 + b"\xfe"
    yield 16, "bls map fp to g1", bytes(17) + b"\x11" * 47
    yield 17, "bls map fp2 to g2", (bytes(17) + b"\x11" * 47) * 2


def osaka_inputs() -> Iterator[tuple[int, str, bytes]]:
    key = ec.derive_private_key(7, ec.SECP256R1())
    digest = b"\x11" * 32
    r, s = decode_dss_signature(key.sign(digest, ec.ECDSA(Prehashed(SHA256()))))
    point = key.public_key().public_numbers()
    yield 0x100, "p256 verify", digest + words(r, s, point.x, point.y)
    for name, (base, exponent, modulus) in (
        ("modexp slowest shape, Osaka", (24, 2, 31)),
        ("modexp 1024 B ^ 1024 B, Osaka", (1024, 1024, 1024)),
    ):
        numbers = b"\xfe" * base + b"\xff" * (exponent + modulus - 1) + b"\xfd"
        yield 5, name, words(base, exponent, modulus) + numbers


def run(options: Options) -> Iterator[Measurement]:
    """Yields CPU microseconds and million gas per second of each, and seconds of a block of 30 million gas."""
    for number, name, payload in osaka_inputs():
        precompile = PRECOMPILES[Fork.OSAKA][address(number)]
        us = _best_us(partial(precompile.run, payload), BUDGET_S)
        yield Measurement(f"precompile/{name}", us, "us")
        yield Measurement(f"precompile/{name}/speed", precompile.gas(payload) / us, "Mgas/s", better="higher")
        yield Measurement(f"precompile/{name}/block", _block_s(Fork.OSAKA, number, payload), "s")
    for number, name, payload in inputs():
        precompile = PRECOMPILES[Fork.PRAGUE][address(number)]
        gas = precompile.gas(payload)
        peer: float | None = None
        if options.full or gas < SLOW_GAS:
            if (gas, precompile.run(payload)) != reference(number, payload):
                raise InvariantViolation(f"{name}: not what py-evm computes")
            peer = _best_us(partial(reference, number, payload), BUDGET_S / 2)
        us = _best_us(partial(precompile.run, payload), BUDGET_S)
        yield Measurement(f"precompile/{name}", us, "us", peer=peer)
        yield Measurement(f"precompile/{name}/speed", gas / us, "Mgas/s", better="higher")
        yield Measurement(f"precompile/{name}/block", _block_s(Fork.PRAGUE, number, payload), "s")


def _block_s(fork: Fork, number: int, payload: bytes) -> float:
    """Processor seconds for BLOCK_GAS of calls, extrapolated from a part; the better of two runs."""
    copy = assemble(len(payload), 0, 0, "CALLDATACOPY")
    call = assemble("JUMPDEST", 0, 0, len(payload), 0, number, "GAS", "STATICCALL", "POP", len(copy), "JUMP")
    target = Address(address(0xC0DE))
    gas = max(BLOCK_GAS // 10, 4 * PRECOMPILES[fork][address(number)].gas(payload))
    best = float("inf")
    for _ in range(2):
        world = funded().add(target, nonce=1, code=copy + call).world
        context = new_context(world, replace(ENVIRONMENT, fork=fork), TransactionContext(target, 0))
        message = Message(CallKind.CALL, target, target, target, 0, payload, gas)
        start = time.process_time()
        outcome = context.execute_message(context, message)
        best = min(best, time.process_time() - start)
        if outcome.error != OUT_OF_GAS:
            raise InvariantViolation(f"the loop ended otherwise: {outcome.error}")
    return best * BLOCK_GAS / gas


def _best_us(call: Callable[[], object], budget_s: float) -> float:
    best = float("inf")
    deadline = time.perf_counter() + budget_s
    while True:
        start = time.process_time_ns()
        call()
        best = min(best, (time.process_time_ns() - start) / 1e3)
        if time.perf_counter() > deadline:
            return best
