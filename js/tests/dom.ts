/** Puts a document into Node's globals; import it before anything that needs one. */
import { Window } from "happy-dom";

const window = new Window({ url: "http://localhost/" });
const names = ["window", "document", "HTMLElement", "Element", "Node", "Event", "KeyboardEvent", "ShadowRoot"];
const frames = ["requestAnimationFrame", "cancelAnimationFrame"];
for (const name of [...names, ...frames, "ResizeObserver", "MutationObserver", "self"]) {
  const value = name === "window" || name === "self" ? window : (window as never)[name];
  Object.defineProperty(globalThis, name, { value, configurable: true, writable: true });
}

/** Lets effects and promises run. */
export const settle = (milliseconds = 30): Promise<void> => new Promise((done) => setTimeout(done, milliseconds));
