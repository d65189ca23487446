import { useEffect, useRef, useState } from "preact/hooks";
import { isTerminal } from "../job";
import { LogSearch, type SearchState } from "../logSearch";
import type { LogKind } from "../source";
import type { Session } from "../session";
import { CloseIcon, DownIcon, UpIcon } from "./icons";

interface Props {
  session: Session;
  run: string;
  kind: LogKind;
  onClose(): void;
}

/** The search of the log that is shown; it begins anew with another log. */
function useSearch({ session, run, kind }: Props): [LogSearch, SearchState] {
  const make = () =>
    new LogSearch(session.source, session.log, { run, kind }, () => {
      const found = session.source.view().runs.find((each) => each.name === run);
      return !found?.ended_at && !isTerminal(found?.state ?? "FAILED");
    });
  const [search, setSearch] = useState(make);
  const [state, setState] = useState(search.state);
  useEffect(() => {
    const next = make();
    next.onState = setState;
    setSearch(next);
    void next.start(search.state.text);
    return () => {
      next.onState = () => {};
      next.stop();
      session.terminal.endFind();
    };
  }, [session, run, kind]);
  return [search, state];
}

/** Finds text in the whole log. Enter and Shift+Enter go on, Escape closes. */
export function FindBar(props: Props) {
  const { session, onClose } = props;
  const input = useRef<HTMLInputElement>(null);
  const [search, state] = useSearch(props);
  const [text, setText] = useState("");
  useEffect(() => input.current?.focus({ preventScroll: true }), []);
  const keys: Record<string, (event: KeyboardEvent) => void> = {
    Enter: (event) => void search.go(event.shiftKey ? -1 : 1),
    Escape: onClose,
  };
  return (
    <div class="jj-find" role="search">
      <input
        ref={input}
        type="text"
        placeholder="Find in the log"
        aria-label="Find in the log"
        maxLength={1000}
        value={text}
        onInput={(event) => {
          setText(event.currentTarget.value);
          session.terminal.endFind();
          void search.start(event.currentTarget.value);
        }}
        onKeyDown={(event) => keys[event.key]?.(event)}
      />
      <span class="jj-mono jj-matches" role="status">
        {describe(state)}
      </span>
      <button type="button" aria-label="Previous match" onClick={() => void search.go(-1)}>
        <UpIcon />
      </button>
      <button type="button" aria-label="Next match" onClick={() => void search.go(1)}>
        <DownIcon />
      </button>
      <button type="button" aria-label="Close the search" onClick={onClose}>
        <CloseIcon />
      </button>
    </div>
  );
}

/** What the search has found so far, in words. */
export function describe({ text, count, index, complete, busy, trouble }: SearchState): string {
  if (!text) return "";
  if (trouble) return trouble;
  if (busy) return "Waiting for the kernel…";
  const all = count.toLocaleString("en-US");
  if (!complete && index === null) return `${all} so far…`;
  if (!count) return "none";
  return index === null ? all : `${(index + 1).toLocaleString("en-US")} of ${all}`;
}
