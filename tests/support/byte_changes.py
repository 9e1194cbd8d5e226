"""Random changes of bytes: flipped bits, cuts, repetitions, other numbers, markup."""

import random

_NUMBERS = (
    b"-1",
    b"0",
    b"1e999",
    b"NaN",
    b"4294967296",
    b"9" * 30,
    b"9" * 5000,
    b"true",
    b"null",
    b'"../x"',
    b"[]",
    b"{}",
)


def changed(data: bytes, rng: random.Random) -> bytes:
    """Return bytes with one change at a random place."""
    place, length = rng.randrange(len(data) + 1), rng.choice((1, 1, 2, 4, 8, 64))
    before, after = data[:place], data[place + length :]
    kind = rng.randrange(7)
    if kind == 0:  # flip a bit
        return before + bytes([byte ^ 1 << rng.randrange(8) for byte in data[place : place + 1]]) + data[place + 1 :]
    if kind == 1:
        return before + rng.randbytes(length) + after
    if kind == 2:
        return before + after
    if kind == 3:
        return before + data[place : place + length] * rng.choice((2, 3, 1000)) + after
    if kind == 4:  # a number of the text, or of the header, becomes another
        numbers = [index for index, byte in enumerate(data[:4000]) if 48 <= byte <= 57]
        if numbers:
            place = rng.choice(numbers)
            return data[:place] + rng.choice(_NUMBERS) + data[place + 1 :]
    if kind == 5:
        return data[:place]
    return (
        before
        + rng.choice((b"\0", b"\xff\xfe", b"</script>", b"[" * 200, b"[" * 5000, b'"', b"\\ud800", b"\n"))
        + data[place:]
    )
