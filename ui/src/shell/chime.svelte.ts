// The sound of a failed part: two falling tones, unlike any other sound of the station.

const KEPT_AS = "wiko.sound";

export class Chime {
  on = $state(localStorage.getItem(KEPT_AS) !== "off");
  #audio: AudioContext | null = null;

  toggle() {
    this.on = !this.on;
    localStorage.setItem(KEPT_AS, this.on ? "on" : "off");
  }

  fail() {
    if (!this.on || typeof AudioContext === "undefined") return;
    try {
      this.#audio ??= new AudioContext();
      this.#tone(880, 0);
      this.#tone(523, 0.18);
    } catch {
      // A station without a sound device; the banner says it all.
    }
  }

  #tone(hertz: number, afterSeconds: number) {
    const audio = this.#audio;
    if (!audio) return;
    const from = audio.currentTime + afterSeconds;
    const tone = audio.createOscillator();
    const loudness = audio.createGain();
    tone.type = "square";
    tone.frequency.value = hertz;
    loudness.gain.setValueAtTime(0.12, from);
    loudness.gain.exponentialRampToValueAtTime(0.001, from + 0.17);
    tone.connect(loudness).connect(audio.destination);
    tone.start(from);
    tone.stop(from + 0.18);
  }
}
