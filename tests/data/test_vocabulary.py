import hashlib
import io
import json
import os
import signal
import subprocess
import sys
import tarfile
import textwrap
import tracemalloc
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from onlooking import prepare
from reference import text as reference
from ttur.data import catalogue, lines
from ttur.data.catalogue import load_text
from ttur.data.lines import padded_lines, padded_strings
from ttur.data.vocabulary import LENGTH, PADDING, UNKNOWN, build_vocabulary, encode, text

# Among them what other readers take for line ends, and characters of one to four bytes.
ALPHABET = "ab `\r\n\0\t\x0b\x0c\x1c\x85\u2028\u2029é中\U0001f600\ufeff"
CONTENT = st.text(st.sampled_from(ALPHABET), max_size=60)


def read(content: bytes, length: int = LENGTH) -> list[str]:
    blocks = padded_lines(io.BytesIO(content), "here", length)
    return ["".join(map(chr, row)) for block in blocks for row in block.tolist()]


@settings(deadline=None)
@given(CONTENT, st.integers(1, 6), st.integers(1, 9))
@example("a\rb\r\n", 3, 1)
@example("ab\r" + "x" * 9 + "\nabc\r\nabcd\r\n", 3, 1)
@example("\n\n", 2, 1)
@example("a", 2, 1)
def test_lines_are_those_of_the_slow_reading_wherever_the_pieces_end(content, length, piece):
    """Pieces of a few bytes cut characters, line ends and lines everywhere."""
    data = content.encode()
    expected = ["".join(reference.padded(line, length)) for line in reference.lines_of(data)]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(lines, "READ_BYTES", piece)
        patch.setattr(lines, "MOST_LINES", 2)
        assert read(data, length) == expected
    assert read(data, length) == expected


@settings(deadline=None)
@given(st.lists(st.text(st.characters(exclude_categories=["Cs"]), max_size=9)), st.integers(3, 9))
def test_vocabulary_and_codes_are_those_of_the_slow_reading(strings, size):
    length = 5
    expected = reference.vocabulary(strings, size, length)
    if len(reference.vocabulary(strings, 10_000, length)) < 3:
        with pytest.raises(ValueError, match="two different characters"):
            build_vocabulary(strings, size, length)
        return
    vocabulary = build_vocabulary(strings, size, length)
    assert list(vocabulary) == expected
    codes = encode(strings, vocabulary, length)
    assert codes.tolist() == reference.encoded(strings, expected, length)
    shown = ["\ufffd", *expected[1:]]
    assert text(codes, vocabulary) == ["".join(shown[i] for i in row) for row in codes.tolist()]


def test_equal_counts_are_ordered_by_code_point():
    lines = ["zb", "ya", "\U0001f600é"]
    assert build_vocabulary(lines, length=2) == (UNKNOWN, *sorted("zbya\U0001f600é"))


def test_an_empty_line_is_all_padding_and_a_long_one_is_cut():
    vocabulary = build_vocabulary(["ab", ""])
    codes = encode(["", "ab" * 40], vocabulary)
    assert text(codes, vocabulary) == [PADDING * 32, "ab" * 16]
    assert codes.shape == (2, 32)


def test_padding_and_back_ticks_are_one_symbol():
    vocabulary = build_vocabulary(["a`b"], length=4)
    codes = encode(["a`b"], vocabulary, 4)
    assert codes[0, 1] == codes[0, 3] == vocabulary.index(PADDING)


@pytest.mark.parametrize(("symbols", "kind"), [(256, np.uint8), (257, np.uint16)])
def test_codes_take_one_byte_while_they_fit(symbols, kind):
    strings = [chr(0x400 + i) for i in range(300)]
    vocabulary = build_vocabulary(strings, symbols, length=1)
    assert len(vocabulary) == symbols
    codes = encode(strings, vocabulary, length=1)
    assert codes.dtype == kind
    assert codes.max() == symbols - 1
    assert (codes[symbols - 1 :] == 0).all()


def test_no_more_than_2048_symbols_by_default():
    strings = [chr(0x4E00 + i) for i in range(3000)]
    vocabulary = build_vocabulary(strings)
    assert len(vocabulary) == 2048
    assert vocabulary[1] == PADDING


@pytest.mark.parametrize("strings", [[], [""], ["a" * 32], ["```", ""]])
def test_a_text_of_one_character_is_refused(strings):
    with pytest.raises(ValueError, match="at least two different characters"):
        build_vocabulary(strings)


def test_a_text_of_padding_and_one_letter_is_taken():
    assert build_vocabulary(["aaa"]) == (UNKNOWN, PADDING, "a")


@pytest.mark.parametrize(
    ("content", "line"),
    [
        (b"one\ntwo\xff\nthree\n", 2),
        (b"\xe9", 1),
        (b"one\n\xed\xa0\x80", 2),  # a surrogate
        (b"one\n" * 700_000 + b"x" * 3_000_000 + b"\xc3", 700_001),  # cut off in a character
    ],
)
def test_other_bytes_than_utf8_are_refused_with_file_and_line(content, line):
    with pytest.raises(ValueError, match=rf"UTF-8 in here, got other bytes in line {line:,} "):
        for _ in padded_lines(io.BytesIO(content), "here", LENGTH):
            pass


class Endless:
    """`size` bytes of one kind, and no more memory than is asked for."""

    def __init__(self, byte: bytes, size: int):
        self.byte, self.left = byte, size

    def read(self, size: int, /) -> bytes:
        size = min(size, self.left)
        assert size >= 0, "asked for everything"
        self.left -= size
        return self.byte * size


@pytest.mark.parametrize(("byte", "rows"), [(b"x", 1), (b"\n", 2**22)])
def test_memory_is_bounded_on_one_endless_line_and_on_empty_lines(byte, rows):
    tracemalloc.start()
    found = sum(len(block) for block in padded_lines(Endless(byte, 2**22), "here", LENGTH))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert found == rows
    # 4 MiB pass through, 128 MiB as rows; a piece of 1 MiB takes 4 bytes a character, some copies,
    # and 8 bytes a line end.
    assert peak < 64 * 2**20


OWN = "".join(f"sentence {i} {'é' * (i % 3)}\n" for i in range(25)).encode()


def test_own_text_becomes_two_disjoint_splits_in_file_order(tmp_path):
    (tmp_path / "a.txt").write_bytes(OWN[:100])
    (tmp_path / "b.txt").write_bytes(OWN[100:])  # begins within a line: files end their lines
    strings = [*reference.lines_of(OWN[:100]), *reference.lines_of(OWN[100:])]
    card = prepare(
        "text", [tmp_path / "a.txt", tmp_path / "b.txt"], tmp_path / "data", target_name="own"
    )
    parts = {
        "train": [line for i, line in enumerate(strings) if i % 10 != 9],
        "held_out": strings[9::10],
    }
    expected = reference.vocabulary(parts["train"], 2048, 32)
    for split, part in parts.items():
        loaded = load_text("own", tmp_path / "data", split)
        assert list(loaded.vocabulary) == expected
        assert loaded.codes.tolist() == reference.encoded(part, expected, 32)
        assert loaded.codes.dtype == np.uint8
        assert isinstance(loaded.codes, np.memmap)
        assert not loaded.codes.flags.writeable
        assert loaded.sha256 == hashlib.sha256(loaded.codes.tobytes()).hexdigest()
        assert len(loaded) == len(part) == card.splits[split].count
        if split == "train":
            decoded = loaded.strings(loaded.codes[:1])
            assert decoded == ["".join(reference.padded(part[0], 32))]
    assert card.fresh
    assert card.splits["train"].size == (32,)


def test_the_first_lines_on_request(tmp_path):
    (tmp_path / "a.txt").write_bytes(OWN)
    for count, held_out in ((12, 1), (9, 0)):
        name = f"first-{count}"
        card = prepare(
            "text", [tmp_path / "a.txt"], tmp_path / "data", lines=count, target_name=name
        )
        counts = {split: card.splits[split].count for split in card.splits}
        assert counts == {"train": count - held_out} | ({"held_out": 1} if held_out else {})
    with pytest.raises(ValueError, match=r"splits \['train'\] of first-9, got 'held_out'"):
        load_text("first-9", tmp_path / "data", "held_out")


TRAIN, HELD_OUT = reference.shard_names(12, 4)


@pytest.fixture
def shards() -> dict[str, bytes]:
    """The first shards of the benchmark, of a few lines."""
    rng = np.random.default_rng(4)
    words = ["The", "market", "fell", "“", "Zürich", "said", ".", "5", "`"]

    def content(name: str) -> bytes:
        lines = (f"{name[-14:-9]} {' '.join(rng.choice(words, 7))}\n" for _ in range(4))
        return "".join(lines).encode()

    return {name: content(name) for name in (*TRAIN, *HELD_OUT)}


def billion_word_lines(shards: dict[str, bytes], names: list[str]) -> list[str]:
    return [line for name in names for line in reference.lines_of(shards[name])]


@pytest.mark.parametrize("form", ["archive", "plain archive", "folder", "inner folder"])
@pytest.mark.parametrize("most", [10, "all", None])
def test_the_benchmark_comes_in_the_order_of_its_shards(tmp_path, shards, form, most):
    """In the archive they need not lie in that order."""
    mixed = dict(sorted(shards.items(), key=lambda item: hashlib.md5(item[0].encode()).digest()))
    others = ("README", f"{reference.TRAINING}/news.en-00000-of-00100")  # no shards for training
    mixed = {f"{reference.FOLDER}/{name}": b"\xff" for name in others} | mixed
    if form.endswith("archive"):
        compressed = not form.startswith("plain")
        source = reference.tar_archive(tmp_path / "benchmark.tar", mixed, compressed)
    else:
        source = reference.extracted(mixed, tmp_path / "folder")
        source = source / reference.FOLDER if form.startswith("inner") else source
    card = prepare("billion_word", [source], tmp_path / "data", lines=most)
    train = billion_word_lines(shards, TRAIN)[: 10 if most == 10 else None]
    expected = reference.vocabulary(train, 2048, 32)
    parts = {"train": train, "held_out": billion_word_lines(shards, HELD_OUT)}
    for split, part in parts.items():
        loaded = load_text("billion_word", tmp_path / "data", split)
        assert list(loaded.vocabulary) == expected
        assert loaded.codes.tolist() == reference.encoded(part, expected, 32)
    assert card.how_made["lines"] == {10: 10, "all": "all", None: 10_000_000}[most]


def test_shards_beyond_the_lines_wanted_are_not_read(tmp_path, shards):
    source = reference.extracted(shards | {TRAIN[3]: b"\xff"}, tmp_path / "folder")
    prepare("billion_word", [source], tmp_path / "data", lines=12)
    with pytest.raises(ValueError, match=r"news\.en-00004-of-00100, got other bytes in line 1 "):
        prepare("billion_word", [source], tmp_path / "more", lines=13)


def test_the_training_folder_alone_has_no_held_out_split(tmp_path, shards):
    source = reference.extracted(shards, tmp_path) / reference.FOLDER / reference.TRAINING
    card = prepare("billion_word", [source], tmp_path / "data")
    assert {split: s.count for split, s in card.splits.items()} == {"train": 4 * 12}


def refused(
    tmp_path: Path, words: str, source: Path, kind: type[Exception] = ValueError, **options
) -> None:
    """`prepare` refuses, saying `words`, and leaves nothing of the data set."""
    name = "text" if "target_name" in options else "billion_word"
    with pytest.raises(kind, match=words):
        prepare(name, [source], tmp_path / "data", **options)
    left = list((tmp_path / "data").glob("*")) if (tmp_path / "data").exists() else []
    assert not [path for path in left if path.name != ".prepare.lock"]


def test_a_gap_in_the_shards_is_named(tmp_path, shards):
    del shards[TRAIN[6]]
    refused(tmp_path, "none of number 7;", reference.tar_archive(tmp_path / "a.tar.gz", shards))
    (tmp_path / "empty").mkdir()
    refused(tmp_path, "none of number 1;", tmp_path / "empty")


def test_names_outside_the_archive_are_refused(tmp_path, shards):
    for name in ("../evil", "/tmp/evil", f"{reference.FOLDER}/../../evil"):
        source = reference.tar_archive(tmp_path / "a.tar.gz", {**shards, name: b""})
        refused(tmp_path, "names a file outside the archive", source)


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.FIFOTYPE])
def test_a_link_in_the_place_of_a_shard_is_refused(tmp_path, shards, kind):
    del shards[TRAIN[0]]
    path = reference.tar_archive(tmp_path / "a.tar", shards, compressed=False)
    (tmp_path / "secret").write_text("secret\n")
    with tarfile.open(path, "a") as archive:
        member = tarfile.TarInfo(TRAIN[0])
        member.type, member.linkname = kind, str(tmp_path / "secret")
        archive.addfile(member)
    refused(tmp_path, "00001-of-00100 is a link", path)


def test_a_link_out_of_the_folder_is_refused(tmp_path, shards):
    folder = reference.extracted(shards, tmp_path / "folder")
    (tmp_path / "secret").write_text("secret\n")
    (folder / TRAIN[0]).unlink()
    (folder / TRAIN[0]).symlink_to(tmp_path / "secret")
    refused(tmp_path, "00001-of-00100 is no file, or a link out", folder)


@pytest.mark.parametrize("damage", ["cut off", "a bit", "not an archive", "a header"])
def test_damaged_archives_are_refused(tmp_path, shards, damage):
    path = reference.tar_archive(tmp_path / "a.tar.gz", shards)
    content = path.read_bytes()
    if damage == "cut off":
        path.write_bytes(content[: len(content) // 2])
    elif damage == "a bit":
        middle = len(content) // 2
        path.write_bytes(content[:middle] + bytes([content[middle] ^ 1]) + content[middle + 1 :])
    elif damage == "a header":
        reference.tar_archive(path, shards, compressed=False)
        plain = bytearray(path.read_bytes())
        place = plain.index(TRAIN[5].encode()) - 512  # its name is long and has a block
        plain[place + 150] ^= 1  # its checksum is wrong; a reader may take it for the end
        path.write_bytes(plain)
    else:
        path.write_text("not an archive")
    refused(tmp_path, "a.tar.gz", path)


def test_wrong_words_are_refused_before_anything_is_read(tmp_path):
    (tmp_path / "a.txt").write_bytes(OWN)
    cases: list[tuple[dict[str, Any], str]] = [
        ({"size": 8, "target_name": "own"}, "`size` and `crop` are for images"),
        ({"lines": 0, "target_name": "own"}, "`lines` of at least 1, or all, got 0"),
        ({"target_name": "speeches"}, "a name of its own .*from text, got 'speeches'"),
        ({"target_name": "../up"}, "letters, digits"),
    ]
    for options, words in cases:
        refused(tmp_path, words, tmp_path / "a.txt", **options)
    (tmp_path / "folder").mkdir()
    words = "expected text files, one sentence a line"
    refused(tmp_path, words, tmp_path / "folder", target_name="own")
    refused(tmp_path, "no file or folder", tmp_path / "none", FileNotFoundError, target_name="own")
    refused(tmp_path, "can be had at http://www.statmt.org", tmp_path / "none", FileNotFoundError)
    with pytest.raises(ValueError, match="`lines` is for texts"):
        prepare("images", [tmp_path], tmp_path / "data", lines=5, target_name="own")


@pytest.mark.parametrize("content", [b"", b"a" * 40, b"\n\n\n"])
def test_texts_of_one_character_or_none_leave_nothing(tmp_path, content):
    (tmp_path / "a.txt").write_bytes(content)
    refused(tmp_path, "at least two different", tmp_path / "a.txt", target_name="own")


def test_the_same_words_again_find_it_and_others_overwrite_nothing(tmp_path):
    source = tmp_path / "a.txt"
    source.write_bytes(OWN)
    seen = []
    prepare(
        *("text", [source], tmp_path / "data"),
        target_name="own",
        on_progress=lambda done, total: seen.append((done, total)),
    )
    assert seen[0][1] == 0, "how many lines there are is not known in the first pass"
    assert seen[-1] == (25, 25)
    before = (tmp_path / "data/own/train.npy").stat()
    assert not prepare("text", [source], tmp_path / "data", target_name="own").fresh
    with pytest.raises(FileExistsError, match=r"lines all \(now 12\)"):
        prepare("text", [source], tmp_path / "data", lines=12, target_name="own")
    source.write_bytes(OWN + b"more\n")
    with pytest.raises(FileExistsError, match="source"):
        prepare("text", [source], tmp_path / "data", target_name="own")
    after = (tmp_path / "data/own/train.npy").stat()
    assert (before.st_ino, before.st_mtime_ns) == (after.st_ino, after.st_mtime_ns)


def test_a_text_and_images_are_not_taken_for_each_other(tmp_path):
    (tmp_path / "a.txt").write_bytes(OWN)
    prepare("text", [tmp_path / "a.txt"], tmp_path / "data", target_name="own")
    with pytest.raises(ValueError, match=r"expected a data set of images in .*own, got a text"):
        catalogue.load("own", tmp_path / "data")
    path = tmp_path / "data/own/card.json"
    card = json.loads(path.read_text())
    del card["vocabulary"]
    path.write_text(json.dumps(card))
    with pytest.raises(ValueError, match=r"expected a text in .*own, got a data set of images"):
        load_text("own", tmp_path / "data")


def test_a_missing_text_says_the_command_that_makes_it(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"`ttur prepare billion_word SOURCE --data"):
        load_text("billion_word", tmp_path)
    with pytest.raises(FileNotFoundError, match=r"`ttur prepare text FILE --name poems --data"):
        load_text("poems", tmp_path)


def test_a_killed_prepare_leaves_no_half_data_set(tmp_path):
    """SIGKILL from the process itself in the second pass; the next call goes on with it."""
    (tmp_path / "a.txt").write_bytes(OWN)
    program = f"""
        import os, signal
        from pathlib import Path
        from onlooking import prepare
        def progress(done, total):
            if total:
                os.kill(os.getpid(), signal.SIGKILL)
        root = Path({str(tmp_path)!r})
        prepare("text", [root / "a.txt"], root / "data", target_name="own", on_progress=progress)
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(program)],
        check=False,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
    )
    assert done.returncode == -signal.SIGKILL
    assert (tmp_path / "data/.own.unfinished").exists()
    with pytest.raises(FileNotFoundError):
        load_text("own", tmp_path / "data")
    prepare("text", [tmp_path / "a.txt"], tmp_path / "data", target_name="own")
    assert sorted(path.name for path in (tmp_path / "data").iterdir()) == [".prepare.lock", "own"]
    assert len(load_text("own", tmp_path / "data")) == 23


def test_the_embedded_speeches_are_what_their_card_says():
    train, held_out = load_text("speeches"), load_text("speeches", split="held_out")
    for part, count in ((train, 10_000), (held_out, 2_000)):
        assert part.codes.shape == (count, 32)
        assert part.codes.dtype == np.uint8
        assert not part.codes.flags.writeable
        assert part.card["splits"][part.split]["count"] == count
        assert part.sha256 == hashlib.sha256(part.codes.tobytes()).hexdigest()
    assert train.vocabulary == held_out.vocabulary
    seen = set(train.strings(train.codes))
    assert len(seen) == 10_000
    assert not seen & set(held_out.strings(held_out.codes)), "no sentence begins in both"
    # Golden, of tools/make_text.py: the file as it was cut, and the rows as they are trained on.
    assert train.card["source_sha256"][0].startswith("0ccfb86147666be3")
    assert train.strings(train.codes[1:2]) == ["We expect to have more this year"]
    with pytest.raises(ValueError, match=r"\['train', 'held_out'\] of speeches, got 'test'"):
        load_text("speeches", split="test")


def test_the_embedded_vocabulary_is_that_of_its_own_training_sentences():
    train = load_text("speeches")
    strings = train.strings(train.codes)
    assert train.vocabulary == build_vocabulary(strings)
    assert np.array_equal(encode(strings, train.vocabulary), train.codes)
    assert [len(block) for block in padded_strings(strings, 32)] == [10_000]
