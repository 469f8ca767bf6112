import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { openPreviewSocket } from "./preview";
import type { PreviewFrame } from "./types";

class Socket {
  static opened: Socket[] = [];
  static readonly OPEN = 1;
  readyState = 1;
  binaryType = "";
  sent: string[] = [];
  onmessage: ((message: { data: ArrayBuffer }) => void) | null = null;
  onclose: (() => void) | null = null;
  closed = false;
  constructor(readonly url: string) {
    Socket.opened.push(this);
  }
  send(text: string) {
    this.sent.push(text);
  }
  close() {
    this.closed = true;
    this.onclose?.();
  }
}

function message(sequence: number, exposedAtMs: number): { data: ArrayBuffer } {
  const data = new ArrayBuffer(20);
  const header = new DataView(data);
  header.setBigUint64(0, BigInt(sequence), true);
  header.setFloat64(8, exposedAtMs, true);
  return { data };
}

describe("the live picture", () => {
  const decode = vi.fn(async () => {});
  const letGo = vi.fn();
  class Picture {
    src = "";
    naturalWidth = 640;
    naturalHeight = 360;
    decode = decode;
  }
  const frames: PreviewFrame[] = [];
  const states: string[] = [];
  let close: () => void;

  beforeEach(() => {
    vi.useFakeTimers();
    vi.stubGlobal("WebSocket", Socket);
    vi.stubGlobal("Image", Picture);
    URL.createObjectURL = () => "blob:frame";
    URL.revokeObjectURL = letGo;
    Socket.opened = [];
    frames.length = 0;
    states.length = 0;
    letGo.mockClear();
    close = openPreviewSocket("ws://127.0.0.1:1/token", {
      draw: (frame) => void frames.push(frame),
      state: (state) => void states.push(state),
    });
  });
  afterEach(() => {
    close();
    decode.mockImplementation(async () => {});
  });

  it("draws a frame and only then asks for the next", async () => {
    const socket = Socket.opened[0]!;
    let answered = 0;
    decode.mockImplementation(async () => {
      answered = socket.sent.length;
    });
    socket.onmessage?.(message(41, 1234.5));
    await vi.advanceTimersByTimeAsync(0);
    expect(answered).toBe(0);
    expect(frames).toMatchObject([{ sequence: 41, exposedAtMs: 1234.5, widthPx: 640, heightPx: 360 }]);
    expect(socket.sent).toEqual(["41"]);
    expect(letGo).toHaveBeenCalledExactlyOnceWith("blob:frame");
    expect(states).toEqual(["connecting", "playing"]);
  });

  it("answers a frame that cannot be decoded, so that the next comes", async () => {
    decode.mockImplementation(async () => {
      throw new Error("not a JPEG");
    });
    Socket.opened[0]!.onmessage?.(message(7, 0));
    await vi.advanceTimersByTimeAsync(0);
    expect(frames).toEqual([]);
    expect(Socket.opened[0]!.sent).toEqual(["7"]);
  });

  it("connects again with growing waits, and says that there is no picture", async () => {
    Socket.opened[0]!.onclose?.();
    expect(states.at(-1)).toBe("broken");
    await vi.advanceTimersByTimeAsync(250);
    expect(Socket.opened).toHaveLength(2);
    Socket.opened[1]!.onclose?.();
    await vi.advanceTimersByTimeAsync(250);
    expect(Socket.opened).toHaveLength(2);
    await vi.advanceTimersByTimeAsync(250);
    expect(Socket.opened).toHaveLength(3);
  });

  it("stays closed once closed", async () => {
    close();
    await vi.advanceTimersByTimeAsync(60_000);
    expect(Socket.opened).toHaveLength(1);
    expect(Socket.opened[0]!.closed).toBe(true);
  });
});
