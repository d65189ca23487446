"""What the browser tests look at: one panel, as a reader sees it."""

from __future__ import annotations

import time
from collections.abc import Callable

from playwright.sync_api import Locator, expect

from tests.browser.lab import Notebook

SLOW_MS = 20_000


class Panel:
    """The panel in the output of a notebook's cell."""

    def __init__(self, notebook: Notebook, cell: int) -> None:
        """Look below the cell with this index."""
        self.page = notebook.page
        self.root = notebook.page.locator(".jp-Cell").nth(cell).locator(".jobs-jupyter")
        self.state = self.root.get_by_role("status").first
        self.rows = self.root.locator(".xterm-rows > div")

    def wait_for(self, state: str) -> None:
        """Wait until the panel shows this state."""
        expect(self.state).to_have_text(state, timeout=SLOW_MS)

    def lines(self) -> list[str]:
        """Return the rows of the terminal that are in view, without the empty ones."""
        found = [row.rstrip().replace("\xa0", " ") for row in self.rows.all_text_contents()]
        return [row for row in found if row]

    def wait_for_line(self, text: str) -> None:
        """Wait until a row with this text is in view."""
        self.wait_until(lambda rows: any(text in row for row in rows))  # has_text would not mind spaces

    def wait_until(self, condition: Callable[[list[str]], bool]) -> list[str]:
        """Wait until the rows in view meet a condition; return them."""
        deadline = time.monotonic() + SLOW_MS / 1000
        while not condition(lines := self.lines()):
            if time.monotonic() > deadline:
                raise AssertionError(f"not in {SLOW_MS} ms; the last rows: {lines}")
            self.page.wait_for_timeout(50)
        return lines

    def tab(self, name: str) -> Locator:
        """Return one of its tabs."""
        return self.root.get_by_role("tab", name=name)

    def stop(self) -> Locator:
        """Return its Stop button."""
        return self.root.locator("button.jj-danger")
