// Asks again and again while somebody can see the answer; never twice at a time.

/** Until the returned function is called. `ask` handles its own failures. */
export function poll(everyMs: number, ask: () => Promise<void>): () => void {
  let stopped = false;
  let timer: ReturnType<typeof setTimeout> | undefined;
  async function round() {
    if (document.visibilityState !== "hidden") await ask();
    if (!stopped) timer = setTimeout(() => void round(), everyMs);
  }
  void round();
  return () => {
    stopped = true;
    clearTimeout(timer);
  };
}
