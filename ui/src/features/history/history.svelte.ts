// The list of parts: filters, pages by keyset, and never a row of an older question.
import { fromAbsolute, parseDateTime, toCalendarDate } from "@internationalized/date";
import { timeZone } from "../../i18n/index.svelte";
import { rowOfRecord } from "../../model/station.svelte";
import { StationError, type HistoryQueryDto, type HistoryRowDto, type Platform } from "../../platform/types";

const PAGE_ROWS = 60;
const DAY_MS = 86_400_000;

export type Period = "all" | "shift" | "today" | "7_days" | "custom";

export interface Filters extends Pick<HistoryQueryDto, "stage" | "product_sku" | "disposition" | "severity"> {
  period: Period;
  /** Words that stand in what is said of the part; empty where none are asked for. */
  text: string;
  /** Of `<input type="datetime-local">`; empty where open. */
  customFrom: string;
  customTo: string;
}

export const NO_FILTERS: Filters = {
  period: "all", customFrom: "", customTo: "", stage: null, product_sku: null, disposition: null, severity: null, text: "",
};

/** The moments that a period means, in the time zone of the station. */
export function spanOf(filters: Filters, now: number, shiftStartedAt: number | null): { from: number | null; to: number | null } {
  const local = (text: string) => {
    try {
      return parseDateTime(text).toDate(timeZone()).getTime();
    } catch {
      return null;
    }
  };
  switch (filters.period) {
    case "all":
      return { from: null, to: null };
    case "shift":
      return { from: shiftStartedAt, to: null };
    case "today":
      return { from: toCalendarDate(fromAbsolute(now, timeZone())).toDate(timeZone()).getTime(), to: null };
    case "7_days":
      return { from: now - 7 * DAY_MS, to: null };
    case "custom":
      return { from: local(filters.customFrom), to: local(filters.customTo) };
  }
}

export class HistoryModel {
  filters = $state<Filters>({ ...NO_FILTERS });
  rows = $state<HistoryRowDto[]>([]);
  next = $state<number | null>(null);
  loading = $state(false);
  error = $state<StationError | null>(null);
  #question = 0;
  #platform: Platform;
  #shiftStartedAt: () => number | null;

  constructor(platform: Platform, shiftStartedAt: () => number | null) {
    this.#platform = platform;
    this.#shiftStartedAt = shiftStartedAt;
  }

  get narrowed(): boolean {
    return Object.entries(NO_FILTERS).some(([name, value]) => this.filters[name as keyof Filters] !== value);
  }

  /** Asks anew, from the newest. */
  async ask() {
    this.rows = [];
    this.next = null;
    await this.#load(null);
  }

  async more() {
    if (this.loading || this.next === null) return;
    await this.#load(this.next);
  }

  /** Puts what is known by now into the list. */
  changed(row: HistoryRowDto) {
    this.rows = this.rows.map((known) => (known.id === row.id ? row : known));
  }

  /** Reads a listed part again. A part that another filter would show stays until the next question. */
  async follow(id: string) {
    if (!this.rows.some((row) => row.id === id)) return;
    try {
      this.changed(rowOfRecord(await this.#platform.inspection(id)));
    } catch {
      // The row stays as it was; opening the part tells what is wrong.
    }
  }

  async #load(after: number | null) {
    const question = ++this.#question;
    this.loading = true;
    this.error = null;
    const { stage, product_sku, disposition, severity } = this.filters;
    const text = this.filters.text.trim() || null;
    const span = spanOf(this.filters, Date.now(), this.#shiftStartedAt());
    try {
      // A page without rows is the last only where nothing follows it.
      for (let from = after, found = 0; found === 0;) {
        const page = await this.#platform.historyPage({
          ...span, stage, product_sku, disposition, severity, text, after: from, limit: PAGE_ROWS,
        });
        if (question !== this.#question) return;
        this.rows = from === null ? page.rows : [...this.rows, ...page.rows];
        this.next = from = page.next;
        if (from === null) return;
        found = page.rows.length;
      }
    } catch (thrown) {
      if (question === this.#question) this.error = StationError.of(thrown);
    } finally {
      if (question === this.#question) this.loading = false;
    }
  }
}
