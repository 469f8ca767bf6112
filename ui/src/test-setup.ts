import { afterEach, beforeEach, vi } from "vitest";
import { useLanguage, useTimeZone } from "./i18n/index.svelte";

// Node has a localStorage of its own that is not there without a file.
const kept = new Map<string, string>();
vi.stubGlobal("localStorage", {
  getItem: (key: string) => kept.get(key) ?? null,
  setItem: (key: string, value: string) => void kept.set(key, value),
});

beforeEach(() => {
  kept.clear();
  useLanguage("zh-CN");
  useTimeZone("Asia/Shanghai");
});
afterEach(() => void vi.useRealTimers());
