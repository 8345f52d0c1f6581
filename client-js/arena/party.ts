import type { Lobby, Party, PartyMembership, PartyOptions, RoomMembership } from "../src/lobby.ts";
import type { TactusErrorLike } from "../src/index.ts";
import { copyLink, element, inviteLink, make, nameTag, toast, write } from "./dom.ts";
import { tabStore } from "./storage.ts";

const key = "tactus.party";

/** What the party asks of the page. */
export interface PartyActions {
  name(): string;
  /** The leader has started a search. */
  search(party: Party): void;
  /** The leader has taken the party to a room. */
  room(membership: RoomMembership): void;
  /** The party, or the player's part in it, is another one now. */
  changed(): void;
  failed(error: unknown): void;
  /** The server is busy, and is asked again in so long. */
  busy(retryInMs: number): void;
}

/** The player's party in the menu: its members, its link, the way out. */
export class PartyPanel {
  party: Party | undefined;
  private joining = false;

  constructor(
    private readonly lobby: Lobby,
    private readonly actions: PartyActions,
  ) {
    element("create-party").addEventListener("click", () => void this.create());
    element("party-link").addEventListener("click", () => this.copyLink());
    element("leave-party").addEventListener("click", () => this.leave());
  }

  /** The leader's name, for the other members; empty for the leader and without a party. */
  get leader(): string {
    if (!this.party || this.party.leads) return "";
    return this.party.members.find((member) => member.leader)?.playerName ?? "";
  }

  /** After a reload: takes the place again that this tab had in a party. It returns false when it had none. */
  resume(): boolean {
    const kept = tabStore.getJson<PartyMembership>(key);
    if (!kept?.memberId) return false;
    this.enter(this.lobby.resumeParty(kept));
    return true;
  }

  create(): Promise<void> {
    return this.attempt(async () => {
      this.enter(await this.lobby.createParty(this.player));
      this.copyLink();
    });
  }

  join(code: string): Promise<void> {
    return this.attempt(async () => this.enter(await this.lobby.joinParty(code, this.player)));
  }

  leave(): void {
    this.party?.leave();
    this.forget();
  }

  private get player(): PartyOptions {
    return { name: this.actions.name(), onBusy: (retryInMs) => this.actions.busy(retryInMs) };
  }

  private async attempt(action: () => Promise<void>): Promise<void> {
    if (this.joining) return;
    this.joining = true;
    this.actions.failed(undefined);
    try {
      await action();
    } catch (error) {
      this.actions.failed(error);
    } finally {
      this.joining = false;
    }
  }

  private enter(party: Party): void {
    this.party?.leave();
    this.party = party;
    tabStore.setJson(key, party.membership);
    party.on("change", () => this.show());
    party.on("room", (membership) => this.actions.room(membership));
    party.on("search", () => this.actions.search(party));
    party.on("close", (error) => this.closed(party, error));
    this.show();
    element("party-link").focus();
  }

  private closed(party: Party, error: TactusErrorLike): void {
    if (this.party !== party) return;
    this.forget();
    toast(`You are no longer in the party: ${error.message}`);
  }

  private forget(): void {
    const inside = element("party").contains(document.activeElement);
    this.party = undefined;
    tabStore.removeItem(key);
    this.show();
    if (inside) element("create-party").focus();
  }

  private show(): void {
    const { party } = this;
    element("party").hidden = !party;
    element("no-party").hidden = party !== undefined;
    write(element("party-code"), party ? partyText(party.code) : "");
    const members = party?.members ?? [];
    element("party-members").replaceChildren(
      ...members.map((member) => {
        const line = make("li");
        line.append(nameTag(member.playerName));
        if (member.leader) line.append(make("span", "tag", "leads"));
        if (member.you) line.append(make("span", "tag", "you"));
        return line;
      }),
    );
    this.actions.changed();
  }

  private copyLink(): void {
    if (this.party) void copyLink(inviteLink("party", this.party.code));
  }
}

/** A party's code as it is shown: a room's code has no dash in it. */
function partyText(code: string): string {
  return `P-${code}`;
}

/** The party's code in a text that was typed or pasted; empty when there is none. */
export function partyCode(text: string): string {
  const code = /(?:^\s*p-|#party=)([a-z0-9]+)\s*$/i.exec(text)?.[1] ?? "";
  return code.toUpperCase();
}
