/**
 * Which of a log's control sequences count: colours, movement, and erasing within a line or below the
 * cursor. The terminal's parser swallows all others, however they are split or introduced: nothing
 * clears what was printed, sets a mode, or speaks to the page or the clipboard.
 */
import type { IFunctionIdentifier, Terminal } from "@xterm/xterm";

/** Movement, erasing (J, K, P, X), inserting (@), colours (m). */
const CSI = "@ABCDEFGHIJKPXZ`adefmsu";
/** Saving and restoring the cursor, the next line, and one line up. */
const ESC = "78DEM";
/** The only operating system command that counts: hyperlinks, which open by a click. */
const HYPERLINK = 8;
const OSC_COUNT = 2000;

const range = (from: number, to: number): string[] =>
  Array.from({ length: to - from + 1 }, (_, i) => String.fromCharCode(from + i));

/** Every identifier of a sequence that ends in one of `finals`, but for the bare ones of `allowed`. */
function* others(finals: string[], prefixes: string[], allowed: string): Generator<IFunctionIdentifier> {
  const between = [undefined, ...range(0x20, 0x2f)];
  for (const final of finals) {
    for (const prefix of [undefined, ...prefixes]) {
      for (const intermediates of between) {
        const bare = prefix === undefined && intermediates === undefined;
        if (bare && allowed.includes(final)) continue;
        yield { final, ...(prefix && { prefix }), ...(intermediates && { intermediates }) };
      }
    }
  }
}

/** Makes a terminal pass over every sequence that does not count. */
export function restrict(term: Terminal): void {
  const { parser } = term;
  const swallow = (): boolean => true;
  for (const id of others(range(0x40, 0x7e), ["<", "=", ">", "?"], CSI)) parser.registerCsiHandler(id, swallow);
  for (const id of others(range(0x30, 0x7e), [], ESC)) parser.registerEscHandler(id, swallow);
  for (let id = 0; id < OSC_COUNT; id += 1) if (id !== HYPERLINK) parser.registerOscHandler(id, swallow);
  // Erasing above the cursor, or everything.
  parser.registerCsiHandler({ final: "J" }, (params) => Boolean(params[0]));
  // From the first row it would push the last one out.
  parser.registerEscHandler({ final: "M" }, () => term.buffer.active.cursorY === 0);
}
