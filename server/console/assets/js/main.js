// The console begins here: sign-in, the bar at the top, and which page shows.

import { el, icon, fill, field, refuse } from "./dom.js";
import { t, loadWords, otherLanguage } from "./words.js";
import { api, whenSignedOut } from "./api.js";
import { state, connect, forget, watch } from "./state.js";
import { fault } from "./dialog.js";
import { tasksPage } from "./tasks.js";
import { taskPage } from "./task.js";
import { settingsPage } from "./settings.js";

const main = document.getElementById("main");
const bar = document.getElementById("bar");
const themes = ["auto", "light", "dark"];
let end = () => {};
let turn = 0;

function theme() {
  const kept = localStorage.getItem("theme");
  return themes.includes(kept) ? kept : "auto";
}

function applyTheme() {
  if (theme() === "auto") delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = theme();
}

const brand = () => [el("img", { src: "icon.svg", alt: "" }), el("span", {}, "pixivoc")];

// switches are the buttons for language and colours.
function switches() {
  const colours = el("button", { class: "quiet icon", id: "theme" }, icon("theme"));
  const name = () => {
    colours.title = t("theme.is", { theme: t(`theme.${theme()}`) });
    colours.setAttribute("aria-label", colours.title);
  };
  colours.addEventListener("click", () => {
    localStorage.setItem("theme", themes[(themes.indexOf(theme()) + 1) % themes.length]);
    applyTheme();
    name();
  });
  name();
  const tongue = el("button", { class: "quiet", id: "language", lang: otherLanguage() === "zh" ? "zh-Hans" : "en", onclick: async () => {
    await loadWords(otherLanguage());
    render();
  } }, otherLanguage() === "zh" ? "中文" : "English");
  return [tongue, colours];
}

function showBar(route) {
  const dot = el("span", { class: "dot" });
  const words = el("span");
  const link = (to, name) => el("a", { href: to, "aria-current": route === name ? "page" : null }, t(`nav.${name}`));
  const show = () => {
    dot.className = state.linked ? "dot good" : "dot warn";
    fill(words, state.linked ? t("link.live") : t("link.lost"));
    dot.parentElement.title = words.textContent;
  };
  fill(bar, el("div", { class: "bar-inner" },
    el("a", { class: "brand", href: "#/", "aria-label": "pixivoc" }, brand()),
    el("nav", { "aria-label": t("nav") }, link("#/", "tasks"), link("#/settings", "settings")),
    el("span", { class: "spread" }),
    el("div", { class: "link-state", role: "status" }, dot, words),
    switches(),
    state.session.login && el("button", { class: "quiet icon", id: "sign-out", "aria-label": t("sign.out"), title: t("sign.out"), onclick: signOut }, icon("leave"))));
  bar.hidden = false;
  show();
  return watch((tids) => tids === null && show());
}

async function signOut() {
  try {
    await api.signOut();
    forget();
    signIn();
  } catch (error) {
    fault(error);
  }
}

// signIn shows the form; a person who is signed in comes to the page they
// asked for.
function signIn() {
  end();
  end = () => {};
  turn++;
  bar.hidden = true;
  document.title = "pixivoc";
  const name = el("input", { name: "name", autocomplete: "username", value: "admin", spellcheck: "false", required: true });
  const password = el("input", { name: "password", type: "password", autocomplete: "current-password", required: true });
  const send = el("button", { class: "main", id: "sign-in" }, t("sign.in"));
  const submit = async (event) => {
    event.preventDefault();
    send.disabled = true;
    refuse(password, "");
    try {
      state.session = await api.signIn(name.value, password.value);
      connect();
      await render();
    } catch (error) {
      refuse(password, error.text);
      password.select();
      password.focus();
    } finally {
      send.disabled = false;
    }
  };
  fill(main, el("div", { class: "door" },
    el("h1", { class: "brand" }, brand()),
    el("form", { class: "sheet form", onsubmit: submit }, field(t("sign.name"), name), field(t("sign.password"), password), send),
    el("div", { class: "row" }, el("span", { class: "spread" }), switches(), el("span", { class: "spread" }))));
  password.focus();
}

// render shows the page that the address names.
async function render() {
  const mine = ++turn;
  end();
  end = () => {};
  const skip = document.getElementById("skip");
  skip.textContent = t("skip");
  if (!state.session) return signIn();
  const task = /^#\/task\/([1-9]\d*)$/.exec(location.hash);
  const route = task ? "task" : location.hash === "#/settings" ? "settings" : "tasks";
  const endBar = showBar(route);
  let endPage = () => {};
  try {
    if (task) endPage = await taskPage(main, Number(task[1]));
    else if (route === "settings") endPage = await settingsPage(main);
    else endPage = await tasksPage(main);
  } catch (error) {
    if (mine === turn && error.word !== "not_signed_in") {
      fill(main, el("div", { class: "sheet empty" }, el("strong", {}, error.text ?? String(error)), el("a", { href: "#/" }, t("nav.tasks"))));
    }
  }
  const both = () => {
    endBar();
    endPage();
  };
  if (mine === turn) end = both;
  else both(); // another page was asked for meanwhile
}

async function begin() {
  applyTheme();
  await loadWords();
  whenSignedOut(() => {
    if (!state.session) return;
    forget();
    signIn();
  });
  document.getElementById("skip").addEventListener("click", (event) => {
    event.preventDefault();
    main.focus();
  });
  window.addEventListener("hashchange", () => {
    render();
    window.scrollTo(0, 0);
  });
  try {
    state.session = await api.session();
    connect();
  } catch (error) {
    if (error.word !== "not_signed_in") fault(error);
  }
  await render();
}

begin();
