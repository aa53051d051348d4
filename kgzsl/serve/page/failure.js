// What went wrong, told above the page, with what can be done about it.

import { Failure } from "./api.js";
import { find, make } from "./elements.js";

// `choices` are pairs of a text and what its button does.
export function fail(error, choices = []) {
  if (error.name === "AbortError") return; // a newer request took its place
  const known = error instanceof Failure;
  if (!known) console.error(error);
  find("failure-text").textContent = known ? error.message : `Something failed on this page: ${error.message}`;
  find("failure-choices").replaceChildren(...choices.map(([text, act]) => make("li", {},
    make("button", { type: "button", onclick: () => { noFailure(); act(); } }, text))));
  find("failure").hidden = false;
  find("failure").scrollIntoView({ block: "nearest" });
}

// A name that means several classes: let one be chosen.
export function failOrChoose(error, choose) {
  const candidates = error.details?.candidates;
  if (!candidates) return fail(error);
  const told = `“${error.details.name}” could mean several classes. Which one?`;
  return fail(new Failure(error.status, { ...error.details, message: told }), candidates.map((one) => [
    `${one.label} (${one.path || one.name})`, () => choose({ id: one.class_id, label: one.label, hint: one.path || one.name }),
  ]));
}

export function warn(message) {
  fail(new Failure(0, { code: "page", message }));
}

export function noFailure() {
  find("failure").hidden = true;
}
