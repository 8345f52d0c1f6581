import { fade, palette } from "./palette.ts";

export type Sprite = HTMLCanvasElement;

/** Draws once, keeps the picture: drawing a picture is far cheaper than paths, gradients and text in every frame. */
export class SpriteCache {
  private readonly sprites = new Map<string, Sprite>();
  /** Names as they fit, by size and text. */
  private readonly names = new Map<string, string>();
  private scale = 1;

  /** Pixels per world unit; a change drops what was drawn for another size. */
  setScale(pixelsPerUnit: number): void {
    if (pixelsPerUnit === this.scale) return;
    this.scale = pixelsPerUnit;
    this.sprites.clear();
  }

  get pixelsPerUnit(): number {
    return this.scale;
  }

  /** A sprite of width x height pixels by its key; draw gets a context with the origin in the middle. */
  get(key: string, width: number, height: number, draw: (g: CanvasRenderingContext2D) => void): Sprite {
    const known = this.sprites.get(key);
    if (known) return known;
    if (this.sprites.size > 600) this.sprites.clear();
    const sprite = document.createElement("canvas");
    sprite.width = Math.max(1, Math.ceil(width));
    sprite.height = Math.max(1, Math.ceil(height));
    const g = sprite.getContext("2d");
    if (g) {
      g.translate(sprite.width / 2, sprite.height / 2);
      draw(g);
    }
    this.sprites.set(key, sprite);
    return sprite;
  }

  /** A soft round light. */
  glow(color: string): Sprite {
    return this.get(`glow ${color}`, 64, 64, (g) => {
      const light = g.createRadialGradient(0, 0, 0, 0, 0, 32);
      light.addColorStop(0, fade(color, 0.9));
      light.addColorStop(0.25, fade(color, 0.42));
      light.addColorStop(0.6, fade(color, 0.1));
      light.addColorStop(1, fade(color, 0));
      g.fillStyle = light;
      g.fillRect(-32, -32, 64, 64);
    });
  }

  /** A ship that points right. team picks the hull, so that sides differ in shape and not in colour alone; edge is the colour of its outline. */
  ship(color: string, team: number, edge: string): Sprite {
    const u = this.scale;
    return this.get(`ship ${color} ${team} ${edge}`, u * 2.6, u * 2.6, (g) => {
      g.scale(u * 0.62, u * 0.62);
      drawHull(g, color, team, edge);
    });
  }

  /** A ship's shape all white, for the moment it is hit. */
  flash(team: number): Sprite {
    const u = this.scale;
    return this.get(`flash ${team}`, u * 2.6, u * 2.6, (g) => {
      g.scale(u * 0.62, u * 0.62);
      g.fillStyle = "#ffffff";
      g.fill(hull(team));
    });
  }

  /** The flame of a drive that points left. */
  flame(color: string): Sprite {
    const u = this.scale;
    return this.get(`flame ${color}`, u * 1.4, u * 0.8, (g) => {
      const light = g.createRadialGradient(u * 0.45, 0, 0, u * 0.45, 0, u * 1.1);
      light.addColorStop(0, "rgba(255, 255, 255, 0.95)");
      light.addColorStop(0.25, fade(color, 0.75));
      light.addColorStop(1, fade(color, 0));
      g.fillStyle = light;
      g.beginPath();
      g.moveTo(u * 0.6, -u * 0.2);
      g.quadraticCurveTo(u * 0.1, -u * 0.26, -u * 0.68, 0);
      g.quadraticCurveTo(u * 0.1, u * 0.26, u * 0.6, u * 0.2);
      g.fill();
    });
  }

  /** A pulse shot that flies right: a bright bolt in its own light, a foe's with a square head. */
  pulse(color: string, foe: boolean): Sprite {
    const u = this.scale;
    return this.get(`pulse ${color} ${foe}`, u * 1.6, u * 0.8, (g) => {
      g.save();
      g.scale(1, 0.48);
      const light = g.createRadialGradient(0, 0, 0, 0, 0, u * 0.78);
      light.addColorStop(0, fade(color, 0.75));
      light.addColorStop(0.45, fade(color, 0.28));
      light.addColorStop(1, fade(color, 0));
      g.fillStyle = light;
      g.fillRect(-u, -u, u * 2, u * 2);
      g.restore();
      g.lineCap = "round";
      for (const [width, style] of [
        [0.2, color],
        [0.1, "#ffffff"],
      ] as const) {
        g.lineWidth = width * u;
        g.strokeStyle = style;
        g.beginPath();
        g.moveTo(-0.24 * u, 0);
        g.lineTo(0.34 * u, 0);
        g.stroke();
      }
      if (!foe) return;
      g.fillStyle = "#ffffff";
      g.fill(diamond(0.3 * u, 0, 0.19 * u));
    });
  }

  /** A rock of a radius in world units; seed gives its outline. */
  rock(radius: number, seed: number): Sprite {
    const size = radius * this.scale;
    const shape = seed % 8;
    return this.get(`rock ${Math.round(size)} ${shape}`, size * 2.5, size * 2.5, (g) => drawRock(g, size, shape));
  }

  /** A player's name in at most so many device pixels; what is longer ends in an ellipsis. */
  name(text: string, color: string, pixels: number, longest: number): Sprite {
    const key = `${pixels} ${text}`;
    let fitting = this.names.get(key);
    if (fitting === undefined) {
      if (this.names.size > 600) this.names.clear();
      const g = measuring();
      g.font = labelFont(pixels, false);
      fitting = shortened(text, (part) => g.measureText(part).width <= longest);
      this.names.set(key, fitting);
    }
    return this.label(fitting, color, pixels);
  }

  /** Text in one line of so many device pixels; bare text has no dark edge. */
  label(text: string, color: string, pixels: number, bare = false): Sprite {
    const font = labelFont(pixels, bare);
    const g = measuring();
    g.font = font;
    const width = g.measureText(text).width + pixels * 0.5;
    return this.get(`label ${text} ${color} ${font}`, width, pixels * 1.5, (sprite) => {
      sprite.font = font;
      sprite.textAlign = "center";
      sprite.textBaseline = "middle";
      sprite.lineJoin = "round";
      sprite.lineWidth = pixels * 0.25;
      sprite.strokeStyle = fade(palette.void, 0.85);
      if (!bare) sprite.strokeText(text, 0, 0);
      sprite.fillStyle = color;
      sprite.fillText(text, 0, 0);
    });
  }
}

function labelFont(pixels: number, bare: boolean): string {
  return `${bare ? 700 : 600} ${pixels.toFixed(1)}px system-ui, -apple-system, "Segoe UI", Roboto, sans-serif`;
}

/** The text, or as much of it as fits with an ellipsis behind it, cut between the characters that a reader sees. */
export function shortened(text: string, fits: (text: string) => boolean): string {
  if (fits(text)) return text;
  const parts = Intl.Segmenter ? [...new Intl.Segmenter().segment(text)].map(({ segment }) => segment) : [...text];
  while (parts.length > 1 && !fits(`${parts.join("")}\u2026`)) parts.pop();
  return `${parts.join("")}\u2026`;
}

/** The outline of a square on its corner: what marks a foe, as a circle marks a friend. */
export function diamond(x: number, y: number, radius: number): Path2D {
  const path = new Path2D();
  path.moveTo(x + radius, y);
  path.lineTo(x, y + radius);
  path.lineTo(x - radius, y);
  path.lineTo(x, y - radius);
  path.closePath();
  return path;
}

let measure: CanvasRenderingContext2D | undefined;

function measuring(): CanvasRenderingContext2D {
  if (measure) return measure;
  const g = document.createElement("canvas").getContext("2d");
  if (!g) throw new Error("this browser has no 2D canvas");
  measure = g;
  return g;
}

/** The outline of a ship in units of 1.6 radii, nose to the right. */
function hull(team: number): Path2D {
  const path = new Path2D();
  const points =
    team === 1
      ? [
          [1.05, 0.16],
          [0.35, 0.5],
          [-0.2, 0.95],
          [-0.75, 0.82],
          [-0.5, 0.3],
          [-0.82, 0],
        ]
      : [
          [1.25, 0],
          [0.3, 0.36],
          [-0.45, 0.98],
          [-0.9, 0.9],
          [-0.55, 0.26],
          [-0.72, 0],
        ];
  for (const [x = 0, y = 0] of points) path.lineTo(x, y);
  for (const [x = 0, y = 0] of points.slice().reverse()) path.lineTo(x, -y);
  path.closePath();
  return path;
}

function drawHull(g: CanvasRenderingContext2D, color: string, team: number, edge: string): void {
  const outline = hull(team);
  g.shadowColor = fade(color, 0.9);
  g.shadowBlur = 14;
  g.lineJoin = "round";
  g.fillStyle = "#0d1830";
  g.fill(outline);
  g.shadowBlur = 0;
  const metal = g.createLinearGradient(-0.9, -0.8, 0.9, 0.8);
  metal.addColorStop(0, fade(color, 0.62));
  metal.addColorStop(0.5, fade(color, 0.28));
  metal.addColorStop(1, fade(color, 0.5));
  g.fillStyle = metal;
  g.fill(outline);
  g.lineWidth = 0.1;
  g.strokeStyle = edge;
  g.stroke(outline);
  g.fillStyle = "#ffffff";
  g.beginPath();
  g.ellipse(0.22, 0, 0.34, 0.13, 0, 0, Math.PI * 2);
  g.fill();
  g.lineWidth = 0.07;
  g.strokeStyle = fade(color, 0.85);
  g.beginPath();
  g.moveTo(-0.05, 0.24);
  g.lineTo(-0.58, 0.72);
  g.moveTo(-0.05, -0.24);
  g.lineTo(-0.58, -0.72);
  g.stroke();
}

function drawRock(g: CanvasRenderingContext2D, size: number, shape: number): void {
  const random = sequence(shape * 7919 + 17);
  const corners = 11;
  const outline = new Path2D();
  for (let i = 0; i < corners; i++) {
    const turn = (i / corners) * Math.PI * 2;
    const reach = size * (0.88 + random() * 0.2);
    outline.lineTo(Math.cos(turn) * reach, Math.sin(turn) * reach);
  }
  outline.closePath();
  const body = g.createRadialGradient(-size * 0.4, -size * 0.45, size * 0.1, 0, 0, size * 1.1);
  body.addColorStop(0, "#5b6b88");
  body.addColorStop(0.55, "#2b3852");
  body.addColorStop(1, "#141d31");
  g.fillStyle = body;
  g.fill(outline);
  g.save();
  g.clip(outline);
  for (let i = 0; i < 5; i++) {
    const x = (random() - 0.5) * size * 1.5;
    const y = (random() - 0.5) * size * 1.5;
    const radius = size * (0.08 + random() * 0.2);
    g.fillStyle = "rgba(8, 13, 26, 0.4)";
    g.beginPath();
    g.arc(x, y, radius, 0, Math.PI * 2);
    g.fill();
    g.strokeStyle = "rgba(160, 184, 224, 0.18)";
    g.lineWidth = 1;
    g.stroke();
  }
  g.restore();
  g.strokeStyle = "rgba(150, 178, 224, 0.55)";
  g.lineWidth = 1.5;
  g.stroke(outline);
}

/** A small repeatable sequence of numbers from 0 to 1, for pictures only. */
export function sequence(seed: number): () => number {
  let state = seed >>> 0 || 1;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 4294967296;
  };
}
