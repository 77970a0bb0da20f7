"""Options that several commands share."""

from pathlib import Path
from typing import Annotated

import typer

Json = Annotated[bool, typer.Option("--json", help="Print the result as one JSON document.")]
Data = Annotated[Path, typer.Option("--data", help="Folder of the prepared data sets.")]
Device = Annotated[str, typer.Option("--device", help="auto, cpu, cuda, cuda:1, ...")]
Weights = Annotated[Path | None, typer.Option("--weights", help="File of the extractor's weights.")]
Protocol = Annotated[
    str,
    typer.Option(
        "--protocol", help="Resize and scaling: tf1 (the paper's), torch, clean, torch_antialias."
    ),
]
ExtractorName = Annotated[
    str, typer.Option("--extractor", help="inception, digits or cifar10 (the last two embedded).")
]
Precision = Annotated[
    str, typer.Option("--precision", help="float32, or bfloat16: faster, other numbers.")
]
BatchSize = Annotated[int, typer.Option("--batch-size", min=1, help="Images at once.")]
OnError = Annotated[
    str, typer.Option("--on-error", help="fail at an image that cannot be read, or skip it.")
]
ValueRange = Annotated[
    str | None,
    typer.Option("--value-range", metavar="LOW,HIGH", help="What floats mean, as -1,1 or 0,1."),
]
Interval = Annotated[
    bool, typer.Option("--interval/--no-interval", help="A confidence interval for the distance.")
]
Seed = Annotated[int, typer.Option("--seed", min=0, help="Of groups and subsets.")]
Cache = Annotated[
    bool, typer.Option("--cache/--no-cache", help="Keep the statistics of A for the next time.")
]
Insist = Annotated[
    bool,
    typer.Option("--allow-protocol-mismatch", help="Compare what does not compare, and say so."),
]
