import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { Notices } from "./notices.svelte";

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

describe("notices", () => {
  it("of late verdicts and of failures outlive any number of others", () => {
    const notices = new Notices();
    for (let n = 1; n <= 40; n += 1) notices.late("fail", { id: `part-${n}`, sequence: n });
    notices.failed(new Error("the first"));
    for (let n = 1; n <= 40; n += 1) {
      notices.done(`done ${n}`);
      notices.failed(new Error(`trouble ${n % 6}`));
    }
    const late = notices.list.filter(({ kind }) => kind === "late");
    expect(late).toHaveLength(1);
    expect(late[0]!.parts).toHaveLength(40);
    expect(notices.list.filter(({ kind }) => kind === "failed")).toHaveLength(7);
    expect(notices.list.filter(({ kind }) => kind === "done")).toHaveLength(3);
  });

  it("count a part once, and begin anew once they were closed", () => {
    const notices = new Notices();
    for (let n = 0; n < 2; n += 1) notices.late("fail", { id: "part-1", sequence: 1 });
    notices.late("undetermined", { id: "part-2", sequence: 2 });
    expect(notices.list.map(({ parts }) => parts.length)).toEqual([1, 1]);
    notices.close(notices.list[0]!.id);
    notices.late("fail", { id: "part-3", sequence: 3 });
    expect(notices.list.map(({ parts }) => parts.map(({ sequence }) => sequence))).toEqual([[2], [3]]);
  });
});
