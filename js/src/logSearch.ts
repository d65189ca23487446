/** A search in a whole log: counts what the service finds, and goes from match to match. */
import type { LogBlock, LogKind, LogMatch, Source } from "./source";

/** How often a log that still grows is looked at again. */
const AGAIN_MS = 2000;
/** Without an answer for so long, the kernel is busy. */
const BUSY_MS = 1500;

export interface SearchState {
  text: string;
  count: number;
  /** Which match is shown, from 0; null: none yet. */
  index: number | null;
  /** Whether all of the log has been looked at. */
  complete: boolean;
  busy: boolean;
  trouble: string | null;
}

export interface SearchView {
  reveal(match: LogMatch, text: string): Promise<boolean>;
  /** The offset behind what is shown; null: nothing is. */
  readonly end: number | null;
}

const NOTHING: SearchState = { text: "", count: 0, index: null, complete: true, busy: false, trouble: null };

export class LogSearch {
  state: SearchState = NOTHING;
  onState: (state: SearchState) => void = () => {};
  private blocks: LogBlock[] = [];
  private next = 0;
  private line = 1;
  private turn = 0;
  private timer: ReturnType<typeof setTimeout> | undefined;

  constructor(
    private readonly source: Source,
    private readonly view: SearchView,
    private readonly log: { run: string; kind: LogKind },
    private readonly growing: () => boolean,
  ) {}

  /** Looks for another text; then shows the last match before the end of what is shown. */
  async start(text: string): Promise<void> {
    this.stop();
    const turn = this.turn;
    this.update({ ...NOTHING, text, complete: text === "" });
    if (!text) return;
    const end = this.view.end;
    if (await this.count(turn)) await this.guarded(turn, () => this.showBefore(end, turn));
  }

  stop(): void {
    this.turn += 1;
    clearTimeout(this.timer);
    this.blocks = [];
    this.next = 0;
    this.line = 1;
  }

  /** Shows the next match, or the one before; after the last one comes the first. */
  async go(step: 1 | -1): Promise<void> {
    const { count, index } = this.state;
    if (!count) return;
    const from = index ?? (step > 0 ? -1 : 0);
    const turn = this.turn;
    await this.guarded(turn, () => this.show((from + step + count) % count, turn));
  }

  /** Counts to the log's end; false: another text is looked for by now, or it failed. */
  private async count(turn: number): Promise<boolean> {
    const counted = await this.guarded(turn, async () => {
      for (let complete = false; !complete && turn === this.turn; ) {
        const { text } = this.state;
        const asked = this.next;
        const found = await this.patiently(
          this.source.search({ ...this.log, text, offset: asked, line: this.line }),
        );
        if (turn !== this.turn) return;
        this.blocks = [...this.blocks.filter(([offset]) => offset < asked), ...found.blocks];
        [this.next, this.line, complete] = [found.next, found.line, found.complete];
        const count = this.blocks.reduce((sum, block) => sum + block[3], 0);
        this.update({ ...this.state, count, complete, trouble: null });
      }
    });
    if (turn !== this.turn) return false;
    if (this.growing()) this.timer = setTimeout(() => void this.count(turn), AGAIN_MS);
    return counted;
  }

  private async showBefore(end: number | null, turn: number): Promise<void> {
    const { count } = this.state;
    if (!count) return;
    const before = end === null ? count : await this.rank(end);
    if (turn === this.turn) await this.show(Math.max(0, before - 1), turn);
  }

  /** How many matches there are in lines that begin before an offset. */
  private async rank(until: number): Promise<number> {
    let sum = 0;
    for (const [offset, line, end, count] of this.blocks) {
      if (end <= until) sum += count;
      else if (offset < until) {
        const { text } = this.state;
        const found = await this.patiently(this.source.search({ ...this.log, text, offset, line, until }));
        return sum + found.blocks.reduce((more, block) => more + block[3], 0);
      }
    }
    return sum;
  }

  private async show(index: number, turn: number): Promise<void> {
    const match = await this.match(index);
    if (!match || turn !== this.turn) return;
    this.update({ ...this.state, index });
    await this.view.reveal(match, this.state.text);
  }

  private async match(index: number): Promise<LogMatch | null> {
    let left = index;
    for (const [offset, line, , count] of this.blocks) {
      if (left < count) {
        const { text } = this.state;
        return this.patiently(this.source.match({ ...this.log, text, offset, line, index: left }));
      }
      left -= count;
    }
    return null;
  }

  /** Does it, and says so when it fails; whether it was done. */
  private async guarded(turn: number, work: () => Promise<void>): Promise<boolean> {
    try {
      await work();
      return true;
    } catch (error) {
      if (turn === this.turn) this.update({ ...this.state, trouble: (error as Error).message });
      return false;
    }
  }

  /** Waits for an answer, and says so when it takes its time. */
  private async patiently<T>(answer: Promise<T>): Promise<T> {
    const turn = this.turn;
    const say = (busy: boolean) => turn === this.turn && busy !== this.state.busy && this.update({ ...this.state, busy });
    const late = setTimeout(say, BUSY_MS, true);
    try {
      return await answer;
    } finally {
      clearTimeout(late);
      say(false);
    }
  }

  private update(state: SearchState): void {
    this.state = state;
    this.onState(state);
  }
}
