/** A stand-in for anywidget's model: the kernel's half is the test's. */
import type { AnyModel } from "../src/anywidget";
import type { JobView } from "../src/job";

type Message = Record<string, unknown>;

export function job(change: Partial<JobView> = {}): JobView {
  return {
    id: "prodjob_1",
    name: "train",
    state: "RUNNING",
    reason: null,
    error: null,
    exit_code: null,
    notices: null,
    created_at: "2026-01-01T00:00:00Z",
    started_at: "2026-01-01T00:00:00Z",
    ended_at: null,
    archived: false,
    queue: null,
    priority: null,
    tags: {},
    max_runs: 1,
    runs: [],
    ...change,
  };
}

export class FakeModel {
  readonly sent: Message[] = [];
  readonly listeners = new Map<string, Set<(...args: never[]) => void>>();
  readonly state: Record<string, unknown>;

  constructor(view: JobView = job()) {
    this.state = { view, panel_id: "panel-1" };
  }

  get(name: string): unknown {
    return this.state[name];
  }

  on(name: string, listener: (...args: never[]) => void): void {
    const found = this.listeners.get(name) ?? new Set();
    this.listeners.set(name, found.add(listener));
  }

  off(name: string, listener: (...args: never[]) => void): void {
    this.listeners.get(name)?.delete(listener);
  }

  send(message: Message): void {
    this.sent.push(message);
  }

  /** Takes what the page has sent of one type since the last look. */
  take(type: string): Message[] {
    const found = this.sent.filter((message) => message["type"] === type);
    for (const message of found) this.sent.splice(this.sent.indexOf(message), 1);
    return found;
  }

  receive(message: Message, text?: string): void {
    const buffers = text === undefined ? [] : [new DataView(new TextEncoder().encode(text).buffer)];
    this.fire("msg:custom", message, buffers);
  }

  change(view: JobView): void {
    this.state["view"] = view;
    this.fire("change:view");
  }

  /** The widget manager lets go of it, as when the kernel restarts. */
  disconnect(): void {
    this.fire("comm_live_update");
  }

  get listening(): number {
    return [...this.listeners.values()].reduce((count, set) => count + set.size, 0);
  }

  asModel(): AnyModel {
    return this as unknown as AnyModel;
  }

  private fire(name: string, ...args: unknown[]): void {
    for (const listener of [...(this.listeners.get(name) ?? [])]) {
      (listener as (...args: unknown[]) => void)(...args);
    }
  }
}
