// The token of a service that wants one: asked for in a dialog, kept until the tab is closed.

import { find } from "./elements.js";

const PLACE = "kgzsl-token";
let pending = null;

export function storedToken() {
  return sessionStorage.getItem(PLACE);
}

// Ask once for all requests that wait; resolve to whether there is another token than the refused one.
export function askToken(refused) {
  if (storedToken() !== refused) return Promise.resolve(true);
  pending ??= open(refused).finally(() => { pending = null; });
  return pending;
}

function open(refused) {
  const dialog = find("token-dialog");
  find("token-note").textContent = refused ? "It does not take the one given before." : "Who runs it can tell you.";
  find("token").value = "";
  return new Promise((tell) => {
    dialog.addEventListener("close", () => {
      const token = dialog.returnValue === "send" ? find("token").value.trim() : "";
      if (token) sessionStorage.setItem(PLACE, token);
      tell(Boolean(token));
    }, { once: true });
    dialog.returnValue = "";
    dialog.showModal();
  });
}
