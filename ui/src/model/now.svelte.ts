// The moment, as a state that goes on by the second while a component shows it.

/** For a component's script: what is read of it is read anew every second. */
export function useNow(): { readonly ms: number } {
  let ms = $state(Date.now());
  $effect(() => {
    const timer = setInterval(() => (ms = Date.now()), 1000);
    return () => clearInterval(timer);
  });
  return {
    get ms() {
      return ms;
    },
  };
}
