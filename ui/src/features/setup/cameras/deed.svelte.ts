// Something that a person asked for: under way, done or refused. Its refusal is shown beside the key that was pressed.
import { StationError } from "../../../platform/types";

export class Deed {
  busy = $state(false);
  error = $state<StationError | null>(null);

  /** True where it was done. A second press while it is under way does nothing. */
  async run(act: () => Promise<unknown>): Promise<boolean> {
    if (this.busy) return false;
    this.busy = true;
    this.error = null;
    try {
      await act();
      return true;
    } catch (thrown) {
      this.error = StationError.of(thrown);
      return false;
    } finally {
      this.busy = false;
    }
  }
}
