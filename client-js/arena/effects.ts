import type { Camera } from "./camera.ts";
import { fade } from "./palette.ts";
import type { SpriteCache } from "./sprites.ts";

const capacity = 700;

interface Beam {
  x0: number;
  y0: number;
  x1: number;
  y1: number;
  color: string;
  age: number;
}

interface Ring {
  x: number;
  y: number;
  radius: number;
  color: string;
  age: number;
  life: number;
}

/** Everything that is only to be seen: sparks, smoke, rings, beams. Times in seconds, distances in world units. */
export class Effects {
  private readonly x = new Float32Array(capacity);
  private readonly y = new Float32Array(capacity);
  private readonly vx = new Float32Array(capacity);
  private readonly vy = new Float32Array(capacity);
  private readonly age = new Float32Array(capacity).fill(1);
  private readonly life = new Float32Array(capacity).fill(1);
  private readonly size = new Float32Array(capacity);
  private readonly color = new Array<string>(capacity).fill("");
  private readonly beams: Beam[] = [];
  private readonly rings: Ring[] = [];
  private next = 0;

  clear(): void {
    this.age.fill(1);
    this.life.fill(1);
    this.beams.length = 0;
    this.rings.length = 0;
  }

  /** One soft light; the oldest gives way when there are too many. */
  puff(x: number, y: number, vx: number, vy: number, size: number, life: number, color: string): void {
    const i = this.next;
    this.next = (i + 1) % capacity;
    this.x[i] = x;
    this.y[i] = y;
    this.vx[i] = vx;
    this.vy[i] = vy;
    this.age[i] = 0;
    this.life[i] = life;
    this.size[i] = size;
    this.color[i] = color;
  }

  sparks(x: number, y: number, count: number, speed: number, color: string): void {
    for (let i = 0; i < count; i++) {
      const turn = Math.random() * Math.PI * 2;
      const pace = speed * (0.3 + Math.random() * 0.9);
      this.puff(
        x,
        y,
        Math.cos(turn) * pace,
        Math.sin(turn) * pace,
        0.16 + Math.random() * 0.16,
        0.2 + Math.random() * 0.3,
        color,
      );
    }
  }

  ring(x: number, y: number, radius: number, life: number, color: string): void {
    if (this.rings.length > 40) this.rings.shift();
    this.rings.push({ x, y, radius, color, age: 0, life });
  }

  beam(x0: number, y0: number, x1: number, y1: number, color: string): void {
    if (this.beams.length > 24) this.beams.shift();
    this.beams.push({ x0, y0, x1, y1, color, age: 0 });
  }

  explosion(x: number, y: number, color: string): void {
    this.puff(x, y, 0, 0, 4.6, 0.28, "#ffffff");
    this.puff(x, y, 0, 0, 5.4, 0.6, color);
    this.sparks(x, y, 26, 9, color);
    this.sparks(x, y, 10, 5, "#fff1d6");
    this.ring(x, y, 3.4, 0.5, color);
    for (let i = 0; i < 9; i++) {
      const turn = Math.random() * Math.PI * 2;
      this.puff(
        x,
        y,
        Math.cos(turn) * 2.2,
        Math.sin(turn) * 2.2,
        1.3 + Math.random(),
        0.5 + Math.random() * 0.5,
        "#ff7a3c",
      );
    }
  }

  update(seconds: number): void {
    const drag = Math.exp(-seconds * 2.4);
    for (let i = 0; i < capacity; i++) {
      if (this.age[i]! >= this.life[i]!) continue;
      this.age[i]! += seconds;
      this.x[i]! += this.vx[i]! * seconds;
      this.y[i]! += this.vy[i]! * seconds;
      this.vx[i]! *= drag;
      this.vy[i]! *= drag;
    }
    expire(this.beams, seconds, () => 0.42);
    expire(this.rings, seconds, (ring) => ring.life);
  }

  /** Draws with additive light; the camera's transform must be set. */
  draw(g: CanvasRenderingContext2D, camera: Camera, sprites: SpriteCache): void {
    g.globalCompositeOperation = "lighter";
    for (let i = 0; i < capacity; i++) {
      const left = 1 - this.age[i]! / this.life[i]!;
      if (left <= 0) continue;
      const x = this.x[i]!;
      const y = this.y[i]!;
      const size = this.size[i]! * (0.5 + left * 0.5);
      if (!camera.sees(x, y, size)) continue;
      g.globalAlpha = left;
      g.drawImage(sprites.glow(this.color[i]!), x - size / 2, y - size / 2, size, size);
    }
    g.globalAlpha = 1;
    this.drawRings(g);
    this.drawBeams(g);
    g.globalCompositeOperation = "source-over";
  }

  private drawRings(g: CanvasRenderingContext2D): void {
    for (const ring of this.rings) {
      const part = ring.age / ring.life;
      g.strokeStyle = fade(ring.color, (1 - part) * 0.75);
      g.lineWidth = 0.03 + 0.13 * (1 - part);
      g.beginPath();
      g.arc(ring.x, ring.y, ring.radius * (1 - (1 - part) ** 3), 0, Math.PI * 2);
      g.stroke();
    }
  }

  private drawBeams(g: CanvasRenderingContext2D): void {
    g.lineCap = "round";
    for (const beam of this.beams) {
      const left = 1 - beam.age / 0.42;
      g.beginPath();
      g.moveTo(beam.x0, beam.y0);
      g.lineTo(beam.x1, beam.y1);
      g.strokeStyle = fade(beam.color, left * 0.22);
      g.lineWidth = 0.75 * left + 0.1;
      g.stroke();
      g.strokeStyle = fade(beam.color, left * 0.75);
      g.lineWidth = 0.26 * left;
      g.stroke();
      g.strokeStyle = `rgba(255, 255, 255, ${left})`;
      g.lineWidth = 0.1 * left;
      g.stroke();
    }
  }
}

function expire<T extends { age: number }>(list: T[], seconds: number, life: (item: T) => number): void {
  for (let i = list.length - 1; i >= 0; i--) {
    const item = list[i]!;
    item.age += seconds;
    if (item.age >= life(item)) list.splice(i, 1);
  }
}
