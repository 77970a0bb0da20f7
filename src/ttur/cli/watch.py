"""`ttur watch`: the page of runs while they go on."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ttur.cli.options import Data
from ttur.cli.output import say
from ttur.cli.page import paged
from ttur.cli.training import run

if TYPE_CHECKING:
    from ttur.reports.html.blocks import Page


def watch(
    runs: Annotated[list[Path], typer.Argument(help="Run folders, or folders of runs.")],
    port: Annotated[
        int, typer.Option(min=0, max=65535, metavar="PORT", help="A free one unless named.")
    ] = 0,
    data: Data = Path("data"),
) -> None:
    """Show runs in a browser while they go on; the page is for this machine only. Ctrl-C ends."""
    from ttur.analysis.groups import group_runs
    from ttur.reports.html.runs import empty_page
    from ttur.reports.html.serving import Following, page_server
    from ttur.runtime.run_directory import CONFIG, EVENTS
    from ttur.training.record import read_runs

    def signature() -> tuple[Any, ...]:
        found = (file for run in runs for name in (CONFIG, EVENTS) for file in run.rglob(name))
        return tuple((file, (stat := file.stat()).st_mtime_ns, stat.st_size) for file in found)

    def page() -> "Page":
        try:
            groups = group_runs([record for path in runs for record in read_runs(path)])
        except FileNotFoundError:  # they may begin later
            return empty_page(", ".join(map(str, runs)))
        return paged(groups, data, run)

    server = page_server(Following(page, signature), port)
    print(f"http://127.0.0.1:{server.server_address[1]}/", flush=True)
    say("Ctrl-C ends; runs go on")
    try:
        server.serve_forever()
    except KeyboardInterrupt:
        pass
    finally:
        server.server_close()
