// What lets triggers through to the station in memory, by the rules of the real one.
import { type ErrorCode, StationError, type TriggerCountsDto, type TriggersDto, type TriggerSettingsDto, type TriggerSource } from "../types";
import { TRIGGER_SOURCES } from "../codes";

/** One word that a part is there. */
export interface TriggerGiven {
  source: TriggerSource;
  serial?: string | null;
  lot?: string | null;
}

interface Taking {
  source: TriggerSource;
  serial: string | null;
  lot: string | null;
}

const refused = (code: ErrorCode, message: string) => new StationError({ code, message });

export class FakeTriggers {
  settings: TriggerSettingsDto;
  counts: TriggerCountsDto[] = TRIGGER_SOURCES.map((source) => ({ source, taken: 0, bounced: 0, busy: 0, failed: 0, missed: 0, last_at: null }));
  keptSerial: string | null = null;
  /** Why the HTTP trigger does not listen; null where it does. */
  httpError: string | null = null;
  #lastAt = -Infinity;
  #taking = false;
  #now: () => number;

  constructor(settings: TriggerSettingsDto, now: () => number) {
    this.settings = structuredClone(settings);
    this.#now = now;
  }

  count(source: TriggerSource): TriggerCountsDto {
    return this.counts.find((count) => count.source === source)!;
  }

  offer({ source, serial, lot }: TriggerGiven): Taking {
    const count = this.count(source);
    const now = this.#now();
    count.last_at = now;
    if (!this.settings.sources.includes(source)) throw refused("trigger_off", "this trigger is switched off: switch it on in the set-up");
    if (now - this.#lastAt < this.settings.debounce_ms) {
      count.bounced += 1;
      throw refused("trigger_bounce", "too soon after the last trigger to be another part; if it is one, trigger again");
    }
    if (this.#taking) {
      count.busy += 1;
      throw refused("trigger_busy", "the part before is still being saved: wait until it is, then trigger again");
    }
    this.#lastAt = now;
    this.#taking = true;
    const taking = { source, serial: serial ?? this.keptSerial, lot: lot ?? null };
    this.keptSerial = null;
    return taking;
  }

  settle(taking: Taking, isTaken: boolean) {
    this.#taking = false;
    if (isTaken) this.count(taking.source).taken += 1;
    else {
      this.count(taking.source).failed += 1;
      this.keptSerial ??= taking.serial;
    }
  }

  /** What a scanned code says. */
  read(text: string): { serial: string | null; lot: string | null } {
    if (!this.settings.sources.includes("barcode")) throw refused("trigger_off", "this trigger is switched off: switch it on in the set-up");
    const { prefix, suffix, fills } = this.settings.barcode;
    if (!text.startsWith(prefix) || !text.endsWith(suffix)) {
      throw refused("invalid_input", `the code "${text}" does not begin with "${prefix}" and end with "${suffix}": scan the code of the part`);
    }
    const number = text.slice(prefix.length, text.length - suffix.length).trim();
    return { serial: fills === "serial" ? number : null, lot: fills === "lot" ? number : null };
  }

  set(settings: TriggerSettingsDto): TriggerSettingsDto {
    const bad = (key: string, reason: string) => refused("invalid_input", `${key}: ${reason}`);
    const on = (source: TriggerSource) => settings.sources.includes(source);
    if (settings.sources.length === 0) throw bad("sources", 'name at least one, such as "key"');
    if (settings.debounce_ms < 50 || settings.debounce_ms > 10_000) throw bad("debounce_ms", "must be from 50 to 10000");
    if (settings.interval_ms < 200 || settings.interval_ms > 3_600_000) throw bad("interval_ms", "must be from 200 to 3600000");
    if (on("pedal") && settings.pedal_key === null) throw bad("pedal_key", 'let the station learn the pedal\'s key, or take "pedal" from sources');
    if (settings.http_port < 1024) throw bad("http_port", "must be 1024 or above");
    this.settings = structuredClone(settings);
    return structuredClone(settings);
  }

  dto(): TriggersDto {
    const { settings, counts, httpError: error } = this;
    const http = settings.sources.includes("http")
      ? { address: error === null ? `127.0.0.1:${settings.http_port}` : null, error, token_file: "/var/lib/wiko-station/trigger.token" }
      : null;
    return structuredClone({ settings, counts, http });
  }
}
