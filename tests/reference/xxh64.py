"""XXH64 with seed 0, as its specification describes it: one word after the other."""

import struct

PRIMES = (
    0x9E3779B185EBCA87,
    0xC2B2AE3D27D4EB4F,
    0x165667B19E3779F9,
    0x85EBCA77C2B2AE63,
    0x27D4EB2F165667C5,
)
P1, P2, P3, P4, P5 = PRIMES
WORD = (1 << 64) - 1


def _rotated(word, bits):
    return (word << bits | word >> (64 - bits)) & WORD


def _round(lane, word):
    return _rotated((lane + word * P2) & WORD, 31) * P1 & WORD


def xxh64(data):
    rest = data
    if len(data) >= 32:
        lanes = [(P1 + P2) & WORD, P2, 0, -P1 & WORD]
        while len(rest) >= 32:
            words = struct.unpack_from("<4Q", rest)
            lanes = [_round(lane, word) for lane, word in zip(lanes, words, strict=True)]
            rest = rest[32:]
        turned = zip(lanes, (1, 7, 12, 18), strict=True)
        value = sum(_rotated(lane, bits) for lane, bits in turned) & WORD
        for lane in lanes:
            value = ((value ^ _round(0, lane)) * P1 + P4) & WORD
    else:
        value = P5
    value = (value + len(data)) & WORD
    while len(rest) >= 8:
        value = _rotated(value ^ _round(0, struct.unpack_from("<Q", rest)[0]), 27)
        value, rest = (value * P1 + P4) & WORD, rest[8:]
    if len(rest) >= 4:
        value = _rotated(value ^ struct.unpack_from("<I", rest)[0] * P1 & WORD, 23)
        value, rest = (value * P2 + P3) & WORD, rest[4:]
    for byte in rest:
        value = _rotated(value ^ byte * P5 & WORD, 11) * P1 & WORD
    value = (value ^ value >> 33) * P2 & WORD
    value = (value ^ value >> 29) * P3 & WORD
    return value ^ value >> 32
