// Short notices at the edge of the window. What went wrong stays until it is closed; late verdicts are
// counted in one notice, so that a hundred of them neither cover the window nor push each other out.
import { type ErrorCode, StationError, type TriggerSource, type VerdictCode } from "../platform/types";

const DONE_SHOWN_MS = 4_000;
/** At most so many that merely say that something is done. */
const MOST_DONE = 3;

/** A part whose verdict came when nobody was looking at it. */
export interface LatePart {
  id: string;
  sequence: number;
}

export interface Notice {
  id: number;
  kind: "done" | "brief" | "failed" | "rescan" | "untaken" | "late" | "missed";
  text: string;
  error: StationError | null;
  /** Which verdict came late; null for every other kind. */
  verdict: VerdictCode | null;
  /** Which parts it came for, the first first. */
  parts: LatePart[];
  /** Whose trigger took no part; null for every other kind. */
  source: TriggerSource | null;
  /** How often. */
  count: number;
}

export class Notices {
  list = $state<Notice[]>([]);
  #next = 0;

  done(text: string) {
    const done = this.list.filter(({ kind }) => kind === "done");
    for (const { id } of done.slice(0, Math.max(0, done.length - MOST_DONE + 1))) this.close(id);
    const id = this.#add({ kind: "done", text });
    setTimeout(() => this.close(id), DONE_SHOWN_MS);
  }

  /** Something to know that is over at once; the same again is the same notice. */
  brief(text: string) {
    this.list = this.list.filter((notice) => notice.kind !== "brief" || notice.text !== text);
    const id = this.#add({ kind: "brief", text });
    setTimeout(() => this.close(id), DONE_SHOWN_MS);
  }

  /** A code was scanned and did nothing. It stays until a scan does something: the scanner itself said that all is well. */
  rescan(text: string, error: StationError | null = null) {
    this.scanned();
    this.#add({ kind: "rescan", text, error });
  }

  /** A scan did something: what was said of those before is no news any more. */
  scanned() {
    this.list = this.list.filter(({ kind }) => kind !== "rescan");
  }

  /** A trigger that tells of a part took none: that part may have passed unseen. Each source has one notice. */
  untaken(source: TriggerSource, error: StationError) {
    const known = this.list.find((notice) => notice.kind === "untaken" && notice.source === source);
    if (!known) this.#add({ kind: "untaken", source, error, count: 1 });
    else Object.assign(known, { error, count: known.count + 1 });
  }

  failed(thrown: unknown) {
    const error = StationError.of(thrown);
    // The same trouble again is the same notice.
    this.list = this.list.filter((notice) => notice.kind !== "failed" || notice.error?.code !== error.code || notice.error.message !== error.message);
    this.#add({ kind: "failed", error });
  }

  /** What failed for this reason is no news any more: the reason is gone. */
  settled(code: ErrorCode) {
    this.list = this.list.filter(({ kind, error }) => kind !== "failed" || error?.code !== code);
  }

  /** Each verdict has one notice, with every part that it came late for. */
  late(verdict: VerdictCode, part: LatePart) {
    const known = this.list.find((notice) => notice.kind === "late" && notice.verdict === verdict);
    if (!known) this.#add({ kind: "late", verdict, parts: [part] });
    else if (!known.parts.some(({ id }) => id === part.id)) known.parts.push(part);
  }

  /** Updates were lost: among them may be late verdicts. */
  missed() {
    if (!this.list.some(({ kind }) => kind === "missed")) this.#add({ kind: "missed" });
  }

  close(id: number) {
    this.list = this.list.filter((notice) => notice.id !== id);
  }

  #add(notice: Partial<Notice>): number {
    const id = this.#next++;
    this.list = [...this.list, { id, kind: "done", text: "", error: null, verdict: null, parts: [], source: null, count: 0, ...notice }];
    return id;
  }
}
