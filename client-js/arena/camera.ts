/** Where the picture looks, in world units and pixels. */
export class Camera {
  x = 0;
  y = 0;
  /** Device pixels per world unit. */
  scale = 32;
  width = 1;
  height = 1;
  private shake = 0;
  private shakeX = 0;
  private shakeY = 0;

  constructor(private readonly calm: () => boolean) {}

  /** width and height in device pixels. The visible area is about the same on every screen, so that no shape of window sees more. */
  resize(width: number, height: number, area: number): void {
    this.width = width;
    this.height = height;
    this.scale = Math.sqrt((width * height) / area);
  }

  /** Moves towards a target; the time constant is tau seconds, 0 jumps. */
  follow(x: number, y: number, seconds: number, tau: number): void {
    const part = tau <= 0 ? 1 : 1 - Math.exp(-seconds / tau);
    this.x += (x - this.x) * part;
    this.y += (y - this.y) * part;
  }

  /** Adds a shock of 0 to 1; players with reduced motion get none. */
  bump(amount: number): void {
    if (!this.calm()) this.shake = Math.min(1, this.shake + amount);
  }

  update(seconds: number, now: number): void {
    this.shake = Math.max(0, this.shake - seconds * 2.2);
    const reach = this.shake * this.shake * 0.34;
    this.shakeX = Math.sin(now * 0.061) * reach;
    this.shakeY = Math.cos(now * 0.083) * reach;
  }

  /** Sets the context so that world units can be drawn. */
  apply(g: CanvasRenderingContext2D): void {
    g.setTransform(this.scale, 0, 0, this.scale, this.screenX(0), this.screenY(0));
  }

  screenX(x: number): number {
    return (x - this.x + this.shakeX) * this.scale + this.width / 2;
  }

  screenY(y: number): number {
    return (y - this.y + this.shakeY) * this.scale + this.height / 2;
  }

  worldX(px: number): number {
    return (px - this.width / 2) / this.scale + this.x;
  }

  worldY(px: number): number {
    return (px - this.height / 2) / this.scale + this.y;
  }

  /** Whether something of this radius around a point can be in the picture. */
  sees(x: number, y: number, radius: number): boolean {
    const halfWidth = this.width / this.scale / 2 + radius + 0.5;
    const halfHeight = this.height / this.scale / 2 + radius + 0.5;
    return Math.abs(x - this.x) < halfWidth && Math.abs(y - this.y) < halfHeight;
  }
}
