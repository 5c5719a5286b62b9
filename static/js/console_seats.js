// Who is here, who has the keyboard, and how it changes hands.

import { say } from "./console_words.js";

function button(label, look, act) {
  const element = document.createElement("button");
  element.type = "button";
  element.className = `pf-v6-c-button ${look} pf-m-small`;
  element.textContent = label;
  element.addEventListener("click", act);
  return element;
}

function icon(sprite, name) {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  const use = document.createElementNS("http://www.w3.org/2000/svg", "use");
  svg.setAttribute("class", "icon");
  svg.setAttribute("aria-hidden", "true");
  use.setAttribute("href", `${sprite}#${name}`);
  svg.append(use);
  return svg;
}

export class Seats {
  /** @param {{seats: HTMLElement, wheel: HTMLElement}} places @param {(code: string, values?: object) => void} tell */
  constructor(data, places, link, tell) {
    Object.assign(this, { data, places, link, tell });
    this.before = null;
  }

  /** @returns whether this viewer drives now */
  show(message) {
    const { words } = this.data;
    const driver = message.seats.find((seat) => seat.drives);
    const mine = message.seats.find((seat) => seat.id === message.me);
    this.places.seats.replaceChildren(...message.seats.map((seat) => this.chip(seat, message.me)));
    this.places.wheel.replaceChildren(...this.buttons(message, driver, mine));
    const had = this.before?.drives;
    const asking = message.seats.find((seat) => seat.asks && seat.id !== message.me);
    if (had && !message.drives && driver) {
      if (this.gave !== driver.id) this.tell(driver.own ? "moved" : "took-over", driver);
      this.gave = null;
    } else if (had === false && message.drives) this.tell("handed-over");
    else if (message.drives && asking) this.tell("asks", asking);
    this.before = message;
    if (message.drives) return words.drives;
    return words[driver?.own && message.may_drive ? "drives-elsewhere" : "watches"];
  }

  clear() {
    this.before = null;
    this.tell("");
    this.places.seats.replaceChildren();
    this.places.wheel.replaceChildren();
  }

  chip(seat, me) {
    const item = document.createElement("li");
    item.className = "console-seat";
    item.dataset.drives = String(seat.drives);
    const glyph = icon(this.data.icons, seat.drives ? "keyboard" : "eye");
    const name = document.createElement("bdi");
    const mine = seat.id === me ? "you" : seat.own && "other-window";
    name.textContent = mine ? say(this.data.words, mine, { name: seat.name }) : seat.name;
    const role = document.createElement("span");
    role.className = "pf-v6-screen-reader";
    role.textContent = this.data.words[seat.drives ? "seat-drives" : "seat-watches"];
    item.append(glyph, name, role);
    item.title = role.textContent;
    return item;
  }

  buttons(message, driver, mine) {
    const { words } = this.data;
    const { link } = this;
    if (!mine || !message.may_drive) return [];
    if (message.drives) {
      const others = message.seats.filter((seat) => seat.may_drive && !seat.own);
      others.sort((one, two) => Number(two.asks) - Number(one.asks));
      return others.slice(0, 3).map((seat) =>
        button(say(words, "hand-over", { name: seat.name }), seat.asks ? "pf-m-primary" : "pf-m-secondary", () => {
          this.gave = seat.id;
          link.say("hand-over", { seat: seat.id });
        }),
      );
    }
    if (!driver || driver.own) return [button(words[driver ? "take-here" : "take"], "pf-m-primary", () => link.say("take"))];
    const ask = mine.asks
      ? button(words["ask-no-more"], "pf-m-secondary", () => link.say("ask-no-more"))
      : button(words.ask, "pf-m-primary", () => link.say("ask"));
    return this.data.takeOver ? [ask, button(words["take-over"], "pf-m-secondary", () => link.say("take-over"))] : [ask];
  }
}
