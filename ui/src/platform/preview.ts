// The live picture over the loopback WebSocket.
//
// - One frame is in flight: its sequence is sent back after it was drawn, and only then the next comes.
// - A frame that cannot be decoded is answered too, or the picture would stand still for good.
// - A socket that closes is opened again, with waits that grow to five seconds.
import type { PreviewSink } from "./types";

const HEADER_BYTES = 16;
const FIRST_WAIT_MS = 250;
const LONGEST_WAIT_MS = 5_000;
const KEPT_LATENCIES = 5_000;

/** Counters for measurements, on `window.__preview` while the address ends in `#debug=preview`. */
export interface PreviewStats {
  frames: number;
  /** Frames that the camera took and the window never saw, by gaps in the sequence. */
  drops: number;
  undecodable: number;
  /** Exposure to drawn, of the latest frames. */
  latenciesMs: number[];
}

declare global {
  interface Window {
    __preview?: PreviewStats;
  }
}

const stats: PreviewStats = { frames: 0, drops: 0, undecodable: 0, latenciesMs: [] };

function count(sequence: number, previous: number | null, exposedAtMs: number) {
  if (!location.hash.includes("debug=preview")) return;
  window.__preview ??= stats;
  stats.frames += 1;
  if (previous !== null && sequence > previous + 1) stats.drops += sequence - previous - 1;
  stats.latenciesMs.push(performance.timeOrigin + performance.now() - exposedAtMs);
  if (stats.latenciesMs.length > KEPT_LATENCIES) stats.latenciesMs.shift();
}

/**
 * Shows a decoded picture to `use` and lets go of it. Not by `createImageBitmap`: WebKitGTK keeps some bytes of every blob
 * that was decoded so, hundreds of megabytes in a shift.
 */
async function decoded<T>(jpeg: Blob, use: (picture: HTMLImageElement) => T): Promise<T> {
  const url = URL.createObjectURL(jpeg);
  try {
    const picture = new Image();
    picture.src = url;
    await picture.decode();
    return use(picture);
  } finally {
    URL.revokeObjectURL(url);
  }
}

/** Plays the frames of `url` into the sink until the returned function is called. */
export function openPreviewSocket(url: string, sink: PreviewSink): () => void {
  let closed = false;
  let socket: WebSocket | null = null;
  let timer: ReturnType<typeof setTimeout> | undefined;
  let waitMs = FIRST_WAIT_MS;

  function connect() {
    sink.state("connecting");
    let previous: number | null = null;
    const opened = new WebSocket(url);
    socket = opened;
    opened.binaryType = "arraybuffer";
    opened.onmessage = (message: MessageEvent<ArrayBuffer>) => void show(message.data);
    opened.onclose = () => {
      if (closed || socket !== opened) return;
      sink.state("broken");
      timer = setTimeout(connect, waitMs);
      waitMs = Math.min(waitMs * 2, LONGEST_WAIT_MS);
    };

    async function show(message: ArrayBuffer) {
      if (message.byteLength <= HEADER_BYTES) return;
      const header = new DataView(message, 0, HEADER_BYTES);
      const sequence = Number(header.getBigUint64(0, true));
      const exposedAtMs = header.getFloat64(8, true);
      try {
        const jpeg = new Blob([new Uint8Array(message, HEADER_BYTES)], { type: "image/jpeg" });
        const isShown = await decoded(jpeg, (picture) => {
          if (closed || socket !== opened) return false;
          sink.draw({ sequence, exposedAtMs, picture, widthPx: picture.naturalWidth, heightPx: picture.naturalHeight });
          return true;
        });
        if (!isShown) return;
        count(sequence, previous, exposedAtMs);
        previous = sequence;
        waitMs = FIRST_WAIT_MS;
        sink.state("playing");
      } catch {
        stats.undecodable += 1;
      }
      if (opened.readyState === WebSocket.OPEN) opened.send(String(sequence));
    }
  }

  connect();
  return () => {
    closed = true;
    clearTimeout(timer);
    socket?.close();
  };
}
