import { useRef } from "preact/hooks";

interface Props {
  /** Rows of the log that are shown. */
  rows: number;
  /** What the handle belongs to; its id. */
  controls: string;
  onRows(rows: number): void;
}

const LEAST = 1;
const MOST = 60;
const PAGE = 6;

/** What each key makes of the number of rows. */
const KEYS: Record<string, (rows: number) => number> = {
  ArrowUp: (rows) => rows - 1,
  ArrowDown: (rows) => rows + 1,
  PageUp: (rows) => rows - PAGE,
  PageDown: (rows) => rows + PAGE,
  Home: () => LEAST,
  End: () => MOST,
};

/** The log's lower edge: dragging it, or the arrow keys on it, change the log's height. */
export function ResizeHandle({ rows, controls, onRows }: Props) {
  const grip = useRef<{ y: number; rows: number; height: number } | null>(null);
  const set = (wanted: number) => onRows(Math.min(MOST, Math.max(LEAST, Math.round(wanted))));
  return (
    <div
      class="jj-handle"
      role="separator"
      aria-orientation="horizontal"
      aria-label="Height of the log"
      aria-controls={controls}
      aria-valuenow={rows}
      aria-valuemin={LEAST}
      aria-valuemax={MOST}
      aria-valuetext={rows === 1 ? "1 line" : `${rows} lines`}
      tabIndex={0}
      onKeyDown={(event) => {
        const step = KEYS[event.key];
        if (!step || event.ctrlKey || event.metaKey || event.altKey) return;
        event.preventDefault();
        set(step(rows));
      }}
      onPointerDown={(event) => {
        const screen = event.currentTarget.parentElement?.querySelector(".jj-terminal");
        const height = parseFloat(getComputedStyle(screen ?? event.currentTarget).getPropertyValue("--jj-row"));
        event.currentTarget.setPointerCapture(event.pointerId);
        grip.current = { y: event.clientY, rows, height: height || 18 };
      }}
      onPointerMove={(event) => {
        if (grip.current) set(grip.current.rows + (event.clientY - grip.current.y) / grip.current.height);
      }}
      onLostPointerCapture={() => {
        grip.current = null;
      }}
    />
  );
}
