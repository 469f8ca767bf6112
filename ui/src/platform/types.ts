// What the window asks of the world. `tauri.ts` answers from the real station, `fake/` from memory.
import type {
  AssignCameraForm, AuditRowDto, CalibrateForm, CameraDto, CheckDto, CommandError, ContainedPartsDto, CredentialsDto,
  CredentialsForm, ErrorCode, ExportedSettingsDto, Feature, FeatureSetDto, FlatFieldStep, FoundCamerasDto, HistoryPageDto,
  HistoryQueryDto, HistoryRowDto, ImportedSettingsDto, InspectionDto, Language, LineScanDto, LiveAidsDto, OperatorCallForm,
  OrderDto, QualityHistoryDto, QualityLimits, Queue, QueuedPartsDto, RegionForm, ScannedDto, SecretName, SetFeatureForm, SpendingDto,
  StationDto, StationUpdate, TestShotDto, TriggersDto, TriggerSettingsDto, TriggerSource,
} from "../bindings.gen";

export type * from "../bindings.gen";

/** A refusal by the station: a code that is translated, and a sentence with what to do. */
export class StationError extends Error {
  readonly code: ErrorCode;

  constructor(error: CommandError) {
    super(error.message);
    this.name = "StationError";
    this.code = error.code;
  }

  /** Whatever was thrown, as a StationError: what the station did not say is `internal`. */
  static of(thrown: unknown): StationError {
    if (thrown instanceof StationError) return thrown;
    return new StationError({
      code: "internal",
      message: thrown instanceof Error ? thrown.message : String(thrown),
    });
  }
}

/** One frame of the live picture, decoded. Valid only until `draw` returns. */
export interface PreviewFrame {
  sequence: number;
  /** When it was exposed, epoch milliseconds. */
  exposedAtMs: number;
  picture: CanvasImageSource;
  widthPx: number;
  heightPx: number;
}

export type PreviewState = "connecting" | "playing" | "broken";

/** Where the live picture goes. */
export interface PreviewSink {
  /** Draws the frame; when it returns, the frame counts as shown and the next is asked for. */
  draw(frame: PreviewFrame): void;
  state(state: PreviewState): void;
}

/** The station as the window sees it. Every command fails with a {@link StationError}. */
export interface Platform {
  station(): Promise<StationDto>;
  /** The first page is drawn. */
  windowReady(): Promise<void>;
  setOrder(order: OrderDto): Promise<OrderDto>;
  setLanguage(language: Language): Promise<void>;
  /** Resolves once the frame is safe on disk, and not before. */
  triggerCapture(source: TriggerSource): Promise<HistoryRowDto>;
  /** Does with a scanned code what the settings say; a part that it takes is safe on disk then. */
  scan(text: string): Promise<ScannedDto>;
  /** Forgets the serial number that was scanned for the next part. */
  forgetSerial(): Promise<void>;
  /** How triggers are set up, and what came of them since the station started. */
  triggers(): Promise<TriggersDto>;
  setTriggers(settings: TriggerSettingsDto): Promise<TriggersDto>;
  operatorDecide(form: OperatorCallForm): Promise<InspectionDto>;
  historyPage(query: HistoryQueryDto): Promise<HistoryPageDto>;
  inspection(id: string): Promise<InspectionDto>;
  retryQueue(queue: Queue, id: string | null): Promise<number>;
  /** Rows of the audit trail without the verdicts, newest first, from before that number. */
  auditTrail(before: number | null): Promise<AuditRowDto[]>;
  /** The parked parts and those whose last try failed: the first of them, and how many there are. */
  queuedParts(): Promise<QueuedPartsDto>;
  /** The parts that were not found good after they had moved on, and that nobody has seen to. */
  containedParts(): Promise<ContainedPartsDto>;
  /** A person has seen to such a part; false where somebody was faster. */
  acknowledgeContained(id: string, note: string): Promise<boolean>;
  /** What models cost. */
  spending(): Promise<SpendingDto>;
  /** A person has found the parts that passed this camera unseen, as far as they were shown: so many counted in all. Answers
   * with how many nobody had found before. */
  foundMissedParts(camera: string, counted: number): Promise<number>;
  /** A person has seen what is wrong with the clock. */
  dismissClockTrouble(): Promise<void>;
  clearStorageFault(): Promise<void>;
  doctor(): Promise<CheckDto[]>;
  cameras(): Promise<CameraDto[]>;
  /** The cameras that are there now; takes a second. */
  findCameras(): Promise<FoundCamerasDto>;
  /** Puts a found camera to a stage; an id that is known gets another device. */
  assignCamera(form: AssignCameraForm): Promise<void>;
  removeCamera(camera: string): Promise<void>;
  /** All that the camera can be told, with its limits as they are now. */
  cameraFeatures(camera: string): Promise<Feature[]>;
  setCameraFeature(form: SetFeatureForm): Promise<FeatureSetDto>;
  setCameraRegion(form: RegionForm): Promise<FeatureSetDto>;
  setLineScan(camera: string, lineScan: LineScanDto): Promise<void>;
  /** What was measured of its latest frame. */
  cameraLiveAids(camera: string): Promise<LiveAidsDto>;
  calibrateCamera(camera: string, form: CalibrateForm): Promise<CameraDto>;
  takeFlatField(camera: string, step: FlatFieldStep): Promise<CameraDto>;
  clearFlatField(camera: string): Promise<CameraDto>;
  balanceWhite(camera: string): Promise<FeatureSetDto>;
  /** Learns reference and limits from the picture as it is now. */
  takeQualityReference(camera: string): Promise<CameraDto>;
  setQualityLimits(camera: string, limits: QualityLimits): Promise<CameraDto>;
  /** Triggers a frame of which nothing is recorded. */
  testShot(camera: string): Promise<TestShotDto>;
  exportCameraSettings(camera: string): Promise<ExportedSettingsDto>;
  importCameraSettings(camera: string, text: string): Promise<ImportedSettingsDto>;
  cameraQualityHistory(camera: string): Promise<QualityHistoryDto>;
  credentials(): Promise<CredentialsDto[]>;
  setCredentials(form: CredentialsForm): Promise<void>;
  clearCredentials(name: SecretName): Promise<void>;
  /** Calls back with all that happens, until the returned function is called. */
  onUpdate(callback: (update: StationUpdate) => void): Promise<() => void>;
  /** Plays the live picture into the sink until the returned function is called. */
  openPreview(url: string, sink: PreviewSink): () => void;
  /** Address of the captured picture. */
  imageUrl(id: string): string;
  /** Address of its thumbnail. */
  thumbUrl(id: string): string;
  /** Puts text on the clipboard. */
  copyText(text: string): Promise<void>;
}
