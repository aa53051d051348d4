// Search as you type: a combobox with a list box, by keyboard or pointer, after the ARIA authoring practices.

import { make } from "./elements.js";

const PAUSE = 120;

export class Combobox {
  constructor(input, list, { search, choose, fail }) {
    Object.assign(this, { input, list, search, choose, fail });
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
    const text = this.input.value.trim();
    this.asked?.abort();
    if (!text) return this.close();
    this.asked = new AbortController();
    try {
      const { classes } = await this.search(text, this.asked.signal);
      if (document.activeElement === this.input) this.show(classes);
    } catch (error) {
      if (error.name !== "AbortError") this.fail(error);
    }
  }

  show(classes) {
    this.found = classes;
    this.list.replaceChildren(...classes.map((one, number) => this.option(one, number)));
    this.list.hidden = classes.length === 0;
    this.input.setAttribute("aria-expanded", String(!this.list.hidden));
    this.mark(-1);
  }

  option(one, number) {
    const sign = one.is_seen ? make("span", { class: "mark seen" }, "seen") : null;
    const option = make("li", { role: "option", id: `class-option-${number}`, "aria-selected": "false" },
      one.label, sign, make("small", {}, [one.name, one.path].filter(Boolean).join(" · ")));
    option.addEventListener("pointerdown", (event) => {
      event.preventDefault();
      this.take(number);
    });
    return option;
  }

  mark(number) {
    this.active = number;
    [...this.list.children].forEach((option, place) => option.setAttribute("aria-selected", String(place === number)));
    if (number < 0) return this.input.removeAttribute("aria-activedescendant");
    this.input.setAttribute("aria-activedescendant", `class-option-${number}`);
    this.list.children[number].scrollIntoView({ block: "nearest" });
  }

  key(event) {
    const count = this.list.hidden ? 0 : this.found.length;
    if (event.key === "ArrowDown" && count) this.mark((this.active + 1) % count);
    else if (event.key === "ArrowUp" && count) this.mark((this.active - 1 + count) % count);
    else if (event.key === "Escape") this.close();
    else if (event.key === "Enter") this.take(this.active);
    else return;
    event.preventDefault();
  }

  take(number) {
    const text = this.input.value.trim();
    const one = number >= 0 ? this.found[number] : null;
    if (!one && !text) return;
    clearTimeout(this.timer);
    this.asked?.abort();
    this.input.value = "";
    this.close();
    this.choose(one ? { id: one.class_id, label: one.label } : { id: text, label: text });
  }

  close() {
    this.list.hidden = true;
    this.found = [];
    this.input.setAttribute("aria-expanded", "false");
    this.input.removeAttribute("aria-activedescendant");
  }
}
