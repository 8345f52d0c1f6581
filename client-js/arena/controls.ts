/** What the player wants right now. move is at most 1 long, aim in radians from the ship. */
export interface Intent {
  moveX: number;
  moveY: number;
  aim: number;
  fire: boolean;
  rail: boolean;
  dash: boolean;
}

/** What a source of input can ask of the page, besides flying. */
export interface ControlActions {
  emote(index: number): void;
  openChat(): void;
  holdScores(shown: boolean): void;
  toggleNetGraph(): void;
  toggleSound(): void;
  leave(): void;
}

/** A press counts for this long at least, so that a click between two ticks is not lost. */
const shortestPressMs = 60;

/** A button that may be held by several keys or fingers. */
export class Button {
  private readonly holders = new Set<string>();
  private pressedAt = -Infinity;

  press(holder: string): void {
    if (this.holders.size === 0) this.pressedAt = performance.now();
    this.holders.add(holder);
  }

  release(holder: string): void {
    this.holders.delete(holder);
  }

  clear(): void {
    this.holders.clear();
    this.pressedAt = -Infinity;
  }

  down(now: number): boolean {
    return this.holders.size > 0 || now - this.pressedAt < shortestPressMs;
  }
}

const directions: Record<string, readonly [number, number]> = {
  KeyW: [0, -1],
  ArrowUp: [0, -1],
  KeyS: [0, 1],
  ArrowDown: [0, 1],
  KeyA: [-1, 0],
  ArrowLeft: [-1, 0],
  KeyD: [1, 0],
  ArrowRight: [1, 0],
};

const deadZone = 0.22;

/** Keyboard, pointer and gamepad. Touch writes to the same buttons and to stick and touchAim. */
export class Controls {
  readonly fire = new Button();
  readonly rail = new Button();
  readonly dash = new Button();
  /** Set by touch: a direction at most 1 long. */
  stick = { x: 0, y: 0 };
  /** Set by touch: radians, kept when the finger is lifted. */
  touchAim: number | undefined;
  /** Where the pointer is, in CSS pixels. */
  pointerX = innerWidth * 0.7;
  pointerY = innerHeight * 0.5;
  private readonly keys = new Set<string>();
  private readonly stop = new AbortController();
  private lastAim = 0;
  private padAims = false;

  constructor(
    canvas: HTMLElement,
    private readonly actions: ControlActions,
  ) {
    const options = { signal: this.stop.signal };
    addEventListener("keydown", (event) => this.keyDown(event), options);
    addEventListener("keyup", (event) => this.keyUp(event), options);
    addEventListener("blur", () => this.release(), options);
    addEventListener("pointermove", (event) => this.pointerMove(event), options);
    addEventListener("pointerup", (event) => this.pointerUp(event), options);
    canvas.addEventListener("pointerdown", (event) => this.pointerDown(event), options);
    canvas.addEventListener("contextmenu", (event) => event.preventDefault(), options);
  }

  dispose(): void {
    this.stop.abort();
  }

  /** Whether aim is a direction (a stick's) rather than a point (the pointer's). */
  get aimsByDirection(): boolean {
    return this.touchAim !== undefined || this.padAims;
  }

  /** Lets go of everything. */
  release(): void {
    this.keys.clear();
    for (const button of [this.fire, this.rail, this.dash]) button.clear();
    this.stick = { x: 0, y: 0 };
    this.actions.holdScores(false);
  }

  /** The present intent; the ship is at shipX, shipY in CSS pixels. */
  intent(now: number, shipX: number, shipY: number): Intent {
    let { x, y } = this.stick;
    for (const key of this.keys) {
      const direction = directions[key];
      x += direction?.[0] ?? 0;
      y += direction?.[1] ?? 0;
    }
    const pad = this.gamepad();
    if (pad?.aim !== undefined) this.padAims = true;
    x += pad?.moveX ?? 0;
    y += pad?.moveY ?? 0;
    const length = Math.max(1, Math.hypot(x, y));
    const pointed = this.padAims ? this.lastAim : Math.atan2(this.pointerY - shipY, this.pointerX - shipX);
    this.lastAim = pad?.aim ?? this.touchAim ?? pointed;
    return {
      moveX: x / length,
      moveY: y / length,
      aim: this.lastAim,
      fire: this.fire.down(now) || pad?.fire === true,
      rail: this.rail.down(now) || pad?.rail === true,
      dash: this.dash.down(now) || pad?.dash === true,
    };
  }

  private keyDown(event: KeyboardEvent): void {
    if (isTyping(event.target)) return;
    const { code } = event;
    if (code in directions) this.keys.add(code);
    else if (code === "Space") this.dash.press(code);
    else if (code === "ShiftLeft" || code === "ShiftRight") this.rail.press(code);
    else if (code === "Tab") this.actions.holdScores(true);
    else if (!event.repeat && !this.command(code)) return;
    event.preventDefault();
  }

  /** Keys that act once; false when the key means nothing here. */
  private command(code: string): boolean {
    const emote = /^(?:Digit|Numpad)([1-4])$/.exec(code);
    if (emote) this.actions.emote(Number(emote[1]) - 1);
    else if (code === "Enter" || code === "NumpadEnter") this.actions.openChat();
    else if (code === "F3") this.actions.toggleNetGraph();
    else if (code === "KeyM") this.actions.toggleSound();
    else if (code === "Escape") this.actions.leave();
    else return false;
    return true;
  }

  private keyUp(event: KeyboardEvent): void {
    this.keys.delete(event.code);
    this.dash.release(event.code);
    this.rail.release(event.code);
    if (event.code === "Tab") this.actions.holdScores(false);
  }

  private pointerMove(event: PointerEvent): void {
    if (event.pointerType === "touch") return;
    this.pointerX = event.clientX;
    this.pointerY = event.clientY;
    this.touchAim = undefined;
    this.padAims = false;
  }

  private pointerDown(event: PointerEvent): void {
    if (event.pointerType === "touch") return;
    this.pointerMove(event);
    if (event.button === 0) this.fire.press("pointer");
    if (event.button === 2) this.rail.press("pointer");
    event.preventDefault();
    if (document.activeElement instanceof HTMLElement) document.activeElement.blur();
  }

  private pointerUp(event: PointerEvent): void {
    if (event.button === 0) this.fire.release("pointer");
    if (event.button === 2) this.rail.release("pointer");
  }

  private gamepad(): (Omit<Intent, "aim"> & { aim: number | undefined }) | undefined {
    const pad = navigator.getGamepads?.().find((candidate) => candidate?.connected && candidate.mapping === "standard");
    if (!pad) return undefined;
    const [leftX = 0, leftY = 0, rightX = 0, rightY = 0] = pad.axes;
    const moving = Math.hypot(leftX, leftY) > deadZone;
    const aiming = Math.hypot(rightX, rightY) > deadZone * 1.5;
    const held = (index: number): boolean => pad.buttons[index]?.pressed === true;
    const inUse = moving || aiming || pad.buttons.some((button) => button.pressed);
    if (!inUse) return undefined;
    return {
      moveX: moving ? leftX : 0,
      moveY: moving ? leftY : 0,
      aim: aiming ? Math.atan2(rightY, rightX) : undefined,
      fire: held(7),
      rail: held(6),
      dash: held(0) || held(5),
    };
  }
}

/** True where keys belong to what has the focus: a field to type in, or an open dialog. */
function isTyping(target: EventTarget | null): boolean {
  if (target instanceof HTMLInputElement) return true;
  return target instanceof Element && target.closest("dialog") !== null;
}
