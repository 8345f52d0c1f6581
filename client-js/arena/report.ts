/** The dialog in which a player reports another one to the operators. */

import type { ReportCategory } from "../src/lobby.ts";
import { element, toast, write } from "./dom.ts";

/** Sends a report about the player in a slot. */
export type SendReport = (slot: number, category: ReportCategory, text: string) => Promise<void>;

/** Asks what the report is about, and sends it. */
export function openReport(slot: number, name: string, send: SendReport): void {
  const dialog = element<HTMLDialogElement>("report");
  const text = element<HTMLInputElement>("report-text");
  write(element("report-title"), `Report ${name}`);
  text.value = "";
  dialog.returnValue = "";
  dialog.addEventListener(
    "close",
    () => {
      if (dialog.returnValue !== "send") return;
      const category = element<HTMLSelectElement>("report-category").value as ReportCategory;
      send(slot, category, text.value).then(
        () => toast("Reported. Thank you."),
        (error: Error) => toast(error.message),
      );
    },
    { once: true },
  );
  dialog.showModal();
}
