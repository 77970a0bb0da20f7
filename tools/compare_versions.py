"""Prove that a refactoring moved no number: run two versions of `ttur` and compare what they give.

    python tools/compare_versions.py --data data --text lines.txt --out before.json --source OLD/src
    python tools/compare_versions.py --data data --text lines.txt --out after.json \\
        --against before.json

The first runs the version in a folder and writes numbers and digests down; the second does so with
this checkout and prints every difference, or "no difference" (exit code 0, else 1). Only the
command line is used, on the CPU with one thread and a cache of its own, in a temporary folder:

- runs: every experiment of `experiments/small.py`, all settings, one seed, 20 updates; of the two
  that try 25 and 16 pairs of rates, three settings. They log every 5 updates, as their own cadence
  would not in so few, and what is monitored is probed every 5 or 10. Besides, the demo with the
  monitor, and the demo in two parts. CIFAR-10 must be there, by `ttur prepare cifar10`.
- evaluate: every metric of 360 digits against the other 1,437 in all protocols, and the other way
  round by the extractor cifar10; statistics in a file; Inception with the made-up weights of
  `tests/golden`.
- jsd: the n-grams of two pieces of the text, orders 1 to 6.
- theory: every study, with its defaults.

What lacks its data is skipped, and said. The file is brought up to date after each piece, and the
same command goes on with the pieces that are missing. Floats are compared exactly. Versions, paths
and times are left out, what a version has beside is no difference, and a number may lie deeper than
it did: it is known by its own name. Where a field of --set has another name, --rename gives it.
"""

import argparse
import hashlib
import json
import os
import platform
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import torch

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tests"))

from golden import inputs  # noqa: E402
from ttur.perturbation.probe import FORMER_NAMES  # noqa: E402

CARD = "cifar10/card.json"
PARTS = ("runs", "evaluate", "jsd", "theory")
MOST_SECONDS = 1800  # of one command
FINISHED, DIVERGED = 0, 3
LOG = {"log_every_updates": 5}
PROBE = {"monitor_every_updates": 10, "tracking_gap_every_updates": 20}
# {experiment: (fields to set, labels of the settings to run, all if empty)}
RUNS: dict[str, tuple[dict[str, int], tuple[str, ...]]] = {
    "demo": (LOG, ()),
    "language_demo": (LOG, ()),
    "mode_collapse_digits": (LOG, ()),
    "perturbation_digits": (LOG | PROBE, ("orig_1e-3", "ttur_1e-3_1e-4", "ttur_1e-4_1e-2")),
    "dcgan_cifar10_small": (LOG, ()),
    "perturbation_cifar10_small": (LOG | PROBE, ("orig_1e-4", "ttur_1e-3_1e-4", "ttur_1e-4_3e-3")),
    "wgan_gp_cifar10_small": (LOG, ()),
    "began_cifar10_small": (LOG, ()),
}
OF_A_RUN = ("outcome", "updates", "discriminator_updates", "best", "final", "weights_sha256")
PROTOCOLS = ("tf1", "torch", "clean", "torch_antialias")
METRICS = "fid,fid_infinity,is,ind,kid,precision_recall,density_coverage"
# What stands beside a number and is none: where, when, by what, how many.
BESIDE = {"update", "discriminator_updates", "audit", "counts", "fingerprints", "versions"} | {
    "best",  # of an event: what others before it were
    "last",
}
TIME = re.compile(r"(^|_)(seconds|time)$")
NUMBER = re.compile(r"(?<![\w.])[-\u2212]?\d[\d,]*(?:\.\d+)?(?:e[-+]?\d+)?")
WORDS = {"quantity"}  # kept for who reads the document

Document = dict[str, Any]


@dataclass(frozen=True)
class Edition:
    """The command line of the sources in `source`, called in `folder`."""

    source: Path
    folder: Path
    data: Path | None  # of the prepared data sets
    renamed: dict[str, str]

    def ttur(self, command: str, *more: object, fails: tuple[int, ...] = ()) -> str:
        """What it prints on stdout.

        Raises:
            RuntimeError: if its exit code is neither 0 nor one of `fails`; has its last line.
        """
        return self.python("-m", "ttur", *command.split(), *map(str, more), fails=fails)

    def python(self, *words: str, fails: tuple[int, ...] = ()) -> str:
        path = os.pathsep.join(filter(None, [str(self.source), os.environ.get("PYTHONPATH")]))
        own = {"OMP_NUM_THREADS": "1", "TTUR_CACHE": str(self.folder / "cache")}
        done = subprocess.run(
            [sys.executable, *words],
            cwd=self.folder,
            env=os.environ | own | {"PYTHONPATH": path},
            capture_output=True,
            text=True,
            timeout=MOST_SECONDS,
        )
        if done.returncode not in (FINISHED, *fails):
            said = done.stderr.strip().splitlines() or ["nothing"]
            raise RuntimeError(f"{' '.join(words)}: exit code {done.returncode}: {said[-1]}")
        return done.stdout

    def settings(self, values: dict[str, int]) -> list[str]:
        pairs = [(self.renamed.get(name, name), value) for name, value in values.items()]
        return [word for name, value in pairs for word in ("--set", f"{name}={value}")]


Piece = Callable[[Edition], Document]


def main() -> None:
    arguments = parsed()
    document = read(arguments.made) if arguments.made else made(arguments)
    parts = [document.get(part, {}) for part in arguments.only]
    failed = [name for part in parts for name, done in part.items() if "failed" in done]
    if failed:
        say(f"failed: {'; '.join(failed)}")
    if not arguments.against:
        if not arguments.out:
            print(json.dumps(document, indent=1))
        sys.exit(bool(failed))
    baseline = read(arguments.against)
    for line in differences(baseline["environment"], document["environment"], "environment"):
        say(f"note: {line}")
    lines = [
        line
        for part in ("inputs", *arguments.only)
        for line in differences(baseline.get(part), document.get(part), part)
    ]
    print("\n".join(lines) or "no difference")
    sys.exit(bool(lines or failed))


def parsed() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--source", type=Path, default=ROOT / "src", help="folder that has ttur/")
    parser.add_argument("--out", type=Path, help="the document; without it, stdout")
    parser.add_argument("--against", type=Path, help="a document to compare with")
    parser.add_argument("--made", type=Path, help="compare this document, and run nothing")
    parser.add_argument("--data", type=Path, help="folder of prepared data sets, with cifar10")
    parser.add_argument("--text", type=Path, help="UTF-8, 3,500 sentences or more, one a line")
    parser.add_argument("--only", type=_parts, default=PARTS, help=",".join(PARTS))
    parser.add_argument("--rename", action="append", default=[], metavar="FIELD=NAME")
    arguments = parser.parse_args()
    if arguments.made and not arguments.against:
        parser.error("--made is compared with a document; name it by --against")
    return arguments


def _parts(text: str) -> tuple[str, ...]:
    chosen = tuple(text.split(","))
    if not set(chosen) <= set(PARTS):
        raise argparse.ArgumentTypeError(f"expected some of {','.join(PARTS)}, got {text!r}")
    return chosen


def made(arguments: argparse.Namespace) -> Document:
    """The document of the version in `arguments.source`; what `arguments.out` has is not repeated.

    Raises:
        ValueError: if `arguments.out` is of other sources or inputs.
    """
    document = described(arguments)
    out: Path | None = arguments.out
    if out and out.exists():
        stored = read(out)
        if line := next(differences(document, stored, str(out)), None):
            raise ValueError(f"{line}; expected one made alike, remove it or name another --out")
        document = stored
    todo = pieces(arguments)
    with tempfile.TemporaryDirectory() as folder:
        renamed = dict(pair.split("=", 1) for pair in arguments.rename)
        data = arguments.data and arguments.data.resolve()
        edition = Edition(arguments.source.resolve(), Path(folder), data, renamed)
        where = Path(edition.python("-c", "import ttur; print(ttur.__file__)").strip())
        if edition.source not in where.parents:
            raise ValueError(f"expected to run {edition.source}, but python imports {where}")
        write_inputs(edition.folder, edition.source, arguments.text)
        for index, (part, name, piece) in enumerate(todo, 1):
            done = document.setdefault(part, {})
            if name in done and "failed" not in done[name]:
                continue
            say(f"[{index}/{len(todo)}] {part}: {name} …", end=" ")
            start = time.perf_counter()
            try:
                done[name] = piece(edition)
                say(f"{time.perf_counter() - start:.1f} s")
            except (RuntimeError, subprocess.TimeoutExpired) as error:
                done[name] = {"failed": str(error)}
                say(f"failed: {error}")
            if out:
                unfinished = out.with_name(f".{out.name}.unfinished")
                unfinished.write_text(json.dumps(document, indent=1) + "\n", "utf-8")
                unfinished.replace(out)
    return document


def described(arguments: argparse.Namespace) -> Document:
    """What the numbers hang on: sources, this script, inputs; and libraries and the machine."""
    card = arguments.data and arguments.data / CARD
    given = {"cifar10": card, "text": arguments.text}
    sources = sorted(arguments.source.rglob("*.py"))
    return {
        "made_by": {
            "source_sha256": _sha256(*(path.read_bytes() for path in sources)),
            "script_sha256": _sha256(Path(__file__).read_bytes()),
        },
        "inputs": {
            name: _sha256(path.read_bytes()) if path and path.exists() else None
            for name, path in given.items()
        },
        "environment": {name: version(name) for name in ("torch", "numpy", "scipy", "pillow")}
        | {"python": platform.python_version(), "machine": platform.machine()},
    }


def pieces(arguments: argparse.Namespace) -> list[tuple[str, str, Piece]]:
    """(part, name, what to run) of all that is asked for and can be run."""
    has_cifar = arguments.data and (arguments.data / CARD).exists()
    found: list[tuple[str, str, Piece]] = []
    for experiment in RUNS:
        if has_cifar or "cifar10" not in experiment:
            found.append(("runs", experiment, partial(runs, experiment=experiment)))
        elif "runs" in arguments.only:
            say(f"runs: {experiment} is skipped; expected --data FOLDER with cifar10")
    found += [("runs", "demo, monitored", monitored), ("runs", "demo, resumed", resumed)]
    for name, words in evaluations().items():
        found.append(("evaluate", name, partial(measured, command=f"evaluate {words} --no-cache")))
    found.append(("evaluate", "statistics in a file", statistics))
    if arguments.text:
        command = "jsd real.txt generated.txt --orders 1-6 --json"
        found.append(("jsd", "orders 1-6", partial(measured, command=command)))
    elif "jsd" in arguments.only:
        say("jsd is skipped; expected --text FILE")
    found.append(("theory", "all", theory))
    return [piece for piece in found if piece[0] in arguments.only]


def runs(edition: Edition, experiment: str) -> Document:
    """{label: what came out} of 20 updates."""
    values, labels = RUNS[experiment]
    words = [[]] if not labels else [["--only", label] for label in labels]
    found: Document = {}
    for chosen in words:
        found |= run(edition, experiment, "runs", 20, values, *chosen)
    return found


def monitored(edition: Edition) -> Document:
    probe = {"monitor_every_updates": 5, "tracking_gap_every_updates": 10}
    return run(edition, "demo", "monitored", 20, LOG | probe, "--monitor")


def resumed(edition: Edition) -> Document:
    run(edition, "demo", "resumed", 10, LOG)
    return run(edition, "demo", "resumed", 20, LOG)


def run(
    edition: Edition, experiment: str, out: str, steps: int, values: dict[str, int], *words: str
) -> Document:
    """{label: record, samples and series} of one `ttur run`."""
    data = ["--data", edition.data] if edition.data else []
    command = f"run {experiment} --steps {steps} --samples 64 --seeds 0 --out {out}"
    more = ("--json", "--device", "cpu", *data, *words, *edition.settings(values))
    printed = edition.ttur(command, *more, fails=(DIVERGED,))
    found = {}
    for record in json.loads(printed)["runs"]:
        folder = edition.folder / out / experiment / record["label"] / "seed-0"
        samples = sorted(folder.glob("samples/*"))
        found[record["label"]] = {name: record.get(name) for name in OF_A_RUN} | {
            "samples_sha256": {path.name: _sha256(path.read_bytes()) for path in samples},
            "series": series(folder / "events.jsonl"),
        }
    return found


def series(events: Path) -> dict[str, list[list[Any]]]:
    """{name: [[update, value], …]} of all that was logged, evaluated and probed."""
    found: dict[str, list[list[Any]]] = {}
    for line in events.read_text("utf-8").splitlines():
        event = json.loads(line)
        if "weights_sha256" in event:  # how it ended: the record has that
            continue
        for name, value in numbers(event):
            own, pair = name.rpartition(" ")[2], [event.get("update"), value]
            if pair not in found.setdefault(own, []):
                found[own].append(pair)
    return found


def evaluations() -> dict[str, str]:
    """{name: words after `ttur evaluate`}."""
    words = f"--metrics {METRICS} --kid-subset-size 100 --json --device cpu"
    of_digits = f"train.npy test.npy --extractor digits {words}"
    by_inception = (
        "real.npy generated.npy --weights inception.pth --metrics fid,is,kid,precision_recall "
        "--kid-subset-size 8 --json --device cpu"
    )
    return (
        {f"digits, {name}": f"{of_digits} --protocol {name}" for name in PROTOCOLS}
        | {f"Inception, {name}": f"{by_inception} --protocol {name}" for name in PROTOCOLS}
        # FID∞ takes 512 images here: the larger part counts as generated.
        | {"cifar10, tf1": f"test.npy train.npy --extractor cifar10 {words}"}
    )


def statistics(edition: Edition) -> Document:
    """The numbers of the file, by their digests, and the distance of the test digits to it."""
    edition.ttur("statistics train.npy statistics.npz --extractor digits --device cpu")
    with np.load(edition.folder / "statistics.npz", allow_pickle=False) as archive:
        arrays = {name: archive[name] for name in archive.files}
    command = "fid statistics.npz test.npy --extractor digits --json --device cpu"
    return measured(edition, command) | {
        "file_sha256": {n: _sha256(a.tobytes()) for n, a in arrays.items() if a.dtype.kind == "f"}
    }


def theory(edition: Edition) -> Document:
    """{study: its rows, in order, and the numbers in its sentence}."""
    printed = json.loads(edition.ttur("theory all --json --out theory"))
    return {
        study["name"]: {
            "rows": study["rows"],
            "in_the_sentence": NUMBER.findall(study["sentence"]),
        }
        for study in printed["studies"]
    }


def measured(edition: Edition, command: str) -> Document:
    return dict(numbers(json.loads(edition.ttur(command))))


def numbers(value: Any, name: str = "", metric: str = "") -> Iterator[tuple[str, float | None]]:
    """(name, number) of a document, however deep; None where a reading was not finite.

    Of {"metric": m, "value": v, …}, v is named m, and the others m and their own name.
    """
    if isinstance(value, dict):
        metric = value.get("metric", metric)
        for key, inner in value.items():
            if key not in BESIDE and not TIME.search(key):
                own = metric if key in ("value", metric) else f"{metric} {key}".strip()
                yield from numbers(inner, own, metric)
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield from numbers(inner, f"{name}[{index}]", metric)
    elif value is None or (isinstance(value, int | float) and not isinstance(value, bool)):
        yield name, value


def differences(before: Any, after: Any, where: str) -> Iterator[str]:
    """A line for all that is another or missing in `after`; what only `after` has is none."""
    if isinstance(before, dict) and isinstance(after, dict):
        for name, value in before.items():
            now = name if name in after else FORMER_NAMES.get(name, name)
            if now not in after:
                yield f"{where}/{name}: missing"
            elif name not in WORDS:
                yield from differences(value, after[now], f"{where}/{name}")
    elif isinstance(before, list) and isinstance(after, list) and len(before) == len(after):
        for index, (one, other) in enumerate(zip(before, after, strict=True)):
            yield from differences(one, other, f"{where}[{index}]")
    elif json.dumps(before) != json.dumps(after):
        yield f"{where}: {json.dumps(before)} -> {json.dumps(after)}"


def write_inputs(folder: Path, source: Path, text: Path | None) -> None:
    """Files to measure, of numpy and `tests/golden` alone, so that every version gets the same."""
    archives = (np.load(path, allow_pickle=False) for path in source.rglob("digits.npz"))
    counts = next(archive["images"] for archive in archives if "images" in archive)
    # 28×28, which is no multiple of what the extractors take: protocols then differ.
    images = np.pad(counts.repeat(3, 1).repeat(3, 2) * np.uint8(15), ((0, 0), (2, 2), (2, 2)))
    images = images[..., None].repeat(3, -1)
    is_test = np.arange(len(images)) % 5 == 0
    np.save(folder / "train.npy", images[~is_test])
    np.save(folder / "test.npy", images[is_test])
    np.save(folder / "real.npy", inputs.real_images(12))
    np.save(folder / "generated.npy", inputs.generated_images(12))
    weights = {name: torch.from_numpy(array) for name, array in inputs.inception_weights().items()}
    torch.save(weights, folder / "inception.pth")
    if text:
        lines = text.read_text("utf-8").splitlines(keepends=True)
        (folder / "real.txt").write_text("".join(lines[:1500]), "utf-8")
        (folder / "generated.txt").write_text("".join(lines[1500:3500]), "utf-8")


def read(path: Path) -> Document:
    return json.loads(path.read_text("utf-8"))


def say(line: str, end: str = "\n") -> None:
    print(line, end=end, file=sys.stderr, flush=True)


def _sha256(*contents: bytes) -> str:
    digest = hashlib.sha256()
    for content in contents:
        digest.update(content)
    return digest.hexdigest()


if __name__ == "__main__":
    main()
