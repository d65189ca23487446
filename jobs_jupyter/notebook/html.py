"""A job as static HTML: what a saved, exported or rendered notebook shows without any script.

Inline styles only, since GitHub and untrusted notebooks drop the rest; all colours derive from the
text's own, so that the card reads in light and dark.
"""

from __future__ import annotations

from datetime import datetime
from html import escape
from typing import Any

from jobs_jupyter.models.why import why

_CARD = (
    "border:1px solid rgba(128,128,128,.35);border-radius:6px;padding:8px 12px;margin:4px 0;"
    "font:13px/1.5 system-ui,-apple-system,'Segoe UI',sans-serif;max-width:960px"
)
_PILL = (
    "display:inline-block;border:1px solid currentColor;border-radius:999px;padding:0 8px;"
    "font-weight:600;font-size:11px;letter-spacing:.03em;margin-right:8px"
)
_CODE = "font-family:ui-monospace,Menlo,Consolas,monospace;font-size:12px"
_DIM = "opacity:.7"
_DOTS = {"RUNNING": "●", "STARTING": "○", "SUCCEEDED": "✓", "FAILED": "✗", "TERMINATED": "■"}


def job_card(view: dict[str, Any], seen: datetime | None = None) -> str:
    """Return the job's card: its state, name, id, runs, duration, reason and notices as last known.

    Args:
        view: a JobView's plain data.
        seen: when that was, in the reader's zone. The card of a job that had not ended says it.
    """
    lines = [
        _line(_head(view)),
        _line(_seen(view, seen)),
        _line(_reason(view)),
        *_notices(view),
        _line(_tags(view)),
    ]
    return f'<div style="{_CARD}">{"".join(lines)}</div>'


def job_text(view: dict[str, Any]) -> str:
    """Return the plain text, which stays the same as the job goes on."""
    return f"<Job {view['name']} {view['id']}>"


def _line(content: str) -> str:
    return f"<div>{content}</div>" if content else ""


def _span(style: str, text: str) -> str:
    return f'<span style="{style}">{escape(text)}</span>'


def _head(view: dict[str, Any]) -> str:
    state = str(view["state"])
    pill = _span(_PILL, f"{_DOTS.get(state, '?')} {state}")
    name = f'<b style="font-size:14px">{escape(str(view["name"]))}</b>'
    facts = [_run_count(view), _duration(view)]
    dim = _span(_DIM, " · ".join(fact for fact in facts if fact))
    return f"{pill}{name} &nbsp;{dim} &nbsp;{_span(f'{_CODE};{_DIM}', str(view['id']))}"


def _run_count(view: dict[str, Any]) -> str:
    runs, most = view.get("runs") or [], int(view.get("max_runs") or 1)
    if not runs or most <= 1:
        return ""
    attempt = int(runs[-1]["attempt"])
    return f"run {attempt} of {max(most, attempt)}"


def _seen(view: dict[str, Any], seen: datetime | None) -> str:
    return (
        _span(_DIM, f"when last seen, {seen:%H:%M on %Y-%m-%d}") if seen and not view.get("ended_at") else ""
    )


def _duration(view: dict[str, Any]) -> str:
    start, end = view.get("started_at"), view.get("ended_at")
    if not start or not end:
        return ""
    seconds = max(0, int((datetime.fromisoformat(end) - datetime.fromisoformat(start)).total_seconds()))
    hours, minutes, seconds = seconds // 3600, seconds // 60 % 60, seconds % 60
    return f"{hours}:{minutes:02}:{seconds:02}" if hours else f"{minutes:02}:{seconds:02}"


def _reason(view: dict[str, Any]) -> str:
    error = view.get("error")
    if view["state"] == "FAILED" and error:
        text = f"{error['type']}: {error['message']}" if error.get("message") else str(error["type"])
        where = f"cell line {error['line']}" if error.get("line") is not None else ""
        return f"{_span(_CODE, text)} {_span(f'{_CODE};{_DIM}', where)}" if where else _span(_CODE, text)
    said = why(view["state"], view.get("reason"), None)
    return _span(_DIM, said) if said else ""


def _notices(view: dict[str, Any]) -> list[str]:
    return [_line(_span(_DIM, str(notice))) for notice in view.get("notices") or ()]


def _tags(view: dict[str, Any]) -> str:
    tags = view.get("tags") or {}
    return " ".join(_span(f"{_DIM};font-size:12px", f"{key}: {value}") for key, value in tags.items())
