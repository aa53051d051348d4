// Classes of one's own: added by a description or what they are a kind of, and taken out again.

import { api } from "./api.js";
import { answeredClasses, sentence } from "./answers.js";
import { addClass, classes, dropClasses } from "./classes.js";
import { Combobox } from "./combobox.js";
import { find, make } from "./elements.js";
import { fail, failOrChoose, noFailure } from "./failure.js";

const own = { parent: null, rank: () => undefined };

// `rank` ranks without saying so: what is told of the new class stays to be read.
export function takeOwnClasses(rank) {
  own.rank = rank;
  const input = find("add-parent");
  new Combobox(input, find("add-parent-list"), { search: api.search, choose: (one) => chooseParent(input, one), fail });
  find("add-form").addEventListener("submit", (event) => {
    event.preventDefault();
    add(event.target);
  });
}

function chooseParent(input, one) {
  own.parent = one;
  input.value = one.label;
}

async function add(form) {
  noFailure();
  const typed = find("add-parent").value.trim();
  const parent = own.parent?.label === typed ? own.parent.id : typed;
  const asked = { name: find("add-name").value.trim(), description: find("add-description").value.trim(), parents: parent ? [parent] : [] };
  find("add-send").disabled = true;
  try {
    const added = await api.add(asked);
    if (!classes.chosen.length) answeredClasses().forEach(addClass); // so that it has rivals
    addClass({ id: added.class_id, label: added.name, hint: (added.parents ?? []).map((one) => one.name).join(", ") });
    find("top").value = Math.max(find("top").value, classes.chosen.length); // so that it is among those shown
    form.reset();
    own.parent = null;
    find("add").open = false;
    const doubt = added.is_doubtful ? " That place is doubtful: take it out, and add it with a description or beneath a class." : "";
    find("status").textContent = `Added ${added.name}. ${sentence(added.why)}${doubt}`;
    await own.rank();
    showOwnClasses((await api.run()).added);
  } catch (error) {
    failOrChoose(error, (one) => {
      chooseParent(find("add-parent"), one);
      add(form);
    });
  } finally {
    find("add-send").disabled = false;
  }
}

export function showOwnClasses(added) {
  find("own-field").hidden = !added.length;
  find("own").replaceChildren(...added.map((one) => make("li", {}, one.name,
    make("button", { type: "button", "aria-label": `Take ${one.name} out`, onclick: () => remove(one) }, "×"))));
}

async function remove(one) {
  if (!window.confirm(`Take ${one.name} out? Nobody who asks this service will find it any more.`)) return;
  noFailure();
  try {
    await api.remove(one.class_id);
    dropClasses((chosen) => chosen.id !== one.class_id);
    find("status").textContent = `Took ${one.name} out.`;
    showOwnClasses((await api.run()).added);
  } catch (error) {
    fail(error);
  }
}
