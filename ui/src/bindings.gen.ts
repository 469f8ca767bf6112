// Wire types and commands of the station, as src-tauri/src/dto declares them.
import { invoke } from "@tauri-apps/api/core";
import { listen } from "@tauri-apps/api/event";

export type Stage =
  | "blade_stamp" | "bolster_welding" | "back_edge_polishing" | "taper_grinding" | "heat_treatment"
  | "vacuum_quench" | "handle_injection" | "rivet_assembly" | "handle_polishing" | "blade_glazing"
  | "cutting_edge_honing" | "logo_print" | "inspection" | "packaging";
export type Facility = "yangjiang" | "shenzhen" | "hongkong";
export type DefectType =
  | "rust_spot" | "blade_scratch" | "edge_irregularity" | "blade_chip" | "handle_crack"
  | "handle_discoloration" | "weld_defect" | "polish_defect" | "dimensional_error"
  | "assembly_misalignment" | "surface_contamination" | "heat_treatment_defect" | "unknown";
export type Severity = "cosmetic" | "minor" | "major" | "critical";
export type Region =
  | "blade_edge" | "blade_surface" | "blade_spine" | "handle_left" | "handle_right" | "bolster" | "tip"
  | "full_product";
export type RecommendedAction =
  | "accept" | "accept_with_discount" | "rework" | "escalate_to_supervisor" | "reject";
export type VerdictCode = "pass" | "fail" | "undetermined" | "pending";
export type UndeterminedReason =
  | "other_image" | "incomplete" | "contract_broken" | "image_unfit" | "unsure" | "good_with_findings"
  | "defective_without_findings" | "finding_out_of_range";
export type Provider = "screen" | "claude" | "azure";
export type CameraState = "opening" | "streaming" | "stalled" | "lost" | "ended";
export type Queue = "analysis" | "upload";
export type Obstacle = "transient" | "credentials" | "needs_person";
export type OperatorCall = "confirm" | "accept" | "reject";
export type Role = "operator" | "supervisor" | "field_tech" | "admin";
export type Backing = "keyring" | "memory" | "environment";
export type SecretName = "aws_access_key" | "azure_api_key";
export type Language = "zh-CN" | "en";
export type CheckState = "ok" | "warning" | "failed" | "not_configured";
export type CloudLink =
  | "not_configured" | "unknown" | "connected" | "offline" | "credentials_refused" | "needs_person";
export type ErrorCode =
  | "forbidden" | "not_found" | "invalid_input" | "camera_timeout" | "camera_lost" | "camera_ended"
  | "bad_frame" | "disk_full" | "read_only" | "storage_fault" | "image_damaged" | "already_decided"
  | "keyring_locked" | "keyring_missing" | "keyring_failed" | "internal";

export type BoxPx = { x: number; y: number; width: number; height: number };
export type BoxProvenance =
  | { kind: "native" }
  | { kind: "resized"; width_px: number; height_px: number };
export type CommandError = { code: ErrorCode; message: string };
export type SessionDto = { role: Role; operator: string; demo: boolean; language: Language };
export type OrderDto = { product_sku: string; stage: Stage; lot: string | null };
export type PreviewDto = { url: string };
export type TallyDto = {
  inspected: number; pass: number; fail: number; undetermined: number; pending: number;
  yield_ratio: number | null;
};
export type QueueDto = { waiting: number; parked: number; oldest_captured_at: number | null };
export type CloudDto = { link: CloudLink; reason: string };
export type LiveDto = {
  shift: string; tally: TallyDto; analysis_queue: QueueDto; upload_queue: QueueDto; cloud: CloudDto;
  camera: string; camera_state: CameraState; storage_fault: string | null;
};
export type HistoryRowDto = {
  id: string; sequence: number; captured_at: number; stage: Stage; product_sku: string;
  lot: string | null; verdict: VerdictCode; severity: Severity | null; defect_type: DefectType | null;
  findings: number; operator_call: OperatorCall | null; uploaded: boolean;
};
export type StationDto = {
  version: string; facility: Facility; station: string; session: SessionDto; order: OrderDto;
  product_skus: string[]; preview: PreviewDto; secrets: Backing; live: LiveDto; recent: HistoryRowDto[];
};
export type HistoryQueryDto = {
  from: number | null; to: number | null; stage: Stage | null; product_sku: string | null;
  verdict: VerdictCode | null; severity: Severity | null; after: number | null; limit: number;
};
export type HistoryPageDto = { rows: HistoryRowDto[]; next: number | null };
export type FindingDto = {
  defect_type: DefectType; severity: Severity; confidence: number; region: Region; box_px: BoxPx;
  provenance: BoxProvenance; recommended_action: RecommendedAction; description: string;
  size_mm: number | null;
};
export type CauseDto = {
  probable_stage: Stage | null; root_cause: string; five_whys: string[]; contributing_factors: string[];
  corrective_actions: string[]; preventive_actions: string[];
};
export type ProviderUsageDto = {
  input_tokens: number; output_tokens: number; cost_usd: number; latency_ms: number;
};
export type AnalysisDto = {
  provider: Provider; model: string; prompt_sha256: string; summary: string; findings: FindingDto[];
  image_unusable: string | null; cause: CauseDto | null; usage: ProviderUsageDto;
};
export type VerdictDto = {
  code: VerdictCode; reason: UndeterminedReason | null; detail: string; decided_at: number | null;
};
export type OperatorDecisionDto = {
  call: OperatorCall; operator: string; reason: string | null; decided_at: number;
};
export type UploadDto =
  | { state: "local" }
  | { state: "not_due" }
  | { state: "waiting"; attempts: number; reason: string }
  | { state: "parked"; obstacle: Obstacle; reason: string }
  | { state: "verified"; at: number; image_url: string };
export type InspectionDto = {
  id: string; sequence: number; captured_at: number; facility: Facility; station: string; stage: Stage;
  product_sku: string; lot: string | null; serial: string | null; shift: string; operator: string;
  camera: string; frame_sequence: number; image_sha256: string; image_size_bytes: number;
  image_width_px: number; image_height_px: number; verdict: VerdictDto; screening: AnalysisDto | null;
  analysis: AnalysisDto | null; operator_decisions: OperatorDecisionDto[]; revision: number;
  upload: UploadDto;
};
export type OperatorCallForm = { id: string; call: OperatorCall; reason: string | null };
export type CameraDto = {
  id: string; driver: string; state: CameraState; frames_per_second: number; width_px: number | null;
  height_px: number | null;
};
export type CheckDto = { check: string; state: CheckState; seen: string; remedy: string };
export type CredentialsDto = { name: SecretName; backing: Backing; set: boolean; error: string | null };
export type CredentialsForm =
  | { name: "aws_access_key"; access_key_id: string; secret_access_key: string }
  | { name: "azure_api_key"; api_key: string };
export type StationUpdate =
  | { kind: "captured"; row: HistoryRowDto; image_width_px: number; image_height_px: number }
  | { kind: "screened"; id: string; screening: AnalysisDto }
  | { kind: "decided"; id: string; verdict: VerdictDto; analysis: AnalysisDto | null }
  | { kind: "delayed"; id: string; queue: Queue; reason: string }
  | { kind: "changed"; id: string }
  | { kind: "live"; live: LiveDto };

export type Result<T, E> = { status: "ok"; data: T } | { status: "error"; error: E };

async function call<T>(command: string, args?: Record<string, unknown>): Promise<Result<T, CommandError>> {
  try {
    return { status: "ok", data: await invoke<T>(command, args) };
  } catch (error) {
    if (error instanceof Error) throw error;
    return { status: "error", error: error as CommandError };
  }
}

export const commands = {
  station: () => call<StationDto>("station"),
  setOrder: (order: OrderDto) => call<OrderDto>("set_order", { order }),
  setLanguage: (language: Language) => call<null>("set_language", { language }),
  triggerCapture: () => call<HistoryRowDto>("trigger_capture"),
  operatorDecide: (form: OperatorCallForm) => call<InspectionDto>("operator_decide", { form }),
  historyPage: (query: HistoryQueryDto) => call<HistoryPageDto>("history_page", { query }),
  inspection: (id: string) => call<InspectionDto>("inspection", { id }),
  retryQueue: (queue: Queue, id: string | null) => call<number>("retry_queue", { queue, id }),
  clearStorageFault: () => call<null>("clear_storage_fault"),
  doctor: () => call<CheckDto[]>("doctor"),
  cameras: () => call<CameraDto[]>("cameras"),
  credentials: () => call<CredentialsDto[]>("credentials"),
  setCredentials: (form: CredentialsForm) => call<null>("set_credentials", { form }),
  clearCredentials: (name: SecretName) => call<null>("clear_credentials", { name }),
};

export const events = {
  stationUpdate: {
    listen: (callback: (event: { payload: StationUpdate }) => void) =>
      listen<StationUpdate>("station-update", callback),
  },
};
