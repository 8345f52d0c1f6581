/** What games may set. */

/** Throws a TypeError for options that are not known: a typo would go unnoticed. */
export function refuseUnknown(options: object, known: Readonly<Record<string, 1>>): void {
  const unknown = Object.keys(options).filter((name) => !known[name]);
  if (unknown.length) throw new TypeError(`unknown option: ${unknown.join(", ")}`);
}
