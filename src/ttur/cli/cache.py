"""The command that shows and clears the cache."""

from typing import Annotated

import typer

from ttur.cli.options import Json
from ttur.cli.output import print_json, print_table, print_text


def cache(
    clear: Annotated[
        bool, typer.Option("--clear", help="Remove what can be computed again; downloads stay.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Show or clear what is kept for the next time: downloads, statistics, n-gram models."""
    from ttur.reports.table import Column, Table, number
    from ttur.runtime.cache import (
        COMPUTED,
        DOWNLOADS,
        cache_directory,
        cache_limit,
        clear_cache,
        kept_files,
    )
    from ttur.runtime.errors import counted_in_words
    from ttur.runtime.files import size_in_words

    removed = clear_cache() if clear else []
    kinds = {
        kind: [f.bytes for f in kept_files() if f.kind == kind] for kind in (DOWNLOADS, *COMPUTED)
    }
    if as_json:
        print_json(
            {
                "directory": str(cache_directory()),
                "limit_bytes": cache_limit(),
                "removed": {"files": len(removed), "bytes": sum(f.bytes for f in removed)},
                "kept": {
                    kind: {"files": len(sizes), "bytes": sum(sizes)}
                    for kind, sizes in kinds.items()
                },
            }
        )
        return
    if clear:
        freed = size_in_words(sum(f.bytes for f in removed))
        print_text(f"removed {counted_in_words(len(removed), 'file')}, {freed}")
    print_text(
        f"{cache_directory()}: {' and '.join(COMPUTED)} up to {size_in_words(cache_limit())}"
    )
    rows = [[kind, f"{len(sizes):,}", size_in_words(sum(sizes))] for kind, sizes in kinds.items()]
    print_table(Table([Column("kind"), number("files"), number("size", bold=True)], rows))
