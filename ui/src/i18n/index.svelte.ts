// The language of the window. Messages read it as state, so that every text follows a switch at once.
import { fromAbsolute, getLocalTimeZone, toCalendarDate } from "@internationalized/date";
import { m } from "../paraglide/messages.js";
import { overwriteGetLocale } from "../paraglide/runtime.js";
import type { Language } from "../platform/types";

export { m };

let current = $state<Language>("zh-CN");
overwriteGetLocale(() => current);

/** The language now. */
export const language = () => current;

/** Switches every text. */
export function useLanguage(to: Language) {
  current = to;
  document.documentElement.lang = to;
}

let zone = $state(getLocalTimeZone());

/** The time zone of the station, in which every moment is shown; the machine's own until it is known. */
export const timeZone = () => zone;

/** Shows every moment in that time zone. */
export function useTimeZone(to: string) {
  zone = to;
}

/** `14:03:27`, in the time zone of the station. */
export const clockTime = (ms: number) =>
  new Intl.DateTimeFormat(current, {
    timeZone: zone, hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23",
  }).format(ms);

/** `2026-03-01`, in the time zone of the station. */
export const calendarDate = (ms: number) => toCalendarDate(fromAbsolute(ms, zone)).toString();

/** `2026-03-01 14:03:27`. */
export const dateTime = (ms: number) => `${calendarDate(ms)} ${clockTime(ms)}`;

/** `94%`. */
export const percent = (ratio: number, digits = 0) =>
  new Intl.NumberFormat(current, { style: "percent", minimumFractionDigits: digits, maximumFractionDigits: digits }).format(ratio);

/** `1,234`. */
export const integer = (n: number) => new Intl.NumberFormat(current).format(n);

/** `$12.34`. */
export const usd = (dollars: number, digits = 2) =>
  new Intl.NumberFormat(current, { style: "currency", currency: "USD", minimumFractionDigits: digits, maximumFractionDigits: digits }).format(dollars);

/** `45 seconds`, `1.5 hours`: in the largest unit of which it is at least one, and a bit more. */
export function duration(seconds: number): string {
  const [size, unit] = DURATIONS.find(([size]) => seconds >= size) ?? DURATIONS[DURATIONS.length - 1]!;
  return new Intl.NumberFormat(current, { style: "unit", unit, unitDisplay: "long", maximumFractionDigits: 1 }).format(seconds / size);
}
const DURATIONS: [seconds: number, unit: string][] = [[86_400, "day"], [3_600, "hour"], [60, "minute"], [1, "second"]];

/** What a person does about a failure; empty where its text already says so. */
export function errorTodo(code: string): string {
  const text = m[`error_todo_${code}` as keyof typeof m] as (() => string) | undefined;
  return text?.() ?? "";
}

/** The text of a product, where there is one. */
export function skuName(sku: string): string {
  const text = m[`sku_${sku.replaceAll("-", "_")}` as keyof typeof m] as (() => string) | undefined;
  return text?.() ?? "";
}

/** The text of one of the doctor's checks; the code itself where there is none. */
export function checkName(check: string): string {
  const text = m[`check_${check}` as keyof typeof m] as (() => string) | undefined;
  return text?.() ?? check;
}

/** The text of an override's reason; the code itself where there is none. */
export function reasonName(reason: string): string {
  const text = m[`reason_${reason}` as keyof typeof m] as (() => string) | undefined;
  return text?.() ?? reason;
}
