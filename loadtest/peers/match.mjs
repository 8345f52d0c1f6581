// One match of workload W1 for every peer: the rules, speeds and value steps of
// loadtest/workload/workload.go, in plain numbers.

const EDGE = 32; // metres: the field goes from -EDGE to EDGE
const SPEED = 6; // metres a second
const FULL_HP = 100;
const HIT = 7;

export const TURN = 65536;
export const STEPS = 64; // positions are sent in 1/64 m

export class Player {
  x = (Math.random() * 2 - 1) * EDGE;
  y = (Math.random() * 2 - 1) * EDGE;
  angle = 0;
  hp = FULL_HP;
  score = 0;
  dir = 0;
  vx = 0;
  vy = 0;
  ack = 0;

  constructor(step) {
    this.step = step;
    this.steer(1 + Math.floor(Math.random() * 256));
  }

  steer(dir) {
    this.dir = dir;
    const a = (dir / 256) * 2 * Math.PI;
    this.vx = Math.cos(a) * this.step;
    this.vy = Math.sin(a) * this.step;
  }

  /** Applies an input message: number, direction and aim, little endian. */
  input(bytes) {
    this.ack = bytes[0];
    const dir = bytes[1] | (bytes[2] << 8);
    if (dir !== 0 && dir <= 256 && dir !== this.dir) this.steer(dir);
    this.angle = bytes[3] | (bytes[4] << 8);
  }

  move() {
    this.x += this.vx;
    this.y += this.vy;
    if (Math.abs(this.x) > EDGE) {
      this.x = Math.sign(this.x) * EDGE;
      this.vx = -this.vx;
    }
    if (Math.abs(this.y) > EDGE) {
      this.y = Math.sign(this.y) * EDGE;
      this.vy = -this.vy;
    }
  }
}

export class Match {
  players = [];
  tick = 0;

  constructor(rate) {
    this.rate = rate;
  }

  join() {
    const player = new Player(SPEED / this.rate);
    this.players.push(player);
    return player;
  }

  leave(player) {
    const at = this.players.indexOf(player);
    if (at >= 0) this.players.splice(at, 1);
  }

  step() {
    this.tick++;
    for (const p of this.players) p.move();
    if (this.tick % this.rate === 0 && this.players.length > 0) {
      const p = this.players[Math.floor(Math.random() * this.players.length)];
      p.score++;
      p.hp -= HIT;
      if (p.hp <= 0) p.hp = FULL_HP;
    }
  }
}

/**
 * Calls f `rate` times a second on absolute deadlines, starting at a random moment of
 * the period. Returns a function that stops the calls.
 */
export function every(rate, f) {
  const period = 1000 / rate;
  let due = performance.now() + Math.random() * period;
  let timer;
  const turn = () => {
    f();
    due += period;
    const now = performance.now();
    if (now - due > 2 * period) due = now;
    timer = setTimeout(turn, Math.max(0, due - now));
  };
  timer = setTimeout(turn, due - performance.now());
  return () => clearTimeout(timer);
}
