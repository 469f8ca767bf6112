// The cameras as they are set up: which are there, which is chosen, what it can be told.
//
// - The station is the authority: each answer replaces what was shown, and a refusal leaves it as it was.
// - What was asked for one camera never shows at another that was chosen meanwhile.
import { getContext, setContext } from "svelte";
import { m } from "../../../i18n/index.svelte";
import type { Notices } from "../../../model/notices.svelte";
import {
  type AssignCameraForm, type BoxPx, type CameraDto, type Feature, type FeatureSetDto, type FeatureValue, type FoundCameraDto, type FoundCamerasDto,
  type LiveAidsDto, type Platform, StationError,
} from "../../../platform/types";
import { poll } from "./poll";

const CAMERAS_MS = 1000;
const AIDS_MS = 250;

export class CameraSetup {
  cameras = $state.raw<CameraDto[] | null>(null);
  chosenId = $state<string | null>(null);
  found = $state.raw<FoundCamerasDto | null>(null);
  searching = $state(false);
  /** Why cameras cannot be listed or looked for. */
  error = $state<StationError | null>(null);
  features = $state.raw<Feature[]>([]);
  /** Why the features cannot be had; null where they are, or are being read. */
  featuresError = $state<StationError | null>(null);
  aids = $state.raw<LiveAidsDto | null>(null);

  readonly platform: Platform;
  readonly #notices: Notices;

  constructor(platform: Platform, notices: Notices) {
    this.platform = platform;
    this.#notices = notices;
  }

  get chosen(): CameraDto | null {
    return this.cameras?.find(({ id }) => id === this.chosenId) ?? null;
  }

  /** Those that are there and belong to no camera of the station. */
  get unassigned(): FoundCameraDto[] {
    return this.found?.devices.filter(({ assigned }) => assigned === null) ?? [];
  }

  /** Watches cameras and the chosen one's latest frame until the returned function is called. */
  watch(): () => void {
    const stops = [poll(CAMERAS_MS, () => this.read()), poll(AIDS_MS, () => this.#readAids())];
    return () => stops.forEach((stop) => stop());
  }

  async read() {
    try {
      this.#take(await this.platform.cameras());
      this.error = null;
    } catch (thrown) {
      this.error = StationError.of(thrown);
    }
  }

  async search() {
    if (this.searching) return;
    this.searching = true;
    try {
      this.found = await this.platform.findCameras();
      this.error = null;
    } catch (thrown) {
      this.error = StationError.of(thrown);
    } finally {
      this.searching = false;
    }
  }

  choose(id: string) {
    if (this.chosenId === id) return;
    this.chosenId = id;
    this.aids = null;
    this.features = [];
    this.featuresError = null;
    void this.readFeatures();
  }

  async readFeatures() {
    const id = this.chosenId;
    if (id === null) return;
    try {
      const features = await this.platform.cameraFeatures(id);
      if (id !== this.chosenId) return;
      this.features = features;
      this.featuresError = null;
    } catch (thrown) {
      if (id === this.chosenId) this.featuresError = StationError.of(thrown);
    }
  }

  async assign(form: AssignCameraForm) {
    await this.platform.assignCamera(form);
    await Promise.all([this.read(), this.search()]);
    if (this.chosenId === form.id) void this.readFeatures();
    else this.choose(form.id);
  }

  async remove(id: string) {
    await this.platform.removeCamera(id);
    if (this.chosenId === id) this.chosenId = null;
    await Promise.all([this.read(), this.search()]);
  }

  /** Fails with the camera's sentence; the features are read again then, too. */
  async set(name: string, value: FeatureValue) {
    const id = this.chosenId;
    if (id === null) return;
    try {
      this.#tookSettings(id, await this.platform.setCameraFeature({ camera: id, name, value }));
    } catch (thrown) {
      await this.readFeatures();
      throw thrown;
    }
  }

  async setRegion(region: BoxPx | null) {
    const id = this.chosenId;
    if (id === null) return;
    this.#tookSettings(id, await this.platform.setCameraRegion({ camera: id, region }));
  }

  async balanceWhite() {
    const id = this.chosenId;
    if (id === null) return;
    this.#tookSettings(id, await this.platform.balanceWhite(id));
  }

  /** The camera as it is after something was done to it. */
  took(camera: CameraDto) {
    this.cameras = this.cameras?.map((known) => (known.id === camera.id ? camera : known)) ?? null;
  }

  #tookSettings(id: string, { features, measured_again }: FeatureSetDto) {
    if (id === this.chosenId) {
      this.features = features;
      this.featuresError = null;
    }
    if (measured_again) this.#notices.done(m.cam_measured_again());
    void this.read();
  }

  #take(cameras: CameraDto[]) {
    const before = this.chosen?.state;
    this.cameras = cameras;
    const known = cameras.some(({ id }) => id === this.chosenId);
    if (!known) {
      this.chosenId = null;
      const first = cameras.find(({ removable }) => removable) ?? cameras[0];
      if (first) this.choose(first.id);
    } else if (before !== undefined && before !== "streaming" && this.chosen?.state === "streaming") {
      // It is back: what it can be told may have been refused while it was away.
      void this.readFeatures();
    }
  }

  async #readAids() {
    const id = this.chosenId;
    const state = this.chosen?.state;
    if (id === null || state === "lost" || state === "opening") {
      this.aids = null;
      return;
    }
    try {
      const aids = await this.platform.cameraLiveAids(id);
      if (id === this.chosenId) this.aids = aids;
    } catch {
      // No frame: the camera's state and reason say why.
      if (id === this.chosenId) this.aids = null;
    }
  }
}

const KEY = Symbol("camera-setup");
export const provideSetup = (setup: CameraSetup) => setContext(KEY, setup);
export const useSetup = () => getContext<CameraSetup>(KEY);
