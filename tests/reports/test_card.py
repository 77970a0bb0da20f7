"""The model card: its head is YAML whatever names hold, its code runs, numbers are the run's."""

import hashlib
import json
import re
from dataclasses import replace
from pathlib import Path

import pytest

import ttur
from ttur.data.published.digits import DIGITS
from ttur.reports.card import ModelCard
from ttur.reports.front_matter import fenced, front_matter, words
from ttur.training.events import Ended
from ttur.training.record import RunRecord, read_run

HOSTILE = 'no: "x" \\ #1e-3 \n---\n\u2028\x00\x7f é 😀 <script>alert(1)</script> | `a` ${x} [y](z)'


@pytest.fixture(scope="module")
def run(tmp_path_factory) -> RunRecord:
    settings = {"updates": 2, "width": 2, "evaluation_samples": 40}
    runs = ttur.run(
        "demo", only="orig_5e-4", seeds=[0], settings=settings, device="cpu",
        out=tmp_path_factory.mktemp("runs"),
    )  # fmt: skip
    return next(iter(runs))


def card(run: RunRecord) -> ModelCard:
    return ModelCard(run, Path("data"))


def diverged(run: RunRecord) -> RunRecord:
    assert run.end is not None
    end = replace(run.end, kind="diverged", cause="dead discriminator", update=2)
    return replace(run, end=end)


def blocks(text: str) -> list[str]:
    return re.findall(r"```python\n(.*?)\n```", text, re.DOTALL)


def test_numbers_stand_with_protocol_samples_and_weights(run):
    index, *_ = card(run).metadata["model-index"]
    (result,) = index["results"]
    assert index["name"] == "demo orig_5e-4 seed 0, last weights, update 2"
    assert result["task"] == {"type": "unconditional-image-generation"}
    assert result["dataset"]["args"] == {"sha256": run.description.data_sha256}
    value = run.evaluations[-1].values["fd_digits"]
    expected = {"type": "fd_digits", "name": "fd_digits (tf1, 40 samples)", "value": value}
    assert result["metrics"] == [expected]
    assert f"| fd\\_digits | {value:.6g} | last, update 2 | lower |" in card(run).text


def test_the_best_weights_have_an_entry_where_they_are_others(run):
    first, _ = run.evaluations
    assert run.end is not None
    best = replace(run.end, best=first.score)
    updates = [e["name"] for e in card(replace(run, end=best)).metadata["model-index"]]
    assert [name.partition(", ")[2] for name in updates] == [
        "last weights, update 2",
        "best weights, update 1",
    ]


def test_its_code_runs_in_the_folder_of_the_run(run, monkeypatch):
    monkeypatch.chdir(run.directory)
    with_ttur, plain = blocks(card(run).text)
    ours, theirs = {}, {}
    exec(with_ttur, ours)
    exec(plain, theirs)
    assert [image.shape for image in ours["samples"]] == [(16, 16, 3)] * 16
    state = ours["generator"].network.state_dict()
    assert state.keys() == theirs["weights"].keys()
    assert all(bool((state[name] == theirs["weights"][name]).all()) for name in state)


def test_of_a_run_that_averages_its_weights_both_ways_load_the_average(tmp_path, monkeypatch):
    settings = {"updates": 2, "width": 2, "evaluation_samples": 40, "ema": "half_life"}
    (run,) = ttur.run(
        "demo", only="orig_5e-4", seeds=[0], settings=settings, device="cpu", out=tmp_path
    )
    text = card(run).text
    assert re.search(r"\| fd\\_digits\\_ema \| [\d.]+ \| last, averaged, update 2 \|", text)
    monkeypatch.chdir(run.directory)
    ours, theirs = {}, {}
    for block, names in zip(blocks(text), (ours, theirs), strict=True):
        exec(block, names)
    state = ours["generator"].network.state_dict()
    assert all(bool((state[name] == theirs["weights"][name]).all()) for name in state)
    raw = ttur.load_generator(".", raw=True, device="cpu").network.state_dict()
    assert any(bool((state[name] != raw[name]).any()) for name in state)


def test_digests_are_those_of_the_files(run):
    text = card(run).text
    for name in ("best.pt", "checkpoint.pt"):
        digest = hashlib.sha256((run.directory / name).read_bytes()).hexdigest()
        assert f"{digest}  {name}" in text
    assert run.weights_sha256 is not None
    assert f"generator: {run.weights_sha256['generator']}" in text


def test_of_a_diverged_run_it_says_so_and_quotes_no_number(run):
    made = card(diverged(run))
    assert "**This run diverged at update 2 of 2: dead discriminator.**" in made.text
    assert "model-index" not in made.metadata
    value = run.evaluations[-1].values["fd_digits"]
    assert f"{value:.3g}" not in made.text
    assert blocks(made.text) == []
    assert "![" not in made.text


def test_a_run_that_was_interrupted_says_so(run):
    assert isinstance(run.end, Ended)
    text = card(replace(run, end=replace(run.end, kind="interrupted"))).text
    assert "Interrupted at update 2 of 2. It was interrupted, and goes on" in text


def test_the_licence_is_that_of_the_data_card(run, tmp_path):
    assert f"Licence of the data: {DIGITS.licence}" in card(run).text
    digest = run.description.data_sha256
    configuration = run.configuration | {"data": {"name": "mine", "split": "train"}}
    mine = replace(run, description=replace(run.description, configuration=configuration))
    for sha256, licence in ((digest, "CC BY 9.0"), ("0" * 64, "not stated")):
        split = {"count": 1, "size": [16, 16], "sha256": sha256}
        document = {
            "name": "mine", "source": ["a.zip"], "source_sha256": ["1"], "licence": "CC BY 9.0",
            "how_made": {}, "classes": None, "splits": {"train": split},
        }  # fmt: skip
        folder = tmp_path / "mine"
        folder.mkdir(exist_ok=True)
        (folder / "card.json").write_text(json.dumps(document))
        assert f"Licence of the data: {licence}" in ModelCard(mine, tmp_path).text


def test_values_are_quoted_as_json_has_them():
    """Each on a line of its own; only what JSON cannot say in one escape is left to YAML."""
    head = front_matter({"a": HOSTILE, "b": [{"c": True, "d": 1e-8}]}).split("\n")
    assert [head[0], head[-1], *head[2:-1]] == ["---", "---", "b:", "- c: true", "  d: 1e-08"]
    assert json.loads(head[1].removeprefix("a: ")) == HOSTILE
    assert front_matter({"a": "\U000e0001"}).split("\n")[1] == 'a: "\\U000e0001"'


@pytest.mark.extras
def test_the_head_is_read_by_a_yaml_parser_and_by_hugging_face(run):
    yaml = pytest.importorskip("yaml", reason="no YAML parser: pip install pyyaml")
    hub = pytest.importorskip("huggingface_hub", reason="pip install huggingface_hub")
    described = replace(run.description, experiment=HOSTILE, label=HOSTILE)
    hostile = card(replace(run, description=described))
    head, body = hostile.text.split("\n---\n", 1)
    assert yaml.safe_load(head) == hostile.metadata
    assert "<script>" not in body
    made = hub.ModelCard(card(run).text)
    result, *_ = made.data.eval_results
    assert result.metric_value == run.evaluations[-1].values["fd_digits"]
    assert result.dataset_args == {"sha256": run.description.data_sha256}


def test_no_name_is_a_mark_of_the_page():
    shown = words(HOSTILE)
    assert shown.isprintable()
    for mark in "<>|`[]$":
        assert len(re.findall(rf"(?<!\\){re.escape(mark)}", shown)) == 0
    assert fenced("a\n````\nb").startswith("`````\n")


def test_the_command_prints_it_or_writes_a_new_file(ttur, run, tmp_path):
    code, out, _ = ttur(f"card {run.directory}")
    assert (code, out) == (0, card(read_run(run.directory)).text + "\n")
    assert ttur(f"card {run.directory} --out README.md")[:2] == (0, "README.md\n")
    assert (tmp_path / "README.md").read_text("utf-8") == out
    code, _, err = ttur(f"card {run.directory} --out README.md")
    assert code == 2
    assert "choose another --out" in err
