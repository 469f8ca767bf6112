// The codes of every closed list, at run time. The compiler refuses a list that lacks a code of its
// type or has one too many; the texts' test walks these lists.
import type {
  Access, AuditCategory, AuditResult, AuditSource, Backing, BarcodeFills, BudgetState, CalibrationMethod, CameraState, CameraWarningKind, CheckState, CircuitState, ClockTroubleKind, CloudLink, DefectType, Disposition, ErrorCode, Facility, FrameFault, Language, LineScanMode, LostCause, Obstacle,
  OperatorCall, Provider, QualityMeasure, Queue, RecommendedAction, Region, Role, SecretName, Service, Severity, Stage,
  Transport, TriggerSource, UndeterminedReason, VerdictCode, Visibility, WorkState,
} from "../bindings.gen";

/** The keys of a record over a closed list: complete, or it does not compile. */
function codes<T extends string>(all: Record<T, true>): readonly T[] {
  return Object.keys(all) as T[];
}

export const STAGES = codes<Stage>({
  blade_stamp: true, bolster_welding: true, back_edge_polishing: true, taper_grinding: true,
  heat_treatment: true, vacuum_quench: true, handle_injection: true, rivet_assembly: true,
  handle_polishing: true, blade_glazing: true, cutting_edge_honing: true, logo_print: true,
  inspection: true, packaging: true,
});
export const FACILITIES = codes<Facility>({ yangjiang: true, shenzhen: true, hongkong: true });
export const DEFECT_TYPES = codes<DefectType>({
  rust_spot: true, blade_scratch: true, edge_irregularity: true, blade_chip: true, handle_crack: true,
  handle_discoloration: true, weld_defect: true, polish_defect: true, dimensional_error: true,
  assembly_misalignment: true, surface_contamination: true, heat_treatment_defect: true, unknown: true,
});
/** The worst first. */
export const SEVERITIES = codes<Severity>({ critical: true, major: true, minor: true, cosmetic: true });
export const REGIONS = codes<Region>({
  blade_edge: true, blade_surface: true, blade_spine: true, handle_left: true, handle_right: true,
  bolster: true, tip: true, full_product: true,
});
export const ACTIONS = codes<RecommendedAction>({
  accept: true, accept_with_discount: true, rework: true, escalate_to_supervisor: true, reject: true,
});
export const VERDICTS = codes<VerdictCode>({ pass: true, fail: true, undetermined: true, pending: true });
export const DISPOSITIONS = codes<Disposition>({
  pass: true, fail: true, undetermined: true, pending: true, accepted: true, rejected: true,
});
export const UNDETERMINED_REASONS = codes<UndeterminedReason>({
  other_image: true, incomplete: true, contract_broken: true, image_unfit: true, unsure: true,
  good_with_findings: true, defective_without_findings: true, finding_out_of_range: true,
  instruction_in_picture: true, no_part: true, other_product: true, disagreement: true, sampled_for_review: true,
  screen_silent: true,
});
export const PROVIDERS = codes<Provider>({ screen: true, claude: true, azure: true });
export const CAMERA_STATES = codes<CameraState>({
  opening: true, streaming: true, stalled: true, lost: true, ended: true,
});
export const CAMERA_WARNINGS = codes<CameraWarningKind>({
  frames_lost: true, settings_refused: true, flat_field_stale: true, drift: true,
});
/** In the order in which people meet them. */
export const TRIGGER_SOURCES = codes<TriggerSource>({
  key: true, on_screen: true, pedal: true, barcode: true, camera_line: true, part_present: true, interval: true, http: true,
});
export const BARCODE_FILLS = codes<BarcodeFills>({ serial: true, lot: true, nothing: true });
export const TRANSPORTS = codes<Transport>({
  simulated: true, replay: true, v4l2: true, nokhwa: true, gige_vision: true, usb3_vision: true,
});
export const LOST_CAUSES = codes<LostCause>({
  not_found: true, unplugged: true, open_elsewhere: true, no_permission: true, no_driver: true, ambiguous: true,
  no_usable_format: true, silent: true, failed: true,
});
export const FRAME_FAULTS = codes<FrameFault>({
  missing_rows: true, cut_short: true, wrong_aspect: true, out_of_focus: true, motion_blur: true, too_dark: true,
  too_bright: true, clipped_part: true, noisy: true, lens_covered: true, fixture_moved: true, wrong_settings: true,
});
/** Each sees all that those before it see. */
export const VISIBILITIES = codes<Visibility>({ beginner: true, expert: true, guru: true });
export const ACCESSES = codes<Access>({ read_write: true, read_only: true, locked: true, unavailable: true });
export const LINE_SCAN_MODES = codes<LineScanMode>({ part_triggered: true, continuous: true });
export const CALIBRATION_METHODS = codes<CalibrationMethod>({ two_points: true, checkerboard: true });
export const QUALITY_MEASURES = codes<QualityMeasure>({ focus: true, mean_level: true, clipped_on_part: true, noise: true });
export const QUEUES = codes<Queue>({ analysis: true, upload: true });
export const OBSTACLES = codes<Obstacle>({ transient: true, credentials: true, needs_person: true });
export const OPERATOR_CALLS = codes<OperatorCall>({ confirm: true, accept: true, reject: true });
/** The lowest rank first: each may do all that those before it may. */
export const ROLES = codes<Role>({ operator: true, supervisor: true, field_tech: true, admin: true });
export const BACKINGS = codes<Backing>({ keyring: true, memory: true, environment: true });
export const SECRET_NAMES = codes<SecretName>({ aws_access_key: true, azure_api_key: true });
export const AUDIT_SOURCES = codes<AuditSource>({ station: true, window: true, command_line: true });
export const AUDIT_CATEGORIES = codes<AuditCategory>({
  decision: true, operator_decision: true, setting: true, sign_in: true, deletion: true, storage: true, clock: true,
  backup: true, restore: true, credentials: true, queue: true, containment: true, start: true, signing_key: true,
});
export const AUDIT_RESULTS = codes<AuditResult>({ done: true, refused: true, failed: true });
export const LANGUAGES = codes<Language>({ "zh-CN": true, en: true });
export const SERVICES = codes<Service>({ bedrock: true, azure: true, s3: true, dynamodb: true });
export const CIRCUIT_STATES = codes<CircuitState>({ closed: true, open: true, half_open: true });
export const WORK_STATES = codes<WorkState>({ waiting: true, leased: true, parked: true });
export const CLOCK_TROUBLES = codes<ClockTroubleKind>({ jumped: true, behind_records: true, ahead_of_records: true, before_program: true });
export const BUDGET_STATES = codes<BudgetState>({ within: true, nearly_spent: true, spent: true });
export const CHECK_STATES = codes<CheckState>({
  ok: true, warning: true, failed: true, not_configured: true,
});
export const CLOUD_LINKS = codes<CloudLink>({
  not_configured: true, unknown: true, connected: true, offline: true, credentials_refused: true,
  needs_person: true,
});
export const ERROR_CODES = codes<ErrorCode>({
  forbidden: true, not_found: true, invalid_input: true, camera_timeout: true, camera_lost: true,
  camera_ended: true, camera_not_ready: true, camera_setting: true, bad_frame: true, disk_full: true, read_only: true, storage_fault: true,
  image_damaged: true, image_removed: true, already_decided: true, keyring_locked: true, keyring_missing: true,
  keyring_failed: true, trigger_busy: true, trigger_bounce: true, trigger_off: true, broken_off: true, internal: true,
});

/** The checks of the doctor that have a text; the station may send others, shown by their code. */
export const CHECKS = [
  "data_dir", "database", "disk", "queues", "storage_fault", "ballast", "backup", "keyring", "signing", "credentials", "camera", "camera_library", "triggers", "screen_models", "recipes", "chain", "claude", "azure",
  "s3", "dynamodb", "clock", "clock_s3",
] as const;
export type Check = (typeof CHECKS)[number];

/** Reasons that a person gives for an override; the code goes into the record. */
export const ACCEPT_REASONS = [
  "false_detection", "reflection", "cleaned", "within_tolerance", "limit_sample",
] as const;
export const REJECT_REASONS = [
  "missed_defect", "worse_than_found", "dimension_by_gauge", "wrong_product", "handling_damage",
] as const;
/** What became of a part that was not found good after it had moved on; the code goes into the record. */
export const CONTAINMENT_OUTCOMES = ["scrapped", "reworked", "found_good", "not_found"] as const;
export type OverrideReason = (typeof ACCEPT_REASONS)[number] | (typeof REJECT_REASONS)[number];
