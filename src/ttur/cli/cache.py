"""The command that shows and clears the cache."""

from typing import Annotated

import typer

from ttur.cli.options import Json
from ttur.cli.output import print_json, print_table


def cache(
    clear: Annotated[
        bool, typer.Option("--clear", help="Remove what can be computed again; downloads stay.")
    ] = False,
    as_json: Json = False,
) -> None:
    """What is kept for the next time: downloads, statistics of real images, n-gram models."""
    from ttur.runtime.cache import (
        COMPUTED,
        DOWNLOADS,
        cache_directory,
        cache_limit,
        clear_cache,
        kept_files,
    )
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
        print(f"removed {len(removed)} files, {size_in_words(sum(f.bytes for f in removed))}")
    print(f"{cache_directory()}: {' and '.join(COMPUTED)} up to {size_in_words(cache_limit())}")
    print_table(
        ["kind", "files", "size"],
        [[kind, str(len(sizes)), size_in_words(sum(sizes))] for kind, sizes in kinds.items()],
    )
