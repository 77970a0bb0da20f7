"""Pages of runs that go on: written by a listener, served to this machine alone."""

import json
from http.client import HTTPConnection
from threading import Thread
from typing import Any

import pytest

from reports.records import LOWER_IS_BETTER, RUNS, described, ended, record, with_logs, written
from ttur.analysis.groups import group_runs
from ttur.cli.page import asked
from ttur.cli.training import run as run_command
from ttur.experiments.running import chosen_experiment
from ttur.reports.html.blocks import Page, Text
from ttur.reports.html.following import PageWriter
from ttur.reports.html.runs import runs_page
from ttur.reports.html.serving import Following, page_server


def test_a_listener_writes_at_evaluations_and_the_end_and_not_at_logs(tmp_path):
    run = with_logs(RUNS[0], discriminator_loss=[1.0])
    folder = written(run, tmp_path / "runs")
    page = tmp_path / "p.html"
    listener = PageWriter(page, [folder, tmp_path / "not begun"], runs_page)
    listener(run.logs[0])
    assert not page.exists()
    assert run.end is not None
    for event in (run.evaluations[0], run.end):
        page.unlink(missing_ok=True)
        listener(event)
        assert "dcgan_cifar10" in page.read_text()


def test_before_the_first_run_there_is_no_page(tmp_path):
    PageWriter(tmp_path / "p.html", [tmp_path / "a"], runs_page).write()
    assert not (tmp_path / "p.html").exists()


@pytest.fixture
def served():
    """A page whose text is `now[0]`, its server, and a function that asks it."""
    now = ["one"]
    following = Following(lambda: Page("t", "", [Text(now[0])]), lambda: now[0])
    server = page_server(following)
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    port = server.server_address[1]

    def ask(path, host=f"127.0.0.1:{port}", method="GET"):
        connection = HTTPConnection("127.0.0.1", port, timeout=5)
        connection.request(method, path, headers={"Host": host})
        answer = connection.getresponse()
        content = answer.read().decode()
        connection.close()
        return answer, content

    yield now, port, ask
    server.shutdown()
    thread.join()
    server.server_close()


def test_the_page_is_served_and_what_is_new_of_it(served):
    now, _, ask = served
    answer, content = ask("/")
    assert answer.status == 200
    assert "connect-src 'self'" in content
    assert answer.headers["Cache-Control"] == "no-store"
    fresh = json.loads(ask("/data.json?after=")[1])
    assert fresh["page"]["blocks"] == [{"kind": "text", "text": "one", "doubt": False}]
    assert ask(f"/data.json?after={fresh['tag']}")[0].status == 204
    now[0] = "two"
    while (later := ask(f"/data.json?after={fresh['tag']}"))[0].status == 204:
        pass  # a page is not made all the time
    assert json.loads(later[1])["page"]["blocks"][0]["text"] == "two"


def test_no_other_address_and_no_other_name_is_answered(served):
    """A name of somebody else that was pointed to this machine (DNS rebinding) has its own host."""
    _, port, ask = served
    for path in ("/etc/passwd", "/../../etc/passwd", "/page.css", "//127.0.0.1/", "/data.json/x"):
        assert ask(path)[0].status == 404
    for host in ("evil.example", f"evil.example:{port}", "127.0.0.1", "127.0.0.1:1", ""):
        answer, content = ask("/data.json", host=host)
        assert answer.status == 403
        assert "blocks" not in content
    assert ask("/", host=f"localhost:{port}")[0].status == 200
    assert ask("/", method="POST")[0].status == 501


def test_a_port_that_is_taken_is_refused_in_words(served):
    _, port, _ = served
    with pytest.raises(OSError, match=f"port {port}: .*; choose another `port`, or none"):
        page_server(Following(lambda: Page("", "", []), lambda: 0), port)


def test_what_cannot_be_read_now_leaves_the_page_as_it_was():
    made = []

    def make():
        made.append(1)
        if len(made) > 1:
            raise ValueError("half a line")
        return Page("t", "", [])

    following = Following(make, lambda: len(made))
    assert following.page()[0].title == following.page()[0].title == "t"
    assert len(made) > 1


def test_the_command_writes_the_page_alone_unless_a_figure_is_asked_for(ttur, tmp_path):
    for run in RUNS[:2]:
        written(run, tmp_path / "runs")
    code, out, err = ttur("report runs --html page.html")
    assert code == 0, err
    assert out.splitlines()[-1] == "page    page.html"
    assert not list(tmp_path.rglob("*.png"))
    document = json.loads(ttur("report runs --html page.html --out f.png --json")[1])
    assert document["files"]["page"] == ["page.html"]
    assert document["files"]["figure"] == ["f.png"]


def test_what_words_lead_to_is_what_the_run_was(tmp_path):
    """Of a setting that the experiment has, of rates of one's own, and of another optimizer."""
    calls: dict[str, dict[str, Any]] = {
        "--only orig_5e-4 --seeds 0,3 --set model.width=8 --steps 7": {
            "only": "orig_5e-4",
            "settings": {"updates": 7, "width": 8},
        },
        "--d-lr 0.003 --g-lr 0.0001 --n-critic 2 --seeds 0,3": {
            "d_lr": 3e-3,
            "g_lr": 1e-4,
            "n_critic": 2,
        },
        "--only orig_5e-4 --seeds 0,3 --set optimizer=sgd": {
            "only": "orig_5e-4",
            "settings": {"optimizer": "sgd"},
        },
        "--only orig_5e-4 --seeds 0,3 --set monitor.monitor_every_updates=9": {
            "only": "orig_5e-4",
            "settings": {"monitor_every_updates": 9},
        },
    }
    for words, arguments in calls.items():
        ((label, config),) = chosen_experiment("demo", **arguments).settings.items()
        runs = [
            described(
                record(label, seed, {5: 1.0}, name="demo"),
                configuration=config.with_seed(seed).to_json(),
                rates=config.rates.at(1),
                label=label,
            )
            for seed in (3, 0)
        ]
        told = asked(group_runs(runs), run_command)
        assert told.commands == {("demo", label): [f"ttur run demo {words}"]}
        assert told.questions["demo"][0].startswith("Does the Fréchet distance fall")


def test_what_no_words_lead_to_has_none():
    other = described(RUNS[0], experiment="of mine", lower_is_better=LOWER_IS_BETTER)
    for each in (RUNS[0], ended(other, "unfinished")):
        told = asked(group_runs([each]), run_command)
        assert [*told.commands.values()] == [[]]
    assert told.questions == {}
