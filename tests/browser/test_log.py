"""A log in the panel: searched and read as a whole, however long it is; and the setup log beside it."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

from playwright.sync_api import Locator, expect

from tests.browser.conftest import Open
from tests.browser.lab import Lab
from tests.browser.panels import SLOW_MS, Panel
from tests.browser.test_panel import FLOOD, LOAD, start
from tests.wheels import wheel

ROWS = 12  # of a panel whose job runs
TICKER = """%%job ticker -w none
import time
for number in range(3000):
    print("tick", number, flush=True)
    time.sleep(0.1 if number > 200 else 0)
"""


def found(panel: Panel) -> Locator:
    """What the search says."""
    return panel.root.get_by_role("search").get_by_role("status")


def first_number(rows: list[str]) -> int:
    """Return the number that begins the first row in view which has one."""
    return next(int(match[0]) for row in rows if (match := re.match(r" *\d+", row)))


def check_order(rows: list[str]) -> None:
    """Expect that each row has the number after the one before it."""
    first = first_number(rows)
    assert [first_number([row]) for row in rows] == list(range(first, first + len(rows)))


def press_until(panel: Panel, key: str, condition: Callable[[int], bool]) -> list[str]:
    """Press a key until the number in the first row in view meets the condition; return the rows then."""
    for _ in range(100):
        if condition(first_number(rows := panel.lines())):
            return rows
        for _ in range(20):
            panel.page.keyboard.press(key)
    raise AssertionError(f"{key} does not get there: {rows}")


def test_a_long_log_is_searched_and_read_as_a_whole(open_notebook: Open) -> None:
    notebook = open_notebook([LOAD, FLOOD])
    [panel] = start(notebook, 1)
    panel.wait_for("SUCCEEDED")
    panel.wait_until(lambda rows: "the very last line" in rows)
    follow = panel.root.get_by_label("Follow")
    panel.root.get_by_role("button", name="Search the log").click()
    search = panel.root.get_by_placeholder("Find in the log")

    search.fill("the VERY last")
    expect(found(panel)).to_have_text("1 of 1", timeout=SLOW_MS)
    search.fill("  123456 0123")  # far before what the terminal holds
    expect(found(panel)).to_have_text("1 of 1", timeout=SLOW_MS)
    panel.wait_for_line("  123456 0123")
    expect(follow).not_to_be_checked()
    search.fill("999 0123")
    expect(found(panel)).to_have_text(re.compile(r"^[\d,]+ of 1,000$"), timeout=SLOW_MS)
    search.fill("0 0123456789")
    expect(found(panel)).to_have_text(re.compile(r"^[\d,]+ of 100,000$"), timeout=SLOW_MS)
    search.fill("no such text")
    expect(found(panel)).to_have_text("none", timeout=SLOW_MS)

    # Around the end: the match after the last one is the first one.
    panel.root.get_by_role("button", name="Go to the beginning").click()
    panel.wait_until(lambda rows: bool(rows) and first_number(rows) == 0)
    search.fill("99999 0123")
    expect(found(panel)).to_have_text(re.compile(r"^\d+ of 10$"), timeout=SLOW_MS)
    while not found(panel).inner_text().startswith("10 "):
        before = found(panel).inner_text()
        search.press("Enter")
        expect(found(panel)).not_to_have_text(before, timeout=SLOW_MS)
    panel.wait_for_line("  999999 0123")
    search.press("Enter")
    expect(found(panel)).to_have_text("1 of 10", timeout=SLOW_MS)
    panel.wait_for_line("   99999 0123")
    search.press("Shift+Enter")
    expect(found(panel)).to_have_text("10 of 10", timeout=SLOW_MS)
    panel.wait_for_line("  999999 0123")
    search.press("Escape")


def test_a_long_log_is_scrolled_back_and_forth(open_notebook: Open) -> None:
    notebook = open_notebook([LOAD, FLOOD])
    [panel] = start(notebook, 1)
    panel.wait_for("SUCCEEDED")
    panel.wait_until(lambda rows: "the very last line" in rows)
    follow = panel.root.get_by_label("Follow")
    keyboard = notebook.page.keyboard
    panel.root.get_by_role("button", name="Search the log").click()
    search = panel.root.get_by_placeholder("Find in the log")
    search.fill("  500000 0123")
    panel.wait_for_line("  500000 0123")
    search.press("Escape")
    expect(panel.root.get_by_text("An earlier part of the log")).to_be_visible()

    # The page has some 4,500 rows on either side; what is beyond comes when it is scrolled to.
    panel.root.locator(".xterm-helper-textarea").focus()
    rows = press_until(panel, "PageUp", lambda number: number < 495_000)
    check_order(rows)
    rows = press_until(panel, "PageDown", lambda number: number > 500_500)
    check_order(rows)
    expect(follow).not_to_be_checked()

    keyboard.press("Home")
    rows = panel.wait_until(lambda rows: bool(rows) and first_number(rows) == 0)
    check_order(rows)
    keyboard.press("End")
    panel.wait_until(lambda rows: "the very last line" in rows)
    expect(follow).to_be_checked()
    rows = press_until(panel, "PageUp", lambda number: number < 999_900)
    check_order(rows)
    expect(follow).not_to_be_checked()


def test_follow_comes_back_at_the_end(open_notebook: Open) -> None:
    notebook = open_notebook([LOAD, TICKER])
    [panel] = start(notebook, 1)
    panel.wait_for_line("tick 20")
    follow = panel.root.get_by_label("Follow")
    panel.root.locator(".jj-screen").hover()
    notebook.page.mouse.wheel(0, -300)
    expect(follow).not_to_be_checked(timeout=SLOW_MS)
    for _ in range(400):  # a few rows each, while lines go on coming
        if follow.is_checked():
            break
        notebook.page.mouse.wheel(0, 100_000)
        notebook.page.wait_for_timeout(20)
    expect(follow).to_be_checked(timeout=SLOW_MS)
    last = panel.lines()[-1]
    panel.wait_until(lambda rows: rows[-1] != last)
    follow.uncheck()
    # A row below that was empty may still get its line.
    still = panel.wait_until(lambda rows: len(rows) == ROWS and rows == panel.lines())
    notebook.page.wait_for_function("() => new Promise(done => setTimeout(done, 500, true))")
    assert panel.lines() == still
    panel.root.get_by_role("button", name="Go to the beginning").click()
    panel.wait_until(lambda rows: rows[0] == "tick 0")
    follow.check()
    panel.wait_until(lambda rows: rows[0] != "tick 0")
    panel.stop().click()
    panel.wait_for("TERMINATED")


def test_a_download_says_that_its_kernel_is_gone(open_notebook: Open) -> None:
    notebook = open_notebook([LOAD, FLOOD])
    [panel] = start(notebook, 1)
    panel.wait_for("SUCCEEDED")
    panel.wait_until(lambda rows: "the very last line" in rows)
    panel.root.get_by_role("button", name="Download the whole log").click()
    expect(panel.root.get_by_text(re.compile("[1-9].* MB"))).to_be_visible(timeout=SLOW_MS)
    notebook.page.evaluate(
        "() => window.jupyterapp.shell.currentWidget.sessionContext.session.kernel.restart()"
    )
    expect(panel.root.get_by_text("The kernel is gone.")).to_be_visible(timeout=SLOW_MS)
    notebook.wait_idle()
    notebook.run(0)
    notebook.wait_idle()


def test_what_prepared_a_run_is_beside_its_log(open_notebook: Open, lab: Lab, tmp_path: Path) -> None:
    wheel(tmp_path / "wheels", "one", "1.0")
    variables = {"UV_FIND_LINKS": tmp_path / "wheels", "UV_NO_INDEX": 1, "UV_CACHE_DIR": tmp_path / "cache"}
    settings = "; ".join(f"os.environ[{name!r}] = {str(value)!r}" for name, value in variables.items())
    cell = "%%job prepared -w none -r one\nimport one\nprint('it ran', one.VERSION)"
    notebook = open_notebook([f"{LOAD}\nimport os; {settings}", cell])
    [panel] = start(notebook, 1)
    panel.wait_for("SUCCEEDED")
    panel.wait_until(lambda rows: rows == ["it ran 1.0"])
    picker = panel.root.get_by_label("Run whose log is shown")
    expect(picker.locator("option")).to_have_text(["Setup of run 1", "Run 1"])
    picker.select_option("Setup of run 1")
    panel.wait_for_line("Making an environment with one")
    picker.select_option("Run 1")
    panel.wait_until(lambda rows: rows == ["it ran 1.0"])
