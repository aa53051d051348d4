// Search as you type: a combobox with a list box, by keyboard or pointer, after the ARIA authoring practices.

import { make } from "./elements.js";

const PAUSE = 120;
const NONE = () => make("li", { role: "option", class: "none", "aria-disabled": "true" }, "No class begins so.");

export function namesIn(text) {
  return text.split(/[,;\n]/).map((name) => name.trim());
}

export class Combobox {
  // search: text to classes; choose: takes one of them; typed: takes what was typed where none of them is marked (left
  // out: Enter goes on to the form); fail: told an error.
  constructor(input, list, { search, choose, typed, fail }) {
    Object.assign(this, { input, list, search, choose, typed, fail });
    this.found = [];
    this.active = -1;
    input.addEventListener("input", () => this.later());
    input.addEventListener("keydown", (event) => this.key(event));
    input.addEventListener("blur", () => setTimeout(() => this.close(), 150));
  }

  later() {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.look(), PAUSE);
  }

  async look() {
    const text = this.parts().at(-1).trim();
    this.asked?.abort();
    if (!text) return this.close();
    this.asked = new AbortController();
    try {
      const { classes } = await this.search(text, this.asked.signal);
      if (document.activeElement === this.input) this.show(classes);
    } catch (error) {
      this.fail(error);
    }
  }

  // Where names are typed, several may be, with commas between them.
  parts() {
    return this.typed ? namesIn(this.input.value) : [this.input.value];
  }

  show(classes) {
    this.found = classes;
    const options = classes.map((one, number) => this.option(one, number));
    this.list.replaceChildren(...(options.length ? options : [NONE()]));
    this.list.hidden = false;
    this.input.setAttribute("aria-expanded", "true");
    this.mark(-1);
  }

  option(one, number) {
    const sign = one.is_seen ? make("span", { class: "mark seen" }, "seen") : null;
    const option = make("li", { role: "option", id: `${this.list.id}-${number}`, "aria-selected": "false" },
      one.label, sign, make("small", {}, [one.name, one.path].filter(Boolean).join(" · ")));
    option.addEventListener("pointerdown", (event) => {
      event.preventDefault();
      this.take(number);
    });
    return option;
  }

  mark(number) {
    this.active = number;
    [...this.list.querySelectorAll("[role=option]")].forEach((option, place) => option.setAttribute("aria-selected", String(place === number)));
    if (number < 0) return this.input.removeAttribute("aria-activedescendant");
    this.input.setAttribute("aria-activedescendant", `${this.list.id}-${number}`);
    this.list.children[number].scrollIntoView({ block: "nearest" });
  }

  key(event) {
    const count = this.list.hidden ? 0 : this.found.length;
    if (event.key === "ArrowDown" && count) this.mark((this.active + 1) % count);
    else if (event.key === "ArrowUp" && count) this.mark((this.active - 1 + count) % count);
    else if (event.key === "Escape") this.close();
    else if (event.key === "Enter" && this.active >= 0) this.take(this.active);
    else if (event.key === "Enter" && this.typed) this.takeTyped();
    else return;
    event.preventDefault();
  }

  take(number) {
    const one = this.found[number];
    this.finish(this.parts().slice(0, -1).join(", "));
    this.choose({ id: one.class_id, label: one.label, hint: one.path || one.name });
  }

  takeTyped() {
    const text = this.input.value.trim();
    if (!text) return;
    this.finish(text);
    this.typed(text);
  }

  finish(left) {
    clearTimeout(this.timer);
    this.asked?.abort();
    this.input.value = left;
    this.close();
  }

  close() {
    this.list.hidden = true;
    this.found = [];
    this.active = -1;
    this.input.setAttribute("aria-expanded", "false");
    this.input.removeAttribute("aria-activedescendant");
  }
}
