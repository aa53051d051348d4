// Requests to the service. Every failure becomes a Failure with a code, a sentence and, for an ambiguous class, choices.

import { askToken, storedToken } from "./token.js";

const PATIENCE = 3; // so often a busy service is asked again
const LONGEST = 5; // seconds that are waited between

export const busy = { tell: () => undefined };

export class Failure extends Error {
  constructor(status, error) {
    super(error.message);
    this.status = status;
    this.code = error.code;
    this.details = error;
  }
}

async function ask(place, options = {}, patience = PATIENCE) {
  const headers = new Headers(options.headers);
  const token = storedToken();
  if (token) headers.set("Authorization", `Bearer ${token}`);
  let answer;
  try {
    answer = await fetch(place, { ...options, headers });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Failure(0, { code: "unreachable", message: "The service does not answer. Is it still running?" });
  }
  if (answer.status === 401 && await askToken(token)) return ask(place, options, patience);
  if (answer.status === 503 && patience && answer.headers.has("Retry-After")) {
    busy.tell();
    await pause(Math.min(LONGEST, Number(answer.headers.get("Retry-After")) || 1), options.signal);
    return ask(place, options, patience - 1);
  }
  const content = await answer.json().catch(() => ({}));
  if (!answer.ok) {
    const unknown = { code: "failed", message: `The service answered with status ${answer.status}.` };
    throw new Failure(answer.status, content.error ?? unknown);
  }
  return content;
}

function pause(seconds, signal) {
  return new Promise((go, stop) => {
    const timer = setTimeout(go, 1000 * seconds);
    signal?.addEventListener("abort", () => {
      clearTimeout(timer);
      stop(signal.reason);
    });
  });
}

function asJson(content) {
  return { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(content) };
}

function asForm(files, classes, fields) {
  const form = new FormData();
  for (const file of files) form.append("pictures", file, file.name || "pasted.png");
  for (const name of classes) form.append("classes", name);
  for (const [name, value] of Object.entries(fields)) form.append(name, String(value));
  return { method: "POST", body: form };
}

// What is asked about, pictures or a sample, in the form of a request.
function about({ files, sample }, classes, fields) {
  return sample ? asJson({ samples: [sample], classes, ...fields }) : asForm(files, classes, fields);
}

function placeOf(name) {
  return `/api/classes/${encodeURIComponent(name)}`;
}

export const api = {
  run: () => ask("/api/run"),
  samples: () => ask("/api/samples"),
  search: (text, signal) => ask(`/api/classes?${new URLSearchParams({ query: text, limit: 12 })}`, { signal }),
  place: (name) => ask(placeOf(name)),
  add: (asked) => ask("/api/classes", asJson(asked)),
  remove: (name) => ask(placeOf(name), { method: "DELETE" }),
  predict: (images, classes, options, signal) => ask("/api/predict", { ...about(images, classes, options), signal }),
  explain: (images, classes, target) => ask("/api/explain", about(images, classes, { target })),
};
