/** The part of anywidget's front-end interface that this package uses. */

export type CustomMessageListener = (message: unknown, buffers?: DataView[]) => void;

export interface AnyModel {
  get(name: string): unknown;
  on(name: "msg:custom", listener: CustomMessageListener): void;
  on(name: "comm_live_update", listener: () => void): void;
  on(name: `change:${string}`, listener: () => void): void;
  off(name: string, listener: (...args: never[]) => void): void;
  send(message: unknown): void;
}

export interface RenderContext {
  model: AnyModel;
  el: HTMLElement;
}
