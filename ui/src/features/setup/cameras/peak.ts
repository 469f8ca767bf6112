// The highest of the latest values: one turns the lens past the peak and back to it.

export class RecentPeak {
  #values: { at: number; value: number }[] = [];
  #windowMs: number;

  constructor(windowMs: number) {
    this.#windowMs = windowMs;
  }

  /** Takes a value in, and answers with the highest of the window that ends with it. */
  push(value: number, atMs: number): number {
    // A value that was passed by a later one can be the highest no more.
    this.#values = this.#values.filter((old) => old.at > atMs - this.#windowMs && old.value > value);
    this.#values.push({ at: atMs, value });
    return this.#values[0]!.value;
  }

  clear() {
    this.#values = [];
  }
}
