"""N-gram models and their divergence: the dictionary of tuples, closed forms, invariances."""

import json
import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from reference import ngrams as reference
from ttur.metrics import jensen_shannon, key_counts
from ttur.metrics.ngrams import NgramModel, ngram_models

SIZES = (1, 2, 3, 100, 256, 257, 2048, 65536, 0x110000)
RNG = np.random.default_rng(0)


@pytest.fixture(params=[None, 7])
def block(request, monkeypatch):
    """The size that is used, and one at which everything is cut, merged and cut again."""
    if request.param:
        monkeypatch.setattr(key_counts, "KEYS_AT_ONCE", request.param)
        monkeypatch.setattr(key_counts, "BLOCKS_AT_ONCE", 3)


def lines_of(count: int, size: int, seed: int, length: int = 12) -> np.ndarray:
    """Few symbols far apart in the vocabulary, so that n-grams repeat and keys are large."""
    rng = np.random.default_rng(seed)
    symbols = np.append(rng.integers(0, size, 4), size - 1)
    return symbols[(rng.random((count, length)) ** 2 * 5).astype(int)]


def as_dictionary(model: NgramModel) -> dict[tuple[int, ...], int]:
    ngrams = map(tuple, model.ngrams.tolist())
    return dict(zip(ngrams, model.counts.tolist(), strict=True))


@pytest.mark.usefixtures("block")
@pytest.mark.parametrize("size", SIZES)
def test_counts_are_those_of_a_dictionary_of_tuples(size: int):
    codes = lines_of(40, size, seed=size)
    for order, model in ngram_models(codes, size, range(1, 13)).items():
        assert as_dictionary(model) == reference.counts(codes.tolist(), order)
        assert model.total == 40 * (13 - order)


@pytest.mark.usefixtures("block")
@pytest.mark.parametrize("size", SIZES)
def test_divergence_is_the_transcription(size: int):
    codes, others = lines_of(40, size, seed=size), lines_of(15, size, seed=size + 1)
    mixed = np.concatenate([others, codes[:5]])
    p, q = (ngram_models(side, size, range(1, 13)) for side in (codes, mixed))
    for order in p:
        dictionaries = (reference.counts(side.tolist(), order) for side in (codes, mixed))
        expected = reference.divergence(*dictionaries)
        assert jensen_shannon(p[order], q[order]) == pytest.approx(expected, abs=1e-12)


def test_divergence_in_closed_form():
    """p = (½, ½, 0), q = (0, ½, ½): ½ · ½ log₂ 2 twice, log₂ 1 where they agree."""
    p, q = (model_of([[a], [b]]) for a, b in ((0, 1), (1, 2)))
    assert jensen_shannon(p, q) == pytest.approx(0.5, abs=1e-15)
    # p = (1, 0), q = (½, ½), m = (¾, ¼): ½ log₂ 4/3 + ½ (½ log₂ 2/3 + ½ log₂ 2)
    p, q = model_of([[0]]), model_of([[0], [1]])
    expected = (math.log2(4 / 3) + math.log2(2 / 3) / 2 + 1 / 2) / 2
    assert jensen_shannon(p, q) == pytest.approx(expected, abs=1e-15)


def model_of(lines: list[list[int]], order: int = 1, size: int = 3) -> NgramModel:
    return ngram_models(np.array(lines), size, [order])[order]


def test_a_lower_order_is_the_same_alone_and_beside_higher_ones():
    codes = lines_of(30, 300, seed=5)
    together = ngram_models(codes, 300, range(1, 9))
    for order, model in together.items():
        alone = ngram_models(codes, 300, [order])
        assert list(alone) == [order]
        assert np.array_equal(alone[order].keys, model.keys)
        assert np.array_equal(alone[order].counts, model.counts)
    assert list(ngram_models(codes, 300, [6, 2])) == [2, 6]


@pytest.mark.parametrize(("size", "order"), [(2048, 6), (2, 65), (1626, 6), (256, 9), (257, 8)])
def test_keys_that_differ_by_2_to_the_64_do_not_collide(size: int, order: int):
    """As numbers in base V the two n-grams are equal modulo 2⁶⁴."""
    value, lines = 2**64, [[0] * order]
    lines.append([value // size**place % size for place in reversed(range(order))])
    assert lines[0] != lines[1]
    model = ngram_models(np.array(lines), size, [order])[order]
    assert model.counts.tolist() == [1, 1]
    assert model.ngrams.tolist() == lines


@pytest.mark.parametrize(("size", "order"), [(256, 8), (2, 64), (65536, 4), (1625, 6), (2048, 5)])
def test_the_largest_key_of_one_word_is_exact(size: int, order: int):
    """Vⁿ is at most 2⁶⁴: the last n-gram, and its neighbour, come back as they were."""
    lines = [[size - 1] * (order - 1) + [size - 2], [size - 1] * order]
    model = ngram_models(np.array(lines), size, [order])[order]
    assert model.keys.dtype == np.uint64
    assert int(model.keys[-1]) == size**order - 1
    assert model.ngrams.tolist() == lines


text = st.integers(1, 12).flatmap(
    lambda count: arrays.arrays(np.uint16, (count, 6), elements=st.sampled_from([0, 1, 2, 2047]))
)


@settings(deadline=None, max_examples=40)
@given(real=text, generated=text, order=st.integers(1, 6))
def test_symmetry_bounds_equality_and_merging(real, generated, order: int):
    p, q = (ngram_models(side, 2048, [order])[order] for side in (real, generated))
    value = jensen_shannon(p, q)
    assert value == jensen_shannon(q, p)
    assert 0 <= value <= 1
    assert jensen_shannon(p, p) == 0
    assert jensen_shannon(p, p.merge(p)) == 0
    whole = ngram_models(np.concatenate([generated, real]), 2048, [order])[order]
    merged = p.merge(q)
    assert np.array_equal(merged.keys, whole.keys)
    assert np.array_equal(merged.counts, whole.counts)
    shuffled = ngram_models(real[::-1], 2048, [order])[order]
    assert jensen_shannon(shuffled, q) == value


@settings(deadline=None, max_examples=20)
@given(real=text, order=st.integers(1, 6))
def test_nothing_shared_is_exactly_1(real, order: int):
    p = ngram_models(real, 3000, [order])[order]
    q = ngram_models(real + 2048 - real // 2047 * 1100, 3000, [order])[order]
    assert jensen_shannon(p, q) == 1


@settings(deadline=None, max_examples=20)
@given(real=text, seed=st.integers(0, 99), order=st.integers(1, 6))
def test_names_of_the_symbols_do_not_matter(real, seed: int, order: int):
    other = lines_of(5, 2048, seed, length=6)
    renamed = np.random.default_rng(seed).permutation(2048)
    values = [
        jensen_shannon(*(ngram_models(side, 2048, [order])[order] for side in sides))
        for sides in ((real, other), (renamed[real], renamed[other]))
    ]
    assert values[0] == pytest.approx(values[1], abs=1e-14)


def test_all_integer_types_and_mapped_files_count_alike(tmp_path: Path):
    codes = lines_of(20, 100, seed=3)
    expected = as_dictionary(ngram_models(codes, 100, [3])[3])
    np.save(tmp_path / "codes.npy", codes.astype(np.uint8))
    mapped = np.load(tmp_path / "codes.npy", mmap_mode="r")
    for same in (codes.astype(np.int8), codes.astype(">u2"), np.asfortranarray(codes), mapped):
        assert as_dictionary(ngram_models(same, 100, [3])[3]) == expected


@pytest.mark.parametrize("size", [100, 5000])
def test_saved_models_are_the_same(tmp_path: Path, size: int):
    (model,) = ngram_models(lines_of(20, size, seed=1), size, [6]).values()
    path = tmp_path / "new" / "model.npz"
    model.save(path)
    again = NgramModel.load(path)
    assert (again.order, again.vocabulary_size, again.fingerprint) == (6, size, {})
    assert as_dictionary(again) == as_dictionary(model)
    assert [entry.name for entry in path.parent.iterdir()] == ["model.npz"]
    assert jensen_shannon(model, again) == 0


def test_damaged_files_are_named(tmp_path: Path):
    path = tmp_path / "model.npz"
    (model,) = ngram_models(lines_of(20, 100, seed=1), 100, [2]).values()
    model.save(path)
    whole = path.read_bytes()
    for damaged in (b"", whole[: len(whole) // 2], whole[:100] + b"\0" * 8 + whole[108:]):
        path.write_bytes(damaged)
        with pytest.raises(ValueError, match=rf"model of n-grams in {path}.*count again"):
            NgramModel.load(path)
    arrays = {
        "keys": model.keys,
        "counts": model.counts,
        "order": np.array(2),
        "vocabulary_size": np.array(100),
        "fingerprint": np.array("{}"),
    }
    for name, foreign in {
        "keys": model.keys[::-1],
        "counts": model.counts[1:],
        "order": np.array(0),
        "vocabulary_size": np.array(2**40),
        "fingerprint": np.array(json.dumps([1])),
    }.items():
        np.savez(path, **(arrays | {name: foreign}))  # pyright: ignore[reportArgumentType]
        with pytest.raises(ValueError, match=str(path)):
            NgramModel.load(path)
    with pytest.raises(FileNotFoundError, match="nowhere"):
        NgramModel.load(tmp_path / "nowhere.npz")


def test_what_cannot_be_counted_is_refused():
    codes = lines_of(3, 10, seed=0)
    for orders in ([0], [13], [], [-1, 2]):
        with pytest.raises(ValueError, match=r"orders from 1 to 12, the length of the lines, got"):
            ngram_models(codes, 10, orders)
    for wrong in (codes + 1, codes - 10):
        with pytest.raises(ValueError, match="expected codes from 0 to 9, got"):
            ngram_models(wrong, 10, [2])


def test_models_that_do_not_compare_are_refused():
    two, three = ngram_models(lines_of(3, 10, seed=0), 10, [2, 3]).values()
    (other,) = ngram_models(lines_of(3, 10, seed=0), 11, [2]).values()
    (empty,) = ngram_models(np.empty((0, 12), np.uint8), 10, [2]).values()
    for compare in (jensen_shannon, NgramModel.merge):
        with pytest.raises(ValueError, match="models of one order, got 2 and 3"):
            compare(two, three)
        with pytest.raises(ValueError, match="models of one vocabulary size, got 10 and 11"):
            compare(two, other)
    with pytest.raises(ValueError, match="empty model"):
        jensen_shannon(two, empty)
    assert as_dictionary(two.merge(empty)) == as_dictionary(two)
