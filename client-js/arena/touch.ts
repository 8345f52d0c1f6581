import type { Controls } from "./controls.ts";

const reach = 52;
const firesFrom = 0.45;

/** Two floating sticks and two buttons for thumbs; it shows itself at the first touch. */
export class TouchControls {
  private readonly stop = new AbortController();
  private moveFinger = -1;
  private aimFinger = -1;
  private originX = 0;
  private originY = 0;
  private aimX = 0;
  private aimY = 0;

  constructor(
    canvas: HTMLElement,
    private readonly root: HTMLElement,
    private readonly controls: Controls,
  ) {
    const options = { signal: this.stop.signal };
    canvas.addEventListener("pointerdown", (event) => this.down(event), options);
    addEventListener("pointermove", (event) => this.move(event), options);
    addEventListener("pointerup", (event) => this.up(event), options);
    addEventListener("pointercancel", (event) => this.up(event), options);
    this.rail(this.button("touch-rail"));
    this.hold(this.button("touch-dash"));
    if (matchMedia("(pointer: coarse)").matches) this.show();
  }

  dispose(): void {
    this.stop.abort();
    this.root.hidden = true;
    document.body.classList.remove("touch");
  }

  private show(): void {
    this.root.hidden = false;
    document.body.classList.add("touch");
    this.controls.touchAim ??= -Math.PI / 2;
  }

  private button(id: string): HTMLElement {
    return this.root.querySelector<HTMLElement>(`#${id}`)!;
  }

  private down(event: PointerEvent): void {
    if (event.pointerType !== "touch") return;
    event.preventDefault();
    this.show();
    if (event.clientX < innerWidth / 2) {
      if (this.moveFinger >= 0) return;
      this.moveFinger = event.pointerId;
      this.originX = event.clientX;
      this.originY = event.clientY;
      this.place("stick-move", event.clientX, event.clientY);
      return;
    }
    if (this.aimFinger >= 0) return;
    this.aimFinger = event.pointerId;
    this.aimX = event.clientX;
    this.aimY = event.clientY;
    this.place("stick-aim", event.clientX, event.clientY);
  }

  private move(event: PointerEvent): void {
    if (event.pointerId === this.moveFinger) {
      const x = (event.clientX - this.originX) / reach;
      const y = (event.clientY - this.originY) / reach;
      const length = Math.max(1, Math.hypot(x, y));
      this.controls.stick = { x: x / length, y: y / length };
      this.knob("stick-move", x / length, y / length);
    } else if (event.pointerId === this.aimFinger) {
      this.aim(event.clientX - this.aimX, event.clientY - this.aimY);
    }
  }

  private aim(dx: number, dy: number): void {
    const x = dx / reach;
    const y = dy / reach;
    const far = Math.hypot(x, y);
    const length = Math.max(1, far);
    this.knob("stick-aim", x / length, y / length);
    if (far > 0.15) this.controls.touchAim = Math.atan2(y, x);
    if (far > firesFrom) this.controls.fire.press("touch");
    else this.controls.fire.release("touch");
  }

  private up(event: PointerEvent): void {
    if (event.pointerId === this.moveFinger) {
      this.moveFinger = -1;
      this.controls.stick = { x: 0, y: 0 };
      this.rest("stick-move");
    } else if (event.pointerId === this.aimFinger) {
      this.aimFinger = -1;
      this.controls.fire.release("touch");
      this.rest("stick-aim");
    }
  }

  private hold(button: HTMLElement): void {
    const options = { signal: this.stop.signal };
    const release = (): void => {
      this.controls.dash.release("touch");
      button.classList.remove("held");
    };
    button.addEventListener(
      "pointerdown",
      () => {
        this.controls.dash.press("touch");
        button.classList.add("held");
      },
      options,
    );
    button.addEventListener("pointerup", release, options);
    button.addEventListener("pointercancel", release, options);
  }

  /** The rail's button is a stick too: one thumb charges, aims and lets go. */
  private rail(button: HTMLElement): void {
    const options = { signal: this.stop.signal };
    let startX = 0;
    let startY = 0;
    button.addEventListener(
      "pointerdown",
      (event) => {
        button.setPointerCapture(event.pointerId);
        startX = event.clientX;
        startY = event.clientY;
        this.controls.rail.press("touch");
        button.classList.add("held");
      },
      options,
    );
    button.addEventListener(
      "pointermove",
      (event) => {
        const dx = event.clientX - startX;
        const dy = event.clientY - startY;
        if (button.classList.contains("held") && Math.hypot(dx, dy) > 12) this.controls.touchAim = Math.atan2(dy, dx);
      },
      options,
    );
    const release = (): void => {
      this.controls.rail.release("touch");
      button.classList.remove("held");
    };
    button.addEventListener("pointerup", release, options);
    button.addEventListener("pointercancel", release, options);
  }

  private place(id: string, x: number, y: number): void {
    const stick = this.button(id);
    stick.classList.add("held");
    stick.style.left = `${x}px`;
    stick.style.top = `${y}px`;
  }

  private rest(id: string): void {
    const stick = this.button(id);
    stick.classList.remove("held");
    stick.style.removeProperty("left");
    stick.style.removeProperty("top");
    this.knob(id, 0, 0);
  }

  private knob(id: string, x: number, y: number): void {
    const knob = this.button(id).firstElementChild as HTMLElement;
    knob.style.translate = `${x * reach}px ${y * reach}px`;
  }
}
