/**
 * The `_esm` of every panel. The heavy code comes from the kernel as a custom message, which is in no
 * widget's state and so in no saved notebook; it is imported from a blob URL once a page, however many
 * panels and kernels there are. Until it is here, and where nobody can send it, there is a static card.
 */
import type { AnyModel, CustomMessageListener, RenderContext } from "./anywidget";
import { card } from "./card";
import { insist } from "./insist";
import type { JobView } from "./job";
import type { Release } from "./source";

interface Bundle {
  render(context: RenderContext): () => void;
}

interface Entry {
  bundle: Promise<Bundle>;
  loaded: boolean;
  asked: boolean;
  arrived(code: DataView): void;
}

/** By digest. The page's panels share it, each of them having a module of its own of this text. */
const bundles = ((globalThis as Record<string, unknown>)["jobs_jupyter_bundles"] ??= new Map()) as Map<
  string,
  Entry
>;

const ATTEMPTS = 11; // doubling from 3 s: for an hour
const AGAIN_MS = 3000;
const CARD_AFTER_MS = 1000;

async function load(code: DataView): Promise<Bundle> {
  const url = URL.createObjectURL(new Blob([code as DataView<ArrayBuffer>], { type: "text/javascript" }));
  try {
    return (await import(url)) as Bundle;
  } finally {
    URL.revokeObjectURL(url);
  }
}

function entryOf(digest: string): Entry {
  const found = bundles.get(digest);
  if (found) return found;
  let arrived: (code: DataView) => void = () => {};
  const bundle = new Promise<DataView>((resolve) => (arrived = resolve)).then(load);
  const entry = { bundle, loaded: false, asked: false, arrived };
  bundles.set(digest, entry);
  bundle.then(
    () => (entry.loaded = true),
    () => bundles.delete(digest), // whoever shows a panel next asks again
  );
  return entry;
}

/** Asks until released; at once, unless another panel of the page has just asked. */
function askFor(entry: Entry, model: AnyModel): Release {
  if (entry.loaded) return () => {};
  const send = () => {
    try {
      model.send({ type: "code" });
    } catch {
      // The kernel is gone: the card stays.
    }
  };
  if (!entry.asked) {
    entry.asked = true;
    return insist(send, ATTEMPTS, AGAIN_MS);
  }
  let release: Release = () => {};
  const timer = setTimeout(() => (release = insist(send, ATTEMPTS, AGAIN_MS)), AGAIN_MS);
  return () => {
    clearTimeout(timer);
    release();
  };
}

export default {
  /** Takes the code whenever it comes, also before anything is shown. */
  initialize({ model }: { model: AnyModel }): () => void {
    const listener: CustomMessageListener = (raw, buffers) => {
      const message = raw as { type?: string; digest?: string };
      const code = buffers?.[0];
      if (message.type === "code" && message.digest && code) entryOf(message.digest).arrived(code);
    };
    model.on("msg:custom", listener);
    return () => model.off("msg:custom", listener);
  },

  async render(context: RenderContext): Promise<() => void> {
    const { model, el } = context;
    const entry = entryOf(model.get("code") as string);
    const showCard = () => el.replaceChildren(card(model.get("view") as JobView, model.get("seen") as number));
    const alone = setTimeout(showCard, CARD_AFTER_MS);
    const release = askFor(entry, model);
    try {
      return (await entry.bundle).render(context);
    } finally {
      clearTimeout(alone);
      release();
    }
  },
};
