import { useEffect, useRef, useState } from "preact/hooks";
import type { Found, LogTerminal } from "../terminal";
import { CloseIcon, DownIcon, UpIcon } from "./icons";

/** Finds text among the lines that the page has. Enter and Shift+Enter go on, Escape closes. */
export function FindBar({ terminal, onClose }: { terminal: LogTerminal; onClose(): void }) {
  const input = useRef<HTMLInputElement>(null);
  const [text, setText] = useState("");
  const [found, setFound] = useState<Found>({ index: -1, count: 0 });
  useEffect(() => {
    terminal.onFound = setFound;
    input.current?.focus({ preventScroll: true });
    return () => {
      terminal.onFound = () => {};
      terminal.endFind();
    };
  }, [terminal]);
  const keys: Record<string, (event: KeyboardEvent) => void> = {
    Enter: (event) => terminal.find(text, event.shiftKey ? "previous" : "next"),
    Escape: onClose,
  };
  return (
    <div class="jj-find" role="search">
      <input
        ref={input}
        type="text"
        placeholder="Find in the log"
        aria-label="Find in the log"
        value={text}
        onInput={(event) => {
          setText(event.currentTarget.value);
          terminal.find(event.currentTarget.value, "previous", true);
        }}
        onKeyDown={(event) => keys[event.key]?.(event)}
      />
      <span class="jj-mono jj-matches" role="status">
        {text && (found.count ? `${found.index + 1}/${found.count}` : "none")}
      </span>
      <button type="button" aria-label="Previous match" onClick={() => terminal.find(text, "previous")}>
        <UpIcon />
      </button>
      <button type="button" aria-label="Next match" onClick={() => terminal.find(text, "next")}>
        <DownIcon />
      </button>
      <button type="button" aria-label="Close the search" onClick={onClose}>
        <CloseIcon />
      </button>
    </div>
  );
}
