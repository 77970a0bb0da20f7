"""Pages in a real browser: Debian's chromium, through its driver."""

import base64
import os
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from reports.records import RUNS, described, labelled, record, with_logs, written
from ttur.analysis.groups import group_runs
from ttur.reports.html.document import write_page
from ttur.reports.html.pictures import of_pixels
from ttur.reports.html.runs import runs_page
from ttur.runtime.run_directory import RunDirectory
from ttur.training.events import to_document

pytestmark = pytest.mark.extras
BROWSER, DRIVER = shutil.which("chromium"), shutil.which("chromedriver")
HOSTILE = "<script>document.title='ran'</script><img src=x onerror=\"document.title='ran'\">"


@pytest.fixture(scope="module")
def chromium():
    """One browser for all; a test leaves it as it likes, the next loads its page anew."""
    webdriver = pytest.importorskip("selenium.webdriver", reason="needs selenium: extra `browser`")
    if BROWSER is None or DRIVER is None:
        pytest.skip("no chromium with its driver; tests/browser/install.sh installs them")
    from selenium.webdriver.chrome.service import Service

    options = webdriver.ChromeOptions()
    options.binary_location = BROWSER
    for word in ("--headless=new", "--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu"):
        options.add_argument(word)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    browser = webdriver.Chrome(options=options, service=Service(DRIVER))
    yield browser
    browser.quit()


class Tab:
    """The browser at one width, with what tests ask it."""

    def __init__(self, browser, width: int, dark: bool = False):
        self.browser, self.width = browser, width
        self.command(
            "Emulation.setDeviceMetricsOverride",
            {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": width < 500},
        )
        feature = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.command("Emulation.setEmulatedMedia", {"media": "screen", "features": [feature]})

    def command(self, name: str, values: dict):
        return self.browser.execute_cdp_cmd(name, values)

    def load(self, address: str) -> "Tab":
        self.browser.get_log("browser")
        self.browser.get(address)
        self.until("document.querySelector('h1') && document.querySelector('h1').textContent")
        return self

    def ask(self, expression: str):
        return self.browser.execute_script(f"return {expression}")

    def until(self, expression: str, seconds: float = 15):
        ends = time.monotonic() + seconds
        while not (found := self.ask(expression)):
            assert time.monotonic() < ends, f"never: {expression}"
            time.sleep(0.05)
        return found

    def click(self, selector: str, place: int = 0) -> None:
        self.browser.execute_script(f"document.querySelectorAll({selector!r})[{place}].click()")

    def press(self, *keys: str) -> None:
        from selenium.webdriver.common.action_chains import ActionChains

        ActionChains(self.browser).send_keys(*keys).perform()

    @property
    def complaints(self) -> list[str]:
        return [entry["message"] for entry in self.browser.get_log("browser")]


def with_samples(run, folder: Path):
    directory = written(run, folder)
    (directory / "samples").mkdir()
    for update in (5000, 10000):
        pixels = np.full((64, 64, 3), update % 251, np.uint8)
        png = base64.b64decode(of_pixels(pixels).partition(",")[2])
        (directory / "samples" / f"update-{update:07d}.png").write_bytes(png)
    return replace(run, directory=directory)


@pytest.fixture(scope="module")
def page(tmp_path_factory) -> str:
    """The address of a page of three settings, one diverged, one with a hostile name."""
    folder = tmp_path_factory.mktemp("page")
    runs = [
        with_samples(with_logs(run, discriminator_loss=[3.0, 2.0, 1.0]), folder) for run in RUNS
    ]
    named = labelled(with_samples(record("orig_2e-4", 0, {5000: 55.0}), folder), "x")
    named = described(named, label=HOSTILE)
    named = replace(named, directory=folder / HOSTILE.replace("/", ""))
    return write_page(runs_page(group_runs([*runs, named])), folder / "page.html").as_uri()


MEANS = "document.querySelectorAll('.chart.wide path.line.mean').length"
TICKS = "[...document.querySelectorAll('.chart.wide .tick')].map(t => t.textContent).join(' ')"
LABEL = "document.querySelector('.chart.wide .label').textContent"
READOUT = "document.querySelector('.chart.wide .readout').textContent"


@pytest.mark.parametrize("width", [360, 1440])
@pytest.mark.parametrize("dark", [False, True])
def test_it_loads_without_a_complaint_and_fits(chromium, page, width, dark):
    tab = Tab(chromium, width, dark).load(page)
    assert tab.complaints == []
    assert tab.ask("document.documentElement.scrollWidth - innerWidth") <= 0
    assert tab.ask(MEANS) == 5  # a setting of which a run ends has two parts
    light = tab.ask("getComputedStyle(document.body).backgroundColor")
    assert light == ("rgb(20, 23, 26)" if dark else "rgb(255, 255, 255)")
    heights = "[...document.querySelectorAll('button, .controls label')].map(e => e.offsetHeight)"
    assert all(height == 0 or height >= 24 for height in tab.ask(heights))  # for fingers


def test_hostile_names_are_shown_and_do_nothing(chromium, page):
    tab = Tab(chromium, 1440).load(page)
    assert tab.ask("document.title") == "dcgan_cifar10"
    assert HOSTILE in tab.ask("document.body.innerText")
    assert tab.ask("document.querySelectorAll('main script, main img[src=x]').length") == 0
    tab.browser.execute_script("document.querySelectorAll('details').forEach(d => d.open = true)")
    assert tab.ask("document.title") == "dcgan_cifar10"
    assert tab.complaints == []


def test_the_policy_stops_what_is_not_of_the_file(chromium, page):
    tab = Tab(chromium, 1440).load(page)
    tab.browser.execute_script(
        "const s = document.createElement('script'); s.textContent = 'window.ran = 1';"
        "document.body.append(s);"
    )
    assert tab.ask("window.ran") is None
    assert any("Content Security Policy" in message for message in tab.complaints)


def test_settings_and_single_runs_are_switched(chromium, page):
    tab = Tab(chromium, 1440).load(page)
    before = tab.ask("document.querySelectorAll('.strips figure').length")
    tab.click("input[name=setting]", 1)
    assert tab.ask(MEANS) == 4
    assert tab.ask("document.querySelectorAll('.strips figure').length") == before - 1
    assert tab.ask("document.querySelectorAll('path.run').length") > 0
    tab.click("input[name=runs]")
    assert tab.ask("document.querySelectorAll('path.run').length") == 0
    assert tab.ask("document.querySelectorAll('path.published').length") > 0
    tab.click("input[name=published]")
    assert tab.ask("document.querySelectorAll('path.published').length") == 0
    tab.click("fieldset button", 1)
    assert "Nothing to draw" in tab.ask("document.querySelector('.chart.wide').innerText")


def test_the_time_axis_is_chosen(chromium, page):
    tab = Tab(chromium, 1440).load(page)
    assert tab.ask(LABEL) == "generator updates"
    assert "10k" in tab.ask(TICKS)
    tab.click("input[name=axis]", 1)
    assert tab.ask(LABEL) == "minutes of training"
    assert "10k" not in tab.ask(TICKS)
    tab.click("input[name=axis]", 2)
    assert tab.ask(LABEL) == "updates of both players"
    assert "20k" in tab.ask(TICKS)


def test_the_slider_finds_the_samples_of_an_update(chromium, page):
    tab = Tab(chromium, 1440).load(page)
    first = "document.querySelector('.strips img').src"
    caption = "document.querySelector('.strips figure').innerText"
    newest = tab.ask(first)
    assert "update 10,000" in tab.ask(caption)
    tab.browser.execute_script("document.querySelector('.slider input').focus()")
    tab.press("\ue012")  # left
    assert "update 5,000" in tab.ask(caption)
    assert tab.ask(first) != newest
    assert tab.ask("document.querySelector('.slider output').textContent") == "5,000"
    assert tab.ask("document.querySelector('.strips img').alt").endswith("update 5,000, fid 90")


def test_a_pointer_reads_and_drags(chromium, page):
    from selenium.webdriver.common.action_chains import ActionChains
    from selenium.webdriver.common.by import By

    tab = Tab(chromium, 1440).load(page)
    plot = tab.browser.find_element(By.CSS_SELECTOR, ".chart.wide .plot")
    tab.browser.execute_script("arguments[0].scrollIntoView({block: 'center'})", plot)
    ActionChains(tab.browser).move_to_element_with_offset(plot, 400, 0).perform()
    assert tab.ask(READOUT).startswith("generator updates 10,000: ")
    assert "orig 5e-4 65 (50 to 80)" in tab.ask(READOUT)
    all_of_it = tab.ask(TICKS)
    chain = ActionChains(tab.browser).move_to_element_with_offset(plot, 0, 0).click_and_hold()
    chain.move_by_offset(300, 0).release().perform()
    assert tab.ask(TICKS) != all_of_it
    ActionChains(tab.browser).double_click(plot).perform()
    assert tab.ask(TICKS) == all_of_it


def test_the_keyboard_reaches_all_and_reads_a_chart(chromium, page):
    tab = Tab(chromium, 1440).load(page)
    seen = []
    for _ in range(60):
        tab.press("\ue004")  # tab
        seen.append(tab.ask("document.activeElement.className || document.activeElement.tagName"))
        style = "getComputedStyle(document.activeElement)"
        shown = tab.ask(f"[{style}.outlineStyle, {style}.outlineWidth]")
        assert shown[0] != "none", seen
        assert shown[1] != "0px", seen
        if seen[-1] == "plot":
            break
    assert seen[-1] == "plot"
    assert {"A", "SUMMARY", "INPUT"} <= {*seen}
    assert tab.ask("document.activeElement.getAttribute('aria-roledescription')") == "chart"
    all_of_it = tab.ask(TICKS)
    tab.press("\ue014")  # right
    assert tab.ask(READOUT).startswith("generator updates 5,000: ")
    tab.press("\ue014")
    assert tab.ask(READOUT).startswith("generator updates 10,000: ")
    tab.press("+")
    assert tab.ask(TICKS) != all_of_it
    tab.press("0")
    assert tab.ask(TICKS) == all_of_it


def test_a_chart_is_a_table_too(chromium, page):
    tab = Tab(chromium, 360).load(page)
    tab.click(".chart.wide details summary")
    cells = "[...document.querySelectorAll('.chart.wide tbody tr')].map(r => r.innerText)"
    tab.until(f"{cells}.some(r => r.startsWith('5,000'))")
    assert "65 (60 to 70)" in tab.ask(f"{cells}.join()")
    assert tab.ask("document.documentElement.scrollWidth") == 360


def test_everything_has_a_name(chromium, page):
    """What a screen reader would say of inputs, buttons, pictures and sections."""
    tab = Tab(chromium, 1440).load(page)
    tab.command("Accessibility.enable", {})
    nodes = tab.command("Accessibility.getFullAXTree", {})["nodes"]
    roles = (
        "button",
        "checkbox",
        "radio",
        "slider",
        "image",
        "img",
        "link",
        "application",
        "table",
    )
    found = [n for n in nodes if not n["ignored"] and n["role"]["value"] in roles]
    assert len(found) > 30
    assert [n["role"]["value"] for n in found if not n.get("name", {}).get("value")] == []


def test_it_prints_in_light_without_what_is_to_be_clicked(chromium, page):
    tab = Tab(chromium, 1440, dark=True).load(page)
    pdf = tab.command("Page.printToPDF", {"printBackground": True})
    assert base64.b64decode(pdf["data"]).startswith(b"%PDF")
    tab.command("Emulation.setEmulatedMedia", {"media": "print"})
    assert tab.ask("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    for selector in (".buttons", "nav", ".controls input", ".slider input"):
        assert tab.ask(f"document.querySelector({selector!r}).offsetHeight") == 0
    assert tab.ask("document.querySelector('.plot svg').getBoundingClientRect().height") > 50


def test_watching_follows_a_run_and_keeps_what_was_chosen(chromium, tmp_path):
    going = record("orig_5e-4", 0, {5000: 60.0, 10000: 50.0}, outcome="unfinished")
    first, *later = going.evaluations
    folder = written(replace(going, evaluations=(first,)), tmp_path / "runs")
    done = record("orig_1e-4", 0, {5000: 70.0, 10000: 65.0})
    written(done, tmp_path / "runs")
    program = [sys.executable, "-m", "ttur", "watch", "runs"]
    environment = os.environ | {"PYTHONUNBUFFERED": "1"}
    watching = subprocess.Popen(
        program, cwd=tmp_path, stdout=subprocess.PIPE, text=True, env=environment
    )
    assert watching.stdout is not None
    try:
        tab = Tab(chromium, 1440).load(watching.stdout.readline().strip())
        tab.click("input[name=setting]", 0)
        tab.click(".chart.wide .buttons button")
        zoomed = tab.ask(TICKS)
        RunDirectory(folder).append(to_document(later[0]))
        tab.until("document.body.innerText.includes('10,000 of 120,000\\t–\\tfid 50 at 10,000')")
        assert tab.ask("document.querySelector('input[name=setting]').checked") is False
        assert tab.ask(TICKS) == zoomed
        assert tab.complaints == []
        watching.send_signal(signal.SIGINT)
        assert watching.wait(60) == 0
        tab.until("document.querySelector('.status').textContent.includes('has ended')")
    finally:
        watching.kill()
        watching.wait()
        watching.stdout.close()
