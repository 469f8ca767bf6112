// What the operator is told of who triggers.
import { m } from "../../i18n/index.svelte";
import type { TriggerSettingsDto, TriggerSource } from "../../platform/types";
import { TRIGGER_SOURCES } from "../../platform/codes";

/** Who takes parts now; a scan that fills a number and triggers nothing is none of them. */
const takers = ({ sources, barcode }: TriggerSettingsDto): TriggerSource[] =>
  TRIGGER_SOURCES.filter((source) => sources.includes(source) && (source !== "barcode" || barcode.triggers));

const sentences = (sources: TriggerSource[]) =>
  sources.length === 0 ? m.trigger_none() : sources.map((source) => m[`trigger_by_${source}`]()).join(m.list_separator());

/** What a person does, or waits for, while the station is ready. */
export function readyLine(settings: TriggerSettingsDto): string {
  const on = takers(settings);
  return on.includes("key") && on.includes("on_screen") ? m.banner_ready() : sentences(on);
}

/** What stands under the word of the large key: what else does the same, or what triggers where it does not. */
export function largeKeyHint(settings: TriggerSettingsDto): string {
  const on = takers(settings);
  if (!on.includes("on_screen")) return sentences(on);
  return on.flatMap((source) => {
    if (source === "key") return m.trigger_key();
    return source === "pedal" || source === "barcode" ? m[`trigger_source_${source}`]() : [];
  }).join(" · ");
}
