"""The services themselves, offline: what a run told them, read back from their files."""

import json
import os
import socket
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

pytestmark = pytest.mark.extras

# Two updates, two more in a second call, and then once more as a whole.
TOLD = """
import json, sys, torch, ttur
from pathlib import Path
from torch import nn
from ttur.data.published.digits import digits
from ttur.tracking.catalogue import tell, tracker

for updates in (2, 4):
    torch.manual_seed(0)
    run = ttur.train(
        nn.Sequential(nn.Linear(4, 768), nn.Tanh(), nn.Unflatten(1, (3, 16, 16))),
        nn.Sequential(nn.Flatten(), nn.Linear(768, 1)),
        digits().images[:100], "run", rates=ttur.LearningRatePair(1e-3, 5e-4),
        experiment="faces", latents=4, batch_size=8, updates=updates, metric="fd_digits",
        evaluation_samples=80, evaluate_every_updates=2, log_every_updates=1, device="cpu",
        listeners=[tracker(WORD)], say=lambda line: print(line, file=sys.stderr),
    )
tell(tracker(WORD), run)
identity, = json.loads(Path("run/trackers.json").read_text()).values()
identity = identity["identity"]
evaluated = {e.update: e.values["fd_digits"] for e in run.evaluations}
"""
TENSORBOARD = """
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

read = EventAccumulator("run/tensorboard", size_guidance={"images": 0, "scalars": 0})
read.Reload()
scores = read.Scalars("fd_digits/tf1")
seconds = {e.update: e.training_seconds for e in run.evaluations}
for one in scores:
    gap = (one.wall_time - scores[0].wall_time) - (seconds[one.step] - seconds[1])
    assert abs(gap) < 1e-5, gap  # the axis RELATIVE is the time of training
on_images = read.Scalars("on images seen/training/discriminator_loss")
assert [one.step for one in on_images] == [8, 16, 24, 32]
settings = read.PluginTagToContent("hparams")["_hparams_/session_start_info"]
assert b"generator_rate" in settings
outcomes = [e.tensor_proto.string_val[0].decode() for e in read.Tensors("outcome")]
found = {
    "scores": [(one.step, one.value) for one in scores],
    "losses": [one.step for one in read.Scalars("training/discriminator_loss")],
    "final": read.Scalars("final/fd_digits/tf1")[-1].value,
    "grids": [one.step for one in read.Images("samples")],
    "outcome": outcomes[-1],
}
"""
MLFLOW = """
import mlflow

client = mlflow.MlflowClient()
experiment = client.get_experiment_by_name("faces")
kept, = client.search_runs([experiment.experiment_id])
assert kept.info.status == "FINISHED"
assert kept.data.params["generator_rate"] == "0.0005"
assert not {"mlflow.user", "mlflow.source.name"} & set(kept.data.tags)
history = lambda name: client.get_metric_history(kept.info.run_id, name)
images = [file.path for file in client.list_artifacts(kept.info.run_id, "images")]
found = {
    "scores": [(one.step, one.value) for one in history("fd_digits/tf1")],
    "losses": [one.step for one in history("training/discriminator_loss")],
    "final": kept.data.metrics["final/fd_digits/tf1"],
    "grids": sorted(int(name.split("+")[2]) for name in images if name.endswith(".png")),
    "outcome": kept.data.tags["outcome"],
}
"""
# Of both processes' files; the records are LevelDB's, behind a header of seven bytes.
WANDB = """
import struct
from wandb.proto import wandb_internal_pb2

def records(data):
    at, part = 7, b""
    while at + 7 <= len(data):
        if 32768 - at % 32768 < 7:
            at += 32768 - at % 32768
            continue
        _, length, kind = struct.unpack("<IHB", data[at : at + 7])
        part += data[at + 7 : at + 7 + length]
        at += 7 + length
        if kind in (1, 4):
            yield wandb_internal_pb2.Record.FromString(part)
            part = b""

rows = []
for path in sorted(Path("wandb").glob("offline-run-*/*.wandb")):
    assert identity in path.name
    for record in records(path.read_bytes()):
        if record.HasField("run"):
            assert (record.run.project, record.run.run_group) == ("faces", "ttur_1e-3_5e-4")
            assert record.run.host == "unnamed"
            settings = {one.key: json.loads(one.value_json) for one in record.run.config.update}
            assert settings["generator_rate"] == 5e-4
        assert not record.HasField("environment")
        if record.HasField("history"):
            items = record.history.item
            rows.append({one.key or "/".join(one.nested_key): one for one in items})
rows = [{name: json.loads(one.value_json) for name, one in row.items()} for row in rows]
of = lambda name: [(row["_step"], row[name]) for row in rows if name in row]
found = {
    "scores": of("fd_digits/tf1"),
    "losses": [step for step, _ in of("training/discriminator_loss")],
    "final": of("final/fd_digits/tf1")[-1][1],
    "grids": [step for step, _ in of("samples/path")],
    "outcome": of("outcome")[-1][1],
}
"""
TRACKIO = """
import sqlite3

with sqlite3.connect("kept/faces.db") as kept:
    lines = kept.execute("select step, run_name, metrics from metrics order by id").fetchall()
assert {name for _, name, _ in lines} == {f"ttur_1e-3_5e-4 seed-0 {identity}"}
rows = [{"_step": step, **json.loads(values)} for step, _, values in lines]
of = lambda name: [(row["_step"], row[name]) for row in rows if name in row]
found = {
    "scores": of("fd_digits/tf1"),
    "losses": [step for step, _ in of("training/discriminator_loss")],
    "final": of("final/fd_digits/tf1")[-1][1],
    "grids": [step for step, _ in of("samples")],
    "outcome": of("outcome")[-1][1],
}
"""
SERVICES = {
    "tensorboard": (TENSORBOARD, {}),
    "mlflow": (MLFLOW, {"MLFLOW_TRACKING_URI": "mlruns", "MLFLOW_ALLOW_FILE_STORE": "true"}),
    "wandb": (WANDB, {"WANDB_MODE": "offline"}),
    "trackio": (TRACKIO, {"TRACKIO_DIR": "kept"}),
}


def program(folder: Path, word: str, reading: str, environment: dict[str, str]) -> dict:
    if find_spec(word) is None:
        pytest.skip(f"{word} is not installed: pip install {word}")
    source = Path(__file__).parents[2] / "src"
    path = os.pathsep.join(filter(None, [str(source), os.environ.get("PYTHONPATH", "")]))
    script = f"WORD = {word!r}\n{TOLD}\n{reading}\nprint(json.dumps([found, evaluated]))"
    done = subprocess.run(
        [sys.executable, "-c", script],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": path} | environment,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    assert "told no more" not in done.stderr
    (printed,) = done.stdout.splitlines()  # nothing of theirs: results are alone there
    return json.loads(printed)


@pytest.mark.parametrize("word", SERVICES)
def test_what_a_resumed_run_told_is_read_back_once(tmp_path, word):
    found, evaluated = program(tmp_path, word, *SERVICES[word])
    assert [step for step, _ in found["scores"]] == [1, 2, 4]
    for step, value in found["scores"]:
        assert value == pytest.approx(evaluated[str(step)], rel=1e-6)  # TensorBoard's are float32
    assert found["losses"] == [1, 2, 3, 4]
    assert found["grids"] == [1, 2, 4]
    assert found["final"] == pytest.approx(evaluated["4"], rel=1e-6)
    assert found["outcome"] == "finished"
    named = [path for path in tmp_path.rglob("*") if socket.gethostname() in path.name.split(".")]
    assert named == []


def test_swanlab_keeps_what_a_run_told(tmp_path):
    """Its records have a form of its own; the settings and grids lie in plain files."""
    reading = """
folders = sorted(Path("swanlog").glob("run-*"))
assert all(identity in folder.name for folder in folders)
about = [json.loads((one / "files/swanlab-metadata.json").read_text()) for one in folders]
assert all(not value for one in about for name, value in one.items() if name != "_version")
grids = [path.name[:3] for one in folders for path in (one / "media/image").glob("*.png")]
texts = b"".join(path.read_bytes() for one in folders for path in one.glob("*.swanlab"))
settings = (folders[-1] / "files/config.yaml").read_text()
found = {
    "grids": sorted(set(grids)),
    "names": [n for n in ("fd_digits/tf1", "final/fd_digits/tf1") if n.encode() in texts],
    "settings": [n for n in ("generator_rate", "outcome") if n in settings],
}
"""
    found, _ = program(tmp_path, "swanlab", reading, {"SWANLAB_MODE": "offline"})
    assert len(found["grids"]) == 3
    assert found["names"] == ["fd_digits/tf1", "final/fd_digits/tf1"]
    assert found["settings"] == ["generator_rate", "outcome"]
