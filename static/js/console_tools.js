// The console's toolbar and menus.

import { remember, remembered } from "./console_choices.js";
import { copy, press, save } from "./console_text.js";

const FONT_MIN = 8;
const FONT_MAX = 28;

const stamp = () => new Date().toISOString().slice(0, 19).replace(/[:T]/g, "-");

/** What can be done now; what cannot says why. @param {import("./console_card.js").Card} card */
export function offerTools({ root, data, link, drives, view }) {
  const has = { open: link?.state === "open", drive: drives, copied: Boolean(view?.copied) };
  for (const tool of root.querySelectorAll("[data-needs]")) {
    const { needs } = tool.dataset;
    const reason = has[needs] ? "" : data.words[`needs-${!has.open && needs === "drive" ? "open" : needs}`];
    tool.dataset.says ??= tool.dataset.tip ?? "";
    const tip = reason || tool.dataset.says;
    if (tip) tool.dataset.tip = tip;
    else delete tool.dataset.tip;
    tool.setAttribute("aria-disabled", String(Boolean(reason)));
    tool.classList.toggle("pf-m-aria-disabled", Boolean(reason));
    if (reason) tool.setAttribute("aria-description", reason);
    else tool.removeAttribute("aria-description");
  }
}

/** @param {import("./console_card.js").Card} card */
export function bindTools(card) {
  const { root, data } = card;
  const scales = [...root.querySelectorAll("[data-scale]")];
  const themes = [...root.querySelectorAll("[data-theme-of]")];
  const mark = () => {
    for (const one of scales) one.setAttribute("aria-pressed", String(one.dataset.scale === remembered("scaling", "fit")));
    for (const one of themes) one.setAttribute("aria-pressed", String(one.dataset.themeOf === remembered("theme", "dark")));
  };

  const acts = {
    again: () => {},
    picture: async () => save(await card.view.picture(), `${data.name}-${stamp()}.png`),
    find: () => find(true),
    "find-close": () => find(false),
    "find-next": () => seek(false),
    "find-previous": () => seek(true),
    copy: async () => card.say(await copy(card.view.text({ selectionOnly: card.view.terminal.hasSelection() }))),
    download: () => save(new Blob([card.view.text()], { type: "text/plain" }), `${data.name}-${card.port.dataset.device}-${stamp()}.txt`),
    window: () => {
      window.open(card.port.dataset.url, `kvmweb-${data.ticketUrls.screen}-${card.port.dataset.kind}`, "popup,width=1064,height=860");
    },
    full: () => full(),
    type: () => card.dialog.open("", () => card.view.focus()),
    "take-clipboard": async () => card.say(await copy(card.view.copied)),
    "give-clipboard": () => give(),
  };

  function find(isOpen) {
    card.part("find").hidden = !isOpen;
    if (isOpen) card.part("find-text").select();
    else {
      card.view.clearFind?.();
      card.view.focus();
    }
  }

  function seek(backwards) {
    const text = card.part("find-text").value;
    const found = !text || card.view.find(text, backwards);
    if (!found || !text) card.part("find-said").textContent = found ? "" : data.words["nothing-found"];
  }

  /** Keys that the browser keeps for itself come to the guest in full screen, where it lets them. */
  async function full() {
    if (document.fullscreenElement) {
      await document.exitFullscreen();
      return;
    }
    await root.requestFullscreen();
    await navigator.keyboard?.lock?.().catch(() => {});
    card.view.focus();
  }

  async function give() {
    const text = await navigator.clipboard.readText().catch(() => null);
    if (text === null) card.say("not-copied");
    else card.say(card.view.paste(text) ? "given" : "too-long");
    card.view.focus();
  }

  root.addEventListener("click", async (event) => {
    const button = event.target.closest("button");
    if (!button || button.getAttribute("aria-disabled") === "true" || button.closest("dialog")) return;
    const { act, scale, themeOf, font, chord } = button.dataset;
    if (act) await acts[act]?.();
    if (scale) {
      remember("scaling", scale);
      card.view.scale(scale);
    }
    if (themeOf) remember("theme", themeOf);
    if (font) remember("font", String(Math.min(FONT_MAX, Math.max(FONT_MIN, card.look().size + Number(font)))));
    if (themeOf || font) card.view.setLook(card.look());
    if (chord) {
      card.part("said").textContent = await press(data.keysUrl, chord);
      card.view.focus();
    }
    mark();
  });
  card.part("find-text").addEventListener("keydown", (event) => {
    if (event.key === "Enter") seek(event.shiftKey);
    if (event.key === "Escape") find(false);
  });
  mark();
}
