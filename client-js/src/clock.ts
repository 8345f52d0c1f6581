/**
 * The client's two clocks, in continuous ticks of the server: how old the
 * picture of others is (renderTick), and how far ahead the player's own inputs
 * run (predictedTick). Both follow "head", the tick that a snapshot without any
 * delay by jitter would bring just now.
 *
 * Time comes in as milliseconds of one monotonic clock; nothing here reads one.
 */

/** Snapshots that the estimates look back on, about two seconds at 30 Hz. */
const snapshotWindow = 64;

/**
 * The picture's delay is judged by periods of so many milliseconds, and looks
 * back on so many of them: ten seconds.
 */
const periodMs = 250;
const periods = 40;

/** Until then the delay is a guess. */
const firstPeriods = 2;

/**
 * Share of periods in which every frame must find a newer snapshot than the one
 * it shows. A single stall is none of jitter's business: hiding it would make
 * every player late for the next ten seconds.
 */
const percentile = 0.9;

/** Added to the delay that would have been just enough, in ticks. */
const delayMargin = 0.25;

/** What predictedTick may run faster or slower than the server. */
const maxPace = 0.05;

/** What renderTick may run faster or slower than the server. */
const maxRenderPace = 0.15;

/** Aimed at: even the worst input lately came so many ticks before its turn. */
const slackGoal = 1.25;

/** Errors beyond these many seconds are jumped over, since catching up would take longer than a player forgives. */
const jumpSeconds = 0.25;

/** A delay of the picture beyond this would be worse than what it hides, in seconds. */
const maxDelaySeconds = 0.5;

/** Until the server has spoken so often about inputs, the lead is a guess that may jump. */
const firstSlacks = 4;

/** Steps from snapshot to snapshot looked back on: an overloaded server sends one every second tick. */
const steps = 15;

/** Round trips looked back on. */
const pings = 5;

/** Snapshots in a row without a word of inputs that were sent: they must come too late. */
const silentLimit = 8;

/** The newest values of something, so many of them. */
class Recent {
  readonly values: Float64Array;
  count = 0;
  #at = 0;
  readonly #sorted: Float64Array;

  constructor(size: number) {
    this.values = new Float64Array(size);
    this.#sorted = new Float64Array(size);
  }

  get full(): boolean {
    return this.count === this.values.length;
  }

  add(v: number): void {
    this.values[this.#at] = v;
    this.#at = (this.#at + 1) % this.values.length;
    if (!this.full) this.count++;
  }

  shift(by: number): void {
    for (let i = 0; i < this.count; i++) this.values[i]! += by;
  }

  /** The value that the given share of all values don't exceed. */
  quantile(share: number): number {
    if (this.count === 0) return 0;
    const part = this.#sorted.subarray(0, this.count);
    part.set(this.values.subarray(0, this.count));
    part.sort();
    return part[Math.min(this.count - 1, Math.floor(share * this.count))]!;
  }

  clear(): void {
    this.count = 0;
    this.#at = 0;
  }
}

export class Clock {
  /** What the picture of others shows. */
  renderTick = 0;
  /** What the player's own picture shows; inputs are for its whole ticks. */
  predictedTick = 0;
  /** Ticks between head and renderTick. */
  delay: number;
  /** Round trip in ms: the shortest lately, since the server answers at its next tick only. */
  rtt = 0;
  /** How much later than at their regular pace frames get their snapshots, in ms. */
  jitter = 0;
  #head = 0;
  #headAt = 0;
  #started = false;
  readonly #rate: number;
  /** Ticks per snapshot, as most came lately. */
  #every: number;
  readonly #steps = new Recent(steps);
  #percent = 100;
  #now = 0;
  #goalDelay: number;
  /** Ticks that snapshots were early (above 0) or late, against head. */
  readonly #arrivals = new Recent(snapshotWindow);
  /**
   * Delay that would have been just enough for all frames of a period: by how
   * much the newest snapshot was behind head. Frames count, not arrivals, since
   * a page that stutters gets its snapshots late, but draws late as well.
   */
  readonly #needs = new Recent(periods);
  #worst = 0;
  #periodEnd = 0;
  #newest = 0;
  /** Slack of an input if it had been sent without any lead. */
  readonly #slacks = new Recent(snapshotWindow);
  readonly #sentTicks = new Float64Array(256);
  readonly #sentLeads = new Float64Array(256);
  readonly #roundTrips: number[] = [];
  #silent = 0;
  #lead = 0;

  /** rate in Hz; every: ticks per snapshot, until some have come. */
  constructor(rate: number, every: number) {
    this.#rate = rate;
    this.#every = Math.max(1, every);
    this.delay = this.#every + 0.5;
    this.#goalDelay = this.delay;
  }

  /** Forgets everything but the delay, before a new connection's first snapshot. */
  reset(): void {
    this.#started = false;
    this.#arrivals.clear();
    this.#needs.clear();
    this.#slacks.clear();
    this.#silent = 0;
    this.#worst = 0;
  }

  get tickMs(): number {
    return 1000 / this.#rate;
  }

  get #ticksPerMs(): number {
    return (this.#rate * this.#percent) / 100_000;
  }

  #headAtTime(now: number): number {
    return this.#head + Math.max(0, now - this.#headAt) * this.#ticksPerMs;
  }

  /** A snapshot came; the server's clock runs at percent of normal speed. */
  snapshot(now: number, tick: number, percent: number): void {
    const step = tick - this.#newest;
    this.#newest = tick;
    if (!this.#started) return this.#start(now, tick, percent);
    this.#moveHead(now, this.#headAtTime(now));
    this.#percent = percent;
    const early = tick - this.#head;
    if (early < -this.#rate) {
      // The server stood still, or was restored to an earlier tick.
      this.reset();
      return this.#start(now, tick, percent);
    }
    this.#steps.add(step);
    if (this.#steps.full) this.#every = Math.max(1, this.#steps.quantile(0.5));
    this.#arrivals.add(early);
    const best = this.#arrivals.quantile(1);
    if (early > 0) this.#shiftHead(early);
    else if (this.#arrivals.full && best < 0) this.#shiftHead(best * 0.1);
  }

  /** A frame is drawn while the newest snapshot is so many ticks behind head. */
  #need(now: number, behind: number): void {
    this.#worst = Math.max(this.#worst, behind);
    if (now < this.#periodEnd) return;
    this.#periodEnd = now + periodMs;
    // Longer gaps are not hidden by any delay that one would play with.
    if (this.#worst <= this.#rate * maxDelaySeconds) this.#needs.add(this.#worst);
    this.#worst = 0;
    this.#setDelay();
  }

  #setDelay(): void {
    if (this.#needs.count < firstPeriods) return;
    const needed = this.#needs.quantile(percentile);
    this.jitter = Math.max(0, needed - this.#every) * this.tickMs;
    this.#goalDelay = Math.min(Math.max(needed, this.#every) + delayMargin, this.#rate * maxDelaySeconds + this.#every);
  }

  #start(now: number, tick: number, percent: number): void {
    this.#started = true;
    this.#percent = percent;
    this.#head = tick;
    this.#headAt = now;
    this.#now = now;
    this.renderTick = tick - this.delay;
    this.#lead = (this.rtt * this.#rate) / 1000 + slackGoal;
    this.predictedTick = tick + this.#lead;
  }

  #moveHead(now: number, head: number): void {
    this.#head = head;
    this.#headAt = Math.max(now, this.#headAt);
  }

  #shiftHead(by: number): void {
    this.#head += by;
    this.#arrivals.shift(-by);
    // Leads are measured from head, so that what they are worth shifts with it.
    this.#slacks.shift(by);
    for (let i = 0; i < this.#sentLeads.length; i++) this.#sentLeads[i]! -= by;
    this.#lead -= by;
  }

  /** An input for the tick is sent now. */
  sent(now: number, tick: number): void {
    this.#sentTicks[tick & 255] = tick;
    this.#sentLeads[tick & 255] = tick - this.#headAtTime(now);
  }

  /** A snapshot says how many ticks early the newest input was; 0: none came. */
  slack(tick: number, slack: number): void {
    if (slack === 0 && ++this.#silent < silentLimit) return;
    this.#silent = 0;
    const inputTick = tick - 1 + slack;
    const known = this.#sentTicks[inputTick & 255] === inputTick;
    this.#slacks.add(slack - (known ? this.#sentLeads[inputTick & 255]! : this.#lead));
    this.#lead = slackGoal - this.#slacks.quantile(0.03);
  }

  /** A ping came back after so many ms. */
  roundTrip(ms: number): void {
    this.#roundTrips.push(ms);
    if (this.#roundTrips.length > pings) this.#roundTrips.shift();
    this.rtt = Math.min(...this.#roundTrips);
    if (this.#slacks.count === 0) this.#lead = (this.rtt * this.#rate) / 1000 + slackGoal;
  }

  /** Moves both clocks on to now. It returns true when predictedTick had to jump. */
  advance(now: number): boolean {
    const ms = now - this.#now;
    if (!this.#started || ms <= 0) return false;
    this.#now = now;
    const head = this.#headAtTime(now);
    const step = ms * this.#ticksPerMs;
    this.#need(now, head - this.#newest);
    const settleMs = this.#goalDelay > this.delay ? 300 : 1000;
    this.delay += (this.#goalDelay - this.delay) * (1 - Math.exp(-ms / settleMs));
    this.renderTick = paced(this.renderTick, step, head - this.delay, maxRenderPace, this.#rate * 0.5);
    const before = this.predictedTick;
    const jump = this.#slacks.count < firstSlacks ? 1 : Math.max(4, this.#rate * jumpSeconds);
    this.predictedTick = paced(before, step, head + this.#lead, maxPace, jump);
    return Math.abs(this.predictedTick - before - step) > step * maxPace + 1e-6;
  }
}

/** The value one step on, drawn towards the goal by at most pace times the step; an error beyond jump is skipped in one step. */
function paced(value: number, step: number, goal: number, pace: number, jump: number): number {
  const error = goal - (value + step);
  if (Math.abs(error) > jump + step * pace) return goal;
  return value + step + Math.min(Math.max(error, -pace * step), pace * step);
}
