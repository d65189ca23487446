/** The heavy bundle's entry: shows a job's panel in an anywidget view. */
import { render as paint } from "preact";
import styles from "jobs-jupyter:styles";
import type { RenderContext } from "./anywidget";
import { JobPanel } from "./components/JobPanel";
import { guardKeys } from "./keys";
import { Session } from "./session";

const sessions = new Map<string, Session[]>();
const styled = new WeakSet<Document | ShadowRoot>();

/** Adds the stylesheet to the document, or to the shadow root that the host renders into. */
function style(el: HTMLElement): void {
  const root = el.getRootNode();
  const scope = root instanceof ShadowRoot ? root : document;
  if (styled.has(scope)) return;
  styled.add(scope);
  const node = document.createElement("style");
  node.textContent = styles;
  (scope instanceof ShadowRoot ? scope : document.head).append(node);
}

function open(context: RenderContext, of: Session[]): Session {
  const session = new Session(context.model);
  of.push(session);
  session.onDispose = () => {
    paint(null, session.root);
    of.splice(of.indexOf(session), 1);
  };
  session.root.className = "jobs-jupyter";
  guardKeys(session.root);
  paint(<JobPanel session={session} />, session.root);
  return session;
}

/** Renders one view of a model; returns what releases it. */
export function render(context: RenderContext): () => void {
  const key = context.model.get("panel_id") as string;
  const of = sessions.get(key) ?? [];
  sessions.set(key, of);
  style(context.el);
  const waiting = of.find((session) => session.free);
  waiting?.source.attach(context.model);
  return (waiting ?? open(context, of)).show(context.el);
}
