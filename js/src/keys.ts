/**
 * Keeps the panel's keys from the notebook around it. JupyterLab and Notebook look for shortcuts from
 * the focused element upwards and stop at the first element with this attribute, which has to be the
 * focused element itself: the notebook's selectors end in `:focus`. Shortcuts of the application
 * (Ctrl+S, the command palette) are sent on from outside the notebook, where no key edits it.
 */
const SUPPRESS = "data-lm-suppress-shortcuts";
const FUNCTION_KEY = /^F\d+$/;
/** Undo and redo: the notebook's own, and the browser's, which undoes in the editor that was last typed in. */
const UNDOES = /^[zy]$/i;

/** Whether a key may be the application's: nothing that types, moves, or activates what has the focus. */
function isForApplication(event: KeyboardEvent): boolean {
  const held = event.ctrlKey || event.metaKey || event.altKey;
  if (event.defaultPrevented || event.isComposing || (held && UNDOES.test(event.key))) return false;
  return held || FUNCTION_KEY.test(event.key);
}

/** Whether a key is meant for cells: one that undoes, or runs them and would press the button that has the focus. */
function isForCells(event: KeyboardEvent): boolean {
  const held = event.ctrlKey || event.metaKey || event.altKey;
  if (event.key === "Enter") return (held || event.shiftKey) && event.target instanceof HTMLButtonElement;
  const inText = event.target instanceof HTMLInputElement && event.target.type === "text";
  return held && UNDOES.test(event.key) && !inText;
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
    if (isForCells(event)) event.preventDefault();
    const outside = root.closest(".jp-Notebook")?.parentElement ?? document.body;
    if (isForApplication(event) && !outside.dispatchEvent(copyOf(event))) event.preventDefault();
  });
}
