"""A cell's way from `%%job` to its live panel, in a real JupyterLab and a real browser."""

from __future__ import annotations

import re
import time
from html import unescape
from pathlib import Path
from typing import Any

import nbformat
import pytest
from playwright.sync_api import expect

from tests.browser.conftest import Open
from tests.browser.lab import Lab, Notebook
from tests.browser.panels import Panel

LOAD = "%load_ext jobs_jupyter"

TRAINING = r"""%%job train-resnet -w none -t team=mlops -t env=prod --retries 2
import time
print("\x1b[36m[run 1]\x1b[0m loading checkpoint epoch-3.pt")
print("\x1b[33mWARNING\x1b[0m 2 samples skipped: corrupt JPEG")
for epoch in (4, 5):
    print(f"epoch {epoch}/10  loss \x1b[32m0.{420 - epoch}\x1b[0m  acc \x1b[32m0.871\x1b[0m", flush=True)
    time.sleep(0.7)
for step in range(0, 101, 4):
    bar = "█" * (step // 5)
    print(f"\repoch 6/10: {step:3d}%|\x1b[32m{bar:<20}\x1b[0m| {step * 10}/1000", end="", flush=True)
    time.sleep(0.05)
print("\ntraining is over", flush=True)
time.sleep(1)
"""

SLEEPER = """%%job sleeper -w none
import time
print("asleep", flush=True)
time.sleep(300)
"""

FAILURE = """%%job etl-nightly -w none --retries 1
print("reading users")
row = {"name": "Ada"}
print(row["user_id"])
"""

FLAKY = """%%job flaky -w none --retries 1
import os
assert os.environ["JOBS_JUPYTER_RUN_ATTEMPT"] == "2"
"""

FLOOD = """%%job flood -w none
line = "0123456789" * 7
for part in range(200):
    print("\\n".join(f"{part * 5000 + i:8d} {line}" for i in range(5000)))
print("the very last line", flush=True)
"""


# Loses what pages ask of the next panel, until the extension is loaded anew.
DEAF = """from jobs_jupyter.notebook.panel import JobPanel
hear = JobPanel._received
def lose(self, widget, content, buffers):
    if content["type"] != "code":
        hear(self, widget, content, buffers)
JobPanel._received = lose"""


def start(notebook: Notebook, *cells: int) -> list[Panel]:
    """Load the extension, which is cell 0, run those cells one after the other, return their panels."""
    notebook.run(0)
    notebook.wait_idle()
    for cell in cells:
        notebook.run(cell)
    return [Panel(notebook, cell) for cell in cells]


def test_a_cell_becomes_a_live_panel(open_notebook: Open) -> None:
    notebook = open_notebook([LOAD, TRAINING])
    [panel] = start(notebook, 1)
    panel.wait_for("RUNNING")
    panel.wait_for_line("loading checkpoint")
    assert not any("epoch 5/10" in line for line in panel.lines()), "the log came in one piece"
    panel.wait_for_line("epoch 5/10")
    expect(panel.state).to_have_text("RUNNING")
    # The progress bar moves within one row.
    panel.wait_until(lambda rows: any(re.search(r"epoch 6/10: +[1-9]", row) for row in rows))
    assert len([row for row in panel.lines() if "epoch 6/10" in row]) == 1
    panel.wait_for("SUCCEEDED")
    rows = panel.lines()
    assert [row for row in rows if "epoch 6/10" in row] == [f"epoch 6/10: 100%|{'█' * 20}| 1000/1000"]
    assert rows[-1] == "training is over"
    expect(panel.root.get_by_text("run 1 of 3")).to_be_visible()
    expect(panel.stop()).to_have_count(0)
    warning = panel.rows.locator("span", has_text="WARNING")
    assert warning.evaluate("span => getComputedStyle(span).color") == "rgb(227, 179, 65)"


def test_stop_while_another_cell_keeps_the_kernel_busy(open_notebook: Open) -> None:
    notebook = open_notebook([LOAD, SLEEPER, "import time; time.sleep(30); finished = True"])
    [panel, _] = start(notebook, 1, 2)
    panel.wait_for_line("asleep")
    began = time.monotonic()
    panel.stop().click()
    panel.wait_for("TERMINATED")
    assert time.monotonic() - began < 10
    busy = notebook.page.locator(".jp-Cell").nth(2).locator(".jp-InputArea-prompt")
    expect(busy).to_have_text("[*]:")
    notebook.command("notebook:interrupt-kernel")


def test_a_reloaded_page_shows_state_and_log_again(open_notebook: Open) -> None:
    notebook = open_notebook([LOAD, SLEEPER])
    [panel] = start(notebook, 1)
    panel.wait_for_line("asleep")
    notebook.wait_idle()
    notebook.command("docmanager:save")
    notebook.page.wait_for_timeout(500)
    notebook.load()
    again = Panel(notebook, 1)
    again.wait_for("RUNNING")
    again.wait_for_line("asleep")
    again.stop().click()
    again.wait_for("TERMINATED")


def test_a_panel_says_that_its_kernel_was_restarted(open_notebook: Open) -> None:
    notebook = open_notebook([LOAD, SLEEPER, "%job show sleeper"])
    [panel] = start(notebook, 1)
    panel.wait_for_line("asleep")
    notebook.page.evaluate(
        "() => window.jupyterapp.shell.currentWidget.sessionContext.session.kernel.restart()"
    )
    lost = panel.root.get_by_role("alert")
    expect(lost).to_contain_text("The kernel was restarted or shut down", timeout=20_000)
    expect(panel.stop()).to_have_count(0)
    notebook.wait_idle()
    [again] = start(notebook, 2)
    again.wait_for_line("asleep")
    expect(again.root.get_by_role("alert")).to_have_count(0)
    again.stop().click()
    again.wait_for("TERMINATED")


def test_two_panels_bring_the_heavy_code_once(open_notebook: Open) -> None:
    notebook = open_notebook(
        [LOAD, "%%job one -w none\nprint('one', flush=True)", "%%job two -w none\nprint('two')"]
    )
    received: list[int] = []
    notebook.page.on(
        "websocket", lambda socket: socket.on("framereceived", lambda f: received.append(len(f)))
    )
    notebook.load()
    [first, second] = start(notebook, 1, 2)
    first.wait_for_line("one")
    second.wait_for_line("two")
    bundle = (Path(__file__).parents[2] / "jobs_jupyter/notebook/static/panel.js").stat().st_size
    assert bundle < sum(received) < 1.5 * bundle
    assert notebook.page.evaluate("() => globalThis.jobs_jupyter_bundles.size") == 1
    styles = (
        "() => [...document.querySelectorAll('style')].filter(s => s.textContent.includes('.jj-card')).length"
    )
    assert notebook.page.evaluate(styles) == 1


def test_two_kernels_bring_the_heavy_code_once(open_notebook: Open, lab: Lab) -> None:
    cells = [LOAD, "%%job one -w none\nprint('one', flush=True)"]
    notebook = open_notebook(cells)
    received: list[int] = []
    notebook.page.on(
        "websocket", lambda socket: socket.on("framereceived", lambda f: received.append(len(f)))
    )
    notebook.load()
    [first] = start(notebook, 1)
    first.wait_for_line("one")
    again = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells])
    nbformat.write(again, lab.folder / "second-kernel.ipynb")
    notebook.command("docmanager:open", {"path": "second-kernel.ipynb", "kernel": {"name": "python3"}})
    notebook.page.wait_for_function(
        """() => window.jupyterapp.shell.currentWidget?.context?.path === "second-kernel.ipynb" &&
            !!window.jupyterapp.shell.currentWidget.sessionContext?.session?.kernel""",
        timeout=60_000,
    )
    notebook.wait_idle()
    for cell in (0, 1):
        notebook.run(cell)
        notebook.wait_idle()
    Panel(notebook, len(cells) + 1).wait_for_line("one")
    bundle = (Path(__file__).parents[2] / "jobs_jupyter/notebook/static/panel.js").stat().st_size
    assert bundle < sum(received) < 1.5 * bundle
    notebook.page.evaluate("() => window.jupyterapp.shell.currentWidget.sessionContext.shutdown()")
    notebook.page.evaluate("() => window.jupyterapp.shell.currentWidget.close()")


def test_the_end_keeps_what_the_reader_has_chosen(open_notebook: Open) -> None:
    cell = """%%job long -w none
import time
for i in range(200):
    print("line", i)
print("all printed", flush=True)
time.sleep(3)
"""
    notebook = open_notebook([LOAD, cell])
    [panel] = start(notebook, 1)
    panel.wait_for_line("all printed")
    follow = panel.root.get_by_label("Follow")
    panel.root.locator(".jj-screen").hover()
    notebook.page.mouse.wheel(0, -500)
    expect(follow).not_to_be_checked()
    before = panel.lines()
    terminal = panel.root.locator(".xterm-helper-textarea")
    terminal.focus()
    expect(panel.state).to_have_text("RUNNING")
    scroller = notebook.page.locator(".jp-WindowedPanel-outer")
    top = scroller.evaluate("node => node.scrollTop")
    panel.wait_for("SUCCEEDED")
    # The output is renewed, for the saved notebook's sake; the panel moves into the new view.
    notebook.page.wait_for_function(
        """() => JSON.stringify(window.jupyterapp.shell.currentWidget.content.model.toJSON())
            .includes('✓ SUCCEEDED')"""
    )
    notebook.page.wait_for_timeout(1500)
    assert panel.root.count() == 1
    assert panel.lines() == before
    expect(follow).not_to_be_checked()
    expect(terminal).to_be_focused()
    assert scroller.evaluate("node => node.scrollTop") == top
    [output] = notebook.outputs(1)
    assert "application/vnd.jupyter.widget-view+json" in output["data"]
    assert re.fullmatch(r"<Job long prodjob_\w{26}>", text_of(output["data"]["text/plain"]))


def text_of(value: str | list[str]) -> str:
    """Return multi-line text of a notebook."""
    return value if isinstance(value, str) else "".join(value)


def test_a_failure_names_the_error_and_a_run_can_be_chosen(open_notebook: Open) -> None:
    notebook = open_notebook([LOAD, FAILURE])
    [panel] = start(notebook, 1)
    panel.wait_for("FAILED")
    expect(panel.root.get_by_text("KeyError: 'user_id'").first).to_be_visible()
    expect(panel.root.locator(".jj-reason").get_by_text("cell line 4")).to_be_visible()
    panel.tab("Runs 2").click()
    rows = panel.root.get_by_role("row")
    expect(rows).to_have_count(3)
    rows.nth(1).get_by_role("button").click()
    expect(panel.tab("Logs")).to_have_attribute("aria-selected", "true")
    expect(panel.root.get_by_label("Run whose log is shown")).to_have_value(re.compile("jobrun_"))
    expect(panel.root.locator(".jj-picker option:checked")).to_have_text("Run 1")
    panel.wait_for_line("reading users")


def test_a_log_that_outruns_the_page_is_shown_from_its_tail(open_notebook: Open) -> None:
    notebook = open_notebook([LOAD, FLOOD])
    [panel] = start(notebook, 1)
    panel.wait_for("SUCCEEDED")
    panel.wait_until(lambda rows: "the very last line" in rows)
    with notebook.page.expect_download(timeout=90_000) as download:
        panel.root.get_by_role("button", name="Download the whole log").click()
    text = Path(download.value.path()).read_text()
    lines = text.splitlines()
    assert len(lines) == 1_000_001
    assert [int(line.split()[0]) for line in lines[:-1]] == list(range(1_000_000))


def test_by_keyboard_alone(open_notebook: Open) -> None:
    notebook = open_notebook([LOAD, SLEEPER])
    [panel] = start(notebook, 1)
    panel.wait_for_line("asleep")
    keyboard = notebook.page.keyboard
    panel.tab("Logs").focus()
    keyboard.press("ArrowRight")
    expect(panel.tab("Runs 1")).to_be_focused()
    expect(panel.root.get_by_role("table")).to_be_visible()
    keyboard.press("Tab")
    keyboard.press("Enter")
    expect(panel.tab("Logs")).to_have_attribute("aria-selected", "true")
    panel.root.locator(".xterm-helper-textarea").focus()
    keyboard.press("Shift+Tab")
    expect(panel.root.get_by_role("button", name="Download the whole log")).to_be_focused()
    panel.stop().focus()
    keyboard.press("Enter")
    panel.wait_for("TERMINATED")


@pytest.mark.parametrize("width", [1280, 400])
@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_it_looks_right(open_notebook: Open, artifacts: Path, width: int, dark: bool) -> None:
    notebook = open_notebook([LOAD, TRAINING, FAILURE], width=width, dark=dark)
    if width < 1000:
        notebook.command("application:toggle-left-area")
    running, failed = start(notebook, 1, 2)
    failed.wait_for("FAILED")
    failed.tab("Runs 2").click()
    running.wait_for_line("epoch 5/10")
    name = f"{'dark' if dark else 'light'}-{width}.png"
    running.root.screenshot(path=artifacts / f"running-{name}")
    notebook.page.screenshot(path=artifacts / f"page-{name}")
    running.wait_for("SUCCEEDED")
    running.root.screenshot(path=artifacts / f"succeeded-{name}")
    failed.root.screenshot(path=artifacts / f"failed-{name}")
    for panel in (running, failed):
        assert overflow(panel) == []


def overflow(panel: Panel) -> list[Any]:
    """Return what sticks out of the panel to the right."""
    found: list[Any] = panel.root.evaluate(
        """root => {
            const edge = root.getBoundingClientRect().right + 0.5;
            return [...root.querySelectorAll('.jj-row *, .jj-tabs *')]
                .filter(node => node.getBoundingClientRect().right > edge)
                .map(node => node.outerHTML);
        }"""
    )
    return found


@pytest.mark.parametrize("width", [400, 640])
def test_the_table_of_runs_fits(open_notebook: Open, width: int) -> None:
    notebook = open_notebook([LOAD, FLAKY], width=width)
    notebook.command("application:toggle-left-area")
    [panel] = start(notebook, 1)
    panel.wait_for("SUCCEEDED")
    panel.tab("Runs 2").click()
    exits = panel.root.locator("tbody td:last-child")
    expect(exits).to_have_text(["exit code 1", "exit code 0"])
    edge = panel.root.bounding_box()
    for cell in exits.all():
        box = cell.bounding_box()
        assert edge is not None
        assert box is not None
        assert box["x"] + box["width"] <= edge["x"] + edge["width"]
    for name in panel.root.locator("tbody td:first-child button").all():
        # A name that reaches beyond its cell would end without a mark.
        assert name.evaluate("n => n.offsetLeft + n.offsetWidth <= n.parentElement.offsetWidth")
    clock = panel.root.get_by_role("timer").bounding_box()
    edge = panel.root.bounding_box()
    assert clock is not None
    assert edge is not None
    assert clock["x"] + clock["width"] > edge["x"] + edge["width"] - 80, "the clock is on the right"


BUSY = "import time\nfor second in range(40): time.sleep(1)"


def test_the_heavy_code_survives_lost_messages_and_a_busy_kernel(open_notebook: Open) -> None:
    """The first request is lost, and those after it wait for a cell: the kernel sends it by itself."""
    notebook = open_notebook([LOAD, f"{DEAF}\n%job show sleeper", SLEEPER, BUSY])
    start(notebook, 2)[0].wait_for_line("asleep")
    notebook.wait_idle()
    notebook.command("docmanager:save")
    notebook.page.wait_for_timeout(500)
    notebook.load()
    notebook.run(1)
    notebook.run(3)
    panel = Panel(notebook, 1)
    panel.wait_for("RUNNING")
    notebook.command("notebook:interrupt-kernel")
    notebook.wait_idle()
    panel.stop().click()
    panel.wait_for("TERMINATED")


def test_the_saved_notebook_holds_no_code_and_exports_the_card(open_notebook: Open, lab: Lab) -> None:
    notebook = open_notebook([LOAD, FAILURE, SLEEPER])
    failed, sleeper = start(notebook, 1, 2)
    failed.wait_for("FAILED")
    sleeper.wait_for_line("asleep")
    notebook.page.wait_for_function(
        """() => JSON.stringify(window.jupyterapp.shell.currentWidget.content.model.toJSON())
            .includes('✗ FAILED')"""
    )
    notebook.page.evaluate("() => window.jupyterapp.commands.execute('docmanager:save')")
    [saved] = lab.folder.glob("test_the_saved_notebook*.ipynb")
    assert saved.stat().st_size < 20_000
    html = lab.read(f"/nbconvert/html/{saved.name}")
    assert "✗ FAILED" in html
    assert "KeyError: 'user_id'" in unescape(html)
    assert "when last seen, " in html
    sleeper.stop().click()
    sleeper.wait_for("TERMINATED")


def test_a_list_of_jobs_fits_a_narrow_page(open_notebook: Open, artifacts: Path) -> None:
    notebook = open_notebook([LOAD, FAILURE, SLEEPER, "%job stop sleeper", "%job list --max 2"], width=930)
    failed, sleeper = start(notebook, 1, 2)
    failed.wait_for("FAILED")
    sleeper.wait_for_line("asleep")
    notebook.run(3)
    sleeper.wait_for("TERMINATED")
    assert "stopped" not in sleeper.root.inner_text()
    notebook.run(4)
    output = notebook.page.locator(".jp-Cell").nth(4).locator(".jp-OutputArea-output")
    rows = output.locator("tbody tr")
    expect(rows).to_have_count(4, timeout=20_000)
    expect(rows.nth(0)).to_contain_text("TERMINATED")
    expect(rows.nth(0)).not_to_contain_text("stopped")
    expect(rows.nth(2)).to_contain_text("KeyError: 'user_id' (cell line 4)")
    expect(rows.nth(3)).to_have_text(re.compile(r"^prodjob_\w{26}$"))
    rows.nth(3).scroll_into_view_if_needed()
    notebook.page.screenshot(path=artifacts / "list-930.png")
    assert output.evaluate("node => node.scrollWidth <= node.clientWidth"), "all of it is in view"
