import type { Camera } from "./camera.ts";
import { fade, palette } from "./palette.ts";
import { sequence } from "./sprites.ts";
import type { Vec } from "./tables.ts";

const gridStep = 4;
/** How much larger than the view the sky is, for its slow drift. */
const skyMargin = 1.12;

/** Sky, grid and the border of the map, which beats once a second with the server's tick. */
export class Backdrop {
  private sky: HTMLCanvasElement | undefined;
  private dust: HTMLCanvasElement | undefined;

  draw(g: CanvasRenderingContext2D, camera: Camera, size: Vec, beat: number): void {
    this.prepare(camera);
    this.drawSky(g, camera, size);
    camera.apply(g);
    this.drawOutside(g, camera, size);
    this.drawGrid(g, camera, size);
    this.drawBorder(g, size, beat);
  }

  private prepare(camera: Camera): void {
    const width = Math.ceil(camera.width * skyMargin);
    const height = Math.ceil(camera.height * skyMargin);
    if (this.sky?.width === width && this.sky.height === height) return;
    this.sky = paintSky(width, height);
    this.dust = this.dust ?? paintDust(512);
  }

  private drawSky(g: CanvasRenderingContext2D, camera: Camera, size: Vec): void {
    g.setTransform(1, 0, 0, 1, 0, 0);
    if (this.sky) {
      const partX = Math.min(1, Math.max(0, camera.x / Math.max(1, size.x)));
      const partY = Math.min(1, Math.max(0, camera.y / Math.max(1, size.y)));
      g.drawImage(
        this.sky,
        Math.round((camera.width - this.sky.width) * partX),
        Math.round((camera.height - this.sky.height) * partY),
      );
    }
    if (!this.dust) return;
    const tile = this.dust.width;
    const offsetX = -((((camera.x * camera.scale * 0.35) % tile) + tile) % tile);
    const offsetY = -((((camera.y * camera.scale * 0.35) % tile) + tile) % tile);
    for (let y = offsetY; y < camera.height; y += tile) {
      for (let x = offsetX; x < camera.width; x += tile) g.drawImage(this.dust, Math.round(x), Math.round(y));
    }
  }

  /** Dims what is not part of the map. */
  private drawOutside(g: CanvasRenderingContext2D, camera: Camera, size: Vec): void {
    const left = camera.worldX(0) - 1;
    const top = camera.worldY(0) - 1;
    const right = camera.worldX(camera.width) + 1;
    const bottom = camera.worldY(camera.height) + 1;
    g.fillStyle = "rgba(2, 4, 9, 0.6)";
    if (left < 0) g.fillRect(left, top, -left, bottom - top);
    if (right > size.x) g.fillRect(size.x, top, right - size.x, bottom - top);
    const from = Math.max(0, left);
    const width = Math.min(size.x, right) - from;
    if (top < 0) g.fillRect(from, top, width, -top);
    if (bottom > size.y) g.fillRect(from, size.y, width, bottom - size.y);
  }

  private drawGrid(g: CanvasRenderingContext2D, camera: Camera, size: Vec): void {
    const left = Math.max(0, Math.floor(camera.worldX(0) / gridStep) * gridStep);
    const top = Math.max(0, Math.floor(camera.worldY(0) / gridStep) * gridStep);
    const right = Math.min(size.x, camera.worldX(camera.width) + 1);
    const bottom = Math.min(size.y, camera.worldY(camera.height) + 1);
    g.lineWidth = 1 / camera.scale;
    g.strokeStyle = "rgba(95, 140, 208, 0.13)";
    g.beginPath();
    for (let x = left; x <= right; x += gridStep) {
      g.moveTo(x, top);
      g.lineTo(x, bottom);
    }
    for (let y = top; y <= bottom; y += gridStep) {
      g.moveTo(left, y);
      g.lineTo(right, y);
    }
    g.stroke();
  }

  private drawBorder(g: CanvasRenderingContext2D, size: Vec, beat: number): void {
    const pulse = Math.exp(-beat * 4);
    g.lineJoin = "round";
    g.strokeStyle = fade(palette.cold, 0.1 + 0.16 * pulse);
    g.lineWidth = 0.55;
    g.strokeRect(-0.28, -0.28, size.x + 0.56, size.y + 0.56);
    g.strokeStyle = fade(palette.cold, 0.5 + 0.5 * pulse);
    g.lineWidth = 0.07;
    g.strokeRect(0, 0, size.x, size.y);
  }
}

function paintSky(width: number, height: number): HTMLCanvasElement {
  const canvas = document.createElement("canvas");
  canvas.width = width;
  canvas.height = height;
  const g = canvas.getContext("2d", { alpha: false });
  if (!g) return canvas;
  const deep = g.createLinearGradient(0, 0, width * 0.6, height);
  deep.addColorStop(0, "#070d1c");
  deep.addColorStop(0.5, "#060a17");
  deep.addColorStop(1, "#090914");
  g.fillStyle = deep;
  g.fillRect(0, 0, width, height);
  const reach = Math.max(width, height);
  for (const [x, y, radius, color, alpha] of [
    [0.72, 0.3, 0.5, "#1d4f8f", 0.34],
    [0.25, 0.8, 0.45, "#3a2a78", 0.26],
    [0.92, 0.85, 0.35, "#7a3a1e", 0.2],
    [0.45, 0.1, 0.3, "#0f5a73", 0.22],
  ] as const) {
    const cloud = g.createRadialGradient(x * width, y * height, 0, x * width, y * height, radius * reach);
    cloud.addColorStop(0, fade(color, alpha));
    cloud.addColorStop(1, fade(color, 0));
    g.fillStyle = cloud;
    g.fillRect(0, 0, width, height);
  }
  paintStars(g, width, height, Math.round((width * height) / 5200), 0.55);
  return canvas;
}

function paintDust(tile: number): HTMLCanvasElement {
  const canvas = document.createElement("canvas");
  canvas.width = tile;
  canvas.height = tile;
  const g = canvas.getContext("2d");
  if (g) paintStars(g, tile, tile, 34, 0.9);
  return canvas;
}

function paintStars(
  g: CanvasRenderingContext2D,
  width: number,
  height: number,
  count: number,
  brightness: number,
): void {
  const random = sequence(count);
  for (let i = 0; i < count; i++) {
    const light = random() ** 3;
    const tint = random();
    g.fillStyle =
      tint > 0.9
        ? fade(palette.warm, brightness * (0.3 + light * 0.7))
        : fade(tint > 0.6 ? palette.cold : palette.text, brightness * (0.2 + light * 0.8));
    const size = light > 0.7 ? 2 : 1;
    g.fillRect(Math.floor(random() * width), Math.floor(random() * height), size, size);
  }
}
