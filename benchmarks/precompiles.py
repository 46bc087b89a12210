"""Every precompile at its usual sizes, beside py-evm's: CPU time of a call, price included.

The peer is py-evm's own precompile (py-ecc behind the curves). Inputs are valid and of the expensive kind. With --full
the peer also runs where it takes more than a second a call; results of both are compared before they are timed.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Iterator
from functools import partial

import ckzg
from py_arkworks_bls12381 import G1Point, G2Point, Scalar
from zksnake._algebra import ec_bn254  # type: ignore[import-untyped]

from benchmarks.measurement import Measurement, Options
from chain.errors import InvariantViolation
from chain.keccak import keccak256
from chain.secp256k1 import PrivateKey
from tests.vm.precompiles.reference import address, reference
from vm.forks import Fork
from vm.precompiles import PRECOMPILES, load_trusted_setup

BN_ORDER = 0x30644E72E131A029B85045B68181585D2833E84879B9709143E1F593F0000001
BUDGET_S = 0.25
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
    yield 16, "bls map fp to g1", bytes(17) + b"\x11" * 47
    yield 17, "bls map fp2 to g2", (bytes(17) + b"\x11" * 47) * 2


def run(options: Options) -> Iterator[Measurement]:
    """Yields CPU microseconds and million gas per second of each."""
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


def _best_us(call: Callable[[], object], budget_s: float) -> float:
    best = float("inf")
    deadline = time.perf_counter() + budget_s
    while True:
        start = time.process_time_ns()
        call()
        best = min(best, (time.process_time_ns() - start) / 1e3)
        if time.perf_counter() > deadline:
            return best
