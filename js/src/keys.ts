/**
 * Keeps the panel's keys from the notebook around it. JupyterLab and Notebook look for shortcuts from
 * the focused element upwards and stop at the first element with this attribute, which has to be the
 * focused element itself: the notebook's selectors end in `:focus`. Shortcuts of the application
 * (Ctrl+S, the command palette) are sent on from outside the notebook, where no key edits it.
 */
const SUPPRESS = "data-lm-suppress-shortcuts";
const FUNCTION_KEY = /^F\d+$/;

/** Whether a key may be the application's: nothing that types, moves, or activates what has the focus. */
function isForApplication(event: KeyboardEvent): boolean {
  const held = event.ctrlKey || event.metaKey || event.altKey;
  return !event.defaultPrevented && !event.isComposing && (held || FUNCTION_KEY.test(event.key));
}

/** The same key again, for another element. */
function copyOf(event: KeyboardEvent): KeyboardEvent {
  const { key, code, keyCode, which, location, repeat, ctrlKey, shiftKey, altKey, metaKey } = event;
  const init = { key, code, keyCode, which, location, repeat, ctrlKey, shiftKey, altKey, metaKey };
  return new KeyboardEvent("keydown", { ...init, bubbles: true, cancelable: true, composed: true });
}

/** Guards everything in `root` that has, or is going to have, the focus. */
export function guardKeys(root: HTMLElement): void {
  root.addEventListener("focusin", (event) => (event.target as Element).setAttribute(SUPPRESS, "true"));
  root.addEventListener("keydown", (event) => {
    event.stopPropagation();
    const outside = root.closest(".jp-Notebook")?.parentElement ?? document.body;
    if (isForApplication(event) && !outside.dispatchEvent(copyOf(event))) event.preventDefault();
  });
}
