import type { ComponentChildren } from "preact";
import { useLayoutEffect, useRef, useState } from "preact/hooks";

interface Props {
  /** Lines that are shown of it at first. */
  lines: number;
  /** What it is, for the name of the button: `the reason`. */
  what: string;
  class?: string;
  children: ComponentChildren;
}

/** Whether an element's content is larger than the element, looked at whenever one of them changes. */
function useOverflow(measured: boolean): [{ current: HTMLDivElement | null }, boolean] {
  const box = useRef<HTMLDivElement>(null);
  const [over, setOver] = useState(false);
  const look = () => {
    const node = box.current;
    if (node && measured) setOver(node.scrollHeight > node.clientHeight + 1 || node.scrollWidth > node.clientWidth + 1);
  };
  useLayoutEffect(look);
  useLayoutEffect(() => {
    const observer = new ResizeObserver(look);
    if (box.current) observer.observe(box.current);
    return () => observer.disconnect();
  }, [measured]);
  return [box, over];
}

/** Content of any length: its first lines, and all of it on demand. */
export function Clamped({ lines, what, children, class: name = "" }: Props) {
  const [open, setOpen] = useState(false);
  const [box, over] = useOverflow(!open);
  return (
    <div class={`jj-clamp ${name}`}>
      <div
        ref={box}
        class={`jj-clamped ${open ? "jj-open" : ""} ${lines === 1 ? "jj-single" : ""}`}
        style={{ "--jj-lines": lines }}
        {...(open && { tabIndex: 0, role: "group", "aria-label": what })}
      >
        {children}
      </div>
      {(over || open) && (
        <button
          type="button"
          class="jj-more"
          aria-expanded={open}
          aria-label={open ? `Show less of ${what}` : `Show all of ${what}`}
          onClick={() => setOpen(!open)}
        >
          {open ? "Less" : "More"}
        </button>
      )}
    </div>
  );
}
