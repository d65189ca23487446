"""What a panel shows of a job's output, how much of it, and what a screen reader gets."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import Open
from tests.browser.lab import Notebook
from tests.browser.panels import Panel

LOAD = "%load_ext jobs_jupyter"
AXE = Path(__file__).parents[2] / "js" / "node_modules" / "axe-core" / "axe.min.js"

# Each piece is written by itself, so that sequences reach the page in parts, too.
SEQUENCES = r"""%%job sequences -w none
import os
for n in range(4):
    os.write(1, f"kept {n}\n".encode())
hostile = [
    "\x1b[2J", "\x1b[3J", "\x1b[1J", "\x1b[H\x1b[1J\x1b[99B", "\x1bc", "\x1b[!p", "\x1b[?1049h", "\x1b[?47h",
    "\x1b[?1000h", "\x1b[?1003h\x1b[?1006h", "\x1b[2;3r", "\x1b[?25l", "\x1b[?2004h", "\x1b#8", "\x1b(0",
    "\x1b[4h", "\x1b[?7l", "\x1b[?6h", "\x1b[5M", "\x1b[5L", "\x1b[9T", "\x1b[9S", "\x9b2J", "\x9b?1049h",
    "\x1b]0;title\x07", "\x1b]52;c;ZXZpbA==\x07", "\x1b]11;#ffffff\x07", "\x1bP1$q", "\x1b\\", "\x1b[?2J",
]
for each in hostile:
    for part in each:
        os.write(1, part.encode())
    os.write(1, b"\r")
os.write(1, b"\rend\x1b[K\n\x1b]0;never ended\n")
os.write(1, b"after the string\n\x1bPneither\nafter both\n")
os.write(1, "two👩‍💻|\n日本|\n".encode())
os.write(1, b"bar 10%\rbar 20%\x1b[K\nup\n\x1b[1A\x1b[2Kmoved\nabcd\x08\x08X\n\x1b[31mred\x1b[0m\n");
"""

LONG = """%%job {name} -w none {tags}
raise ValueError("no such thing " * 200)
""".format(name="name-" * 30, tags=" ".join(f"-t tag{i}={'v' * 60}" for i in range(30)))

QUIET = "%%job quiet -w none\nprint('one')\nprint('two')\nprint('three')"
STREAM = """%%job stream -w none
import time
for i in range(300):
    print("line", i, flush=True)
    time.sleep(0.02)
"""
FAILURE = "%%job etl -w none --retries 1\nprint('reading')\nraise KeyError('user_id')"

# In which column the vertical bar of each row is.
COLUMN_OF_BAR = """rows => rows.map(row => {
    const cell = row.closest('.xterm-screen').getBoundingClientRect();
    const bar = [...row.querySelectorAll('span')].find(span => span.textContent.includes('|'));
    const range = document.createRange();
    const text = [...bar.childNodes].find(node => node.textContent.includes('|'));
    range.setStart(text, text.textContent.indexOf('|'));
    range.setEnd(text, text.textContent.indexOf('|') + 1);
    const { left, width } = range.getBoundingClientRect();
    return Math.round((left - cell.left) / width);
})"""


def start(notebook: Notebook, *cells: int) -> list[Panel]:
    """Load the extension, which is cell 0, run those cells, return their panels."""
    notebook.run(0)
    notebook.wait_idle()
    for cell in cells:
        notebook.run(cell)
    return [Panel(notebook, cell) for cell in cells]


def height(panel: Panel) -> float:
    """Return the height of a panel in pixels."""
    box = panel.root.bounding_box()
    assert box is not None
    return box["height"]


def test_sequences_color_move_and_erase_within_a_line_and_nothing_else(open_notebook: Open) -> None:
    notebook = open_notebook([LOAD, SEQUENCES])
    title = notebook.page.title()
    [panel] = start(notebook, 1)
    panel.wait_for("SUCCEEDED")
    panel.root.locator(".jj-screen").scroll_into_view_if_needed()
    handle = panel.root.get_by_role("separator", name="Height of the log")
    handle.focus()
    for _ in range(12):
        notebook.page.keyboard.press("ArrowDown")
    panel.wait_for_line("red")
    rows = panel.lines()
    assert rows[:4] == [f"kept {n}" for n in range(4)]
    assert rows[4:7] == ["end", "after the string", "after both"]
    assert [row.replace(" ", "") for row in rows[7:9]] == ["two👩‍💻|", "日本|"]
    assert rows[9:] == ["bar 20%", "moved", "abXd", "red"]
    assert "title" not in notebook.page.title()
    assert title
    assert panel.rows.filter(has_text="|").evaluate_all(COLUMN_OF_BAR) == [5, 4]
    red = panel.rows.locator("span", has_text="red")
    assert red.evaluate("span => getComputedStyle(span).color") == "rgb(255, 123, 114)"


def test_the_height_is_set_when_it_is_drawn_and_then_the_readers(open_notebook: Open) -> None:
    notebook = open_notebook([LOAD, STREAM, QUIET, "%job show quiet"])
    [stream] = start(notebook, 1)
    stream.wait_until(lambda rows: len(rows) > 2)
    first = height(stream)
    screen = stream.root.locator(".jj-terminal")
    dozen = screen.evaluate("n => n.clientHeight")
    stream.wait_for("SUCCEEDED")
    stream.wait_for_line("line 299")
    assert height(stream) == first
    assert screen.evaluate("n => n.clientHeight") == dozen
    notebook.run(2)
    quiet = Panel(notebook, 2)
    quiet.wait_for("SUCCEEDED")
    notebook.run(3)
    again = Panel(notebook, 3)
    again.wait_for("SUCCEEDED")
    again.root.locator(".jj-handle").scroll_into_view_if_needed()
    again.wait_for_line("three")
    handle = again.root.get_by_role("separator", name="Height of the log")
    expect(handle).to_have_attribute("aria-valuenow", "3")
    assert again.lines() == ["one", "two", "three"]
    before = height(again)
    handle.focus()
    notebook.page.keyboard.press("ArrowDown")
    notebook.page.keyboard.press("ArrowDown")
    expect(handle).to_have_attribute("aria-valuenow", "5")
    assert height(again) > before
    again.root.get_by_role("button", name="Collapse the panel").press("Enter")
    expect(again.root.locator(".jj-screen")).to_be_hidden()
    fold = again.root.get_by_role("button", name="Expand the panel")
    expect(fold).to_be_focused()
    fold.press("Enter")
    assert again.lines() == ["one", "two", "three"]


@pytest.mark.parametrize("width", [1280, 400])
def test_what_is_long_is_folded_and_all_of_it_is_there_on_demand(
    open_notebook: Open, artifacts: Path, width: int
) -> None:
    notebook = open_notebook([LOAD, LONG], width=width)
    if width < 1000:
        notebook.command("application:toggle-left-area")
    [panel] = start(notebook, 1)
    panel.wait_for("FAILED")
    folded = ["the name", "the reason", "the queue and the tags"]
    for what in folded:
        expect(panel.root.get_by_role("button", name=f"Show all of {what}")).to_be_visible()
    panel.root.screenshot(path=artifacts / f"folded-{width}.png")
    assert height(panel) < 620
    for what in folded:
        panel.root.get_by_role("button", name=f"Show all of {what}").press("Enter")
        less = panel.root.get_by_role("button", name=f"Show less of {what}")
        expect(less).to_be_focused()
    panel.root.screenshot(path=artifacts / f"unfolded-{width}.png")
    assert panel.root.evaluate("n => n.scrollWidth <= n.clientWidth")


def test_a_screen_reader_gets_the_lines_in_view(open_notebook: Open) -> None:
    notebook = open_notebook([LOAD, STREAM])
    [panel] = start(notebook, 1)
    log = panel.root.get_by_role("log", name="Log of run 1, lines in view")
    expect(log).to_contain_text("line 299", timeout=30_000)
    lines = log.locator("div").all_text_contents()
    assert lines == [f"line {i}" for i in range(300 - len(lines), 300)]
    assert len(lines) >= 10
    panel.root.locator(".xterm-helper-textarea").focus()
    notebook.page.keyboard.press("Home")
    expect(log).to_contain_text("line 0")
    assert log.locator("div").first.text_content() == "line 0"


def violations(notebook: Notebook) -> list[Any]:
    """Return what axe-core finds in the panels."""
    found: list[Any] = notebook.page.evaluate(
        """async () => {
            const { violations } = await axe.run('.jobs-jupyter');
            return violations.map(v => [v.id, v.nodes.map(n => [n.html, n.failureSummary])]);
        }"""
    )
    return found


@pytest.mark.parametrize("theme", ["JupyterLab Light", "JupyterLab Dark", "JupyterLab Dark High Contrast"])
def test_axe_finds_nothing(open_notebook: Open, theme: str) -> None:
    notebook = open_notebook([LOAD, FAILURE, LONG])
    notebook.theme(theme)
    failed, folded = start(notebook, 1, 2)
    notebook.page.add_script_tag(path=AXE)
    failed.wait_for("FAILED")
    folded.wait_for("FAILED")
    failed.root.get_by_role("button", name="Search the log").click()
    assert violations(notebook) == []
    failed.tab("Runs 2").click()
    folded.root.get_by_role("button", name="Show all of the reason").click()
    assert violations(notebook) == []
    expect(failed.root.locator("tbody td:first-child")).to_have_text(["Run 1", "Run 2"])
    expect(failed.root.locator("tbody td:last-child").first).to_contain_text("exit code 1")
