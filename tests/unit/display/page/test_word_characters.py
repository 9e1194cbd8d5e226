import random
from itertools import accumulate

from nextword.display.page.word_characters import word_character_ranges
from nextword.text.tokens.pieces import is_word_character


def test_the_table_says_what_the_tokenizer_says() -> None:
    bounds = list(accumulate(word_character_ranges()))
    points = {point for start, stop in zip(bounds[::2], bounds[1::2], strict=True) for point in range(start, stop)}
    draw = random.Random(4)
    tried = {*range(1, 0x600), *(draw.randrange(0x110000) for _ in range(3000)), *bounds}
    for point in tried:
        if not 0xD800 <= point < 0xE000 and chr(point) not in "\n\r" and point < 0x110000:
            assert (point in points) == is_word_character(chr(point)), hex(point)
