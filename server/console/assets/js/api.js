// The REST interface, as functions.

import { t, knows } from "./words.js";
import { explain } from "./wrong.js";

const base = "/api/v1";

// telling are the problems of which the server says more than words can.
const telling = ["site", "state", "proxy_login_refused", "foreign_host"];

// Problem is what the server says when it refuses (RFC 9457).
export class Problem extends Error {
  constructor(body, status, wait = 0) {
    super(body.detail || body.title || `status ${status}`);
    this.word = String(body.type ?? "").split(":").pop();
    this.field = body.field ?? "";
    this.status = status;
    this.wait = wait; // seconds after which the server wants to be asked again
  }

  // text is what a person is told, in their language where there are words.
  get text() {
    const key = `problem.${this.word}`;
    if (this.word === "invalid_field" && this.field) {
      const { text, detail } = explain(this.field, this.message);
      return detail ? `${text} (${this.field}: ${detail})` : `${this.field}: ${text}`;
    }
    if (!knows(key)) return this.message;
    return telling.includes(this.word) ? `${t(key)} (${this.message})` : t(key);
  }
}

let onSignedOut = () => {};

// whenSignedOut sets what happens when the session is over.
export function whenSignedOut(action) {
  onSignedOut = action;
}

async function send(method, path, body, headers = {}) {
  const options = { method, headers: { Accept: "application/json", ...headers }, credentials: "same-origin", cache: "no-store" };
  if (body !== undefined) {
    options.body = JSON.stringify(body);
    options.headers["Content-Type"] = "application/json";
  }
  let answer;
  try {
    answer = await fetch(base + path, options);
  } catch {
    throw new Problem({ type: "urn:pixivoc:problem:offline", detail: "the server does not answer" }, 0);
  }
  if (answer.status === 204) return null;
  let value = {};
  try {
    value = await answer.json();
  } catch {
    throw new Problem({ detail: `the answer cannot be read (status ${answer.status})` }, answer.status);
  }
  if (answer.ok) return value;
  const problem = new Problem(value, answer.status, Number(answer.headers.get("Retry-After") ?? 0));
  if (problem.word === "not_signed_in") onSignedOut();
  throw problem;
}

// newKey makes a key for a request that may be sent again. crypto.randomUUID is
// missing where the console comes over plain HTTP from another machine.
export const newKey = () => Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, "0")).join("");

const page = (path, query) => send("GET", `${path}?${new URLSearchParams(query)}`);

export const api = {
  session: () => send("GET", "/session"),
  signIn: (name, password) => send("POST", "/session", { name, password }),
  signOut: () => send("DELETE", "/session"),
  account: () => send("GET", "/account"),
  logIn: (token) => send("POST", "/account/login", { refresh_token: token }),
  beginLogin: () => send("POST", "/account/browser-logins"),
  finishLogin: (id, callback) => send("POST", `/account/browser-logins/${id}`, { callback }),
  logOut: () => send("DELETE", "/account"),
  environment: () => send("GET", "/environment"),
  patchEnvironment: (patch) => send("PATCH", "/environment", patch),
  types: () => send("GET", "/types"),
  resolve: (url) => send("POST", "/resolve", { url }),
  create: (spec, key) => send("POST", "/tasks", spec, { "Idempotency-Key": key }),
  task: (tid) => send("GET", `/tasks/${tid}`),
  patchTask: (tid, patch) => send("PATCH", `/tasks/${tid}`, patch),
  start: (tid) => send("POST", `/tasks/${tid}/start`),
  again: (tid) => send("POST", `/tasks/${tid}/start?again=true`),
  stop: (tid) => send("POST", `/tasks/${tid}/stop`),
  remove: (tid, files) => send("DELETE", `/tasks/${tid}?files=${files}`),
  items: (tid, after) => page(`/tasks/${tid}/items`, { state: "failed", after, limit: 100 }),
  records: (tid, after) => page(`/tasks/${tid}/records`, { after, limit: 50 }),
  files: (tid, after) => page(`/tasks/${tid}/files`, { after, limit: 60 }),
  fileURL: (tid, seq) => `${base}/tasks/${tid}/files/${seq}`,
  thumbnailURL: (tid, seq) => `${base}/tasks/${tid}/files/${seq}/thumbnail`,
  downloadURL: (tid, format) => `${base}/tasks/${tid}/records?format=${format}`,
  eventsURL: () => `${base}/events`,
};
