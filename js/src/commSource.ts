/** The source that speaks with the kernel, through an anywidget model. The protocol is in docs/design.md. */
import type { AnyModel, CustomMessageListener } from "./anywidget";
import type { JobView } from "./job";
import { insist } from "./insist";
import { LogCursor } from "./logCursor";
import type {
  LogFound,
  LogKind,
  LogListener,
  LogMatch,
  LogRequest,
  LogSearchRequest,
  LogStream,
  Release,
  Source,
} from "./source";

interface FromKernel {
  type: string;
  client?: string;
  req?: number;
  offset?: number;
  passed_over?: number;
  id?: number;
  ok?: boolean;
  message?: string;
  retrying?: boolean;
  now?: number;
  value?: unknown;
}

interface Call {
  release: Release;
  resolve(value: unknown): void;
  reject(error: Error): void;
}

/** Clocks that differ by less than this are taken as one. */
const SKEW_MS = 2000;
const GONE = "The kernel is gone.";

export class CommSource implements Source {
  private readonly client = crypto.randomUUID();
  private readonly streams = new Map<number, CommLog>();
  private readonly calls = new Map<number, Call>();
  private readonly listeners = new Set<(view: JobView) => void>();
  private numbers = 0;
  private readonly lossListeners = new Set<(lost: boolean) => void>();
  private skew = 0;
  private gone = false;

  constructor(private model: AnyModel) {
    this.listen();
    this.send({ type: "hello" });
  }

  /** Goes on with another proxy of the same model: the old one's listeners die with its view. */
  attach(model: AnyModel): void {
    this.unlisten();
    this.model = model;
    this.listen();
    this.changed();
  }

  view(): JobView {
    return this.model.get("view") as JobView;
  }

  onView(listener: (view: JobView) => void): Release {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  lost(): boolean {
    return this.gone;
  }

  onLost(listener: (lost: boolean) => void): Release {
    this.lossListeners.add(listener);
    return () => this.lossListeners.delete(listener);
  }

  now(): number {
    return Date.now() + this.skew;
  }

  openLog(request: LogRequest, listener: LogListener): LogStream {
    const log = new CommLog(this, request, listener);
    if (this.gone) queueMicrotask(() => log.lost());
    return log;
  }

  async stop(): Promise<void> {
    await this.call({ method: "stop" });
  }

  async logSize(run: string, kind: LogKind): Promise<number> {
    return (await this.call({ method: "size", run, kind })) as number;
  }

  async search(request: LogSearchRequest): Promise<LogFound> {
    return (await this.call({ method: "search", ...request })) as LogFound;
  }

  async match(request: LogSearchRequest & { index: number }): Promise<LogMatch | null> {
    return ((await this.call({ method: "search", ...request })) as { match: LogMatch | null }).match;
  }

  dispose(): void {
    for (const stream of [...this.streams.values()]) stream.close();
    this.send({ type: "bye" });
    this.unlisten();
    this.listeners.clear();
    this.lossListeners.clear();
    this.failCalls("The panel was closed.");
  }

  /** Registers a log stream under a fresh request number. */
  register(log: CommLog): number {
    const req = ++this.numbers;
    this.streams.set(req, log);
    return req;
  }

  unregister(req: number): void {
    this.streams.delete(req);
  }

  send(message: Record<string, unknown>): void {
    try {
      this.model.send({ ...message, client: this.client });
    } catch {
      // The kernel is gone: the panel keeps showing the last known state.
    }
  }

  private listen(): void {
    this.model.on("change:view", this.changed);
    this.model.on("msg:custom", this.received);
    this.model.on("comm_live_update", this.disconnected);
  }

  private unlisten(): void {
    this.model.off("change:view", this.changed);
    this.model.off("msg:custom", this.received);
    this.model.off("comm_live_update", this.disconnected);
  }

  private readonly changed = (): void => {
    const view = this.view();
    for (const listener of [...this.listeners]) listener(view);
  };

  /** The widget manager says that the kernel no longer knows this model: it was restarted, or ended. */
  private readonly disconnected = (): void => this.setLost(true);

  private setLost(lost: boolean): void {
    if (lost === this.gone) return;
    this.gone = lost;
    if (lost) {
      this.failCalls(GONE);
      for (const stream of [...this.streams.values()]) stream.lost();
    }
    for (const listener of [...this.lossListeners]) listener(lost);
  }

  private readonly received: CustomMessageListener = (raw, buffers) => {
    const message = raw as FromKernel;
    this.setLost(false);
    // All pages that show this model get all messages; each takes its own.
    if (message.client !== this.client) return;
    if (message.type === "hello") this.setClock(message.now);
    else if (message.type === "reply") this.settle(message);
    else this.streams.get(message.req ?? 0)?.received(message, buffers?.[0]);
  };

  private setClock(now: number | undefined): void {
    const skew = (now ?? Date.now()) - Date.now();
    this.skew = Math.abs(skew) > SKEW_MS ? skew : 0;
  }

  private call(message: Record<string, unknown>): Promise<unknown> {
    if (this.gone) return Promise.reject(new Error(GONE));
    const id = ++this.numbers;
    return new Promise((resolve, reject) => {
      const release = insist(() => this.send({ type: "call", id, ...message }));
      this.calls.set(id, { resolve, reject, release });
    });
  }

  private failCalls(message: string): void {
    for (const call of this.calls.values()) {
      call.release();
      call.reject(new Error(message));
    }
    this.calls.clear();
  }

  private settle(message: FromKernel): void {
    const call = this.calls.get(message.id ?? 0);
    if (!call) return;
    this.calls.delete(message.id ?? 0);
    call.release();
    if (message.ok) call.resolve(message.value);
    else call.reject(new Error(message.message ?? "The kernel gave no reason."));
  }
}

/** One log stream: asks again from its offset when a message was lost. */
class CommLog implements LogStream {
  private readonly cursor: LogCursor;
  private req = 0;
  private acknowledged: number | null = null;
  private open = true;
  private answered: Release = () => {};

  constructor(
    private readonly source: CommSource,
    private readonly request: LogRequest,
    private readonly listener: LogListener,
  ) {
    this.cursor = new LogCursor(request.offset);
    this.ask(request.offset);
  }

  consumed(offset: number): void {
    if (!this.open) return;
    this.acknowledged = offset;
    this.source.send({ type: "ack", req: this.req, offset });
  }

  close(): void {
    if (!this.open) return;
    this.open = false;
    this.answered();
    this.source.unregister(this.req);
    this.source.send({ type: "close", req: this.req });
  }

  /** Nothing more comes: who waits for all of a log is told; who follows one sees that the panel stands still. */
  lost(): void {
    if (this.request.whole) this.listener.error(GONE, false);
  }

  received(message: FromKernel, buffer: DataView | undefined): void {
    this.answered();
    if (message.type === "log" && buffer) this.data(message, buffer);
    else if (message.type === "at") this.at(message.offset ?? 0);
    else if (message.type === "end") this.end(message.offset ?? 0);
    else if (message.type === "error") {
      this.listener.error(message.message ?? "The log cannot be read.", message.retrying ?? false);
    }
  }

  private ask(offset: number): void {
    this.source.unregister(this.req);
    const before = this.req;
    this.req = this.source.register(this);
    const { run, kind = "log", whole = false, until } = this.request;
    const message = { type: "log", req: this.req, replaces: before, run, kind, offset, whole, until };
    this.answered();
    this.answered = insist(() => this.source.send(message));
  }

  private data(message: FromKernel, buffer: DataView): void {
    const offset = message.offset ?? 0;
    const verdict = this.cursor.accept({
      offset,
      length: buffer.byteLength,
      passedOver: message.passed_over ?? 0,
    });
    if (verdict.kind === "gap") this.ask(verdict.askFrom);
    if (verdict.kind !== "take") return;
    const bytes = new Uint8Array(buffer.buffer, buffer.byteOffset, buffer.byteLength);
    this.listener.data(bytes.subarray(verdict.from), offset + verdict.from, verdict.passedOver);
  }

  /** The kernel says how far it has sent, since it has heard nothing for a while. */
  private at(offset: number): void {
    if (!this.askedAgain(offset) && this.acknowledged !== null) this.consumed(this.acknowledged);
  }

  private end(offset: number): void {
    if (!this.askedAgain(offset)) this.listener.end();
  }

  /** Asks again when something that was sent before `offset` has not arrived. */
  private askedAgain(offset: number): boolean {
    if (offset === 0 || !this.cursor.behind(offset)) return false;
    this.ask(this.cursor.next ?? this.request.offset);
    return true;
  }
}
