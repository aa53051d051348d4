// Requests to the service. Every failure becomes a Failure with a code, a sentence and, for an ambiguous class, choices.

const TOKEN = "kgzsl-token";

export class Failure extends Error {
  constructor(status, error) {
    super(error.message);
    this.status = status;
    this.code = error.code;
    this.details = error;
  }
}

async function ask(place, options = {}) {
  const headers = new Headers(options.headers);
  const token = sessionStorage.getItem(TOKEN);
  if (token) headers.set("Authorization", `Bearer ${token}`);
  let answer;
  try {
    answer = await fetch(place, { ...options, headers });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Failure(0, { code: "unreachable", message: "The service does not answer. Is it still running?" });
  }
  if (answer.status === 401 && askToken()) return ask(place, options);
  const content = await answer.json().catch(() => ({}));
  if (!answer.ok) {
    const unknown = { code: "failed", message: `The service answered with status ${answer.status}.` };
    throw new Failure(answer.status, content.error ?? unknown);
  }
  return content;
}

function askToken() {
  const token = window.prompt("This service wants a token:");
  if (!token) return false;
  sessionStorage.setItem(TOKEN, token);
  return true;
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

export const api = {
  run: () => ask("/api/run"),
  samples: () => ask("/api/samples"),
  search: (text, signal) => ask(`/api/classes?${new URLSearchParams({ query: text, limit: 12 })}`, { signal }),
  add: (asked) => ask("/api/classes", asJson(asked)),
  predictSamples: (samples, classes, options) => ask("/api/predict", asJson({ samples, classes, ...options })),
  predictPictures: (files, classes, options) => ask("/api/predict", asForm(files, classes, options)),
  explainSample: (sample, classes, target) => ask("/api/explain", asJson({ samples: [sample], classes, target })),
  explainPicture: (file, classes, target) => ask("/api/explain", asForm([file], classes, { target })),
};
