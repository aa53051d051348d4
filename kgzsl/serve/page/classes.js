// The chosen classes: found as they are typed, told apart where several are called the same.

import { api } from "./api.js";
import { Combobox, namesIn } from "./combobox.js";
import { find, make } from "./elements.js";
import { fail, failOrChoose, noFailure } from "./failure.js";

export const classes = { chosen: [] };

export function takeClasses() {
  new Combobox(find("class-input"), find("class-list"), { search: api.search, choose: addClass, typed: addTyped, fail });
}

export function addClass(one) {
  if (!classes.chosen.some((chosen) => chosen.id === one.id)) classes.chosen.push(one);
  showClasses();
}

export function dropClasses(keep = () => false) {
  classes.chosen = classes.chosen.filter(keep);
  showClasses();
}

// What is typed without being found is looked up at once; what cannot be understood stays in the input.
async function addTyped(text) {
  const names = namesIn(text).filter(Boolean);
  noFailure();
  const input = find("class-input");
  while (names.length) {
    try {
      const found = await api.place(names[0]);
      addClass({ id: found.class_id, label: found.label, hint: found.path || found.name });
    } catch (error) {
      input.value = names.slice(error.details?.candidates ? 1 : 0).join(", ");
      return failOrChoose(error, (one) => {
        addClass(one);
        input.focus();
      });
    }
    names.shift();
    input.value = names.join(", ");
  }
}

function showClasses() {
  find("chips").replaceChildren(...classes.chosen.map((one) => {
    const isTwice = classes.chosen.some((other) => other !== one && other.label === one.label);
    const hint = isTwice && one.hint ? make("small", {}, one.hint.split(" < ")[0]) : null;
    return make("li", { title: one.hint }, one.label, hint,
      make("button", { type: "button", "aria-label": `Remove ${one.label}`, onclick: () => dropClasses((chosen) => chosen !== one) }, "×"));
  }));
  const count = classes.chosen.length;
  const words = count === 1 ? "One chosen: it has no rival; choose more." : `${count} chosen: these compete.`;
  find("class-note").textContent = count ? words : "None chosen: all classes of the run compete.";
}
