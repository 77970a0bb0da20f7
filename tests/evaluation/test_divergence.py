"""Two files of sentences → a divergence with its protocol; models kept by content."""

import hashlib
from pathlib import Path

import numpy as np
import pytest

from reference import ngrams as reference
from ttur.evaluation import divergence
from ttur.evaluation.divergence import jsd_of_files, reference_models
from ttur.metrics.ngrams import NgramModel, ngram_models

REAL = [
    "to be, or not to be",
    "that is the question",
    "",
    "whether 'tis nobler in the mind to suffer",
]
GENERATED = ["too bee ore not`", "thät is the quest 😀", "是"]


def written(path: Path, lines: list[str]) -> Path:
    path.write_text("\n".join(lines), encoding="utf-8", newline="\n")
    return path


@pytest.fixture
def sides(tmp_path):
    return written(tmp_path / "real.txt", REAL), written(tmp_path / "generated.txt", GENERATED)


def test_files_are_compared_character_by_character(sides):
    result = jsd_of_files(*sides)
    cut = [[line[:32].ljust(32, "`") for line in lines] for lines in (REAL, GENERATED)]
    for order in range(1, 7):
        expected = reference.divergence(*(reference.counts(lines, order) for lines in cut))
        assert result.values[f"jsd_{order}"] == pytest.approx(expected, abs=1e-12)
    assert result.counts == {"real": 4, "generated": 3}
    assert result.orders == (1, 2, 3, 4, 5, 6)
    assert result.protocol == {"length": 32, "padding": "`"}
    assert result.vocabulary_size == len(set("".join(cut[0] + cut[1])))
    for side, path in zip(("real", "generated"), sides, strict=True):
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
        assert result.fingerprints[side] == {"file": path.name, "sha256": digest}


def test_length_decides_what_is_seen(tmp_path):
    real = written(tmp_path / "a", ["abcdef", "ab"])
    generated = written(tmp_path / "b", ["abcxyz", "ab`"])
    assert jsd_of_files(real, generated, [1, 3], length=3).values == {"jsd_1": 0, "jsd_3": 0}
    assert jsd_of_files(real, generated, [1], length=4).values["jsd_1"] > 0


def test_more_characters_than_a_byte_counts(tmp_path):
    """The second file brings the 257th; the codes of the first were bytes, and mean the same."""
    lines = ["".join(map(chr, range(start, start + 8))) for start in range(0x4E00, 0x4E00 + 304, 8)]
    real = written(tmp_path / "a", lines[:20])
    generated = written(tmp_path / "b", lines)
    result = jsd_of_files(real, generated, [2], length=8)
    assert result.vocabulary_size == 304
    expected = reference.divergence(*(reference.counts(side, 2) for side in (lines[:20], lines)))
    assert result.values["jsd_2"] == pytest.approx(expected, abs=1e-12)


def test_a_text_against_itself_is_0_and_against_another_script_1(sides, tmp_path):
    assert set(jsd_of_files(sides[0], sides[0]).values.values()) == {0.0}
    greek = written(tmp_path / "greek", ["αβγδεζηθικλμνξοπρστυφχψωαβγδεζηθ"])
    long = written(tmp_path / "long", ["a" * 40])
    assert set(jsd_of_files(greek, long).values.values()) == {1.0}


def test_what_cannot_be_compared_is_named(sides, tmp_path):
    empty = written(tmp_path / "empty", [])
    with pytest.raises(ValueError, match=f"sentence a line in {empty}, got an empty file"):
        jsd_of_files(sides[0], empty)
    torn = tmp_path / "torn"
    torn.write_bytes(b"good\nbad \xff\n")
    with pytest.raises(ValueError, match=f"UTF-8 in {torn}, got other bytes in line 2"):
        jsd_of_files(torn, sides[1])
    with pytest.raises(FileNotFoundError, match=r"nowhere, got nothing there"):
        jsd_of_files(sides[0], tmp_path / "nowhere")
    with pytest.raises(FileNotFoundError, match=f"{tmp_path}, got a folder"):
        jsd_of_files(tmp_path, sides[0])
    for orders in ([0, 1], [33], []):  # before a file is read
        with pytest.raises(ValueError, match="orders from 1 to 32, the length of the lines, got"):
            jsd_of_files(tmp_path / "nowhere", sides[0], orders)


CODES = np.random.default_rng(0).integers(1, 5, (30, 8), np.uint8)
VOCABULARY = ("unk", "`", "a", "b", "c")


def same(a: NgramModel, b: NgramModel) -> bool:
    return np.array_equal(a.keys, b.keys) and np.array_equal(a.counts, b.counts)


@pytest.fixture
def counted(monkeypatch):
    """The orders that were counted, in the order of the calls."""
    calls: list[list[int]] = []

    def recorded(codes, size, orders):
        calls.append(list(orders))
        return ngram_models(codes, size, orders)

    monkeypatch.setattr(divergence, "ngram_models", recorded)
    return calls


def test_models_are_counted_once(tmp_path, counted):
    expected = ngram_models(CODES, 5, [2, 4, 6])
    for orders, newly in (([6, 4], [[4, 6]]), ([4, 6], []), ([2, 4, 6], [[2]])):
        counted.clear()
        models = reference_models(CODES, VOCABULARY, orders, cache=tmp_path)
        assert counted == newly
        assert list(models) == sorted(orders)
        assert all(same(models[order], expected[order]) for order in orders)
    assert models[2].fingerprint["vocabulary"] == list(VOCABULARY)
    assert models[2].fingerprint["lines"] == 30


def test_other_content_is_counted_again(tmp_path, counted, monkeypatch):
    changed = CODES.copy()
    changed[0, 0] = changed[0, 0] % 4 + 1
    reference_models(CODES, VOCABULARY, [2], cache=tmp_path)
    reference_models(changed, VOCABULARY, [2], cache=tmp_path)
    reference_models(CODES.reshape(60, 4), VOCABULARY, [2], cache=tmp_path)
    reference_models(CODES, (*VOCABULARY[:-1], "d"), [2], cache=tmp_path)
    monkeypatch.setattr(divergence, "version", lambda name: "0.0.1")
    reference_models(CODES, VOCABULARY, [2], cache=tmp_path)
    assert len(counted) == 5
    assert len(list(tmp_path.iterdir())) == 5


def test_a_damaged_model_is_counted_again_and_replaced(tmp_path, counted):
    expected = reference_models(CODES, VOCABULARY, [3], cache=tmp_path)[3]
    (path,) = tmp_path.iterdir()
    path.write_bytes(path.read_bytes()[:-40])
    said: list[str] = []
    again = reference_models(CODES, VOCABULARY, [3], cache=tmp_path, say=said.append)[3]
    assert str(path) in said[0]
    assert "counting again" in said[0]
    assert same(again, expected)
    assert same(NgramModel.load(path), expected)
    assert len(counted) == 2


def test_a_cache_that_cannot_be_written_costs_only_time(tmp_path):
    blocked = tmp_path / "file"
    blocked.write_text("not a folder")
    said: list[str] = []
    models = reference_models(CODES, VOCABULARY, [2], cache=blocked, say=said.append)
    assert same(models[2], ngram_models(CODES, 5, [2])[2])
    assert "not kept" in said[-1]


def test_models_are_kept_in_the_cache_of_the_package(tmp_path, monkeypatch):
    monkeypatch.setenv("TTUR_CACHE", str(tmp_path))
    reference_models(CODES, VOCABULARY, [2])
    assert len(list((tmp_path / "ngrams").glob("*.npz"))) == 1
