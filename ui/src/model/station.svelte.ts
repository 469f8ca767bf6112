// The station as the window knows it: read once, then kept up to date by what the station tells.
//
// - The record is the truth. After a capture, and whenever a part changed, it is read again; a message
//   that was missed or came early cannot leave a wrong verdict on the screen.
// - A decided part never falls back to pending, whatever arrives late.
// - Parts stand in the order of capture, whatever order the messages come in: the newest is the one shown
//   until a person opens another, and a verdict changes its own part alone.
import { getContext, setContext } from "svelte";
import { m, useLanguage, useTimeZone } from "../i18n/index.svelte";
import {
  type AnalysisDto, type HistoryRowDto, type InspectionDto, type Language, type LiveDto, type Obstacle, type OperatorCallForm,
  type OrderDto, type Platform, type Role, type StationDto, StationError, type StationUpdate, type TriggersDto, type TriggerSettingsDto, type TriggerSource, type VerdictDto,
} from "../platform/types";
import { ROLES } from "../platform/codes";
import type { Notices } from "./notices.svelte";
import { isNotLetThrough, tellsOfPassingParts } from "./triggers";

const RECENT_PARTS = 10;

/** The part on the operator's screen. */
export interface ShownPart {
  row: HistoryRowDto;
  /** None until the record or the message has told. */
  size: { widthPx: number; heightPx: number } | null;
  verdict: VerdictDto;
  screening: AnalysisDto | null;
  analysis: AnalysisDto | null;
  /** Why no verdict comes for now; null while it is expected. */
  delayed: Obstacle | null;
  /** The record, once read. */
  record: InspectionDto | null;
}

/** A part that was to be taken and was not. */
export interface RefusedPart {
  source: TriggerSource;
  error: StationError;
}

const PENDING: VerdictDto = { code: "pending", reason: null, obstacle: null, detail: "", decided_at: null };

export class StationModel {
  station = $state<StationDto | null>(null);
  loadError = $state<StationError | null>(null);
  shown = $state<ShownPart | null>(null);
  /** Why the last part was not taken; null once one is. */
  refused = $state.raw<RefusedPart | null>(null);
  /** Parts captured since the window opened; the history offers to refresh. */
  captured = $state(0);
  /** Called with each verdict that arrives while the window is open. */
  onDecided: ((part: HistoryRowDto, verdict: VerdictDto) => void) | null = null;

  readonly platform: Platform;
  readonly notices: Notices;
  #stopUpdates: (() => void) | null = null;
  /** Triggers of this window that the station has not answered. */
  #asked = $state(0);
  /** Counts what came of the live state: a reply that is older than it says nothing new. */
  #livesHeard = 0;

  constructor(platform: Platform, notices: Notices) {
    this.platform = platform;
    this.notices = notices;
  }

  get live(): LiveDto | null {
    return this.station?.live ?? null;
  }

  /** True while a part is being captured for this window. */
  get capturing(): boolean {
    return this.#asked > 0;
  }

  /** True where this source may trigger. */
  isOn(source: TriggerSource): boolean {
    return this.station?.triggers.sources.includes(source) ?? false;
  }

  /** True where the signed-in role may do what needs `role`. The station checks it again. */
  may(role: Role): boolean {
    const own = this.station?.session.role ?? "operator";
    return ROLES.indexOf(own) >= ROLES.indexOf(role);
  }

  /** Why no part can be captured now; null where one can. */
  get blocked(): "storage" | "room" | "camera_missing" | "camera_lost" | "camera_ended" | "camera_opening" | null {
    const live = this.live;
    if (!live) return "camera_opening";
    if (live.storage_fault !== null) return "storage";
    if (live.no_room !== null) return "room";
    switch (live.camera_state) {
      case "lost":
        return live.stage_lacks_camera ? "camera_missing" : "camera_lost";
      case "ended":
        return "camera_ended";
      case "opening":
        return "camera_opening";
      default:
        // A stalled camera may answer again with the next frame; the station refuses a stale one.
        return null;
    }
  }

  async load() {
    this.loadError = null;
    try {
      this.#stopUpdates ??= await this.platform.onUpdate((update) => this.#apply(update));
      const station = await this.platform.station();
      useLanguage(station.session.language);
      useTimeZone(station.time_zone);
      this.station = station;
    } catch (thrown) {
      this.loadError = StationError.of(thrown);
    }
  }

  close() {
    this.#stopUpdates?.();
    this.#stopUpdates = null;
  }

  /** Every press is told: the station knows which are one, and counts them. */
  async trigger(source: TriggerSource) {
    if (this.blocked || !this.isOn(source)) return;
    await this.#take(source, () => this.platform.triggerCapture(source));
  }

  /** A code was scanned. */
  async scan(text: string) {
    const takes = this.station?.triggers.barcode.triggers ?? false;
    const heard = this.#livesHeard;
    const ask = async () => {
      const outcome = await this.platform.scan(text);
      this.notices.scanned();
      if (outcome.kind === "taken") {
        if (this.station && outcome.order) this.station.order = outcome.order;
        return outcome.row;
      }
      if (this.station && outcome.kind === "lot") {
        this.station.order = outcome.order;
        this.notices.done(m.scan_lot({ lot: outcome.order.lot ?? "" }));
      } else if (this.station && outcome.kind === "serial_kept" && heard === this.#livesHeard) {
        this.station.live.kept_serial = outcome.serial;
      }
      return null;
    };
    if (takes) return this.#take("barcode", ask);
    try {
      const row = await ask();
      if (row) this.#took(row);
    } catch (thrown) {
      const error = StationError.of(thrown);
      this.notices.rescan(error.code === "invalid_input" ? m.scan_refused() : "", error);
    }
  }

  /** The part that lies there is not the one that was scanned. */
  async forgetSerial() {
    try {
      await this.platform.forgetSerial();
      if (this.station) this.station.live.kept_serial = null;
    } catch (thrown) {
      this.notices.failed(thrown);
    }
  }

  /** Fails with the station's sentence. */
  async setTriggers(settings: TriggerSettingsDto): Promise<TriggersDto> {
    const set = await this.platform.setTriggers(settings);
    if (this.station) this.station.triggers = set.settings;
    return set;
  }

  /** Shows a part of the strip. */
  async open(row: HistoryRowDto) {
    this.#show(row, null);
    await this.#refresh(row.id);
  }

  /** Shows a part that may have left the strip. */
  async openById(id: string) {
    const row = this.rowOf(id);
    if (row) return this.open(row);
    try {
      const record = await this.platform.inspection(id);
      this.#show(rowOfRecord(record), null);
      this.#record(record);
    } catch (thrown) {
      this.notices.failed(thrown);
    }
  }

  /** What the window knows of a part; none where it is neither shown nor in the strip. */
  rowOf(id: string): HistoryRowDto | undefined {
    return this.shown?.row.id === id ? this.shown.row : this.station?.recent.find((row) => row.id === id);
  }

  backToLive() {
    this.shown = null;
    this.refused = null;
  }

  /** True once the call is in the record. */
  async decide(form: OperatorCallForm): Promise<InspectionDto | null> {
    try {
      const record = await this.platform.operatorDecide(form);
      this.#record(record);
      return record;
    } catch (thrown) {
      this.notices.failed(thrown);
      return null;
    }
  }

  async setOrder(order: OrderDto): Promise<boolean> {
    try {
      const set = await this.platform.setOrder(order);
      if (this.station) this.station.order = set;
      return true;
    } catch (thrown) {
      this.notices.failed(thrown);
      return false;
    }
  }

  async setLanguage(to: Language) {
    useLanguage(to);
    if (this.station) this.station.session.language = to;
    try {
      await this.platform.setLanguage(to);
    } catch (thrown) {
      this.notices.failed(thrown);
    }
  }

  async dismissClockTrouble() {
    try {
      await this.platform.dismissClockTrouble();
      if (this.station) this.station.live.clock_trouble = null;
    } catch (thrown) {
      this.notices.failed(thrown);
    }
  }

  /** True once capture may go on. */
  async clearStorageFault(): Promise<boolean> {
    try {
      await this.platform.clearStorageFault();
      if (this.station) this.station.live.storage_fault = null;
      this.refused = null;
      this.notices.settled("storage_fault");
      return true;
    } catch (thrown) {
      this.notices.failed(thrown);
      return false;
    }
  }

  /** Asks for a part. What was refused before stands until a part is taken or another is refused for itself. */
  async #take(source: TriggerSource, ask: () => Promise<HistoryRowDto | null>) {
    const [before, captured] = [this.refused, this.captured];
    this.refused = null;
    this.#asked += 1;
    try {
      const row = await ask();
      if (row) this.#took(row);
    } catch (thrown) {
      const error = StationError.of(thrown);
      if (error.code !== "trigger_busy" && error.code !== "trigger_bounce") return this.#refuse({ source, error });
      if (captured === this.captured) this.refused ??= before;
      // A foot or a finger that bounced has its part; who scanned another code has none.
      if (source === "barcode") this.notices.rescan(m[`error_${error.code}`]());
      else if (error.code === "trigger_busy") this.notices.brief(m.error_trigger_busy());
    } finally {
      this.#asked -= 1;
    }
  }

  #took(row: HistoryRowDto) {
    this.refused = null;
    this.#addRecent(row);
    this.#showNewest(row, null);
    // The messages may have overtaken the reply; the record tells whatever was missed.
    void this.#refresh(row.id);
  }

  #refuse(refused: RefusedPart) {
    this.refused = refused;
    // The part before is not the one that was refused; beside the refusal it would look like it.
    this.shown = null;
  }

  #show(row: HistoryRowDto, size: ShownPart["size"]) {
    this.shown = {
      row, size, verdict: { ...PENDING, code: row.verdict }, screening: null, analysis: null, delayed: null,
      record: null,
    };
  }

  /** Shows a part that was just captured, unless one that was captured after it is shown. */
  #showNewest(row: HistoryRowDto, size: ShownPart["size"]) {
    if (!this.shown || this.shown.row.sequence < row.sequence) this.#show(row, size);
  }

  /** True where the part is new. */
  #addRecent(row: HistoryRowDto): boolean {
    if (!this.station || this.station.recent.some((known) => known.id === row.id)) return false;
    this.captured += 1;
    const recent = [row, ...this.station.recent].sort((a, b) => b.sequence - a.sequence);
    this.station.recent = recent.slice(0, RECENT_PARTS);
    return true;
  }

  #changeRecent(id: string, change: Partial<HistoryRowDto>): HistoryRowDto | undefined {
    const row = this.station?.recent.find((known) => known.id === id);
    if (row) Object.assign(row, change);
    if (this.shown?.row.id === id) Object.assign(this.shown.row, change);
    return row;
  }

  #apply(update: StationUpdate) {
    switch (update.kind) {
      case "captured":
        // A message about a part that is known tells no news: it must neither hide a refusal that came after it, nor
        // bring back what a person has put away.
        if (this.shown?.row.id === update.row.id) {
          this.#addRecent(update.row);
          this.shown.size ??= { widthPx: update.image_width_px, heightPx: update.image_height_px };
        } else if (this.#addRecent(update.row)) {
          this.refused = null;
          this.#showNewest(update.row, { widthPx: update.image_width_px, heightPx: update.image_height_px });
        }
        break;
      case "screened":
        if (this.shown?.row.id === update.id) this.shown.screening = update.screening;
        break;
      case "decided": {
        const row = this.#changeRecent(update.id, {
          verdict: update.verdict.code,
          severity: update.analysis?.findings[0]?.severity ?? null,
          defect_type: update.analysis?.findings[0]?.defect_type ?? null,
          findings: update.analysis?.findings.length ?? 0,
        });
        if (this.shown?.row.id === update.id) {
          this.shown.verdict = update.verdict;
          this.shown.analysis = update.analysis;
          this.shown.delayed = null;
        }
        if (row) this.onDecided?.(row, update.verdict);
        else void this.#announceUnseen(update.id, update.verdict);
        break;
      }
      case "delayed":
        if (update.queue === "analysis" && this.shown?.row.id === update.id) this.shown.delayed = update.obstacle;
        break;
      case "changed":
        void this.#refresh(update.id);
        break;
      case "trigger_failed": {
        const error = new StationError(update.error);
        if (tellsOfPassingParts(update.source)) this.notices.untaken(update.source, error);
        if (!isNotLetThrough(error.code)) this.#refuse({ source: update.source, error });
        break;
      }
      case "live":
        this.#livesHeard += 1;
        if (this.station) this.station.live = update.live;
        break;
      case "triggers":
        if (this.station) this.station.triggers = update.settings;
        break;
      case "reload":
        void this.#reload();
        break;
    }
  }

  /** Updates were lost: the station and the part on the screen are read again, and what was decided in
   * between is told of as if its message had come. */
  async #reload() {
    try {
      const before = new Map(this.station?.recent.map((row) => [row.id, row.verdict]));
      const { recent, live, triggers } = await this.platform.station();
      if (!this.station) return;
      this.captured += recent.filter(({ id }) => !before.has(id)).length;
      this.#livesHeard += 1;
      this.station.live = live;
      this.station.triggers = triggers;
      this.station.recent = recent;
      if (this.shown) await this.#refresh(this.shown.row.id);
      for (const row of recent) {
        if (row.verdict === "pending" || before.get(row.id) !== "pending") continue;
        this.onDecided?.(row, { ...PENDING, code: row.verdict });
      }
      // Parts that have left the strip may have been decided too; the history knows which.
      this.notices.missed();
    } catch (thrown) {
      this.notices.failed(thrown);
    }
  }

  /** A verdict for a part that has left the strip: its row comes from the record. */
  async #announceUnseen(id: string, verdict: VerdictDto) {
    if (!this.onDecided || verdict.code === "pass") return;
    try {
      const part = await this.platform.inspection(id);
      this.onDecided(rowOfRecord(part), verdict);
    } catch (thrown) {
      this.notices.failed(thrown);
    }
  }

  async #refresh(id: string) {
    const known = this.shown?.row.id === id || this.station?.recent.some((row) => row.id === id);
    if (!known) return;
    try {
      this.#record(await this.platform.inspection(id));
    } catch (thrown) {
      this.notices.failed(thrown);
    }
  }

  #record(record: InspectionDto) {
    const shown = this.shown?.row.id === record.id ? this.shown : null;
    const decidedHere = shown ?? this.station?.recent.find((row) => row.id === record.id);
    const code = shown ? shown.verdict.code : decidedHere && "verdict" in decidedHere ? decidedHere.verdict : "pending";
    const stale = record.verdict.code === "pending" && code !== "pending";
    if (!stale) this.#changeRecent(record.id, rowOfRecord(record));
    if (!shown) return;
    if (shown.record && shown.record.revision > record.revision) return;
    shown.record = record;
    shown.size = { widthPx: record.image_width_px, heightPx: record.image_height_px };
    shown.screening = record.screening ?? shown.screening;
    if (stale) return;
    shown.verdict = record.verdict;
    shown.analysis = record.analysis;
    shown.delayed = record.verdict.obstacle;
  }
}

/** A record as the history shows it. */
export function rowOfRecord(part: InspectionDto): HistoryRowDto {
  const worst = part.analysis?.findings[0];
  return {
    id: part.id, sequence: part.sequence, captured_at: part.captured_at, stage: part.stage,
    product_sku: part.product_sku, lot: part.lot, verdict: part.verdict.code,
    severity: worst?.severity ?? null, defect_type: worst?.defect_type ?? null,
    findings: part.analysis?.findings.length ?? 0,
    operator_call: part.operator_decisions.at(-1)?.call ?? null,
    uploaded: part.upload.state === "verified",
  };
}

const KEY = Symbol("station");
export const provideStation = (model: StationModel) => setContext(KEY, model);
export const useStation = () => getContext<StationModel>(KEY);
