"""Pages: the file, what runs say in it, and what a hostile name cannot do."""

import base64
import hashlib
import io
import json
import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from reports.records import (
    RUNS,
    configured,
    described,
    ended,
    grid,
    record,
    with_logs,
    written,
)
from ttur.analysis.curves import published_curves
from ttur.analysis.groups import group_runs
from ttur.data import catalogue
from ttur.data.images.grid import image_grid
from ttur.reports.html.blocks import Chart, Code, Gallery, Heading, Page, Table, Text, plain
from ttur.reports.html.document import document, write_page
from ttur.reports.html.pictures import of_grid, of_pixels
from ttur.reports.html.run_charts import MOST_POINTS
from ttur.reports.html.run_samples import MOST_BYTES, MOST_STEPS
from ttur.reports.html.runs import Asked, runs_page

HOSTILE = "</script><script>alert(1)</script><!-- \u2028 & ' \" \ud800"


class Elements(HTMLParser):
    """Tags with their attributes, and the text within each."""

    def __init__(self, text: str):
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None], str]] = []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.found.append((tag, dict(attrs), ""))

    def handle_endtag(self, tag):
        self.found.append(("", {}, ""))  # what follows is of no element

    def handle_data(self, data):
        if self.found:
            tag, attributes, text = self.found[-1]
            self.found[-1] = (tag, attributes, text + data)

    def of(self, tag: str) -> list[tuple[dict[str, str | None], str]]:
        return [(attributes, text) for name, attributes, text in self.found if name == tag]


def data_of(text: str) -> dict:
    ((_, data),) = [each for each in Elements(text).of("script") if each[0].get("type")]
    return json.loads(data)


def blocks_of(page: Page, kind: type) -> list:
    return [block for block in page.blocks if isinstance(block, kind)]


def test_the_policy_allows_the_style_and_the_program_of_the_file_and_nothing_else():
    found = Elements(document(Page("t", "s", [])))
    (policy,) = [a["content"] for a, _ in found.of("meta") if "http-equiv" in a]
    rules = dict(rule.split(" ", 1) for rule in str(policy).split("; "))
    assert rules["default-src"] == "'none'"
    assert rules["img-src"] == "data:"
    assert "connect-src" not in rules
    ((_, style),) = found.of("style")
    ((_, program),) = [each for each in found.of("script") if not each[0]]
    for rule, text in (("style-src", style), ("script-src", program)):
        digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
        assert rules[rule] == f"'sha256-{digest}'"


def test_nothing_is_fetched_and_nothing_is_markup():
    """The program sets texts; addresses are those of the file itself."""
    text = document(Page("t", "s", []))
    found = Elements(text)
    addresses = [a[key] for _, a, _ in found.found for key in ("src", "href") if key in a]
    assert addresses == ["data:,"]
    for word in ("innerHTML", "outerHTML", "insertAdjacent", "document.write", "eval(", "cdn"):
        assert word not in text
    assert re.findall(r"https?://[^\"]+", text) == ["http://www.w3.org/2000/svg"]


def test_hostile_words_are_words():
    page = Page(HOSTILE, HOSTILE, [Text(HOSTILE), Code(HOSTILE, HOSTILE)], {HOSTILE: HOSTILE})
    text = document(page)
    assert len(Elements(text).of("script")) == 2
    assert "\u2028" not in text
    assert HOSTILE.encode("utf-8", "surrogatepass") not in text.encode()
    read = data_of(text)["page"]
    assert read["title"] == HOSTILE
    assert read["settings"] == {HOSTILE: HOSTILE}
    assert read["blocks"][1]["text"] == HOSTILE


def test_numbers_are_json_at_six_digits():
    inf, nan = float("inf"), float("nan")
    assert plain((1 / 3, -inf, nan, 12, None, 1234567.8)) == [
        0.333333,
        None,
        None,
        12,
        None,
        1234570.0,
    ]


def test_a_page_is_written_whole_or_not_at_all(tmp_path, monkeypatch):
    path = tmp_path / "new" / "p.html"
    assert write_page(Page("one", "", []), path) == path
    before = path.read_text()
    monkeypatch.setattr("os.replace", lambda *_: (_ for _ in ()).throw(OSError("full")))
    with pytest.raises(OSError, match="full"):
        write_page(Page("two", "", []), path)
    assert path.read_text() == before
    assert [each.name for each in path.parent.iterdir()] == ["p.html"]


def test_a_page_of_runs_says_what_was_asked_how_it_ended_and_how_to_do_it_again():
    groups = group_runs(RUNS)
    label = "ttur_1e-4_5e-4"
    asked = Asked(
        {"dcgan_cifar10": ("Is it better?", "Figure 5")}, {("dcgan_cifar10", label): ["ttur run x"]}
    )
    page = runs_page(groups, asked)
    assert page.subtitle == "3 settings, 5 runs: 4 finished, 1 diverged"
    headings = [block.text for block in blocks_of(page, Heading)]
    assert headings == ["Question and plan", "Results", "Curves", "Runs", "How it was made"]
    question, diverged = blocks_of(page, Text)
    assert question.text == "Is it better?"
    assert diverged.doubt
    assert diverged.text == (
        "TTUR 1e-4 5e-4, seed 1, diverged at update 7000: non-finite generator loss."
    )
    (code,) = blocks_of(page, Code)
    assert (code.title, code.text) == ("TTUR 1e-4 5e-4: the command", "ttur run x")
    tables = {table.title: table for table in blocks_of(page, Table)}
    outcomes = {(row[0], row[1]): row[2:4] for row in tables["Outcome of each run"].rows}
    assert outcomes["orig 1e-4", "0"] == ("finished", "")
    assert outcomes["TTUR 1e-4 5e-4", "1"] == (
        "diverged at update 7000",
        "non-finite generator loss",
    )
    assert [*page.axes] == ["updates", "minutes", "both_players"]


def test_curves_have_bands_single_runs_crosses_and_what_was_published():
    (chart,) = blocks_of(runs_page(group_runs(RUNS)), Chart)
    of = {one.label: one for one in chart.series}
    (mean,) = of["orig 5e-4"].lines
    assert (*mean.values,) == (65.0, 65.0)
    assert (*mean.low,) == (60.0, 50.0)
    assert (*mean.high,) == (70.0, 80.0)
    assert {name: (*at,) for name, at in mean.at.items()} == {
        "updates": (5000.0, 10000.0),
        "minutes": (5.0, 10.0),
        "both_players": (10000.0, 20000.0),
    }
    assert [one.cross for one in chart.series if one.role == "run"] == [False, False, False, True]
    published = of["orig 5e-4, published"]
    assert published.setting == of["orig 5e-4"].setting
    (line,) = published.lines
    assert [*line.at] == ["updates"]
    points = published_curves("dcgan_cifar10")["orig 5e-4"]
    assert (*line.at["updates"],) == tuple(1000 * point["x"] for point in points)
    assert np.all(np.less_equal(line.low, line.values))
    assert np.all(np.less_equal(line.values, line.high))


def test_a_run_that_goes_on_says_when_it_was_heard_of(tmp_path):
    run = record("orig_5e-4", 0, {5000: 60.0}, outcome="unfinished")
    folder = written(run, tmp_path)
    (row,) = next(
        table.rows
        for table in blocks_of(runs_page(group_runs([replace(run, directory=folder)])), Table)
        if table.title == "Outcome of each run"
    )
    assert row[2] == "not ended"
    assert re.fullmatch(r"last heard of \d{4}-\d\d-\d\d \d\d:\d\d:\d\d", row[3])
    assert row[4] == "5,000 of 120,000"
    page = runs_page(group_runs([replace(run, directory=folder), RUNS[2]]))
    assert page.subtitle == (
        "2 settings, 2 runs: 1 finished, 1 not ended; 15,000 of 130,000 updates"
    )


def test_long_logs_are_averaged_within_their_band():
    values = [float(n) for n in range(2 * MOST_POINTS + 2)]
    run = with_logs(record("orig_5e-4", 0, {}), discriminator_loss=values)
    (chart,) = blocks_of(runs_page(group_runs([run])), Chart)
    (line,) = chart.series[0].lines
    assert len(line.values) == len(line.at["minutes"]) <= MOST_POINTS
    assert line.values[0] == 1.0
    assert line.at["updates"][0] == 200.0


def test_a_search_has_its_rankings_and_monitor():
    page = runs_page(group_runs(grid()))
    titles = [chart.title for chart in blocks_of(page, Chart)]
    assert "ε_eff, time-scale ratio, G's over D's" in titles
    assert any("2 seeds agree" in t.title or "settings" in t.title for t in blocks_of(page, Table))
    chart = next(c for c in blocks_of(page, Chart) if c.title.startswith("ε_eff"))
    assert [one.label for one in chart.series if one.role == "level"] == ["better below 0.5"]


def test_networks_of_ones_own_need_say_little():
    run = described(record("a", 0, {5000: 3.0}, name="mine"), configuration={"updates": 5000})
    page = runs_page(group_runs([run]))
    assert page.subtitle == "1 setting, 1 run: 1 finished"


def with_grids(run, folder: Path, updates, side: int):
    directory = written(run, folder)
    (directory / "samples").mkdir()
    noise = np.random.default_rng(0).integers(0, 256, (side, side, 3), np.uint8)
    png = base64.b64decode(of_pixels(noise).partition(",")[2])
    for update in updates:
        (directory / "samples" / f"update-{update:07d}.png").write_bytes(png)
    return replace(run, directory=directory)


def test_samples_are_the_newest_and_a_bounded_number(tmp_path):
    run = with_grids(RUNS[0], tmp_path, range(100, 5100, 100), 128)
    (gallery,) = blocks_of(runs_page(group_runs([run])), Gallery)
    (strip,) = gallery.strips
    assert len(strip.frames) == MOST_STEPS
    assert (strip.frames[0].at, strip.frames[-1].at) == (100, 5000)
    assert strip.frames[-1].caption == "update 5,000, fid 60"
    assert all(frame.image.startswith("data:image/png;base64,") for frame in strip.frames)


def test_many_settings_have_fewer_steps_and_the_page_stays_small(tmp_path):
    """A grid of noise of 256 pixels has 197 kB."""
    runs = [
        with_grids(record(f"orig_{n}e-4", 0, {5000: 1.0}), tmp_path, range(1000, 9000, 1000), 256)
        for n in range(1, 9)
    ]
    (gallery,) = blocks_of(runs_page(group_runs(runs)), Gallery)
    frames = [frame for strip in gallery.strips for frame in strip.frames]
    assert sum(len(frame.image) for frame in frames) <= MOST_BYTES
    assert {strip.frames[-1].at for strip in gallery.strips} == {8000}
    assert {len(strip.frames) for strip in gallery.strips} == {1}


def test_a_large_grid_is_smaller_by_a_whole_factor(tmp_path):
    """64 images of 64 pixels, written twice as large with gaps: each pixel is there once."""
    images = np.random.default_rng(0).integers(0, 256, (64, 64, 64, 3), np.uint8)
    path = tmp_path / "g.png"
    Image.fromarray(image_grid(images)).save(path)
    with Image.open(_file_of(of_grid(path))) as image:
        assert image.size == (548, 548)
        shown = np.asarray(image)
    assert np.array_equal(shown[4:68, 4:68], images[0])
    assert np.array_equal(shown[72:136, 4:68], images[8])
    path.write_bytes(b"no picture")
    assert of_grid(path) == ""


def test_pixels_come_back(tmp_path):
    pixels = np.random.default_rng(1).integers(0, 256, (5, 7, 3), np.uint8)
    with Image.open(_file_of(of_pixels(pixels))) as image:
        assert np.array_equal(np.asarray(image), pixels)


def _file_of(address: str):
    return io.BytesIO(base64.b64decode(address.removeprefix("data:image/png;base64,")))


def test_real_images_stand_beside_if_they_are_those_of_the_run(tmp_path):
    run = with_grids(
        configured(RUNS[0], data={"name": "digits", "split": "train"}), tmp_path, [5], 8
    )
    (other,) = blocks_of(runs_page(group_runs([run])), Gallery)
    assert [strip.label for strip in other.strips] == ["orig 5e-4, seed 0"]
    run = described(run, data_sha256=catalogue.load("digits").sha256)
    (gallery,) = blocks_of(runs_page(group_runs([run])), Gallery)
    assert [strip.label for strip in gallery.strips] == ["orig 5e-4, seed 0", "real: digits"]


def test_an_interrupted_page_of_two_experiments_names_both():
    other = record("orig_5e-4", 0, {5000: 2.0}, name="dcgan_celeba_losses")
    page = runs_page(group_runs([RUNS[0], ended(other, "unfinished")]))
    assert [*page.settings.values()] == [
        "dcgan_celeba_losses, orig 5e-4",
        "dcgan_cifar10, orig 5e-4",
    ]
