"""Commands that look at pairs of images: reconstruction, nearest."""

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from ttur.cli.evaluation import print_evaluation, write_evaluation
from ttur.cli.options import Html, Json, Looking, grouped
from ttur.cli.output import say

Originals = Annotated[Path, typer.Argument(help="Folder, zip, tar, .npy or .npz of images.")]
Reconstructions = Annotated[Path, typer.Argument(help="The same files, or the same order.")]
Train = Annotated[Path, typer.Argument(help="Training images: folder, zip, tar, .npy or .npz.")]
Generated = Annotated[Path, typer.Argument(help="Generated images: the same kinds.")]


@grouped
def reconstruction(
    originals: Originals,
    reconstructions: Reconstructions,
    options: Looking,
    as_json: Json = False,
) -> None:
    """rFID, PSNR and SSIM of images, each beside its original."""
    from ttur.evaluation.reconstruction import reconstruction

    result = reconstruction(originals, reconstructions, **asdict(options))
    print_evaluation(result, as_json)


@grouped
def nearest(
    train: Train,
    generated: Generated,
    options: Looking,
    out: Annotated[
        Path, typer.Option(metavar="FILE", help="The figure: .png, .pdf or .svg.")
    ] = Path("nearest.png"),
    count: Annotated[int, typer.Option(min=1, metavar="N", help="Pairs that are drawn.")] = 16,
    html: Html = None,
    as_json: Json = False,
) -> None:
    """Draw generated images beside the training images nearest to them; authenticity."""
    from ttur.evaluation.nearest import nearest
    from ttur.reports.nearest import draw_nearest
    from ttur.reports.panels import figure_path

    figure = figure_path(out)
    figure.parent.mkdir(parents=True, exist_ok=True)  # said now, if it cannot be
    found = nearest(train, generated, count=count, **asdict(options))
    written = draw_nearest(found, figure)
    write_evaluation(found.evaluation, html, f"{generated} beside {train}", found.pairs)
    pairs = [pair.to_json() for pair in found.pairs]
    print_evaluation(found.evaluation, as_json, pairs=pairs, figure=str(written))
    if not as_json:
        say(f"figure: {written}")
