// What triggers are to the window. The station lets each through or refuses it.
import type { ErrorCode, TriggerSource } from "../platform/types";

/** Each trigger of these tells of one part that moves on by itself: refused, nobody sees that part. The same list as
 * `TriggerSource::tells_of_passing_parts`. */
const PASSING: readonly TriggerSource[] = ["camera_line", "part_present", "http"];
export const tellsOfPassingParts = (source: TriggerSource) => PASSING.includes(source);

/** True where the trigger was refused because of another, and nothing is wrong with camera or disk. */
export const isNotLetThrough = (code: ErrorCode) => code === "trigger_bounce" || code === "trigger_busy" || code === "trigger_off";

