// What the console knows: tasks, settings and account, kept up to date by the
// stream of events, and the speeds it has seen.

import { api } from "./api.js";

const kinds = ["snapshot", "task_created", "task_changed", "task_over", "task_deleted", "item_failed", "item_done", "env_changed", "token_changed", "rate_limited"];
const samplesKept = 600;
const silence = 6000; // milliseconds

const anyTask = () => ({ text: "", choice: "all", page: 0 });

export const state = {
  session: null,
  tasks: new Map(),
  environment: null,
  account: null,
  linked: false,
  known: false, // a snapshot has come
  filter: anyTask(), // which tasks the list shows
};

const histories = new Map(); // of each task: times, speeds and counts
const told = new Map(); // of each task: when its last event came
const listeners = new Set();
let source = null;
let retry = 0;
let clock = 0;
let pending = null;

// watch calls back after changes, at most once a frame, with the changed tasks
// (null: everything). It returns a function that ends this.
export function watch(listener) {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

function changed(tid) {
  if (!pending) {
    pending = { tids: new Set(), all: false };
    // A hidden page draws no frames; a timer runs there too.
    setTimeout(tell, 50);
  }
  if (tid === undefined) pending.all = true;
  else pending.tids.add(tid);
}

function tell() {
  const { tids, all } = pending;
  pending = null;
  for (const listener of [...listeners]) listener(all ? null : tids);
}

// pace is the speed of a task. One of which nothing was heard for a while is
// at a standstill, whatever its last event said.
export function pace(info) {
  const silent = performance.now() - (told.get(info.tid) ?? 0) > silence;
  return info.running && !silent ? info.speed : 0;
}

// tick follows tasks that run and of which nothing is heard.
function tick() {
  for (const info of state.tasks.values()) {
    if (!info.running || pace(info) === info.speed) continue;
    sample(info);
    changed(info.tid);
  }
}

function sample(info) {
  let history = histories.get(info.tid);
  if (!history && !info.running) return;
  if (!history) histories.set(info.tid, (history = []));
  const last = history.at(-1);
  const now = Date.now();
  const value = { at: now, speed: pace(info), now: info.now, stage: info.stage_name };
  if (last && now - last.at < 500) history[history.length - 1] = { ...value, at: last.at };
  else if (info.running || (last && last.speed > 0)) history.push(value);
  if (history.length > samplesKept) history.splice(0, history.length - samplesKept);
}

export const history = (tid) => histories.get(tid) ?? [];

// remaining estimates the seconds that the current stage still takes, from how
// many items the last half minute finished.
export function remaining(info) {
  if (!info.running || info.total <= info.now) return NaN;
  const seen = history(info.tid).filter((s) => s.stage === info.stage_name && Date.now() - s.at < 30_000);
  if (seen.length < 2) return NaN;
  const done = info.now - seen[0].now;
  const seconds = (Date.now() - seen[0].at) / 1000;
  return done > 0 ? ((info.total - info.now) / done) * seconds : NaN;
}

// put takes up what an answer said of a task, unless an event came after the
// request was sent at that time: the event may be newer.
export function put(info, sentAt) {
  if ((told.get(info.tid) ?? -1) < sentAt) keep(info);
}

function keep(info) {
  state.tasks.set(info.tid, info);
  sample(info);
  changed(info.tid);
}

export function drop(tid) {
  state.tasks.delete(tid);
  histories.delete(tid);
  told.delete(tid);
  changed();
}

function take(event) {
  switch (event.kind) {
    case "snapshot":
      state.tasks = new Map((event.tasks ?? []).map((info) => [info.tid, info]));
      state.environment = event.env ?? null;
      state.account = event.account ?? null;
      state.known = true;
      for (const tid of state.tasks.keys()) told.set(tid, performance.now());
      for (const info of state.tasks.values()) sample(info);
      return changed();
    case "task_deleted":
      return drop(event.task.tid);
    case "env_changed":
      state.environment = event.env;
      return changed();
    case "token_changed":
      state.account = event.token_ok ? event.account : null;
      return changed();
    case "rate_limited":
      return;
  }
  if (!event.task?.tid) return;
  if (!state.tasks.has(event.task.tid)) {
    if (event.kind !== "task_created") return; // of one that was deleted here already
    changed();
  }
  told.set(event.task.tid, performance.now());
  keep(event.task);
}

// connect opens the stream. The browser opens it again after a fault, and says
// where it was; when it gives up, so that a session may be over, we ask.
export function connect() {
  disconnect();
  clock = setInterval(tick, 1000);
  source = new EventSource(api.eventsURL());
  for (const kind of kinds) source.addEventListener(kind, (message) => take(JSON.parse(message.data)));
  source.onopen = () => {
    state.linked = true;
    changed();
  };
  source.onerror = () => {
    state.linked = false;
    changed();
    if (source?.readyState === EventSource.CLOSED) retry = setTimeout(reconnect, 4000);
  };
}

async function reconnect() {
  try {
    await api.session();
    connect();
  } catch (problem) {
    if (problem.word !== "not_signed_in") retry = setTimeout(reconnect, 4000);
  }
}

export function disconnect() {
  clearTimeout(retry);
  clearInterval(clock);
  source?.close();
  source = null;
  state.linked = false;
}

// forget empties what a person who is not signed in must not see.
export function forget() {
  disconnect();
  histories.clear();
  told.clear();
  Object.assign(state, { session: null, tasks: new Map(), environment: null, account: null, known: false, filter: anyTask() });
}
