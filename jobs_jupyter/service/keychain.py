"""The system's keyring, asked by a program of its own: one that prompts somebody is not waited for.

The program reads `{"do": "get" or "set", "id": …, "key": …, "path": [where modules are]}` on its standard
input and answers `{"key": …}`, or `{"problem": …}`. It imports nothing of ours, so that it may be killed at
any time.
"""

from __future__ import annotations

import json
import subprocess
import sys

SERVICE = "jobs_jupyter"
WAIT_S = 10.0


def store(name: str, key: str) -> bool:
    """Put a key into the keyring; whether it is there to stay."""
    return "problem" not in _ask({"do": "set", "id": name, "key": key})


def fetch(name: str) -> tuple[str | None, str]:
    """Return a key from the keyring, or None and why it can't be had."""
    answer = _ask({"do": "get", "id": name})
    return answer.get("key"), answer.get("problem", "")


def _ask(question: dict[str, str]) -> dict[str, str]:
    try:
        done = subprocess.run(
            [sys.executable, "-E", "-P", __file__],  # the environment may be a notebook's
            input=json.dumps({**question, "path": sys.path}),
            capture_output=True,
            text=True,
            timeout=WAIT_S,
            check=False,
        )
        answer: dict[str, str] = json.loads(done.stdout)
    except subprocess.TimeoutExpired:
        return {"problem": f"the keyring did not answer within {WAIT_S:g} s; it may be locked"}
    except (OSError, ValueError):
        return {"problem": "the keyring's program failed"}
    return answer


def main() -> None:
    """Answer one question."""
    question = json.load(sys.stdin)
    sys.path += [entry for entry in question["path"] if entry not in sys.path]
    try:
        answer = _answered(question)
    except Exception as problem:  # noqa: BLE001 - keyrings raise errors of their own kinds
        answer = {"problem": f"the keyring says {type(problem).__name__}"}
    json.dump(answer, sys.stdout)


def _answered(question: dict[str, str]) -> dict[str, str]:
    import keyring  # optional; without it the key is in a file

    if question["do"] == "set":
        keyring.set_password(SERVICE, question["id"], question["key"])
    found = keyring.get_password(SERVICE, question["id"])
    if found is None or found != question.get("key", found):  # keyring's "null" forgets everything
        return {"problem": "the keyring does not have it"}
    return {"key": found}


if __name__ == "__main__":
    main()
