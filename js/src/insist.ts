import type { Release } from "./source";

const FIRST_MS = 1000;
const ATTEMPTS = 6;

/**
 * Sends now, and again after 1 s, 2 s, 4 s, … until released. Comms lose messages, and one that
 * was sent before JupyterLab had a subshell for the comm waits for the kernel's running cell.
 */
export function insist(send: () => void, attempts = ATTEMPTS, wait = FIRST_MS): Release {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const attempt = (left: number, delay: number) => {
    send();
    if (left > 1) timer = setTimeout(() => attempt(left - 1, 2 * delay), delay);
  };
  attempt(attempts, wait);
  return () => clearTimeout(timer);
}
