"""No key that is pressed in a panel reaches the notebook's cells; the application's own keys still work."""

from __future__ import annotations

import string
from typing import Any

import pytest
from playwright.sync_api import Locator, expect

from tests.browser.conftest import Open
from tests.browser.lab import JUPYTERLAB, NOTEBOOK, Notebook
from tests.browser.panels import Panel

LOAD = "%load_ext jobs_jupyter"

# Text of every length that a panel folds, so that the controls which unfold it are there too.
CELL = """%%job two-runs -w none --retries 1 {tags}
print("\\n".join(f"line {{i}}" for i in range(40)))
raise ValueError("no such thing " * 100)
""".format(tags=" ".join(f"-t tag{i}={'v' * 60}" for i in range(30)))

PRINTABLE = [c for c in string.printable if c.isprintable() and c != " "]
MOVING = ["ArrowUp", "ArrowDown", "ArrowLeft", "ArrowRight", "Home", "End", "PageUp", "PageDown"]
EDITING = ["Delete", "Backspace", "Escape", "Enter", " ", "d", "d", "0", "0", "i", "i"]
HELD = ["Control+a", "x", "Control+a", "d", "d", "Control+x", "Control+v", "Control+z", "Control+Shift+z"]
RUNNING = [
    "Shift+Enter",
    "Control+Enter",
    "Alt+Enter",
    "Control+Shift+ArrowUp",
    "Control+Shift+m",
    "Control+m",
]
KEYS = [*PRINTABLE, *MOVING, *EDITING, *HELD, *RUNNING, "Control+Shift+-", "Control+Backspace"]

FOCUSABLE = "button, input, select, textarea, [tabindex], a[href]"

# What the notebook is: its cells, its mode, and what would be seen of a command that ran.
NOTEBOOK_STATE = """() => {
    const { content, context } = window.jupyterapp.shell.currentWidget;
    const cells = content.model.toJSON().cells.map(({ cell_type, source }) => [cell_type, source]);
    const prompts = content.widgets.map(cell => cell.model.type === 'code' && cell.model.executionCount);
    const hidden = content.widgets.map(cell => cell.inputHidden || cell.outputHidden || false);
    const selected = content.widgets.map(cell => content.isSelected(cell));
    const dialogs = document.querySelectorAll('.jp-Dialog').length;
    return { cells, prompts, hidden, selected, mode: content.mode, active: content.activeCellIndex, dialogs };
}"""


def opened(open_notebook: Open) -> tuple[Notebook, Panel]:
    """Return a notebook of three cells, whose second is a job that has ended, and the job's panel."""
    notebook = open_notebook([LOAD, CELL, "after = 1"])
    notebook.run(0)
    notebook.wait_idle()
    notebook.run(1)
    panel = Panel(notebook, 1)
    panel.wait_for("FAILED")
    return notebook, panel


def focusable(panel: Panel) -> list[Locator]:
    """Return everything in the panel that can have the focus now."""
    return panel.root.locator(FOCUSABLE).locator("visible=true").all()


# Notes every key after which the panel has lost the focus, and gives it back to one element.
HOLD_FOCUS = """element => {
    const root = element.closest('.jobs-jupyter');
    const take = () => element.checkVisibility() && element.focus({ preventScroll: true });
    window.lost = [];
    window.letGo?.();
    const released = event => {
        if (!root.contains(document.activeElement)) window.lost.push(event.key);
        take();
    };
    document.addEventListener('keyup', released, true);
    window.letGo = () => document.removeEventListener('keyup', released, true);
    take();
}"""


def press(panel: Panel, index: int, keys: list[str]) -> str:
    """Press every key on one of the panel's elements, which may move the focus within it; return its HTML."""
    element = focusable(panel)[index]
    name = str(element.evaluate("n => n.cloneNode(false).outerHTML"))
    element.evaluate(HOLD_FOCUS)
    for key in keys:
        panel.page.keyboard.press(key)
    assert panel.page.evaluate("() => { window.letGo(); return window.lost; }") == [], name
    return name


def reset(panel: Panel, tab: str, *, searching: bool) -> None:
    """Unfold the panel, select a tab, and open or close the find bar."""
    fold = panel.root.get_by_role("button", name="Expand the panel")
    if fold.count():
        fold.click()
    for less in panel.root.get_by_role("button", name="Show less of").all():
        less.press("Enter")
    panel.tab(tab).click()
    if tab == "Logs" and panel.root.get_by_role("search").count() != searching:
        panel.root.get_by_role("button", name="Search the log").click()


@pytest.mark.parametrize("lab", [JUPYTERLAB, NOTEBOOK], ids=["lab", "notebook"], indirect=True)
def test_no_key_in_a_panel_reaches_the_notebook(open_notebook: Open) -> None:
    _, panel = opened(open_notebook)
    panel.page.locator(".jp-Cell").nth(1).locator(".cm-content").click()
    panel.page.keyboard.type("# what Ctrl+Z would undo")
    panel.page.keyboard.press("Escape")
    panel.root.locator(".jj-screen").scroll_into_view_if_needed()
    panel.wait_for_line("no such thing")
    panel.tab("Logs").click()
    before: dict[str, Any] = panel.page.evaluate(NOTEBOOK_STATE)
    assert before["mode"] == "command"
    for tab, searching in (("Logs", False), ("Logs", True), ("Runs", False)):
        reset(panel, tab, searching=searching)
        count = len(focusable(panel))
        assert count >= 4
        for index in range(count):
            reset(panel, tab, searching=searching)
            name = press(panel, index, KEYS)
            assert panel.page.evaluate(NOTEBOOK_STATE) == before, name


@pytest.mark.parametrize("lab", [JUPYTERLAB, NOTEBOOK], ids=["lab", "notebook"], indirect=True)
def test_what_is_the_applications_reaches_it(open_notebook: Open) -> None:
    notebook, panel = opened(open_notebook)
    page = notebook.page
    dirty = "() => window.jupyterapp.shell.currentWidget.context.model.dirty"
    for element in (panel.root.locator(".xterm-helper-textarea"), panel.tab("Logs")):
        element.focus()
        page.evaluate("() => { window.jupyterapp.shell.currentWidget.context.model.dirty = true; }")
        page.keyboard.press("Control+s")
        page.wait_for_function(f"() => !({dirty})()")
        page.keyboard.press("Control+Shift+c")
        expect(page.locator(".lm-CommandPalette input:focus")).to_have_count(1)
        page.keyboard.press("Escape")


def test_tab_enters_and_leaves_the_panel(open_notebook: Open) -> None:
    notebook, panel = opened(open_notebook)
    keyboard = notebook.page.keyboard
    inside = "n => n.contains(document.activeElement)"
    focusable(panel)[0].focus()
    passed = 0
    log_had_it = False
    while panel.root.evaluate(inside):
        log_had_it |= panel.root.locator(".xterm").evaluate(inside)
        keyboard.press("Tab")
        passed += 1
        assert passed < 40, "Tab never leaves the panel"
    assert log_had_it
    keyboard.press("Shift+Tab")
    assert panel.root.evaluate(inside)


def test_the_focus_stays_in_the_panel(open_notebook: Open) -> None:
    notebook, panel = opened(open_notebook)
    keyboard = notebook.page.keyboard
    search = panel.root.get_by_role("button", name="Search the log")
    search.focus()
    keyboard.press("Enter")
    expect(panel.root.get_by_placeholder("Find in the log")).to_be_focused()
    keyboard.press("Escape")
    expect(search).to_be_focused()
    panel.tab("Runs 2").click()
    panel.root.locator("tbody button").first.focus()
    keyboard.press("Enter")
    expect(panel.tab("Logs")).to_be_focused()
    keyboard.press("x")
    expect(panel.tab("Logs")).to_be_focused()


def test_what_runs_a_cell_does_not_press_stop(open_notebook: Open) -> None:
    notebook = open_notebook([LOAD, "%%job sleeper -w none\nimport time\ntime.sleep(300)", "after = 1"])
    notebook.run(0)
    notebook.wait_idle()
    notebook.run(1)
    panel = Panel(notebook, 1)
    panel.wait_for("RUNNING")
    panel.stop().focus()
    before = panel.page.evaluate(NOTEBOOK_STATE)
    for key in ("Shift+Enter", "Control+Enter", "Alt+Enter"):
        panel.page.keyboard.press(key)
    expect(panel.stop()).to_have_text("Stop")
    panel.page.keyboard.press("Enter")
    panel.wait_for("TERMINATED")
    assert panel.root.evaluate("n => n.contains(document.activeElement)"), "Stop had the focus, and is gone"
    assert panel.page.evaluate(NOTEBOOK_STATE) == before
