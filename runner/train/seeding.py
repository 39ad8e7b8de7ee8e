"""Independent streams of random numbers from one seed.

    stream_seed(seed, "order", epoch)  ->  the seed of a generator that is used for nothing else

Every draw is addressed by its purpose and counters, so a resumed run that asks for the order of epoch 7 gets the one
that an uninterrupted run had. Initialisation and order depend neither on the optimizer nor on the device: two
optimizers with one seed start from the same weights and see the same batches.
"""

from __future__ import annotations

import hashlib


def stream_seed(seed: int, stream: str, *counters: int) -> int:
    """A 63-bit seed for `stream` (init, order, augment, mix, noise, global, statistics_order, statistics_augment) at
    `counters`. seed: 0 or more."""
    text = ":".join([str(seed), stream, *map(str, counters)])
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "big") >> 1
