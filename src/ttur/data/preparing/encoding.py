"""A text → codes: one pass for its vocabulary, a second while it is written."""

import numpy as np

from ttur.data.contents import Block, Blocks, Contents, Corpus, skip_samples
from ttur.data.vocabulary import CODE_POINTS, Vocabulary, add_counts, code_table, most_frequent
from ttur.runtime.progress import task


def encode_corpus(corpus: Corpus) -> tuple[Vocabulary, Contents]:
    """One pass: the vocabulary of the training lines, and every split as it will be encoded.

    Raises:
        ValueError: if the text has no two different characters, or is not UTF-8.
    """
    histogram = np.zeros(CODE_POINTS, np.int64)
    counts: dict[str, int] = {}
    with task(f"characters of {corpus.kind}", unit="lines") as advance:
        for split in corpus.splits:
            for points in corpus.lines(split):
                if split == "train":
                    add_counts(histogram, points)
                counts[split] = counts.get(split, 0) + len(points)
                advance(len(points))
    vocabulary = most_frequent(histogram)
    table = code_table(vocabulary)

    def blocks(split: str, first: int) -> Blocks:
        return skip_samples(first, (Block(table[points], None) for points in corpus.lines(split)))

    return vocabulary, Contents(
        corpus.kind, None, {s: n for s, n in counts.items() if n}, blocks, corpus.files
    )
