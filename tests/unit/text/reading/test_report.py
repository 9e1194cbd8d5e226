from nextword.text.reading.report import ReadCounts, SplitReport, TextReport


def test_a_plain_text_is_described_by_its_size_and_its_unknown_tokens() -> None:
    read = ReadCounts(num_bytes=6000, num_lines=1, num_words=1001, num_characters=6000, longest_line=5999)
    assert SplitReport(read, num_tokens=1001, num_unknown=7).describe() == [
        "1,001 tokens from 1 line, 6,000 bytes; the longest line has 5,999 characters",
        "7 tokens out of vocabulary, read as <unk>",
    ]


def test_unknown_as_written_is_told_from_what_the_vocabulary_lacks() -> None:
    report = SplitReport(ReadCounts(num_written_unknown=5), num_tokens=9, num_unknown=6)
    assert report.num_out_of_vocabulary == 1
    assert "1 token out of vocabulary, read as <unk>, and 5 <unk> as written" in report.describe()


def test_everything_irregular_is_told() -> None:
    read = ReadCounts(
        num_invalid=1,
        first_invalid=17,
        num_nul=2,
        first_nul=0,
        num_crlf=3,
        num_lone_cr=4,
        has_byte_order_mark=True,
        lacks_last_line_end=True,
    )
    assert SplitReport(read, 1, 0).describe()[2:] == [
        "a byte order mark at the start of the file was dropped",
        "1 invalid byte sequence replaced by U+FFFD, the first at byte 17",
        "2 NULs replaced by U+FFFD, the first at byte 0",
        "3 line ends of two characters (CRLF) read as one",
        "4 lone carriage returns read as a line end",
        "the last line lacks its line end; one was added",
    ]


def test_a_corpus_is_described_split_by_split() -> None:
    split = SplitReport(ReadCounts(), 1, 0)
    described = TextReport("split so", "cut so", {"train": split, "test": split}).describe()
    assert described[:2] == ["split so", "cut so"]
    assert [line.split(":")[0] for line in described[2:]] == ["train", "train", "test", "test"]
