/**
 * The `_esm` of every panel. The heavy code lives in one other widget model, which a kernel opens
 * once; it is imported from a blob URL once a page, however many panels there are.
 */
import type { AnyModel, RenderContext } from "./anywidget";

interface Bundle {
  render(context: RenderContext): () => void;
}

const bundles: Map<string, Promise<Bundle>> = ((globalThis as Record<string, unknown>)[
  "jobs_jupyter_bundles"
] ??= new Map()) as Map<string, Promise<Bundle>>;

async function load(source: string): Promise<Bundle> {
  const url = URL.createObjectURL(new Blob([source], { type: "text/javascript" }));
  try {
    return (await import(url)) as Bundle;
  } finally {
    URL.revokeObjectURL(url);
  }
}

async function bundleOf(model: AnyModel): Promise<Bundle> {
  const reference = model.get("code") as string;
  const code = await model.widget_manager.get_model(reference.replace("IPY_MODEL_", ""));
  const digest = code.get("digest") as string;
  let bundle = bundles.get(digest);
  if (!bundle) {
    bundle = load(code.get("source") as string);
    bundles.set(digest, bundle);
  }
  return bundle;
}

export default {
  async render(context: RenderContext): Promise<() => void> {
    return (await bundleOf(context.model)).render(context);
  },
};
