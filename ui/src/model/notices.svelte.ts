// Short notices at the edge of the window. What went wrong stays until it is closed.
import { StationError } from "../platform/types";

const DONE_SHOWN_MS = 4_000;

export interface Notice {
  id: number;
  kind: "done" | "failed" | "late";
  text: string;
  detail: string;
  /** What a press on it does. */
  open: (() => void) | null;
  openLabel: string;
  error: StationError | null;
}

export class Notices {
  list = $state<Notice[]>([]);
  #next = 0;

  done(text: string) {
    const id = this.#add({ kind: "done", text });
    setTimeout(() => this.close(id), DONE_SHOWN_MS);
  }

  failed(thrown: unknown) {
    const error = StationError.of(thrown);
    // The same trouble again is the same notice.
    this.list = this.list.filter((notice) => notice.error?.code !== error.code || notice.error.message !== error.message);
    this.#add({ kind: "failed", error });
  }

  late(text: string, detail: string, openLabel: string, open: () => void) {
    this.#add({ kind: "late", text, detail, open, openLabel });
  }

  close(id: number) {
    this.list = this.list.filter((notice) => notice.id !== id);
  }

  #add(notice: Partial<Notice>): number {
    const id = this.#next++;
    this.list = [
      ...this.list.slice(-4),
      { id, kind: "done", text: "", detail: "", open: null, openLabel: "", error: null, ...notice },
    ];
    return id;
  }
}
