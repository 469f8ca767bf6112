// A station in memory, for tests and for a browser without Tauri. It answers as the real one does: a
// part is captured, screened, decided or delayed, uploaded; errors and an outage can be asked for.
import {
  type AuditRowDto, type CheckDto, type CommandError, type ContainedPartDto, type CredentialsDto, type HistoryQueryDto, type InspectionDto,
  type LiveDto, type Platform, type PreviewSink, type QueuedPartDto, type StationDto, StationError, type StationUpdate, type TriggerSettingsDto,
  type TriggerSource,
} from "../types";
import { STAGES } from "../codes";
import { type Disposition, dispositionOf, dispositionOfRecord } from "../../model/disposition";
import { FakeCameraCommands } from "./camera-commands";
import { analysisOf, GOOD, type Scene, SCENES } from "./scenes";
import { healthyChecks } from "./checks";
import { decidePart, imageAddress, newPart, pictureOf, rowOf, saysAll } from "./parts";
import { FakeTriggers, type TriggerGiven } from "./triggers";

export interface FakeOptions {
  /** Parts in the history at the start. */
  history?: number;
  /** Milliseconds until the screen answers, and from then until the verdict. */
  delaysMs?: { capture: number; screen: number; decide: number };
  /** What the next parts show, in turn. */
  scenes?: readonly Scene[];
  station?: Partial<StationDto>;
  live?: Partial<LiveDto>;
  /** The time, epoch milliseconds. */
  now?: () => number;
}

const DAY_MS = 86_400_000;
const SKUS = ["WK-KN-200", "WK-KN-150", "WK-KN-100", "WK-SC-200", "WK-CI-200", "WK-CI-280"];

/** The station in memory, and the handles with which a test steers it. */
export class FakeStation extends FakeCameraCommands implements Platform {
  readonly copied: string[] = [];
  /** Newest first. */
  parts: InspectionDto[] = [];
  state: StationDto;
  checks: CheckDto[];
  secrets: CredentialsDto[];
  /** What lets triggers through. */
  readonly gate: FakeTriggers;
  /** The parked parts and those whose last try failed. */
  troubled: QueuedPartDto[] = [];
  /** The audit trail, newest first. */
  trail: AuditRowDto[] = [];
  /** The parts that were not found good after they had moved on. */
  contained: ContainedPartDto[] = [];
  /** While true, no verdict comes and nothing is uploaded. */
  offline = false;
  /** Milliseconds until a record is read. */
  readMs = 0;
  scenes: readonly Scene[];
  delaysMs: { capture: number; screen: number; decide: number };

  #now: () => number;
  #listeners = new Set<(update: StationUpdate) => void>();
  #captured = 0;

  constructor(options: FakeOptions = {}) {
    const now = options.now ?? Date.now;
    super(now);
    this.#now = now;
    this.scenes = options.scenes ?? SCENES;
    this.delaysMs = options.delaysMs ?? { capture: 25, screen: 160, decide: 900 };
    this.state = {
      version: "0.1.0", facility: "yangjiang", station: "yj-glaze-03", time_zone: "Asia/Shanghai",
      session: { role: "admin", operator: "op-7", demo: true, language: "zh-CN" },
      order: { product_sku: "WK-KN-200", stage: "blade_glazing", lot: "L2603-01" },
      product_skus: SKUS,
      preview: { url: "ws://127.0.0.1:9/preview" },
      secrets: "keyring",
      live: {
        shift: "A",
        shift_started_at: this.#now() - 3 * 3_600_000,
        tally: { inspected: 0, pass: 0, fail: 0, undetermined: 0, pending: 0, yield_ratio: null },
        analysis_queue: { waiting: 0, parked: 0, oldest_captured_at: null },
        upload_queue: { waiting: 0, parked: 0, oldest_captured_at: null },
        cloud: { link: "connected", reason: "" },
        circuits: [],
        budget: { state: "within", spent_usd: 38.2, budget_usd: 500, sample_every: 20 },
        contained: 0,
        clock_trouble: null,
        camera: "simulated", camera_state: "streaming", stage_lacks_camera: false, storage_fault: null, no_room: null, backup_failed: null,
        kept_serial: null, camera_warnings: [], missed_parts: [],
        ...options.live,
      },
      recent: [],
      triggers: { sources: ["key", "on_screen"], debounce_ms: 350, interval_ms: 5000, pedal_key: null, barcode: { prefix: "", suffix: "", fills: "serial", triggers: false }, http_port: 8642 },
      ...options.station,
    };
    this.gate = new FakeTriggers(this.state.triggers, this.#now);
    const past = options.history ?? 300;
    for (let n = past; n > 0; n -= 1) this.#addPast(n);
    this.#recount();
    this.checks = healthyChecks();
    this.secrets = [
      { name: "aws_access_key", backing: this.state.secrets, set: true, error: null },
      { name: "azure_api_key", backing: this.state.secrets, set: false, error: null },
    ];
  }

  // ── steering ──

  /** Sends what happened to every listener. */
  emit(update: StationUpdate) {
    for (const listener of [...this.#listeners]) listener(structuredClone(update));
  }

  /** Changes what the header shows. */
  setLive(live: Partial<LiveDto>) {
    Object.assign(this.state.live, live);
    this.emit({ kind: "live", live: this.state.live });
  }

  /** Puts these parts on the containment list, and no others. */
  contain(parts: ContainedPartDto[]) {
    this.contained = parts;
    this.setLive({ contained: parts.length });
  }

  // ── the platform ──

  async station() {
    this.called("station");
    this.state.recent = this.parts.slice(0, 10).map(rowOf);
    return structuredClone(this.state);
  }

  async setOrder(order: StationDto["order"]) {
    this.called("setOrder", order);
    this.state.order = { ...order };
    return { ...order };
  }

  async setLanguage(language: StationDto["session"]["language"]) {
    this.called("setLanguage", language);
    this.state.session.language = language;
  }

  async triggerCapture(source: TriggerSource) {
    this.called("triggerCapture", source);
    return this.#take({ source });
  }

  /** A trigger that the window knows nothing of, as of a sensor; what goes wrong is told as the station tells it. */
  async triggeredBy(source: TriggerSource, error?: CommandError) {
    try {
      return await this.#take({ source }, error);
    } catch (thrown) {
      const { code, message } = StationError.of(thrown);
      this.emit({ kind: "trigger_failed", source, error: { code, message } });
      return null;
    }
  }

  async scan(text: string) {
    this.called("scan", text);
    const { serial, lot } = this.gate.read(text);
    if (this.gate.settings.barcode.triggers) {
      const row = await this.#take({ source: "barcode", serial, lot });
      if (lot !== null) this.state.order.lot = lot;
      return { kind: "taken" as const, row, order: lot === null ? null : { ...this.state.order } };
    }
    if (lot !== null) {
      this.state.order.lot = lot;
      return { kind: "lot" as const, order: { ...this.state.order } };
    }
    this.gate.keptSerial = serial;
    this.setLive({ kept_serial: serial });
    return { kind: "serial_kept" as const, serial: serial ?? "" };
  }

  async forgetSerial() {
    this.called("forgetSerial");
    this.gate.keptSerial = null;
    this.setLive({ kept_serial: null });
  }

  async triggers() {
    this.called("triggers");
    return this.gate.dto();
  }

  async setTriggers(settings: TriggerSettingsDto) {
    this.called("setTriggers", settings);
    this.state.triggers = this.gate.set(settings);
    return this.gate.dto();
  }

  async operatorDecide(form: { id: string; call: InspectionDto["operator_decisions"][number]["call"]; reason: string | null }) {
    this.called("operatorDecide", form);
    const part = this.#find(form.id);
    if (form.call !== "confirm" && !form.reason) {
      throw new StationError({ code: "invalid_input", message: "an override needs a reason" });
    }
    if (form.call !== "reject" && part.verdict.code === "pending") {
      throw new StationError({ code: "invalid_input", message: "the part is not judged yet: wait for the verdict, or reject the part" });
    }
    part.operator_decisions.push({
      call: form.call, operator: this.state.session.operator, reason: form.reason, decided_at: this.#now(),
    });
    part.revision += 1;
    this.#recount();
    this.emit({ kind: "changed", id: part.id });
    this.emit({ kind: "live", live: this.state.live });
    return structuredClone(part);
  }

  async historyPage(query: HistoryQueryDto) {
    this.called("historyPage", query);
    await this.wait(10);
    const fits = this.parts.map(rowOf).filter((row) =>
      (query.from === null || row.captured_at >= query.from) &&
      (query.to === null || row.captured_at < query.to) &&
      (query.stage === null || row.stage === query.stage) &&
      (query.product_sku === null || row.product_sku === query.product_sku) &&
      (query.disposition === null || dispositionOf(row.verdict, row.operator_call) === query.disposition) &&
      (query.text === null || saysAll(this.#find(row.id), query.text)) &&
      (query.severity === null || row.severity === query.severity) &&
      (query.after === null || row.sequence < query.after));
    const rows = fits.slice(0, query.limit);
    return { rows, next: fits.length > rows.length ? (rows.at(-1)?.sequence ?? null) : null };
  }

  async inspection(id: string) {
    this.called("inspection", id);
    if (this.readMs > 0) await this.wait(this.readMs);
    return structuredClone(this.#find(id));
  }

  async retryQueue(queue: "analysis" | "upload", id: string | null) {
    this.called("retryQueue", queue, id);
    const depth = queue === "analysis" ? this.state.live.analysis_queue : this.state.live.upload_queue;
    const moved = id === null ? depth.parked + depth.waiting : 1;
    this.troubled = this.troubled.filter((part) => part.queue !== queue || (id !== null && part.id !== id));
    depth.waiting += depth.parked;
    depth.parked = 0;
    this.emit({ kind: "live", live: this.state.live });
    return moved;
  }

  async auditTrail(before: number | null) {
    this.called("auditTrail", before);
    return structuredClone(this.trail.filter((row) => before === null || row.number < before).slice(0, 50));
  }
  async queuedParts() {
    this.called("queuedParts");
    return { parts: structuredClone(this.troubled.slice(0, 50)), total: this.troubled.length };
  }

  async containedParts() {
    this.called("containedParts");
    return { parts: structuredClone(this.contained.slice(0, 100)), open: this.contained.length };
  }

  async acknowledgeContained(id: string, note: string) {
    this.called("acknowledgeContained", id, note);
    const known = this.contained.some((part) => part.id === id);
    this.contain(this.contained.filter((part) => part.id !== id));
    return known;
  }

  async spending() {
    this.called("spending");
    const spent = (parts: number) => ({
      parts, cost_usd: parts * 0.034, per_part_usd: parts > 0 ? 0.034 : null,
      models: parts === 0 ? [] : [{
        provider: "claude" as const, model: "us.anthropic.claude-opus-5", calls: Math.round(parts * 1.2),
        input_tokens: parts * 4700, cache_read_tokens: parts * 1500, output_tokens: parts * 400, cost_usd: parts * 0.034,
      }],
    });
    return { shift: spent(96), month: spent(Math.round(this.state.live.budget.spent_usd / 0.034)) };
  }

  async foundMissedParts(camera: string, counted: number) {
    this.called("foundMissedParts", camera, counted);
    let found = 0;
    const left = this.state.live.missed_parts.map((missed) => {
      if (missed.camera !== camera) return missed;
      found = Math.max(0, missed.parts - (missed.counted - counted));
      return { ...missed, parts: missed.parts - found };
    });
    this.setLive({ missed_parts: left.filter((missed) => missed.parts > 0) });
    return found;
  }

  async dismissClockTrouble() {
    this.called("dismissClockTrouble");
    this.setLive({ clock_trouble: null });
  }

  async clearStorageFault() {
    this.called("clearStorageFault");
    this.setLive({ storage_fault: null });
  }

  async doctor() {
    this.called("doctor");
    await this.wait(150);
    return structuredClone(this.checks);
  }

  async credentials() {
    this.called("credentials");
    return structuredClone(this.secrets);
  }

  async setCredentials(form: { name: CredentialsDto["name"] }) {
    // Only the name is noted: a test never needs the secret, and it must not lie around.
    this.called("setCredentials", form.name);
    const known = this.secrets.find((secret) => secret.name === form.name);
    if (known) known.set = true;
  }

  async windowReady() {
    this.called("windowReady");
  }

  async clearCredentials(name: CredentialsDto["name"]) {
    this.called("clearCredentials", name);
    const known = this.secrets.find((secret) => secret.name === name);
    if (known) known.set = false;
  }

  async onUpdate(callback: (update: StationUpdate) => void) {
    this.#listeners.add(callback);
    return () => void this.#listeners.delete(callback);
  }

  openPreview(url: string, sink: PreviewSink) {
    return this.rig.play(url, sink);
  }

  imageUrl(id: string) {
    return pictureOf(id);
  }

  thumbUrl(id: string) {
    return this.imageUrl(id);
  }

  async copyText(text: string) {
    this.copied.push(text);
  }

  // ── inside ──

  async #take(given: TriggerGiven, error?: CommandError) {
    const taking = this.gate.offer(given);
    try {
      await this.wait(this.delaysMs.capture);
      if (error) throw new StationError(error);
      if (this.state.live.storage_fault !== null) throw new StationError({ code: "storage_fault", message: this.state.live.storage_fault });
    } catch (thrown) {
      this.gate.settle(taking, false);
      throw thrown;
    }
    this.gate.settle(taking, true);
    const scene = this.scenes[this.#captured++ % this.scenes.length] ?? GOOD;
    const part = this.#part(scene, this.#now(), this.parts[0] ? this.parts[0].sequence + 1 : 1);
    part.serial = taking.serial;
    part.lot = taking.lot ?? part.lot;
    if (part.conditions) part.conditions.trigger = taking.source;
    this.parts.unshift(part);
    this.state.live.kept_serial = this.gate.keptSerial;
    this.#recount();
    const row = rowOf(part);
    this.emit({ kind: "captured", row, image_width_px: part.image_width_px, image_height_px: part.image_height_px });
    this.emit({ kind: "live", live: this.state.live });
    void this.#judge(part, scene);
    return row;
  }

  #part(scene: Scene, at: number, sequence: number): InspectionDto {
    return newPart(this.state, scene, at, sequence);
  }

  #decide(part: InspectionDto, scene: Scene, at: number) {
    return decidePart(part, scene, at, this.state.session.language);
  }

  #find(id: string): InspectionDto {
    const part = this.parts.find((part) => part.id === id);
    if (!part) throw new StationError({ code: "not_found", message: `there is no inspection ${id}` });
    return part;
  }

  async #judge(part: InspectionDto, scene: Scene) {
    await this.wait(this.delaysMs.screen);
    part.screening = analysisOf(scene, "screen", this.state.session.language);
    this.emit({ kind: "screened", id: part.id, screening: part.screening });
    await this.wait(this.delaysMs.decide);
    if (this.offline) {
      const reason = this.state.session.language === "en"
        ? "no network: Claude cannot be reached; tried again by itself"
        : "无网络：无法连接 Claude，恢复后自动重试";
      part.verdict.detail = reason;
      part.verdict.obstacle = "transient";
      this.emit({ kind: "delayed", id: part.id, queue: "analysis", obstacle: "transient", reason });
      this.#recount();
      this.emit({ kind: "live", live: this.state.live });
      return;
    }
    const { verdict, analysis } = this.#decide(part, scene, this.#now());
    this.#recount();
    this.emit({ kind: "decided", id: part.id, verdict, analysis });
    this.emit({ kind: "live", live: this.state.live });
    await this.wait(this.delaysMs.decide);
    part.upload = { state: "verified", at: this.#now(), image_url: imageAddress(part) };
    part.revision += 1;
    this.#recount();
    this.emit({ kind: "changed", id: part.id });
    this.emit({ kind: "live", live: this.state.live });
  }

  #addPast(ago: number) {
    const at = this.#now() - ago * 9 * 60_000;
    const part = this.#part(SCENES[(ago * 7) % SCENES.length] ?? GOOD, at, 1000 - ago);
    part.product_sku = SKUS[Math.floor(ago / 40) % 3] ?? part.product_sku;
    part.stage = STAGES[9 - (Math.floor(ago / 60) % 5)] ?? part.stage;
    const scene = SCENES[(ago * 7) % SCENES.length] ?? GOOD;
    part.screening = analysisOf(scene, "screen", "zh-CN");
    if (ago === 4) {
      part.verdict.detail = "";
      part.verdict.obstacle = null;
    } else {
      this.#decide(part, scene, at + 4200);
      if (ago > 6) part.upload = { state: "verified", at: at + 9000, image_url: imageAddress(part) };
      if (scene.verdict === "fail" && ago % 2) {
        part.operator_decisions.push({ call: "confirm", operator: "op-7", reason: null, decided_at: at + 8000 });
      }
    }
    this.parts.unshift(part);
  }

  #recount() {
    const since = this.#now() - DAY_MS / 3;
    const shift = this.parts.filter((part) => part.captured_at >= since);
    const all = shift.map(dispositionOfRecord);
    const of = (...codes: Disposition[]) => all.filter((disposition) => codes.includes(disposition)).length;
    const [pass, fail] = [of("pass", "accepted"), of("fail", "rejected")];
    const [undetermined, pending] = [of("undetermined"), of("pending")];
    const decided = pass + fail;
    const live = this.state.live;
    live.tally = {
      inspected: shift.length, pass, fail, undetermined, pending,
      yield_ratio: decided > 0 ? pass / decided : null,
    };
    const waits = this.parts.filter((part) => part.verdict.code === "pending");
    const uploads = this.parts.filter((part) => part.upload.state === "waiting");
    live.analysis_queue = { ...live.analysis_queue, waiting: waits.length, oldest_captured_at: waits.at(-1)?.captured_at ?? null };
    live.upload_queue = { ...live.upload_queue, waiting: uploads.length, oldest_captured_at: uploads.at(-1)?.captured_at ?? null };
  }
}
