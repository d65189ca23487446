import assert from "node:assert/strict";
import { mock, test } from "node:test";
import "./dom";
import loader from "../src/loader";
import { FakeModel, job } from "./fakeModel";

const bundles = (globalThis as unknown as Record<string, Map<string, unknown>>)["jobs_jupyter_bundles"]!;

test("a page asks for the code until it comes, and shows a card meanwhile", async () => {
  mock.timers.enable({ apis: ["setTimeout"] });
  const model = new FakeModel(job({ name: "<b>train</b>", state: "FAILED", reason: "exit code 1" }));
  model.state["code"] = "digest-1";
  model.state["seen"] = new Date(2026, 10, 28, 14, 2).getTime();
  const release = loader.initialize({ model: model.asModel() });
  const el = document.createElement("div");
  void loader.render({ model: model.asModel(), el });
  assert.equal(model.take("code").length, 1);
  assert.equal(el.textContent, "");
  mock.timers.tick(1000);
  assert.equal(model.take("code").length, 0);
  assert.match(el.textContent ?? "", /FAILED {2}<b>train<\/b>prodjob_1when last seen, 14:02 on 2026-11-28exit code 1/);
  mock.timers.tick(2000);
  assert.equal(model.take("code").length, 1);
  mock.timers.tick(6000);
  assert.equal(model.take("code").length, 1);
  release();
  assert.equal(model.listening, 0);
  mock.timers.reset();
});

test("two panels wait for one code, and a model without a kernel is no error", () => {
  mock.timers.enable({ apis: ["setTimeout"] });
  const first = new FakeModel();
  const second = new FakeModel();
  for (const model of [first, second]) {
    model.state["code"] = "digest-2";
    void loader.render({ model: model.asModel(), el: document.createElement("div") });
  }
  assert.equal(first.take("code").length, 1);
  assert.equal(second.take("code").length, 0);
  mock.timers.tick(3000);
  assert.equal(second.take("code").length, 1);
  const before = bundles.size;
  const dead = new FakeModel();
  dead.state["code"] = "digest-2";
  dead.send = () => {
    throw new Error("the kernel is dead");
  };
  void loader.render({ model: dead.asModel(), el: document.createElement("div") });
  assert.equal(bundles.size, before);
  mock.timers.reset();
});
