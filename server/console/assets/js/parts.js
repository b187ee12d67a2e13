// Pieces that several pages show of a task.

import { el, icon, say } from "./dom.js";
import { t, knows, number, moment } from "./words.js";
import { api } from "./api.js";
import { put, drop } from "./state.js";
import { askRemove, fault, notify } from "./dialog.js";

const looks = { Downloading: "run", Queued: "", WaitStart: "", Stopped: "", Scheduled: "good", WaitToken: "warn", DiskFull: "warn", Over: "good", Error: "bad" };

export const isActive = (info) => ["Downloading", "Queued", "WaitToken", "DiskFull"].includes(info.state);

// word returns the words for a name of the kernel, or the name itself.
export const word = (group, name) => (knows(`${group}.${name}`) ? t(`${group}.${name}`) : name);

export function stateText(info) {
  if (info.state === "Queued" && info.queue_position) return t("state.place", { place: info.queue_position });
  if (info.state === "Over" && info.failed > 0) return t("state.partly", { failed: number(info.failed) });
  if (info.state === "Scheduled" && info.next_run) return t("state.next", { time: moment(info.next_run) });
  if (info.running && info.limited_until && Date.parse(info.limited_until) > Date.now()) return t("state.limited", { time: moment(info.limited_until) });
  return word("state", info.state);
}

// newBadge shows the state of a task.
export function newBadge() {
  const element = el("span", { class: "badge" });
  return {
    element,
    show(info) {
      say(element, stateText(info));
      element.className = `badge ${info.state === "Over" && info.failed > 0 ? "warn" : looks[info.state] ?? ""}`;
    },
  };
}

// newProgress shows how far the current stage is.
export function newProgress() {
  const bar = el("progress", { max: 1 });
  const stage = el("span");
  const count = el("span", { class: "number" });
  const element = el("div", {}, el("div", { class: "bar-line" }, stage, count), bar);
  return {
    element,
    show(info) {
      bar.max = Math.max(info.total, 1);
      bar.value = info.over && info.total === 0 ? 1 : info.now;
      bar.className = info.over ? (info.failed > 0 ? "warn" : "good") : info.state === "Error" ? "bad" : isActive(info) ? "" : "rest";
      bar.setAttribute("aria-label", t("progress.of", { name: info.task_name }));
      say(stage, word("stage", info.stage_name));
      say(count, `${number(info.now)} / ${number(info.total)}`);
    },
  };
}

export async function remove(info) {
  const files = await askRemove(info);
  if (files === null) return false;
  try {
    await api.remove(info.tid, files);
    drop(info.tid);
    notify(t("remove.done", { name: info.task_name }));
    return true;
  } catch (error) {
    fault(error);
    return false;
  }
}

// newActions are start, fetch again, stop and delete; removed is called after the last.
export function newActions({ wide = false, removed = () => {} } = {}) {
  let shown = null;
  const act = (work) => async () => {
    const sentAt = performance.now();
    try {
      put(await work(shown.tid), sentAt);
    } catch (error) {
      fault(error);
    }
  };
  const button = (name, action, extra = "") =>
    el("button", { class: wide ? extra : `quiet icon ${extra}`, onclick: action, "data-action": name }, icon(name), wide && t(name));
  const start = button("start", act(api.start));
  const again = button("again", act(api.again));
  const stop = button("stop", act(api.stop));
  const gone = button("remove", async () => (await remove(shown)) && removed(), wide ? "danger" : "");
  return {
    element: el("div", { class: wide ? "row" : "" }, start, again, stop, gone),
    show(info) {
      shown = info;
      const active = isActive(info);
      const had = document.activeElement;
      start.hidden = active || info.over;
      again.hidden = active || !(info.over || info.failed > 0);
      stop.hidden = !active;
      // A button that goes away hands the focus to the one in its place.
      if (had?.hidden && [start, again, stop].includes(had)) [start, again, stop].find((each) => !each.hidden)?.focus();
      for (const [element, name] of [[start, "start"], [again, "again"], [stop, "stop"], [gone, "remove"]]) {
        const label = t(`${name}.named`, { name: info.task_name });
        if (element.getAttribute("aria-label") !== label) {
          element.setAttribute("aria-label", label);
          element.title = t(name);
        }
      }
    },
  };
}
