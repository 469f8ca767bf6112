// The records of the station in memory: how a part comes to be, is decided and is shown.
import type { AnalysisDto, HistoryRowDto, InspectionDto, Language, StationDto, VerdictDto } from "../types";
import { knifePicture, PICTURE_HEIGHT_PX, PICTURE_WIDTH_PX } from "./pictures";
import { analysisOf, type Scene, worstOf } from "./scenes";

const pictures = new Map<string, string>();
const sceneFindings = new Map<string, AnalysisDto["findings"]>();

/** A part that was just captured. */
export function newPart(state: StationDto, scene: Scene, at: number, sequence: number): InspectionDto {
  const id = `019cb${sequence.toString(16).padStart(3, "0")}-7a2c-7d41-9b0e-${at.toString(16).padStart(12, "0").slice(-12)}`;
  sceneFindings.set(id, analysisOf(scene, "claude", "en").findings);
  return {
    id, sequence, captured_at: at, facility: state.facility, station: state.station,
    stage: state.order.stage, product_sku: state.order.product_sku, lot: state.order.lot,
    serial: null, shift: state.live.shift, operator: state.session.operator, camera: "simulated",
    frame_sequence: sequence * 30 + 7,
    image_sha256: "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
    image_size_bytes: 271_360, image_width_px: PICTURE_WIDTH_PX, image_height_px: PICTURE_HEIGHT_PX,
    verdict: { code: "pending", reason: null, obstacle: null, detail: "", decided_at: null },
    screening: null, analysis: null, operator_decisions: [], revision: 1, upload: { state: "not_due" }, evidence: null, image_removed: null,
    conditions: {
      trigger: "key", device: null, features: {}, pixel_format: "JPEG", mm_per_px: null, faults: [], invalid_rows: [],
      quality: {
        focus: 41.2, mean_level: 121.6, dark_share: 0.02, clipped_share: 0.004, clipped_on_part: 0.006, noise: 1.92, motion_blur: 1.08,
        likeness: null, shift_px: null,
      },
    },
  };
}

/** The verdict on the part, as of that time. */
export function decidePart(part: InspectionDto, scene: Scene, at: number, language: Language): { verdict: VerdictDto; analysis: AnalysisDto } {
  part.analysis = analysisOf(scene, scene.judge ?? "claude", language);
  part.verdict = {
    code: scene.verdict, reason: scene.reason ?? null, obstacle: null, detail: scene.detail?.[language] ?? "", decided_at: at,
  };
  part.upload = { state: "waiting", attempts: 0, reason: "" };
  part.revision += 1;
  return { verdict: part.verdict, analysis: part.analysis };
}

/** Where the part's picture lies in the cloud. */
export function imageAddress(part: InspectionDto) {
  return `s3://wiko-defect-analyzer-images/inspections/${part.facility}/${part.product_sku}/${part.id}.jpg`;
}

/** The part's picture. */
export function pictureOf(id: string): string {
  const findings = sceneFindings.get(id) ?? [];
  const key = findings.map(({ defect_type }) => defect_type).join();
  let picture = pictures.get(key);
  if (picture === undefined) pictures.set(key, (picture = knifePicture(findings)));
  return picture;
}

/** True where every word stands in what is said of the part. */
export function saysAll(part: InspectionDto, words: string): boolean {
  const analysis = part.analysis;
  const said = [
    part.lot, part.serial, analysis?.summary, analysis?.cause?.root_cause,
    ...(analysis?.findings.flatMap(({ description, defect_type }) => [description, defect_type]) ?? []),
    ...part.operator_decisions.map(({ reason }) => reason),
  ].join(" ").toLowerCase();
  return words.toLowerCase().split(/\s+/).every((word) => said.includes(word));
}

/** A part as the history shows it. */
export function rowOf(part: InspectionDto): HistoryRowDto {
  return {
    id: part.id, sequence: part.sequence, captured_at: part.captured_at, stage: part.stage,
    product_sku: part.product_sku, lot: part.lot, verdict: part.verdict.code, ...worstOf(part.analysis),
    operator_call: part.operator_decisions.at(-1)?.call ?? null, uploaded: part.upload.state === "verified",
  };
}
