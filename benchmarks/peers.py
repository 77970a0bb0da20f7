"""ttur beside pytorch-fid, clean-fid, torch-fidelity and torchmetrics, in one run.

The same images, the same random weights.
python benchmarks/peers.py --peers-python PEERS/bin/python [--images 50] [--turns 5] [--threads 2]
    features: images in memory → features, batches of 50, the tools in turns
python benchmarks/peers.py --peers-python PEERS/bin/python --commands 1000
    whole commands: two folders of that many PNG files → FID on the terminal

The tools live in an environment of their own (tests/golden/peers.py says how to make it); without
one, ttur alone is measured. `benchmarks/frechet.py` measures the distance alone.
"""

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stdout
from pathlib import Path
from statistics import median

import numpy as np
import torch
from PIL import Image

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT / "tests"))

from golden import inputs  # noqa: E402

BATCH = 50
PEERS = {"pytorch-fid": "torch", "torch-fidelity": "tf1", "clean-fid": "clean"}
COMMANDS = (*PEERS, "torchmetrics")
OURS = {
    "ttur": ("torch", "float32"),
    "ttur tf1": ("tf1", "float32"),
    "ttur clean": ("clean", "float32"),
    "ttur bfloat16": ("torch", "bfloat16"),
}
# Images → features of a batch.
Extract = Callable[[np.ndarray], np.ndarray]


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--peers-python", help="the Python of the peers' environment")
    parser.add_argument("--images", type=int, default=50, help="per tool and turn")
    parser.add_argument("--turns", type=int, default=5)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--commands", type=int, default=0, help="images a side; 0: features")
    parser.add_argument("--tools", nargs="+", default=[*COMMANDS, *OURS], help="which of them")
    parser.add_argument("--serve", nargs=2, help=argparse.SUPPRESS)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    if options.serve:
        serve(*options.serve)
        return
    # oneDNN and BLAS of every process we start take the same number.
    os.environ["OMP_NUM_THREADS"] = str(options.threads)
    if options.peers_python is None:
        print("no --peers-python: ttur alone")
    theirs = COMMANDS if options.commands else tuple(PEERS)
    known = (*(theirs if options.peers_python else ()), *OURS)
    tools = [tool for tool in known if tool in options.tools]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        weights = inputs.inception_weights()
        torch.save(
            {name: torch.from_numpy(array) for name, array in weights.items()},
            folder / "weights.pth",
        )
        print(
            f"{options.threads} threads, torch {torch.__version__}, load {os.getloadavg()[0]:.1f}"
        )
        if options.commands:
            whole_commands(tools, folder, options.peers_python, options.commands)
        else:
            features(tools, folder, options.peers_python, options.images, options.turns)


def features(tools: list[str], folder: Path, python: str | None, count: int, turns: int) -> None:
    """Seconds per turn of each tool, one after the other in every turn."""
    np.save(folder / "images.npy", inputs.images(1, count, 32, 32))
    timed: dict[str, Callable[[], float]] = {}
    with served(python, folder) as ask:
        for tool in tools:
            if tool in OURS:
                timed[tool] = ours(tool, folder)
            else:
                timed[tool] = lambda tool=tool: ask(tool)
        for function in timed.values():
            function()  # loads, warms up, and leaves its features in the folder
        seconds = {tool: [] for tool in tools}
        for turn in range(turns):
            for tool, function in timed.items():
                seconds[tool].append(function())
                print(f"\rturn {turn + 1} of {turns}: {tool:20}", end="", file=sys.stderr)
    print(file=sys.stderr)
    print(f"{count} images of 32×32, batches of {BATCH}, median of {turns} turns")
    print(f"{'tool':16} {'resize':6} {'images/s':>9} {'× pytorch-fid':>14} {'relative error':>15}")
    for tool in tools:
        resize = OURS[tool][0] if tool in OURS else PEERS[tool]
        rate = count / median(seconds[tool])
        ratio = turnwise(seconds["pytorch-fid"], seconds[tool]) if "pytorch-fid" in tools else "–"
        peer = next((peer for peer, protocol in PEERS.items() if protocol == resize), "")
        error = relative_error(folder, tool, peer) if tool in OURS and peer in tools else "–"
        print(f"{tool:16} {resize:6} {rate:9.2f} {ratio:>14} {error:>15}")


def turnwise(theirs: list[float], seconds: list[float]) -> str:
    """Median, least and largest of the ratios of the same turn: the machine's speed drifts."""
    ratios = [a / b for a, b in zip(theirs, seconds, strict=True)]
    return f"{median(ratios):.2f} ({min(ratios):.2f}–{max(ratios):.2f})"


def relative_error(folder: Path, tool: str, peer: str) -> str:
    one, other = (np.load(folder / f"{name}.npy").astype(np.float64) for name in (tool, peer))
    return f"{np.linalg.norm(one - other) / np.linalg.norm(other):.1e}"


def ours(tool: str, folder: Path) -> Callable[[], float]:
    from ttur.features.extractors import load_extractor

    protocol, precision = OURS[tool]
    made = load_extractor(
        "inception", protocol=protocol, precision=precision, weights=folder / "weights.pth"
    )

    def extract(images: np.ndarray) -> np.ndarray:
        return made(torch.from_numpy(images).movedim(-1, 1)).features.numpy()

    return lambda: timed_pass(tool, extract, folder)


def timed_pass(tool: str, extract: Extract, folder: Path) -> float:
    images = np.load(folder / "images.npy")
    start = time.perf_counter()
    made = [extract(images[at : at + BATCH]) for at in range(0, len(images), BATCH)]
    seconds = time.perf_counter() - start
    np.save(folder / f"{tool}.npy", np.concatenate(made))
    return seconds


@contextmanager
def served(python: str | None, folder: Path) -> Iterator[Callable[[str], float]]:
    """A process of the peers that answers the name of a tool by the seconds of one pass."""
    if python is None:
        yield lambda tool: float("nan")
        return
    command = [python, "-W", "ignore", __file__, "--threads", str(torch.get_num_threads())]
    process = subprocess.Popen(
        [*command, "--serve", str(folder), str(folder / "weights.pth")],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdin is not None
    assert process.stdout is not None

    def ask(tool: str) -> float:
        print(tool, file=process.stdin, flush=True)
        answer = process.stdout.readline() if process.stdout else ""
        if not answer:
            raise SystemExit(f"the environment of the peers failed at {tool}; see above")
        return json.loads(answer)

    with process:
        yield ask
        process.stdin.close()


def serve(folder: str, weights: str) -> None:
    """Runs under the peers' Python."""
    answers = sys.stdout
    with redirect_stdout(sys.stderr):
        from golden import peers

        peers.read_weights_from(weights)
        make: dict[str, Callable[[], Extract]] = {
            "pytorch-fid": peers.pytorch_fid_features,
            "torch-fidelity": lambda: peers.torch_fidelity_features(weights),
            "clean-fid": lambda: peers.clean_fid_features("clean"),
        }
        made: dict[str, Extract] = {}
        for line in sys.stdin:
            tool = line.strip()
            if tool not in made:
                made[tool] = make[tool]()
            seconds = timed_pass(tool, made[tool], Path(folder))
            print(json.dumps(seconds), file=answers, flush=True)


def whole_commands(tools: list[str], folder: Path, python: str | None, count: int) -> None:
    """Each once, with its own defaults, nothing cached: seconds of the clock and of all cores, the
    latter less moved by other work, and the largest process's peak memory."""
    sides = {}
    for seed, side in enumerate(("real", "generated"), 1):
        sides[side] = folder / side
        sides[side].mkdir()
        for index, image in enumerate(inputs.images(seed, count, 32, 32)):
            Image.fromarray(image).save(sides[side] / f"{index:06}.png")
    paths = [str(sides["real"]), str(sides["generated"])]
    weights = str(folder / "weights.pth")
    print(f"two folders of {count} PNG files of 32×32")
    print(f"{'command':32} {'seconds':>8} {'of cores':>8} {'peak MB':>8}  result", flush=True)
    for tool in tools:
        if tool in COMMANDS:
            assert python is not None
            script = str(ROOT / "tests/golden/peers.py")
            command = [python, "-W", "ignore", script, tool, *paths, weights]
            report(tool, command)
            continue
        protocol, precision = OURS[tool]
        command = [sys.executable, "-m", "ttur", "fid", *paths, "--weights", weights, "--no-cache"]
        command += ["--protocol", protocol, "--precision", precision]
        report(tool, command)
        report(f"{tool} --no-interval", [*command, "--no-interval"])


def report(label: str, command: list[str]) -> None:
    with tempfile.TemporaryFile("w+") as output, tempfile.TemporaryFile("w+") as said:
        start = time.perf_counter()
        process = subprocess.Popen(command, stdout=output, stderr=said)
        _, status, usage = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - start
        process.returncode = os.waitstatus_to_exitcode(status)
        output.seek(0)
        said.seek(0)
        results, messages = output.read().splitlines(), said.read().splitlines()
    if process.returncode:
        raise SystemExit("\n".join([f"{label} failed:", *messages[-20:]]))
    value = next((line for line in reversed(results) if re.search(r"\d\.\d{3}", line)), "")
    cores = usage.ru_utime + usage.ru_stime
    peak = usage.ru_maxrss / 1024
    print(f"{label:32} {seconds:8.1f} {cores:8.1f} {peak:8.0f}  {value[:60]}", flush=True)


if __name__ == "__main__":
    main()
