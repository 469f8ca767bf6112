// Takes from the browser what an operator's page must not do: reload, zoom, menus, drags.

const isTextField = (target: EventTarget | null) =>
  target instanceof HTMLElement && target.closest("input, textarea, .selectable") !== null;

/** Until the returned function is called. */
export function calmBrowser(window: Window): () => void {
  const stop = new AbortController();
  const options = { signal: stop.signal, capture: true };
  const refuse = (event: Event) => event.preventDefault();

  window.addEventListener("keydown", (event) => {
    const command = event.ctrlKey || event.metaKey;
    const key = event.key.toLowerCase();
    const reloads = event.key === "F5" || (command && key === "r");
    const zooms = command && ["+", "-", "=", "0"].includes(key);
    const leaves = event.altKey && ["arrowleft", "arrowright"].includes(key);
    if (reloads || zooms || leaves || (command && ["p", "f", "g", "u"].includes(key))) event.preventDefault();
  }, options);
  window.addEventListener("wheel", (event) => event.ctrlKey && event.preventDefault(), { ...options, passive: false });
  for (const pinch of ["gesturestart", "gesturechange"]) window.addEventListener(pinch, refuse, { ...options, passive: false });
  window.addEventListener("touchmove", (event) => event.touches.length > 1 && event.preventDefault(), { ...options, passive: false });
  window.addEventListener("contextmenu", (event) => !isTextField(event.target) && event.preventDefault(), options);
  for (const drag of ["dragstart", "dragover", "drop"]) window.addEventListener(drag, refuse, options);
  return () => stop.abort();
}
