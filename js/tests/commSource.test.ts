import assert from "node:assert/strict";
import { afterEach, test } from "node:test";
import { CommSource } from "../src/commSource";
import { downloadLog } from "../src/source";
import { FakeModel, job } from "./fakeModel";

const opened: CommSource[] = [];

// A source that is left open would ask again, and keep the test from ending.
afterEach(() => {
  for (const source of opened.splice(0)) source.dispose();
});

function open(offset = 0, whole = false) {
  const model = new FakeModel();
  const source = new CommSource(model.asModel());
  const client = model.take("hello")[0]!["client"] as string;
  const got: { text: string; passedOver: number }[] = [];
  const said: string[] = [];
  opened.push(source);
  const stream = source.openLog(
    { run: "r1", offset, whole },
    {
      data: (bytes, _offset, passedOver) => got.push({ text: new TextDecoder().decode(bytes), passedOver }),
      end: () => said.push("end"),
      error: (message) => said.push(message),
    },
  );
  const request = model.take("log")[0]!;
  const send = (type: string, fields: Record<string, unknown>, text?: string) =>
    model.receive({ type, client, req: request["req"], ...fields }, text);
  return { model, source, client, got, said, stream, request, send };
}

test("a log is asked for, delivered, acknowledged and ended", () => {
  const { model, got, said, stream, request, send, client } = open(-100);
  assert.deepEqual(
    { run: request["run"], offset: request["offset"], whole: request["whole"] },
    { run: "r1", offset: -100, whole: false },
  );
  send("log", { offset: 900, passed_over: 900 }, "abc");
  send("log", { offset: 903 }, "def");
  stream.consumed(906);
  assert.deepEqual(got, [
    { text: "abc", passedOver: 900 },
    { text: "def", passedOver: 0 },
  ]);
  assert.deepEqual(model.take("ack"), [{ type: "ack", req: request["req"], offset: 906, client }]);
  send("end", { offset: 906 });
  assert.deepEqual(said, ["end"]);
});

test("a lost message is asked for again, and the old stream's stragglers are ignored", () => {
  const { model, got, send, request, client } = open();
  send("log", { offset: 0 }, "abc");
  send("log", { offset: 6 }, "ghi");
  const again = model.take("log")[0]!;
  assert.equal(again["offset"], 3);
  assert.equal(again["replaces"], request["req"]);
  send("log", { offset: 9 }, "jkl");
  model.receive({ type: "log", client, req: again["req"], offset: 3 }, "defghi");
  assert.equal(got.map((part) => part.text).join(""), "abcdefghi");
});

test("an end, or a word of how far was sent, reveals that the last message was lost", () => {
  for (const type of ["end", "at"]) {
    const { model, said, send } = open();
    send("log", { offset: 0 }, "abc");
    send(type, { offset: 6 });
    assert.equal(model.take("log")[0]!["offset"], 3);
    assert.deepEqual(said, []);
  }
});

test("the first message lost: the same is asked again", () => {
  const { model, send } = open(-100);
  send("at", { offset: 100 });
  assert.equal(model.take("log")[0]!["offset"], -100);
});

test("asked how far it is, the page repeats its last acknowledgement", () => {
  const { model, stream, send } = open();
  send("log", { offset: 0 }, "abc");
  stream.consumed(2);
  model.take("ack");
  send("at", { offset: 3 });
  assert.equal(model.take("ack")[0]!["offset"], 2);
});

test("other pages' messages are not ours", () => {
  const { model, got, request } = open();
  model.receive({ type: "log", client: "somebody", req: request["req"], offset: 0 }, "abc");
  assert.deepEqual(got, []);
});

test("stop resolves or rejects with the kernel's answer", async () => {
  const { model, source, client } = open();
  const first = source.stop();
  model.receive({ type: "reply", client, id: model.take("call")[0]!["id"], ok: true });
  await first;
  const second = source.stop();
  const id = model.take("call")[0]!["id"];
  model.receive({ type: "reply", client, id, ok: false, message: "The service is gone." });
  await assert.rejects(second, /The service is gone\./);
});

test("the service's clock is used when it differs", () => {
  const { model, source, client } = open();
  model.receive({ type: "hello", client, now: Date.now() + 500 });
  assert.ok(Math.abs(source.now() - Date.now()) < 100);
  model.receive({ type: "hello", client, now: Date.now() + 3_600_000 });
  assert.ok(source.now() - Date.now() > 3_500_000);
});

test("a whole log is collected", async () => {
  const model = new FakeModel();
  const source = new CommSource(model.asModel());
  const done = downloadLog(source, { run: "r1", kind: "log" }, () => {});
  const { req, client, whole } = model.take("log")[0]!;
  assert.equal(whole, true);
  model.receive({ type: "log", client, req, offset: 0 }, "abc");
  model.receive({ type: "log", client, req, offset: 3 }, "def");
  model.receive({ type: "log", client, req, offset: 3006, passed_over: 3000 }, "ghi");
  model.receive({ type: "end", client, req, offset: 3009 });
  const text = await (await done).text();
  assert.equal(text, "abcdef\n… 3.0 KB of this log were left out …\nghi");
  assert.equal(model.take("close").length, 1);
});

test("nothing listens after the end, and another proxy can take over", () => {
  const { model, source } = open();
  const seen: string[] = [];
  source.onView((view) => seen.push(view.state));
  const next = new FakeModel(job({ state: "SUCCEEDED" }));
  source.attach(next.asModel());
  assert.equal(model.listening, 0);
  next.change(job({ state: "FAILED" }));
  assert.deepEqual(seen, ["SUCCEEDED", "FAILED"]);
  source.dispose();
  assert.equal(next.listening, 0);
  assert.equal(next.take("bye").length, 1);
});

test("a kernel that is gone does not break the page", () => {
  const model = new FakeModel();
  model.send = () => {
    throw new Error("comm is closed");
  };
  const source = new CommSource(model.asModel());
  assert.equal(source.view().state, "RUNNING");
  source.dispose();
});

test("a kernel that lets go of the model is lost, until it is heard of again", () => {
  const { model, source, send } = open();
  const told: boolean[] = [];
  const release = source.onLost((lost) => told.push(lost));
  assert.equal(source.lost(), false);
  model.disconnect();
  model.disconnect();
  assert.equal(source.lost(), true);
  send("at", { offset: 0 });
  assert.equal(source.lost(), false);
  release();
  model.disconnect();
  assert.deepEqual(told, [true, false]);
});

test("what gets no answer is asked again, until it does", async (context) => {
  context.mock.timers.enable({ apis: ["setTimeout"] });
  const { model, source, client, request, send } = open();
  const stopped = source.stop();
  const [call] = model.take("call");
  context.mock.timers.tick(1000);
  assert.deepEqual(model.take("log"), [request]);
  assert.deepEqual(model.take("call"), [call]);
  send("open", {});
  model.receive({ type: "reply", client, id: call!["id"], ok: true });
  await stopped;
  context.mock.timers.tick(60_000);
  assert.deepEqual([...model.take("log"), ...model.take("call")], []);
});

test("a question is answered by its number, and asked again until it is", async () => {
  const model = new FakeModel();
  const source = new CommSource(model.asModel());
  opened.push(source);
  const asked = { run: "r1", kind: "setup" as const, text: "x", offset: 4, line: 2 };
  const found = source.search(asked);
  const { id, client, ...call } = model.take("call")[0]!;
  assert.deepEqual(call, { type: "call", method: "search", ...asked });
  const value = { blocks: [[4, 2, 9, 1]], next: 9, line: 3, complete: true };
  model.receive({ type: "reply", client, id, ok: true, value });
  assert.deepEqual(await found, value);
});

test("nobody waits for a kernel that is gone", async () => {
  const model = new FakeModel();
  const source = new CommSource(model.asModel());
  opened.push(source);
  const waiting = [
    source.logSize("r1", "log"),
    downloadLog(source, { run: "r1", kind: "log" }, () => {}),
  ];
  for (const listener of model.listeners.get("comm_live_update") ?? []) listener();
  waiting.push(source.logSize("r1", "log"), downloadLog(source, { run: "r1", kind: "log" }, () => {}));
  for (const each of waiting) await assert.rejects(each as Promise<unknown>, /kernel is gone/);
});
