// The page: what is asked about, the classes that compete, and the answers, put together.

import { api, busy } from "./api.js";
import { lookAtAnswers, noAnswers, showAnswers } from "./answers.js";
import { classes, dropClasses, takeClasses } from "./classes.js";
import { find } from "./elements.js";
import { fail, noFailure } from "./failure.js";
import { showOwnClasses, takeOwnClasses } from "./own_class.js";
import { dropPictures, nothingYet, offer, subject, takePictures } from "./pictures.js";

const CAREFUL = { refuse: 0.05, back_off: 0.8 };
let current = null;

async function rank(tell = true) {
  const say = (text) => { if (tell) find("status").textContent = text; };
  const about = subject();
  if (!about) return say(nothingYet());
  noFailure();
  current?.abort(); // the newest question alone is answered
  const mine = current = new AbortController();
  find("rank").disabled = true;
  say("Ranking …");
  const candidates = classes.chosen.map((one) => one.id);
  try {
    const { results } = await api.predict(about, candidates, options(), mine.signal);
    showAnswers(results, about, candidates);
    lookAtAnswers();
    say(about.sample ? "Sample ranked." : results.length === 1 ? "One picture ranked." : `${results.length} pictures ranked.`);
  } catch (error) {
    if (mine.signal.aborted) return;
    say("Nothing ranked.");
    fail(error);
  } finally {
    if (mine === current) find("rank").disabled = false;
  }
}

function options() {
  const top = find("top");
  top.value = Math.min(Number(top.max), Math.max(1, Math.trunc(Number(top.value)) || 5));
  return { top_k: Number(top.value), ...(find("careful").checked ? CAREFUL : {}) };
}

function clear() {
  current?.abort();
  dropPictures();
  find("sample").value = "";
  dropClasses();
  noAnswers();
  find("rank").disabled = false;
  find("status").textContent = "Nothing asked yet.";
  noFailure();
}

async function connect() {
  find("facts").textContent = "Connecting …";
  try {
    const run = await api.run();
    find("top").max = run.limits.top_k;
    find("facts").textContent = `${run.run}: ${run.method}, ${run.graph.classes.toLocaleString("en")} classes, `
      + `${run.seen.toLocaleString("en")} of them seen; backbone ${run.backbone}`;
    find("careful-field").hidden = !run.calibrated;
    showOwnClasses(run.added);
    await offer(run);
  } catch (error) {
    find("facts").textContent = "Not connected.";
    fail(error, [["Try again", connect]]);
  }
}

busy.tell = () => { find("status").textContent = "The service is busy; asking again in a moment …"; };
takePictures(rank);
takeClasses();
takeOwnClasses(() => rank(false));
find("failure-close").addEventListener("click", noFailure);
find("rank").addEventListener("click", () => rank());
find("careful").addEventListener("change", () => rank());
find("clear").addEventListener("click", clear);
connect();
