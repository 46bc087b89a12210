"""Bytecode that costs a node as much as it can for its gas: one endless loop for each expensive thing."""

from __future__ import annotations

from collections.abc import Mapping

from tests.vm.worlds import assemble

G1 = (1).to_bytes(32, "big") + (2).to_bytes(32, "big")
G1_NEGATED = (1).to_bytes(32, "big") + (
    21888242871839275222246405745257275088696311157297823662689037894645226208581
).to_bytes(32, "big")
G2 = b"".join(
    number.to_bytes(32, "big")
    for number in (
        11559732032986387107991004021392285783925812861821192530917403151452391805634,
        10857046999023057135944570762232829481370756359578518086990519993285655852781,
        4082367875863433681332203403145435568316851327593401208105741076214120093531,
        8495653923123431417604973247489272438418190587263600148770280649306958101930,
    )
)


def loop(*body: int | str | bytes, before: bytes = b"") -> bytes:
    """`before` once, then `body` for ever."""
    return before + assemble("JUMPDEST", *body, len(before), "JUMP")


def memory(payload: bytes) -> bytes:
    """Writes `payload`, padded to words, at memory position 0."""
    words = [payload[at : at + 32].ljust(32, b"\0") for at in range(0, len(payload), 32)]
    return b"".join(assemble(word, 32 * index, "MSTORE") for index, word in enumerate(words))


def calls(precompile: int, payload: bytes, output: int = 64) -> bytes:
    """Calls a precompile with `payload` for ever."""
    size = len(payload)
    return loop(output, size, size, 0, precompile, "GAS", "STATICCALL", "POP", before=memory(payload))


def modexp(size: int, exponent: bytes) -> bytes:
    lengths = b"".join(n.to_bytes(32, "big") for n in (size, len(exponent), size))
    return lengths + b"\xff" * size + exponent + b"\xff" * (size - 1) + b"\xfd"


CREATE_ITSELF = assemble("CODESIZE", 0, 0, "CODECOPY", "CODESIZE", 0, 0, "CREATE", "POP")
FOUR_MEGABYTES = assemble(1, 3_700_000, "MSTORE")

CONTRACTS: Mapping[str, bytes] = {
    "jump loop": loop(),
    "cheap instructions": loop(*["GAS", "POP"] * 200),
    "cold slots": loop("DUP1", "SLOAD", "POP", 1, "ADD", before=assemble(0)),
    "cold accounts": loop("DUP1", "BALANCE", "POP", 1, "ADD", before=assemble(0x10000)),
    "new slots": loop(1, "DUP2", "SSTORE", 1, "ADD", before=assemble(0)),
    "transient slots": loop(1, "DUP2", "TSTORE", 1, "ADD", before=assemble(0)),
    "keccak of a word": loop(32, 0, "SHA3", "POP"),
    "ecrecover": calls(1, b"\x11" * 32 + bytes(31) + b"\x1b" + b"\x22" * 64, 32),
    "sha256": calls(2, b"\x55" * 32),
    "ripemd160": calls(3, b"\x55" * 32),
    "modexp": calls(5, modexp(32, b"\xff" * 32)),
    "large modexp": calls(5, modexp(1024, b"\x03")),
    "bn254 pairing": calls(8, G1 + G2 + G1_NEGATED + G2, 32),
    "bls pairing": calls(15, bytes(384), 32),
    "blake2f": calls(9, (0xFFFF).to_bytes(4, "big") + bytes(208) + b"\x01"),
    "point evaluation": calls(10, bytes(192)),
    "deep calls": loop(0, 0, 0, 0, 0, "ADDRESS", "GAS", "CALL", "POP"),
    "deep creations": loop(before=CREATE_ITSELF),
    "memory to the limit": loop(before=FOUR_MEGABYTES),
    "memory in every frame": loop(
        0, 0, 0, 0, 0, "ADDRESS", "GAS", "CALL", "POP", before=assemble(1, 24_000, "MSTORE")
    ),
    "memory copy": loop(0x40000, 0, 0, "MCOPY"),
    "code copy": loop(0x6000, 0, 0, "ADDRESS", "EXTCODECOPY"),
    "logs": loop(1024, 0, "LOG0"),
    "self destruct": loop(2, 30, 0, "CREATE", "POP", before=assemble(0x33FF, 0, "MSTORE")),
    "calls with much input": loop(
        0, 0, 2_000_000, 0, 0xABCD, 250, "STATICCALL", "POP", before=assemble(1, 2_000_000, "MSTORE")
    ),
    "copies of nothing": loop(*(0, 0, 0, "CODECOPY") * 100),
}
