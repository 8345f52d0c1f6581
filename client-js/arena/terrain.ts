import type { Match } from "../src/index.ts";
import type { Camera } from "./camera.ts";
import { fade, palette } from "./palette.ts";
import type { Sprite, SpriteCache } from "./sprites.ts";
import { kinds, rockAt, tables } from "./tables.ts";
import type { PickupRow, RockRow, WallRow } from "./tables.ts";

const pickupLooks: Record<number, { color: string; path: string }> = {
  [kinds.repair]: { color: palette.repair, path: "M-1 -3H1V-1H3V1H1V3H-1V1H-3V-1H-1Z" },
  [kinds.shield]: { color: palette.shield, path: "M0 -3.4 3 -2.2V.4C3 2 1.6 3 0 3.6 -1.6 3 -3 2 -3 .4V-2.2Z" },
  [kinds.rapid]: { color: palette.warm, path: "M.8 -3.6 -2.8 .6H-.4L-.8 3.6 2.8 -.6H.4Z" },
};

/** Walls, rocks and pickups. The camera's transform must be set. */
export function drawTerrain(g: CanvasRenderingContext2D, camera: Camera, sprites: SpriteCache, match: Match): void {
  for (const wall of match.entities<WallRow>(tables.wall)) drawWall(g, camera, sprites, wall);
  for (const pickup of match.entities<PickupRow>(tables.pickup))
    drawPickup(g, camera, sprites, pickup, match.renderTick, match.tickRate);
  for (const rock of match.entities<RockRow>(tables.rock)) {
    const { x, y } = rockAt(rock, match.predictedTick);
    if (!camera.sees(x, y, rock.radius * 1.3)) continue;
    const half = rock.radius * 1.25;
    g.save();
    g.translate(x, y);
    g.rotate(match.predictedTick * 0.006 * (rock.spin < 0 ? -1 : 1) + rock.id);
    g.drawImage(sprites.rock(rock.radius, rock.index), -half, -half, half * 2, half * 2);
    g.restore();
  }
}

const rim = 0.6;

function drawWall(g: CanvasRenderingContext2D, camera: Camera, sprites: SpriteCache, wall: WallRow): void {
  const halfX = wall.radius > 0 ? wall.radius : wall.half.x;
  const halfY = wall.radius > 0 ? wall.radius : wall.half.y;
  const { x, y } = wall.center;
  if (!camera.sees(x, y, Math.max(halfX, halfY) + rim)) return;
  const sprite = wallSprite(sprites, halfX, halfY, wall.radius > 0);
  g.drawImage(sprite, x - halfX - rim, y - halfY - rim, (halfX + rim) * 2, (halfY + rim) * 2);
}

function wallSprite(sprites: SpriteCache, halfX: number, halfY: number, round: boolean): Sprite {
  const u = sprites.pixelsPerUnit;
  const key = `wall ${halfX.toFixed(2)} ${halfY.toFixed(2)} ${round}`;
  return sprites.get(key, (halfX + rim) * 2 * u, (halfY + rim) * 2 * u, (g) => {
    g.scale(u, u);
    const shape = new Path2D();
    if (round) shape.arc(0, 0, halfX, 0, Math.PI * 2);
    else shape.roundRect(-halfX, -halfY, halfX * 2, halfY * 2, 0.18);
    g.shadowColor = "rgba(60, 130, 220, 0.75)";
    g.shadowBlur = 0.4 * u;
    g.fillStyle = palette.panel;
    g.fill(shape);
    g.shadowBlur = 0;
    hatch(g, shape, halfX, halfY);
    const edge = g.createLinearGradient(-halfX, -halfY, halfX, halfY);
    edge.addColorStop(0, "#8fb9f2");
    edge.addColorStop(0.5, palette.edge);
    edge.addColorStop(1, "#27406b");
    g.strokeStyle = edge;
    g.lineWidth = 0.09;
    g.stroke(shape);
  });
}

function hatch(g: CanvasRenderingContext2D, shape: Path2D, halfX: number, halfY: number): void {
  g.save();
  g.clip(shape);
  const metal = g.createLinearGradient(-halfX, -halfY, halfX * 0.4, halfY);
  metal.addColorStop(0, "#22375f");
  metal.addColorStop(1, "#0e182d");
  g.fillStyle = metal;
  g.fillRect(-halfX, -halfY, halfX * 2, halfY * 2);
  g.strokeStyle = "rgba(120, 165, 230, 0.1)";
  g.lineWidth = 0.14;
  g.beginPath();
  const reach = halfX + halfY;
  for (let d = -reach; d < reach; d += 0.55) {
    g.moveTo(d - halfY, halfY);
    g.lineTo(d + halfY, -halfY);
  }
  g.stroke();
  g.restore();
}

function drawPickup(
  g: CanvasRenderingContext2D,
  camera: Camera,
  sprites: SpriteCache,
  pickup: PickupRow,
  tick: number,
  rate: number,
): void {
  const { x, y } = pickup.pos;
  if (!camera.sees(x, y, 1.5)) return;
  const look = pickupLooks[pickup.kind];
  if (!look) return;
  const ready = tick >= pickup.readyAt;
  const size = ready ? 1.5 + Math.sin((tick / rate) * Math.PI) * 0.07 : 1.3;
  g.globalAlpha = ready ? 1 : 0.22;
  if (ready) {
    g.globalCompositeOperation = "lighter";
    g.drawImage(sprites.glow(look.color), x - 1.5, y - 1.5, 3, 3);
    g.globalCompositeOperation = "source-over";
  }
  g.drawImage(pickupSprite(sprites, pickup.kind, look), x - size / 2, y - size / 2, size, size);
  g.globalAlpha = 1;
}

function pickupSprite(sprites: SpriteCache, kind: number, look: { color: string; path: string }): Sprite {
  const u = sprites.pixelsPerUnit;
  return sprites.get(`pickup ${kind}`, u * 1.5, u * 1.5, (g) => {
    g.scale(u * 0.1, u * 0.1);
    g.beginPath();
    for (let i = 0; i < 6; i++) g.lineTo(Math.cos((i * Math.PI) / 3) * 6.6, Math.sin((i * Math.PI) / 3) * 6.6);
    g.closePath();
    g.fillStyle = "rgba(7, 13, 27, 0.85)";
    g.fill();
    g.strokeStyle = fade(look.color, 0.95);
    g.lineWidth = 0.75;
    g.stroke();
    g.fillStyle = look.color;
    g.fill(new Path2D(look.path));
  });
}
