"""How far generated text is from real text: the Jensen–Shannon divergence of their n-grams."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Integer, UInt, UInt32

from ttur.data.lines import PADDING, padded_lines
from ttur.data.vocabulary import CODE_POINTS, LENGTH
from ttur.metrics.ngrams import NgramModel, jensen_shannon, ngram_models
from ttur.runtime import digests
from ttur.runtime.cache import cache_directory, cache_limit, note_use, trim_cache
from ttur.runtime.progress import task


@dataclass(frozen=True)
class TextComparison:
    """The divergence of two texts for each order, `jsd_4` for order 4, and how it was made.

    `counts` and `fingerprints` are by side, real and generated. `vocabulary_size` is the number of
    different characters, padding included.
    """

    values: dict[str, float]
    counts: dict[str, int]
    orders: tuple[int, ...]
    protocol: dict[str, Any]
    vocabulary_size: int
    fingerprints: dict[str, dict[str, str]]
    versions: dict[str, str]

    def to_json(self) -> dict[str, Any]:
        """Numbers unrounded; the same names as the fields."""
        return asdict(self)


def jsd_of_files(
    real: Path, generated: Path, orders: Iterable[int] = range(1, 7), *, length: int = LENGTH
) -> TextComparison:
    """Divergence (base 2, 0 to 1) of the n-grams of two UTF-8 files, a sentence a line.

    Characters are compared as they are, all of both files: no unknown symbol. Lines are cut to
    `length` characters and filled with back-ticks. Every file is a sample: the divergence of two
    samples of one text is above 0, the more so the fewer their lines and the higher the order.

    Raises:
        FileNotFoundError: if a file is not there.
        ValueError: if one is empty or not UTF-8 (by line), or an order is not from 1 to `length`.
    """
    wanted = tuple(sorted(set(orders)))
    if not wanted or wanted[0] < 1 or wanted[-1] > length:
        raise ValueError(
            f"expected orders from 1 to {length}, the length of the lines, got {list(wanted)}"
        )
    sides = {"real": real, "generated": generated}
    for path in sides.values():
        _check_readable(path)
    alphabet = Alphabet()
    codes = {side: alphabet.read(path, length) for side, path in sides.items()}
    p, q = (ngram_models(rows, alphabet.size, wanted) for rows in codes.values())
    return TextComparison(
        values={f"jsd_{order}": jensen_shannon(p[order], q[order]) for order in wanted},
        counts={side: len(rows) for side, rows in codes.items()},
        orders=wanted,
        protocol={"length": length, "padding": PADDING},
        vocabulary_size=alphabet.size,
        fingerprints={
            side: {"file": path.name, "sha256": digests.of_file(path)}
            for side, path in sides.items()
        },
        versions={"ttur": version("ttur")},
    )


class Alphabet:
    """The characters of some texts, numbered as they appear.

    Not a `data.vocabulary`, whose symbol 0 is every unknown one: here no character is unknown.
    """

    def __init__(self) -> None:
        self.size = 0
        self._numbers = np.full(CODE_POINTS, -1, np.int32)

    def read(self, path: Path, length: int) -> UInt[np.ndarray, "lines length"]:
        """The lines of a file, cut and padded, as numbers of their characters.

        Raises:
            ValueError: if there is none, or it is not UTF-8.
        """
        with path.open("rb") as file, task(f"characters of {path}", unit="lines") as advance:
            blocks = []
            for points in padded_lines(file, str(path), length):
                blocks.append(self.encode(points))
                advance(len(points))
        if not sum(map(len, blocks)):
            raise ValueError(f"expected a sentence a line in {path}, got an empty file; add lines")
        return np.concatenate(blocks)

    def encode(
        self, points: UInt32[np.ndarray, "lines length"]
    ) -> UInt[np.ndarray, "lines length"]:
        """Code points as numbers, in the smallest type for those seen so far."""
        present = np.flatnonzero(np.bincount(points.ravel()))
        new = present[self._numbers[present] < 0]
        self._numbers[new] = np.arange(self.size, self.size + len(new))
        self.size += len(new)
        return self._numbers[points].astype(np.min_scalar_type(max(self.size - 1, 0)))


def reference_models(
    codes: Integer[np.ndarray, "lines length"],
    vocabulary: Sequence[str],
    orders: Iterable[int] = range(1, 7),
    *,
    say: Callable[[str], None] = lambda line: None,
    cache: Path | None = None,
) -> dict[int, NgramModel]:
    """The n-gram models of encoded lines, counted once per content and then read from the cache.

    The key is of the codes, the vocabulary, the order and the version of ttur. `cache` is a folder,
    by default `ngrams` in the package's. A damaged file in it is counted again and replaced; one
    that cannot be written costs the next run time, not this one its result.

    Raises:
        ValueError: if an order is not from 1 to the length, or a code not in the vocabulary.
    """
    content = {
        "codes_sha256": digests.of_array(codes),
        "lines": len(codes),
        "length": codes.shape[1],
        "vocabulary": list(vocabulary),
        "versions": {"ttur": version("ttur")},
    }
    folder = cache_directory() / "ngrams" if cache is None else cache
    fingerprints = {order: {**content, "order": order} for order in sorted(set(orders))}
    paths = {
        order: folder / f"{digests.of_document(made_by)}.npz"
        for order, made_by in fingerprints.items()
    }
    cache_limit()  # refused now, if it is none
    models = {}
    for order, path in paths.items():
        try:
            models[order] = NgramModel.load(path)
            note_use(path)
        except FileNotFoundError:
            continue
        except ValueError as error:
            say(f"{error}; counting again")
    missing = [order for order in paths if order not in models]
    if missing:
        say(f"n-grams of {len(codes):,} lines, orders {', '.join(map(str, missing))} …")
        counted = ngram_models(codes, len(vocabulary), missing)
        for order, model in counted.items():
            models[order] = replace(model, fingerprint=fingerprints[order])
            try:
                models[order].save(paths[order])
            except OSError as error:
                say(f"the n-grams of order {order} are not kept: {error}")
        trim_cache()
    return dict(sorted(models.items()))


def _check_readable(path: Path) -> None:
    if not path.is_file():
        found = "a folder" if path.is_dir() else "nothing there" if not path.exists() else "no file"
        raise FileNotFoundError(
            f"expected a text file, a sentence a line, at {path}, got {found}; check the path"
        )
