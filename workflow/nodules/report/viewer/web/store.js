// Where readings are stored: in the browser at every change, and in the server's folder if there is one.

/** @import {Case, Reading} from "./types.js" */
import { fromText, toText } from "./reading.js";

const PREFIX = "luna16-reading";

export class Store {
  /**
   * @param {Case} shown
   * @param {(problem: string) => void} complain shows a problem; "" clears it
   */
  constructor(shown, complain) {
    this.shown = shown;
    this.complain = complain;
    this.waiting = Promise.resolve();
  }

  /** @param {string} reader */
  key(reader) {
    return `${PREFIX}/${this.shown.case}/${reader}`;
  }

  /**
   * Store a reading in the browser, immediately, since the tab may crash.
   * @param {Reading} reading
   */
  keep(reading) {
    try {
      localStorage.setItem(this.key(reading.reader), toText(reading));
    } catch {
      this.complain("This browser stores nothing for this page: save the reading as a file before you leave.");
    }
  }

  /**
   * Whether what another tab has stored was saved before a reading of this tab.
   * @param {string | null} kept null where it was removed
   * @param {Reading} reading
   */
  isOlder(kept, reading) {
    try {
      return fromText(kept ?? "", this.shown).saved < reading.saved;
    } catch {
      return false;
    }
  }

  /**
   * Send a reading to the server; calls are sent one after another.
   * @param {Reading} reading
   */
  send(reading) {
    if (!this.shown.save) return this.waiting;
    this.waiting = this.waiting.then(async () => {
      try {
        const headers = { "Content-Type": "application/json" };
        const body = toText(reading);
        const answer = await fetch(this.shown.save, { method: "PUT", headers, body });
        if (!answer.ok) throw new Error(await answer.text());
        this.complain("");
      } catch (error) {
        const reason = error instanceof Error ? error.message : String(error);
        this.complain(`The server did not save this reading: ${reason.trim().replace(/\.$/, "")}. The browser still has it.`);
      }
    });
    return this.waiting;
  }

  /**
   * Readings of this case that this browser has stored, the last saved first.
   * @returns {Reading[]}
   */
  begun() {
    const found = [];
    try {
      for (let n = 0; n < localStorage.length; n++) {
        const key = localStorage.key(n) ?? "";
        if (!key.startsWith(this.key(""))) continue;
        try {
          found.push(fromText(localStorage.getItem(key) ?? "", this.shown));
        } catch {
          continue; // not ours, or damaged: another reading may be whole
        }
      }
    } catch {
      return [];
    }
    return found.sort((one, other) => (one.saved < other.saved ? 1 : -1));
  }

  /**
   * The server's readings of this case. Throws an Error with a sentence for the reader on failure.
   * @returns {Promise<Reading[]>}
   */
  async served() {
    if (!this.shown.save) return [];
    let texts;
    try {
      const answer = await fetch(this.shown.save);
      if (!answer.ok) throw new Error(`it answered ${answer.status}`);
      texts = await answer.json();
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      throw new Error(`The server did not tell which readings it keeps (${reason}). Try again, or start luna16 view anew.`, { cause: error });
    }
    return texts.flatMap((/** @type {string} */ text) => {
      try {
        return [fromText(text, this.shown)];
      } catch {
        return []; // one that is damaged hides no other
      }
    });
  }

  /**
   * Each reader's last saved reading of this case, from this browser or the server.
   * @returns {Promise<Reading[]>}
   */
  async all() {
    /** @type {Map<string, Reading>} */
    const latest = new Map();
    for (const one of [...this.begun(), ...(await this.served())]) {
      const known = latest.get(one.reader);
      if (!known || known.saved < one.saved) latest.set(one.reader, one);
    }
    return [...latest.values()].sort((one, other) => (one.saved < other.saved ? 1 : -1));
  }
}
