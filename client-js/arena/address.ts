/** The page's address, which can be shared: it names the player's room and party. */

/** Puts the room's code into the address, or takes it out when the code is empty. */
export function showRoomInAddress(code: string): void {
  replaceAddress((url) => {
    if (code) url.searchParams.set("room", code);
    else url.searchParams.delete("room");
  });
}

/** Puts the party's code into the address, or takes it out when the code is empty. */
export function showPartyInAddress(code: string): void {
  replaceAddress((url) => (url.hash = code ? `party=${code}` : ""));
}

function replaceAddress(change: (url: URL) => void): void {
  const url = new URL(location.href);
  change(url);
  if (url.href !== location.href) history.replaceState(null, "", url);
}
