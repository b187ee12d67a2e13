// The page of one task.

import { el, icon, fill, field, refuse, say } from "./dom.js";
import { t, bytes, speed, duration, moment, number } from "./words.js";
import { api } from "./api.js";
import { state, watch, history, remaining, pace, put } from "./state.js";
import { newBadge, newProgress, newActions, word, isActive } from "./parts.js";
import { showPicture, fault, notify } from "./dialog.js";
import { newPlot } from "./chart.js";
import { explain } from "./wrong.js";

// newFacts is a list of names and values that change.
function newFacts(names) {
  const values = {};
  const element = el("dl", { class: "facts" }, names.map((name) => {
    values[name] = el("dd", { class: "number" });
    const wide = ["place", "keyword"].includes(name);
    return el("div", { class: wide ? "wide" : "" }, el("dt", {}, t(`fact.${name}`)), values[name]);
  }));
  return { element, show: (facts) => Object.entries(facts).forEach(([name, text]) => say(values[name], text)) };
}

// newList loads a list page by page. load(after) gives a page; add(page) shows
// it and returns how many entries that were.
function newList(load, add, emptyText) {
  let after = 0;
  let count = 0;
  let busy = false;
  let asked = false; // to look again, while busy
  const more = el("button", { onclick: () => next() }, t("more"));
  const none = el("p", { class: "muted" }, emptyText);
  const foot = el("div", { class: "row" }, none, more);
  none.hidden = more.hidden = foot.hidden = true;
  async function next() {
    if (busy) return void (asked = true);
    busy = true;
    try {
      const page = await load(after);
      const [added, last] = add(page);
      count += added;
      after = page.next_after ?? last ?? after;
      more.hidden = page.next_after === undefined;
      none.hidden = count > 0;
      foot.hidden = none.hidden && more.hidden;
    } catch (error) {
      fault(error);
    } finally {
      busy = false;
    }
    if (!asked) return;
    asked = false;
    refresh();
  }
  // refresh takes up what came since, unless the reader has not come to the end.
  const refresh = () => more.hidden && next();
  return { foot, next, refresh };
}

function gallery(tid) {
  const shown = [];
  const grid = el("ul", { class: "gallery" });
  const add = (page) => {
    for (const file of page.files) grid.append(tile(file));
    return [page.files.length, page.files.at(-1)?.seq];
  };
  function tile(file) {
    const name = file.path.split("/").pop();
    if (!file.picture) return el("li", {}, el("div", { class: "thumb" }, el("span", { class: "none" }, `${name}`)), el("div", { class: "name" }, bytes(file.bytes)));
    const at = shown.push(file) - 1;
    const image = el("img", { alt: name, loading: "lazy", src: api.thumbnailURL(tid, file.seq) });
    image.addEventListener("error", () => image.replaceWith(el("span", { class: "none" }, t("picture.none"))));
    return el("li", {}, el("button", { class: "thumb", onclick: () => showPicture(tid, shown, at) }, image), el("div", { class: "name", title: file.path }, name));
  }
  const list = newList((after) => api.files(tid, after), add, t("pictures.empty"));
  return { element: el("div", { class: "panel" }, grid, list.foot), ...list };
}

function table(columns, load, row, emptyText, head) {
  const body = el("tbody");
  const whole = el("table", {}, el("thead", {}, el("tr", {}, columns.map((name) => el("th", { scope: "col" }, t(`column.${name}`))))), body);
  whole.hidden = true;
  const list = newList(load, (page) => {
    const entries = page.items ?? page.records;
    for (const entry of entries) body.append(el("tr", {}, row(entry)));
    whole.hidden = body.children.length === 0;
    return [entries.length, entries.at(-1)?.id ?? entries.at(-1)?.seq];
  }, emptyText);
  return { element: el("div", { class: "panel flush" }, head, el("div", { class: "scroll" }, whole), list.foot), ...list };
}

const failures = (tid) => table(["key", "stage", "reason", "detail"], (after) => api.items(tid, after), (item) => [
  el("td", {}, item.key), el("td", {}, word("stage", item.stage)), el("td", {}, el("span", { class: "badge bad" }, word("reason", item.reason))), el("td", {}, item.detail ?? ""),
], t("failed.empty"));

// members shows what a record says, without what is empty and without the raw
// answer of the site; downloads have all of it.
function members(data) {
  const shorten = (value) => {
    const text = typeof value === "string" ? value : JSON.stringify(value);
    return text.length > 160 ? `${text.slice(0, 160)}…` : text;
  };
  if (data === null || typeof data !== "object") return shorten(data);
  return Object.entries(data)
    .filter(([name, value]) => name !== "illust" && value !== "" && value !== null && !(Array.isArray(value) && value.length === 0))
    .map(([name, value]) => [el("span", {}, el("b", {}, name), shorten(value)), " "]);
}

const records = (tid) => table(["kind", "key", "data"], (after) => api.records(tid, after), (record) => [
  el("td", {}, el("span", { class: "badge" }, word("kind", record.kind))), el("td", {}, record.key), el("td", { class: "data" }, members(record.data)),
], t("records.empty"), el("div", { class: "row" }, ["csv", "jsonl"].map((format) =>
  el("a", { class: "button", href: api.downloadURL(tid, format), download: true }, icon("save"), t(`download.${format}`)))));

// newTabs shows one of several panels, made when they are first looked at.
function newTabs(makers) {
  const names = Object.keys(makers);
  const panels = {};
  const place = el("div", { role: "tabpanel", id: "panel", tabindex: "-1" });
  const counts = {};
  const buttons = names.map((name) => el("button", { role: "tab", id: `tab-${name}`, "aria-controls": "panel", onclick: () => choose(name) },
    t(`tab.${name}`), (counts[name] = el("span", { class: "count", hidden: true }))));
  const bar = el("div", { class: "tabs", role: "tablist" }, buttons);
  let current = "";
  bar.addEventListener("keydown", (event) => {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (!step) return;
    const to = (names.indexOf(current) + step + names.length) % names.length;
    choose(names[to]);
    buttons[to].focus();
  });
  function choose(name) {
    current = name;
    names.forEach((each, at) => {
      buttons[at].setAttribute("aria-selected", String(each === name));
      buttons[at].tabIndex = each === name ? 0 : -1;
    });
    place.setAttribute("aria-labelledby", `tab-${name}`);
    if (panels[name]) panels[name].refresh();
    else (panels[name] = makers[name]()).next();
    fill(place, panels[name].element);
  }
  return {
    element: el("section", { class: "sheet list" }, bar, place),
    choose,
    refresh: () => panels[current]?.refresh(),
    renew() {
      for (const name of names) delete panels[name];
      choose(current);
    },
    count(name, n) {
      counts[name].hidden = !n;
      say(counts[name], number(n));
    },
  };
}

// commonFolder returns the folder that all of the files are in, as far as they
// share one.
function commonFolder(files) {
  let common = null;
  for (const { path } of files) {
    const parts = path.split("/").slice(0, -1);
    const differs = common?.findIndex((part, at) => part !== parts[at]) ?? -1;
    common = common === null ? parts : differs < 0 ? common : common.slice(0, differs);
  }
  return common ?? [];
}

// newPlace finds out where the files of a task are; until there are any, the
// folder is that below which they will be.
function newPlace(tid, changed) {
  let folder = null;
  let wait = 0; // when to ask, again while there are none
  return (info) => {
    if (folder === null && info.save_path && Date.now() >= wait) {
      wait = Date.now() + 2000;
      api.files(tid, 0).then(({ files }) => {
        if (!files.length) return;
        folder = commonFolder(files);
        changed();
      }, () => {}); // the list of pictures says what is wrong
    }
    if (!info.save_path) return "–";
    const slash = info.save_path.includes("\\") ? "\\" : "/";
    return [info.save_path.replace(/[\\/]+$/, "") || slash, ...(folder ?? [])].join(slash).replace("//", "/");
  };
}

// scheduleForm changes when a task is opened again by itself.
function scheduleForm(tid) {
  const input = el("input", { name: "schedule", autocomplete: "off", spellcheck: "false", placeholder: t("schedule.none") });
  let base = "";
  const element = el("form", { class: "schedule row", onsubmit: async (event) => {
    event.preventDefault();
    refuse(input, "");
    const sentAt = performance.now();
    try {
      put(await api.patchTask(tid, { schedule: input.value.trim() }), sentAt);
      notify(t("env.done"));
    } catch (error) {
      if (error.field !== "schedule") return fault(error);
      const { text, detail } = explain("schedule", error.message);
      refuse(input, text, detail);
      input.focus();
    }
  } }, field(t("schedule"), input, t("schedule.hint")), el("button", { id: "save-schedule" }, t("env.save")));
  return {
    element,
    show(info) {
      const now = info.schedule ?? "";
      if (now === base) return;
      if (input.value.trim() === base) input.value = now;
      base = now;
    },
  };
}

// taskPage shows the page of a task; it returns what ends it.
export async function taskPage(main, tid) {
  const sentAt = performance.now();
  if (!state.tasks.has(tid)) put(await api.task(tid), sentAt);
  let info = state.tasks.get(tid);
  document.title = `${info.task_name} · pixivoc`;
  const badge = newBadge();
  const progress = newProgress();
  progress.element.className = "big";
  const actions = newActions({ wide: true, removed: () => (location.hash = "#/") });
  const facts = newFacts(["bytes", "speed", "eta", "failed", "created", "finished", "keyword", "place"]);
  const schedule = scheduleForm(tid);
  const place = newPlace(tid, () => show());
  const plot = newPlot();
  const top = el("div", { class: "task-top" }, el("div", { class: "sheet stack" }, progress.element, facts.element, el("details", {}, el("summary", {}, t("schedule")), schedule.element)), plot.element);
  const error = el("div", { class: "note bad", role: "alert", hidden: true });
  const kind = (await api.types()).types.find((each) => each.name === info.type_name);
  const tabs = newTabs({ ...(kind && !kind.files ? {} : { pictures: () => gallery(tid) }), failed: () => failures(tid), records: () => records(tid) });
  fill(main, el("div", { class: "stack" },
    el("div", {}, el("a", { href: "#/", class: "small" }, `← ${t("nav.tasks")}`),
      el("div", { class: "head" }, el("h1", {}, info.task_name), badge.element, el("span", { class: "spread" }), actions.element),
      el("div", { class: "muted small" }, [`#${tid}`, word("type", info.type_name), info.group].filter(Boolean).join(" · "))),
    error,
    top,
    tabs.element));
  tabs.choose(kind && !kind.files ? "records" : "pictures");

  let wasBytes = info.bytes;
  let refreshed = Date.now();
  function show() {
    const latest = state.tasks.get(tid);
    if (!latest) {
      if (state.known) location.hash = "#/";
      return;
    }
    const reopened = (latest.runs ?? 0) !== (info.runs ?? 0) || latest.failed < info.failed;
    const moved = isActive(info) !== isActive(latest);
    info = latest;
    for (const part of [badge, progress, actions, schedule]) part.show(info);
    error.hidden = !info.error;
    error.className = info.state === "Error" ? "note bad" : "note";
    say(error, info.error ?? "");
    facts.show({
      bytes: bytes(info.bytes), speed: speed(pace(info)),
      eta: info.running ? duration(remaining(info)) : "–", failed: number(info.failed), created: moment(info.created_at),
      finished: moment(info.finished_at), keyword: info.keyword || "–", place: place(info),
    });
    tabs.count("failed", info.failed);
    const samples = history(tid);
    plot.element.hidden = !isActive(info) && samples.filter((sample) => sample.speed > 0).length < 2;
    top.className = plot.element.hidden ? "task-top alone" : "task-top";
    plot.draw(samples);
    if (reopened) tabs.renew(); // what had failed may be tried again
    // Between two events a task may begin and end.
    if (moved || (info.bytes !== wasBytes && (!isActive(info) || Date.now() - refreshed > 2000))) {
      wasBytes = info.bytes;
      refreshed = Date.now();
      tabs.refresh();
    }
  }
  show();
  const end = watch((tids) => (tids === null || tids.has(tid)) && show());
  const clock = setInterval(() => isActive(info) && show(), 1000);
  return () => {
    end();
    clearInterval(clock);
  };
}
