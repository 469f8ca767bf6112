// A station in memory, for tests and for a browser without Tauri. It answers as the real one does: a
// part is captured, screened, decided or delayed, uploaded; errors and an outage can be asked for.
import {
  type AnalysisDto, type AssignCameraForm, type AuditRowDto, type CalibrateForm, type CheckDto, type CommandError, type ContainedPartDto, type CredentialsDto, type FlatFieldStep,
  type HistoryQueryDto, type HistoryRowDto, type InspectionDto, type LineScanDto, type LiveDto, type Platform, type QualityLimits, type QueuedPartDto,
  type PreviewSink, type RegionForm, type SetFeatureForm, type StationDto,
  StationError, type StationUpdate, type VerdictDto,
} from "../types";
import { STAGES } from "../codes";
import { type Disposition, dispositionOf, dispositionOfRecord } from "../../model/disposition";
import { FakeCameras } from "./cameras";
import { knifePicture, PICTURE_HEIGHT_PX, PICTURE_WIDTH_PX } from "./pictures";
import { analysisOf, GOOD, type Scene, SCENES, worstOf } from "./scenes";

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

type Command = Exclude<keyof Platform, "onUpdate" | "openPreview" | "imageUrl" | "thumbUrl" | "copyText">;

const DAY_MS = 86_400_000;
const SKUS = ["WK-KN-200", "WK-KN-150", "WK-KN-100", "WK-SC-200", "WK-CI-200", "WK-CI-280"];

/** The station in memory, and the handles with which a test steers it. */
export class FakeStation implements Platform {
  readonly calls: { command: Command; args: unknown[] }[] = [];
  readonly copied: string[] = [];
  /** Newest first. */
  parts: InspectionDto[] = [];
  state: StationDto;
  checks: CheckDto[];
  secrets: CredentialsDto[];
  /** The cameras, and what can be found. */
  readonly rig: FakeCameras;
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
  #errors = new Map<Command, CommandError>();
  #captured = 0;

  constructor(options: FakeOptions = {}) {
    this.#now = options.now ?? Date.now;
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
        camera: "simulated", camera_state: "streaming", storage_fault: null, no_room: null, backup_failed: null,
        ...options.live,
      },
      recent: [],
      ...options.station,
    };
    const past = options.history ?? 300;
    for (let n = past; n > 0; n -= 1) this.#addPast(n);
    this.#recount();
    this.checks = healthyChecks();
    this.secrets = [
      { name: "aws_access_key", backing: this.state.secrets, set: true, error: null },
      { name: "azure_api_key", backing: this.state.secrets, set: false, error: null },
    ];
    this.rig = new FakeCameras(this.#now);
  }

  // ── steering ──

  /** The next call of `command` fails with `error`. */
  fail(command: Command, error: CommandError) {
    this.#errors.set(command, error);
  }

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
    this.#called("station");
    this.state.recent = this.parts.slice(0, 10).map(rowOf);
    return structuredClone(this.state);
  }

  async setOrder(order: StationDto["order"]) {
    this.#called("setOrder", order);
    this.state.order = { ...order };
    return { ...order };
  }

  async setLanguage(language: StationDto["session"]["language"]) {
    this.#called("setLanguage", language);
    this.state.session.language = language;
  }

  async triggerCapture() {
    this.#called("triggerCapture");
    await this.#wait(this.delaysMs.capture);
    if (this.state.live.storage_fault !== null) {
      throw new StationError({ code: "storage_fault", message: this.state.live.storage_fault });
    }
    const scene = this.scenes[this.#captured++ % this.scenes.length] ?? GOOD;
    const part = this.#part(scene, this.#now(), this.parts[0] ? this.parts[0].sequence + 1 : 1);
    this.parts.unshift(part);
    this.#recount();
    const row = rowOf(part);
    this.emit({ kind: "captured", row, image_width_px: part.image_width_px, image_height_px: part.image_height_px });
    this.emit({ kind: "live", live: this.state.live });
    void this.#judge(part, scene);
    return row;
  }

  async operatorDecide(form: { id: string; call: InspectionDto["operator_decisions"][number]["call"]; reason: string | null }) {
    this.#called("operatorDecide", form);
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
    this.#called("historyPage", query);
    await this.#wait(10);
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
    this.#called("inspection", id);
    if (this.readMs > 0) await this.#wait(this.readMs);
    return structuredClone(this.#find(id));
  }

  async retryQueue(queue: "analysis" | "upload", id: string | null) {
    this.#called("retryQueue", queue, id);
    const depth = queue === "analysis" ? this.state.live.analysis_queue : this.state.live.upload_queue;
    const moved = id === null ? depth.parked + depth.waiting : 1;
    this.troubled = this.troubled.filter((part) => part.queue !== queue || (id !== null && part.id !== id));
    depth.waiting += depth.parked;
    depth.parked = 0;
    this.emit({ kind: "live", live: this.state.live });
    return moved;
  }

  async auditTrail(before: number | null) {
    this.#called("auditTrail", before);
    return structuredClone(this.trail.filter((row) => before === null || row.number < before).slice(0, 50));
  }
  async queuedParts() {
    this.#called("queuedParts");
    return { parts: structuredClone(this.troubled.slice(0, 50)), total: this.troubled.length };
  }

  async containedParts() {
    this.#called("containedParts");
    return { parts: structuredClone(this.contained.slice(0, 100)), open: this.contained.length };
  }

  async acknowledgeContained(id: string, note: string) {
    this.#called("acknowledgeContained", id, note);
    const known = this.contained.some((part) => part.id === id);
    this.contain(this.contained.filter((part) => part.id !== id));
    return known;
  }

  async spending() {
    this.#called("spending");
    const spent = (parts: number) => ({
      parts, cost_usd: parts * 0.034, per_part_usd: parts > 0 ? 0.034 : null,
      models: parts === 0 ? [] : [{
        provider: "claude" as const, model: "us.anthropic.claude-opus-5", calls: Math.round(parts * 1.2),
        input_tokens: parts * 4700, cache_read_tokens: parts * 1500, output_tokens: parts * 400, cost_usd: parts * 0.034,
      }],
    });
    return { shift: spent(96), month: spent(Math.round(this.state.live.budget.spent_usd / 0.034)) };
  }

  async dismissClockTrouble() {
    this.#called("dismissClockTrouble");
    this.setLive({ clock_trouble: null });
  }

  async clearStorageFault() {
    this.#called("clearStorageFault");
    this.setLive({ storage_fault: null });
  }

  async doctor() {
    this.#called("doctor");
    await this.#wait(150);
    return structuredClone(this.checks);
  }

  async cameras() {
    this.#called("cameras");
    return this.rig.list();
  }
  async findCameras() {
    this.#called("findCameras");
    await this.#wait(this.rig.searchMs);
    return this.rig.found();
  }
  async assignCamera(form: AssignCameraForm) {
    this.#called("assignCamera", form);
    this.rig.assign(form);
  }
  async removeCamera(camera: string) {
    this.#called("removeCamera", camera);
    this.rig.remove(camera);
  }
  async cameraFeatures(camera: string) {
    this.#called("cameraFeatures", camera);
    return this.rig.features(camera);
  }
  async setCameraFeature(form: SetFeatureForm) {
    this.#called("setCameraFeature", form);
    return this.rig.set(form);
  }
  async setCameraRegion(form: RegionForm) {
    this.#called("setCameraRegion", form);
    return this.rig.setRegion(form);
  }
  async setLineScan(camera: string, lineScan: LineScanDto) {
    this.#called("setLineScan", camera, lineScan);
    this.rig.setLineScan(camera, lineScan);
  }
  async cameraLiveAids(camera: string) {
    this.#called("cameraLiveAids", camera);
    return this.rig.aids(camera);
  }
  async calibrateCamera(camera: string, form: CalibrateForm) {
    this.#called("calibrateCamera", camera, form);
    return this.rig.calibrate(camera, form);
  }
  async takeFlatField(camera: string, step: FlatFieldStep) {
    this.#called("takeFlatField", camera, step);
    await this.#wait(this.rig.searchMs);
    return this.rig.flatField(camera, step);
  }
  async clearFlatField(camera: string) {
    this.#called("clearFlatField", camera);
    return this.rig.clearFlatField(camera);
  }
  async balanceWhite(camera: string) {
    this.#called("balanceWhite", camera);
    return this.rig.balanceWhite(camera);
  }
  async takeQualityReference(camera: string) {
    this.#called("takeQualityReference", camera);
    return this.rig.reference(camera);
  }
  async setQualityLimits(camera: string, limits: QualityLimits) {
    this.#called("setQualityLimits", camera, limits);
    return this.rig.setLimits(camera, limits);
  }
  async testShot(camera: string) {
    this.#called("testShot", camera);
    return this.rig.testShot(camera);
  }
  async exportCameraSettings(camera: string) {
    this.#called("exportCameraSettings", camera);
    return this.rig.export(camera);
  }
  async importCameraSettings(camera: string, text: string) {
    this.#called("importCameraSettings", camera, text);
    return this.rig.import(camera, text);
  }
  async cameraQualityHistory(camera: string) {
    this.#called("cameraQualityHistory", camera);
    return this.rig.history(camera);
  }

  async credentials() {
    this.#called("credentials");
    return structuredClone(this.secrets);
  }

  async setCredentials(form: { name: CredentialsDto["name"] }) {
    // Only the name is noted: a test never needs the secret, and it must not lie around.
    this.#called("setCredentials", form.name);
    const known = this.secrets.find((secret) => secret.name === form.name);
    if (known) known.set = true;
  }

  async windowReady() {
    this.#called("windowReady");
  }

  async clearCredentials(name: CredentialsDto["name"]) {
    this.#called("clearCredentials", name);
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
    const findings = sceneFindings.get(id) ?? [];
    const key = findings.map(({ defect_type }) => defect_type).join();
    let picture = pictures.get(key);
    if (picture === undefined) pictures.set(key, (picture = knifePicture(findings)));
    return picture;
  }

  thumbUrl(id: string) {
    return this.imageUrl(id);
  }

  async copyText(text: string) {
    this.copied.push(text);
  }

  // ── inside ──

  #called(command: Command, ...args: unknown[]) {
    this.calls.push({ command, args });
    const error = this.#errors.get(command);
    if (error) {
      this.#errors.delete(command);
      throw new StationError(error);
    }
  }

  #wait(ms: number) {
    return new Promise<void>((done) => setTimeout(done, ms));
  }

  #find(id: string): InspectionDto {
    const part = this.parts.find((part) => part.id === id);
    if (!part) throw new StationError({ code: "not_found", message: `there is no inspection ${id}` });
    return part;
  }

  #part(scene: Scene, at: number, sequence: number): InspectionDto {
    const id = `019cb${sequence.toString(16).padStart(3, "0")}-7a2c-7d41-9b0e-${at.toString(16).padStart(12, "0").slice(-12)}`;
    sceneFindings.set(id, analysisOf(scene, "claude", "en").findings);
    return {
      id, sequence, captured_at: at, facility: this.state.facility, station: this.state.station,
      stage: this.state.order.stage, product_sku: this.state.order.product_sku, lot: this.state.order.lot,
      serial: null, shift: this.state.live.shift, operator: this.state.session.operator, camera: "simulated",
      frame_sequence: sequence * 30 + 7,
      image_sha256: "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
      image_size_bytes: 271_360, image_width_px: PICTURE_WIDTH_PX, image_height_px: PICTURE_HEIGHT_PX,
      verdict: { code: "pending", reason: null, obstacle: null, detail: "", decided_at: null },
      screening: null, analysis: null, operator_decisions: [], revision: 1, upload: { state: "not_due" }, evidence: null, image_removed: null,
    };
  }

  #decide(part: InspectionDto, scene: Scene, at: number): { verdict: VerdictDto; analysis: AnalysisDto } {
    const language = this.state.session.language;
    part.analysis = analysisOf(scene, scene.judge ?? "claude", language);
    part.verdict = {
      code: scene.verdict, reason: scene.reason ?? null, obstacle: null, detail: scene.detail?.[language] ?? "", decided_at: at,
    };
    part.upload = { state: "waiting", attempts: 0, reason: "" };
    part.revision += 1;
    return { verdict: part.verdict, analysis: part.analysis };
  }

  async #judge(part: InspectionDto, scene: Scene) {
    await this.#wait(this.delaysMs.screen);
    part.screening = analysisOf(scene, "screen", this.state.session.language);
    this.emit({ kind: "screened", id: part.id, screening: part.screening });
    await this.#wait(this.delaysMs.decide);
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
    await this.#wait(this.delaysMs.decide);
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

const pictures = new Map<string, string>();
const sceneFindings = new Map<string, AnalysisDto["findings"]>();

function imageAddress(part: InspectionDto) {
  return `s3://wiko-defect-analyzer-images/inspections/${part.facility}/${part.product_sku}/${part.id}.jpg`;
}

/** A part as the history shows it. */
/** True where every word stands in what is said of the part. */
function saysAll(part: InspectionDto, words: string): boolean {
  const analysis = part.analysis;
  const said = [
    part.lot, part.serial, analysis?.summary, analysis?.cause?.root_cause,
    ...(analysis?.findings.flatMap(({ description, defect_type }) => [description, defect_type]) ?? []),
    ...part.operator_decisions.map(({ reason }) => reason),
  ].join(" ").toLowerCase();
  return words.toLowerCase().split(/\s+/).every((word) => said.includes(word));
}

export function rowOf(part: InspectionDto): HistoryRowDto {
  return {
    id: part.id, sequence: part.sequence, captured_at: part.captured_at, stage: part.stage,
    product_sku: part.product_sku, lot: part.lot, verdict: part.verdict.code, ...worstOf(part.analysis),
    operator_call: part.operator_decisions.at(-1)?.call ?? null, uploaded: part.upload.state === "verified",
  };
}

function healthyChecks(): CheckDto[] {
  const ok = (check: string, seen: string): CheckDto => ({ check, state: "ok", seen, remedy: "" });
  return [
    ok("data_dir", "~/.local/share/wiko-station"), ok("database", "SQLite 3.51.3, WAL, FULL"),
    ok("disk", "212 GB free"), ok("keyring", "unlocked"), ok("credentials", "AWS key set"),
    ok("camera", "simulated, 29.97 fps"),
    { check: "screen_models", state: "warning", seen: "4 of 6 products have a learnt reference", remedy: "wiko-station screen learn --sku WK-CI-200 --stage blade_glazing IMAGES…" },
    ok("chain", "claude, azure"), ok("claude", "answers in 240 ms"), ok("s3", "wiko-defect-analyzer-images"),
    { check: "dynamodb", state: "failed", seen: "AccessDeniedException on DescribeTable", remedy: "attach the station policy to the key's user, then run again" },
    { check: "clock", state: "ok", seen: "0.2 s off", remedy: "" },
  ];
}
