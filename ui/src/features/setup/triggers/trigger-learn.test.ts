import { fireEvent, render } from "@testing-library/svelte";
import { describe, expect, it, vi } from "vitest";
import { find, get } from "../../../test-window";
import TriggerLearn from "./TriggerLearn.svelte";

function open(current: string | null = null) {
  const [onlearn, onclose] = [vi.fn(), vi.fn()];
  render(TriggerLearn, { current, onlearn, onclose });
  return { onlearn, onclose };
}

/** True where the key would still act. */
const down = (code: string, repeat = false) => fireEvent.keyDown(get("pedal-dialog"), { code, key: code, repeat });

describe("learning the pedal", () => {
  it("asks, shows the key that it saw, and gives its code", async () => {
    const { onlearn } = open();
    expect(get("pedal-ask").textContent).toBe("请踩一下脚踏开关");
    expect((get("pedal-apply") as HTMLButtonElement).disabled).toBe(true);
    expect(await down("F13")).toBe(false);
    expect(get("pedal-seen").textContent).toBe("F13");
    await fireEvent.click(get("pedal-apply"));
    expect(onlearn.mock.calls).toEqual([["F13"]]);
  });

  it("refuses keys that are used otherwise, says why, and waits for another", async () => {
    const { onlearn, onclose } = open();
    const page = vi.fn();
    window.addEventListener("keydown", page);
    for (const [code, why] of [["F8", "window_key"], ["Escape", "window_key"], ["KeyA", "writing_key"], ["Space", "trigger_key"], ["ShiftLeft", "modifier_key"], ["", "unknown_key"]] as const) {
      expect(await down(code), code).toBe(false);
      expect(get("pedal-refused").dataset.why, code).toBe(why);
      expect(get("pedal-refused").textContent!.length, code).toBeGreaterThan(8);
      expect((get("pedal-apply") as HTMLButtonElement).disabled, code).toBe(true);
      await fireEvent.click(get("pedal-apply"));
    }
    window.removeEventListener("keydown", page);
    expect(page).not.toHaveBeenCalled();
    expect(onlearn).not.toHaveBeenCalled();
    expect(onclose).not.toHaveBeenCalled();
    await down("Pause");
    expect(find("pedal-refused")).toBeNull();
    expect(get("pedal-seen").textContent).toBe("Pause");
  });

  it("takes no repeat for a press, and leaves the keyboard to the buttons once a key was learned", async () => {
    open("F14");
    expect(get("pedal-dialog").textContent).toContain("当前按键：F14");
    await down("F13", true);
    expect(find("pedal-seen")).toBeNull();
    await down("F14");
    expect(get("pedal-learned").textContent).toBe("与当前设置相同。");
    expect(await down("Enter")).toBe(true);
    expect(get("pedal-seen").textContent).toBe("F14");
    await fireEvent.click(get("pedal-again"));
    await down("F15");
    expect(get("pedal-seen").textContent).toBe("F15");
  });
});
