import type { ComponentChildren } from "preact";
import { useRef } from "preact/hooks";
import type { Tab } from "../session";

interface Props {
  id: string;
  tabs: { id: Tab; label: string; count?: number }[];
  selected: Tab;
  onSelect(tab: Tab): void;
  children?: ComponentChildren;
}

/** How far each key moves among the tabs; Home and End go to the ends. */
const STEPS: Record<string, (at: number, count: number) => number> = {
  ArrowRight: (at, count) => (at + 1) % count,
  ArrowLeft: (at, count) => (at + count - 1) % count,
  Home: () => 0,
  End: (_at, count) => count - 1,
};

/** Tabs in one row with the tools of the selected one. */
export function TabBar({ id, tabs, selected, onSelect, children }: Props) {
  const list = useRef<HTMLDivElement>(null);
  const move = (event: KeyboardEvent) => {
    const step = STEPS[event.key];
    if (!step) return;
    event.preventDefault();
    const index = step(
      tabs.findIndex((tab) => tab.id === selected),
      tabs.length,
    );
    const next = tabs[index];
    if (!next) return;
    onSelect(next.id);
    list.current?.querySelectorAll<HTMLElement>("[role=tab]")[index]?.focus();
  };
  return (
    <div class="jj-tabs">
      <div role="tablist" class="jj-tablist" aria-label="Details of the job" ref={list} onKeyDown={move}>
        {tabs.map((tab) => (
          <button
            key={tab.id}
            type="button"
            role="tab"
            id={`${id}-${tab.id}-tab`}
            aria-selected={tab.id === selected}
            aria-controls={`${id}-${tab.id}`}
            tabIndex={tab.id === selected ? 0 : -1}
            onClick={() => onSelect(tab.id)}
          >
            {tab.label}
            {tab.count !== undefined && <span class="jj-count">{` ${tab.count}`}</span>}
          </button>
        ))}
      </div>
      <div class="jj-tools">{children}</div>
    </div>
  );
}
