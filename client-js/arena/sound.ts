import { browserStore } from "./storage.ts";

const storeKey = "tactus.sound";

/** Small synthesised sounds. Browsers start audio only after a gesture: call unlock() from one. */
export class Sound {
  private context: AudioContext | undefined;
  private output: GainNode | undefined;
  private noise: AudioBuffer | undefined;
  private readonly lastPlayed = new Map<string, number>();
  private on = browserStore.getItem(storeKey) !== "off";

  get enabled(): boolean {
    return this.on;
  }

  toggle(): boolean {
    this.on = !this.on;
    browserStore.setItem(storeKey, this.on ? "on" : "off");
    if (this.on) this.unlock();
    return this.on;
  }

  unlock(): void {
    if (!this.on) return;
    if (!this.context) this.build();
    if (this.context?.state === "suspended") void this.context.resume();
  }

  shot(loudness: number): void {
    this.tone("shot", 40, { type: "square", from: 620, to: 190, seconds: 0.09, gain: 0.05 * loudness });
  }

  rail(loudness: number): void {
    this.tone("rail", 60, { type: "sawtooth", from: 1500, to: 70, seconds: 0.34, gain: 0.13 * loudness });
    this.rush("rail-air", 60, { seconds: 0.25, gain: 0.1 * loudness, from: 5200, to: 700 });
  }

  hit(loudness: number): void {
    this.rush("hit", 45, { seconds: 0.08, gain: 0.14 * loudness, from: 2600, to: 900 });
  }

  /** The own shot landed. */
  confirm(): void {
    this.tone("confirm", 45, { type: "triangle", from: 1180, to: 1320, seconds: 0.06, gain: 0.12 });
  }

  explosion(loudness: number): void {
    this.rush("explosion", 70, { seconds: 0.7, gain: 0.4 * loudness, from: 1500, to: 60 });
    this.tone("explosion-body", 70, { type: "sine", from: 120, to: 36, seconds: 0.5, gain: 0.3 * loudness });
  }

  dash(loudness: number): void {
    this.rush("dash", 60, { seconds: 0.22, gain: 0.12 * loudness, from: 500, to: 3200 });
  }

  pickup(loudness: number): void {
    this.tone("pickup", 60, { type: "sine", from: 660, to: 660, seconds: 0.09, gain: 0.12 * loudness });
    this.tone("pickup-second", 60, {
      type: "sine",
      from: 990,
      to: 990,
      seconds: 0.16,
      gain: 0.12 * loudness,
      after: 0.08,
    });
  }

  /** The beat of a countdown; the last one is higher. */
  beat(last: boolean): void {
    const pitch = last ? 1320 : 880;
    this.tone("beat", 100, { type: "triangle", from: pitch, to: pitch, seconds: 0.07, gain: 0.16 });
  }

  /** A match was found, and waits for the player. */
  found(): void {
    for (const [i, pitch] of [523, 659, 784].entries()) {
      this.tone(`found-${i}`, 500, {
        type: "triangle",
        from: pitch,
        to: pitch,
        seconds: 0.28,
        gain: 0.2,
        after: i * 0.13,
      });
    }
  }

  private build(): void {
    this.context = new AudioContext();
    this.output = this.context.createGain();
    this.output.gain.value = 0.7;
    const limiter = this.context.createDynamicsCompressor();
    this.output.connect(limiter).connect(this.context.destination);
    const { sampleRate } = this.context;
    this.noise = this.context.createBuffer(1, sampleRate, sampleRate);
    const samples = this.noise.getChannelData(0);
    for (let i = 0; i < samples.length; i++) samples[i] = Math.random() * 2 - 1;
  }

  /** Whether a sound may start now: the same one not more often than each gapMs, and never while off. */
  private ready(name: string, gapMs: number): boolean {
    if (!this.on || this.context?.state !== "running") return false;
    const now = performance.now();
    if (now - (this.lastPlayed.get(name) ?? -Infinity) < gapMs) return false;
    this.lastPlayed.set(name, now);
    return true;
  }

  private tone(
    name: string,
    gapMs: number,
    t: { type: OscillatorType; from: number; to: number; seconds: number; gain: number; after?: number },
  ): void {
    if (t.gain < 0.004 || !this.ready(name, gapMs)) return;
    const context = this.context!;
    const start = context.currentTime + (t.after ?? 0);
    const source = context.createOscillator();
    source.type = t.type;
    source.frequency.setValueAtTime(t.from, start);
    source.frequency.exponentialRampToValueAtTime(t.to, start + t.seconds);
    source.connect(this.envelope(start, t.seconds, t.gain)).connect(this.output!);
    source.start(start);
    source.stop(start + t.seconds);
  }

  private rush(name: string, gapMs: number, t: { seconds: number; gain: number; from: number; to: number }): void {
    if (t.gain < 0.004 || !this.ready(name, gapMs)) return;
    const context = this.context!;
    const start = context.currentTime;
    const source = context.createBufferSource();
    source.buffer = this.noise!;
    const filter = context.createBiquadFilter();
    filter.type = "lowpass";
    filter.frequency.setValueAtTime(t.from, start);
    filter.frequency.exponentialRampToValueAtTime(t.to, start + t.seconds);
    source
      .connect(filter)
      .connect(this.envelope(start, t.seconds, t.gain))
      .connect(this.output!);
    source.start(start, Math.random() * 0.3);
    source.stop(start + t.seconds);
  }

  private envelope(start: number, seconds: number, gain: number): GainNode {
    const node = this.context!.createGain();
    node.gain.setValueAtTime(gain, start);
    node.gain.exponentialRampToValueAtTime(0.0005, start + seconds);
    return node;
  }
}
