"""The command line of torch-fidelity: `python -m ttur.compat.torch_fidelity`."""

import argparse
import json
import os
from typing import Any

from ttur.compat.torch_fidelity.metrics import (
    DEFAULTS,
    FIXED,
    WITHOUT_EFFECT,
    calculate_metrics,
)

_SHORT = {"batch_size": "-b", "isc": "-i", "fid": "-f", "kid": "-k", "prc": "-r", "ppl": "-p"}
# Switches of what is on by default.
_OFF = {
    "samples_shuffle": "--no-samples-shuffle",
    "datasets_download": "--no-datasets-download",
    "cache": "--no-cache",
    "verbose": "--silent",
}
_NUMBERS = ("_z_size", "_num_samples")


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m ttur.compat.torch_fidelity",
        description="The metrics of torch-fidelity: protocol tf1; input1 is what was generated.",
    )
    devices = parser.add_mutually_exclusive_group()
    devices.add_argument("-g", "--gpu", help="the numbers of GPUs to see")
    devices.add_argument("-c", "--cpu", action="store_true", help="no GPU, whatever there is")
    parser.add_argument("-j", "--json", action="store_true", help="print JSON")
    for name, default in (DEFAULTS | WITHOUT_EFFECT | FIXED).items():
        if name != "cuda":
            _add(parser, name, default)
    words = vars(parser.parse_args())
    gpu, cpu, as_json = (words.pop(name) for name in ("gpu", "cpu", "json"))
    if gpu is not None:
        os.environ["CUDA_VISIBLE_DEVICES"] = gpu
    try:
        made = calculate_metrics(cuda=not cpu, **words)
    except (ValueError, OSError) as error:
        parser.exit(2, f"error: {error}\n")
    lines = (f"{name}: {value:.7g}" for name, value in made.items())
    print(json.dumps(made, indent=4) if as_json else "\n".join(lines))


def _add(parser: argparse.ArgumentParser, name: str, default: Any) -> None:
    flag = f"--{name.replace('_', '-')}"
    if name in _OFF:
        parser.add_argument(_OFF[name], dest=name, action="store_false")
    elif isinstance(default, bool):
        flags = [_SHORT[name], flag] if name in _SHORT else [flag]
        parser.add_argument(*flags, dest=name, action="store_true")
    else:
        number = isinstance(default, int) or name.endswith(_NUMBERS)
        flags = [_SHORT[name], flag] if name in _SHORT else [flag]
        parser.add_argument(*flags, dest=name, default=default, type=int if number else str)


if __name__ == "__main__":
    main()
