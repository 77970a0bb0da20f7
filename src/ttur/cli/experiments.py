"""`ttur experiments`: what there is to run."""

import json
import re
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ttur.cli.options import Data, Json, named
from ttur.cli.output import INDENT, print_json, print_table, print_text

if TYPE_CHECKING:
    from ttur.experiments.experiment import Experiment


def experiment_names() -> list[str]:
    """Read from the sources, for a shell that completes a word cannot wait for torch."""
    folder = Path(__file__).parents[1] / "experiments"
    sources = [(folder / name).read_text("utf-8") for name in ("small.py", "paper.py")]
    return re.findall(r"^def ([a-z]\w*)\(\) -> Experiment:", "\n".join(sources), re.MULTILINE)


def experiments(
    name: Annotated[
        str | None, typer.Argument(**named("[NAME]", experiment_names), help="Show it in full.")
    ] = None,
    data: Data = Path("data"),
    as_json: Json = False,
) -> None:
    """List the experiments, or show one in full."""
    from ttur.experiments.plan import cost_line, published_line
    from ttur.experiments.registry import EXPERIMENTS, experiment
    from ttur.reports.table import Column, Table

    if name is None:
        chosen = [function() for function in EXPERIMENTS.values()]
        if as_json:
            print_json({"experiments": [each.to_json() for each in chosen]})
        else:
            columns = [
                Column("experiment", bold=True),
                Column("in the paper", 1, folds=True, comfort=28),
                Column("published", 3, folds=True),
                Column("one seed takes", 2, folds=True),
            ]
            rows = [[e.name, e.source, published_line(e), cost_line(e)] for e in chosen]
            print_table(Table(columns, rows))
            print_text("\none in full: ttur experiments NAME; to train: ttur run NAME", INDENT)
        return
    from ttur.experiments.plan import sample_shape
    from ttur.training.assembling import parameter_counts

    chosen = experiment(name)
    shape, assumed = sample_shape(next(iter(chosen.settings.values())), data)
    settings = [
        {
            "label": label,
            "configuration": config.to_json(),
            "parameters": parameter_counts(config, shape),
        }
        for label, config in chosen.settings.items()
    ]
    document = chosen.to_json() | {
        "parameters": settings[0]["parameters"],
        "sample_shape": {"shape": shape, "assumed": assumed},
        "settings": settings,
    }
    if as_json:
        print_json(document)
        return
    _print_experiment(chosen, document, data)


def _print_experiment(chosen: "Experiment", document: dict[str, Any], data: Path) -> None:
    """What it is, in which fields its settings differ, and the fields that all share."""
    from ttur.experiments.plan import cost_line
    from ttur.reports.table import Column, Table
    from ttur.runtime.description import leaves

    print_text(f"{chosen.name}: {chosen.question}", INDENT)
    shape, counts = document["sample_shape"], document["parameters"]
    why = f" (assumed: the data are not in {data})" if shape["assumed"] else ""
    about = {"source": chosen.source, "one seed": cost_line(chosen)}
    about["networks"] = (
        f"G {counts['generator']:,}, D {counts['discriminator']:,} parameters for samples of "
        f"{' × '.join(map(str, shape['shape']))}{why}"
    )
    for name, text in about.items():
        print_text(f"{name:9} {text}", " " * 10)
    for label, bests in chosen.published_best.items():
        for metric, best in bests.items():
            print_text(f"published {metric} {best.value:g} ({label}, {best.at})", " " * 10)
    trees = {each["label"]: leaves(each["configuration"]) for each in document["settings"]}
    fields = dict.fromkeys(chain(*trees.values()))
    cells = {f: [_value_text(tree.get(f)) for tree in trees.values()] for f in fields}
    differing = {f: texts for f, texts in cells.items() if len(set(texts)) > 1}
    if differing:
        print_text(f"\nThe {len(trees)} settings differ in:")
        rows = [[label, *texts] for label, *texts in zip(trees, *differing.values(), strict=True)]
        columns = [Column(f, folds=True, right=True) for f in differing]
        print_table(Table([Column("setting", bold=True), *columns], rows))
    print_text("\nAll have, unless --set FIELD=VALUE says otherwise:" if differing else "")
    rows = [[f, texts[0]] for f, texts in cells.items() if f not in differing]
    print_table(Table([Column("field"), Column("value", folds=True)], rows))


def _value_text(value: Any) -> str:
    """A value as `--set` takes it, 1e-8 or true; a stroke where nothing is set."""
    if value is None or value == []:
        return "–"
    if isinstance(value, float):
        return f"{value:g}".replace("e-0", "e-").replace("e+0", "e")
    return json.dumps(value) if isinstance(value, bool | dict) else str(value)
