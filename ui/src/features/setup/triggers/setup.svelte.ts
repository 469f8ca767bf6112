// How triggers are set up: what holds, what a person has changed and not saved, and what came of each source.
//
// - What is being changed is this page's alone until it is saved; what is read meanwhile never takes it back.
// - What holds is the station's word: an answer that was asked for before a save is not shown after it.
import type { StationModel } from "../../../model/station.svelte";
import { type BarcodeSettingsDto, StationError, type TriggersDto, type TriggerSettingsDto, type TriggerSource } from "../../../platform/types";
import { TRIGGER_SOURCES } from "../../../platform/codes";
import { poll } from "../cameras/poll";

const TRIGGERS_MS = 1000;
/** What is above is no port, and no number that the station could refuse with a sentence. */
export const MOST_PORT = 65_535;
export const MOST_MS = 0xffff_ffff;

/** As typed: a number that is none while a field is empty. */
export type TriggerDraft = Omit<TriggerSettingsDto, "debounce_ms" | "interval_ms" | "http_port"> &
  Record<"debounce_ms" | "interval_ms" | "http_port", number | null>;

export const isWhole = (value: number | null, most: number): value is number => value !== null && Number.isInteger(value) && value >= 0 && value <= most;

/** Always in the same order, so that equal ones look equal. */
const inOrder = (sources: readonly TriggerSource[]) => TRIGGER_SOURCES.filter((source) => sources.includes(source));
const textOf = (settings: TriggerDraft) => JSON.stringify([
  inOrder(settings.sources), settings.debounce_ms, settings.interval_ms, settings.pedal_key, settings.http_port,
  ...(["prefix", "suffix", "fills", "triggers"] satisfies (keyof BarcodeSettingsDto)[]).map((name) => settings.barcode[name]),
]);

export class TriggerSetup {
  /** What holds; null until it was read. */
  triggers = $state.raw<TriggersDto | null>(null);
  /** What is being changed. */
  draft = $state<TriggerDraft | null>(null);
  /** Why it cannot be read. */
  error = $state.raw<StationError | null>(null);
  readonly changed = $derived(this.draft !== null && this.triggers !== null && textOf(this.draft) !== textOf(this.triggers.settings));
  /** The settings to be saved; null while a number is missing or is none that the station can read. */
  readonly whole = $derived.by((): TriggerSettingsDto | null => {
    if (this.draft === null) return null;
    const { debounce_ms, interval_ms, http_port, ...rest } = $state.snapshot(this.draft) as TriggerDraft;
    if (!isWhole(debounce_ms, MOST_MS) || !isWhole(interval_ms, MOST_MS) || !isWhole(http_port, MOST_PORT)) return null;
    return { ...rest, sources: inOrder(rest.sources), debounce_ms, interval_ms, http_port };
  });

  readonly #model: StationModel;
  #saves = 0;

  constructor(model: StationModel) {
    this.#model = model;
  }

  /** Reads again and again until the returned function is called. */
  watch(): () => void {
    return poll(TRIGGERS_MS, () => this.#read());
  }

  isOn(source: TriggerSource): boolean {
    return this.draft?.sources.includes(source) ?? false;
  }

  switch(source: TriggerSource, on: boolean) {
    if (this.draft) this.draft.sources = on ? [...this.draft.sources, source] : this.draft.sources.filter((other) => other !== source);
  }

  undo() {
    if (this.triggers) this.draft = structuredClone(this.triggers.settings);
  }

  /** Fails with the station's sentence; what was changed stays to be mended. */
  async save() {
    if (this.whole === null) return;
    this.#saves += 1;
    this.triggers = await this.#model.setTriggers(this.whole);
    this.undo();
  }

  async #read() {
    const saves = this.#saves;
    try {
      const read = await this.#model.platform.triggers();
      if (saves !== this.#saves) return;
      const untouched = !this.changed;
      this.triggers = read;
      if (untouched) this.undo();
      this.error = null;
    } catch (thrown) {
      this.error = StationError.of(thrown);
    }
  }
}

/** A line that takes a part, for a shell; the token is read from its file and stands nowhere in it. */
export function curlLine(address: string, tokenFile: string): string {
  const base = (/^https?:\/\//.test(address) ? address : `http://${address}`).replace(/\/+$/, "");
  const quoted = `'${tokenFile.replaceAll("'", `'\\''`)}'`;
  return `curl -sS -X POST ${base.endsWith("/trigger") ? base : `${base}/trigger`} -H "Authorization: Bearer $(cat ${quoted})"`;
}
