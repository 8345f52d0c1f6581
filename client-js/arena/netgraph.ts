import type { Match } from "../src/index.ts";
import { fade, palette } from "./palette.ts";

const samples = 130;
const sampleMs = 66;

interface Plot {
  label: string;
  color: string;
  /** Value at the top of the plot, at least. */
  least: number;
  signed?: boolean;
  read: (match: Match) => number;
  text: (value: number) => string;
}

const milliseconds = (value: number): string => `${value.toFixed(0)} ms`;

/** What F3 shows: the connection in numbers and small moving plots. */
export class NetGraph {
  private readonly values: Float32Array[];
  private readonly plots: Plot[];
  private at = 0;
  private lastSample = 0;
  private lastBytes = 0;
  private bytesPerSecond = 0;

  constructor(private readonly canvas: HTMLCanvasElement) {
    this.plots = [
      { label: "rtt", color: palette.cold, least: 60, read: (match) => match.stats.rttMs, text: milliseconds },
      { label: "jitter", color: palette.cold, least: 20, read: (match) => match.stats.jitterMs, text: milliseconds },
      {
        label: "interpolation",
        color: palette.shield,
        least: 100,
        read: (match) => match.stats.interpolationDelayMs,
        text: milliseconds,
      },
      {
        label: "slack",
        color: palette.repair,
        least: 4,
        signed: true,
        read: (match) => match.stats.slack,
        text: (value) => `${value.toFixed(1)} ticks`,
      },
      {
        label: "prediction error",
        color: palette.warm,
        least: 0.5,
        read: (match) => match.stats.predictionError,
        text: (value) => `${value.toFixed(3)} m`,
      },
      {
        label: "in",
        color: palette.text,
        least: 4096,
        read: () => this.bytesPerSecond,
        text: (value) => `${(value / 1024).toFixed(1)} KiB/s`,
      },
    ];
    this.values = this.plots.map(() => new Float32Array(samples));
  }

  get shown(): boolean {
    return !this.canvas.hidden;
  }

  toggle(): void {
    this.canvas.hidden = !this.canvas.hidden;
  }

  /** Takes a sample when one is due, and draws it. */
  update(match: Match, now: number): void {
    const elapsed = now - this.lastSample;
    if (elapsed < sampleMs) return;
    this.lastSample = now;
    const bytes = Math.max(0, match.stats.bytesIn - this.lastBytes);
    this.lastBytes = match.stats.bytesIn;
    if (elapsed < 1000) this.bytesPerSecond += ((bytes / elapsed) * 1000 - this.bytesPerSecond) * 0.1;
    this.at = (this.at + 1) % samples;
    this.plots.forEach((plot, i) => (this.values[i]![this.at] = plot.read(match)));
    if (this.shown) this.draw(match);
  }

  private draw(match: Match): void {
    const g = this.sized();
    if (!g) return;
    const { stats } = match;
    g.fillStyle = "rgba(7, 12, 24, 0.88)";
    g.fillRect(0, 0, 276, 232);
    g.textBaseline = "alphabetic";
    g.font = "600 12px system-ui, sans-serif";
    g.fillStyle = palette.text;
    const clock = stats.clockPercent < 100 ? `  clock ${stats.clockPercent} %` : "";
    g.fillText(`tick ${stats.serverTick}  input +${stats.inputTick - stats.serverTick}${clock}`, 10, 19);
    this.plots.forEach((plot, i) => this.drawPlot(g, plot, this.values[i]!, 28 + i * 30));
    g.fillStyle = palette.muted;
    g.font = "12px system-ui, sans-serif";
    const predicted = stats.predicting ? "predicting" : "interpolating";
    g.fillText(`${predicted}, ${stats.hashesChecked} hashes right, ${stats.resyncs} resyncs`, 10, 223);
  }

  private drawPlot(g: CanvasRenderingContext2D, plot: Plot, values: Float32Array, y: number): void {
    const height = 24;
    const left = 136;
    const top = Math.max(plot.least, ...values);
    const bottom = plot.signed ? -top : 0;
    g.font = "12px system-ui, sans-serif";
    g.fillStyle = palette.muted;
    g.fillText(plot.label, 10, y + 11);
    g.fillStyle = palette.text;
    g.fillText(plot.text(values[this.at]!), 10, y + 24);
    g.fillStyle = "rgba(120, 150, 200, 0.1)";
    g.fillRect(left, y, samples, height);
    g.strokeStyle = fade(plot.color, 0.95);
    g.lineWidth = 1.25;
    g.beginPath();
    for (let i = 0; i < samples; i++) {
      const value = values[(this.at + 1 + i) % samples]!;
      g.lineTo(left + i, y + height - ((value - bottom) / (top - bottom)) * height);
    }
    g.stroke();
  }

  /** The context in CSS pixels, at the screen's resolution. */
  private sized(): CanvasRenderingContext2D | null {
    const ratio = Math.min(2, devicePixelRatio || 1);
    if (this.canvas.width !== 276 * ratio) {
      this.canvas.width = 276 * ratio;
      this.canvas.height = 232 * ratio;
    }
    const g = this.canvas.getContext("2d");
    g?.setTransform(ratio, 0, 0, ratio, 0, 0);
    g?.clearRect(0, 0, 276, 232);
    return g;
  }
}
