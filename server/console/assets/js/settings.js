// The page with the account at the site and the environment.

import { el, fill, field, refuse } from "./dom.js";
import { t } from "./words.js";
import { api } from "./api.js";
import { state, watch } from "./state.js";
import { fault, notify } from "./dialog.js";
import { explain } from "./wrong.js";

// guarded runs the work of a form and shows what it refuses.
function guarded(inputs, work) {
  return async (event) => {
    event?.preventDefault();
    for (const input of Object.values(inputs)) refuse(input, "");
    const button = event?.submitter;
    if (button) button.disabled = true;
    try {
      await work();
    } catch (error) {
      const input = inputs[error.field] ?? (error.word === "login_refused" ? Object.values(inputs)[0] : null);
      if (!input) return fault(error);
      const { text, detail } = error.word === "login_refused" ? error : explain(error.field, error.message);
      refuse(input, text, detail);
      input.focus();
    } finally {
      if (button) button.disabled = false;
    }
  };
}

// browserLogin shows the steps of a login in the browser.
function browserLogin(place, done) {
  return guarded({}, async () => {
    const login = await api.beginLogin();
    const callback = el("textarea", { name: "callback", spellcheck: "false", autocomplete: "off", placeholder: "pixiv://account/login?code=…" });
    fill(place, el("form", { class: "form", onsubmit: guarded({ callback }, async () => {
      await api.finishLogin(login.id, callback.value);
      done();
    }) },
      el("ol", { class: "steps" },
        el("li", {}, t("login.step1"), " ", el("a", { href: login.url, target: "_blank", rel: "noopener noreferrer", id: "login-page" }, t("login.open")),
          el("div", { class: "address", tabindex: "0" }, login.url)),
        el("li", {}, t("login.step2")),
        el("li", {}, field(t("login.callback"), callback))),
      el("div", { class: "row" }, el("button", { class: "main", id: "login-finish" }, t("login.finish")))));
    callback.focus();
  });
}

function accountSheet() {
  const who = el("div", { class: "person" });
  const place = el("div");
  const element = el("section", { class: "sheet stack", "aria-label": t("account.title") }, el("h2", {}, t("account.title")), who, place);
  let shown;

  const done = () => {
    shown = undefined;
    api.account().then((view) => {
      state.account = view.account ?? null;
      show();
      notify(t("account.done"));
    }, fault);
  };

  function loginForms() {
    const token = el("input", { type: "password", name: "refresh_token", autocomplete: "off", spellcheck: "false" });
    const browser = el("div", {}, el("button", { class: "main", id: "browser-login", onclick: (event) => browserLogin(browser, done)(event) }, t("login.browser")));
    return el("div", { class: "form" },
      state.session.browser_login && browser,
      el("details", { open: !state.session.browser_login }, el("summary", {}, t("login.token.summary")),
        el("form", { class: "form", onsubmit: guarded({ refresh_token: token }, async () => {
          await api.logIn(token.value);
          done();
        }) }, field(t("login.token"), token, t("login.token.hint")), el("div", { class: "row" }, el("button", { id: "token-login" }, t("login.finish"))))));
  }

  function show() {
    const account = state.account;
    const key = account ? JSON.stringify(account) : "";
    if (shown === key) return;
    shown = key;
    if (!account) {
      fill(who, el("span", { class: "dot warn" }), t("account.none"));
      fill(place, loginForms());
      return;
    }
    fill(who, el("span", { class: "face", "aria-hidden": "true" }, [...account.name][0] ?? "?"),
      el("div", {}, el("strong", {}, account.name), el("div", { class: "small muted" }, [account.account, account.id, account.premium && "premium"].filter(Boolean).join(" · "))));
    fill(place, el("button", { id: "log-out", onclick: guarded({}, async () => {
      await api.logOut();
      state.account = null;
      show();
    }) }, t("account.leave")));
  }
  return { element, show };
}

function environmentSheet(environment) {
  const seconds = (name, low) => el("input", { type: "number", name, min: low, max: 3600, step: "any", required: true });
  const modes = [0, 1, 2].map((mode) => el("input", { type: "radio", name: "proxy_mode", value: String(mode), id: `mode-${mode}` }));
  const inputs = {
    proxy_mode: modes[0],
    proxy: el("input", { name: "proxy", placeholder: "socks5://127.0.0.1:1080", autocomplete: "off", spellcheck: "false" }),
    timeout_ms: seconds("timeout_ms", 1),
    concurrency_number: el("input", { type: "number", name: "concurrency_number", min: 1, max: 64, step: 1, required: true }),
    interval_time_ms: seconds("interval_time_ms", 0),
    increment: el("input", { type: "checkbox", id: "increment" }),
    bandwidth_limit: el("input", { type: "number", name: "bandwidth_limit", min: 0, step: "any", placeholder: t("env.none") }),
    daily_cap: el("input", { type: "number", name: "daily_cap", min: 0, step: 1, placeholder: t("env.none") }),
    quiet_hours: el("input", { name: "quiet_hours", placeholder: "01:00-07:00", autocomplete: "off", spellcheck: "false" }),
  };
  const proxyField = field(t("env.proxy"), inputs.proxy, t("env.proxy.hint"));
  const mode = () => modes.findIndex((each) => each.checked);
  const followMode = () => (proxyField.hidden = mode() !== 1);
  for (const each of modes) each.addEventListener("change", followMode);
  let base = environment;
  const dirty = () => JSON.stringify(values()) !== JSON.stringify(valuesOf(base));
  const valuesOf = (env) => ({
    proxy_mode: env.proxy_mode, proxy: env.proxy ?? "", timeout_ms: env.timeout_ms, concurrency_number: env.concurrency_number,
    interval_time_ms: env.interval_time_ms, increment: env.increment,
    bandwidth_limit: env.bandwidth_limit ?? 0, daily_cap: env.daily_cap ?? 0, quiet_hours: env.quiet_hours ?? "",
  });
  const values = () => ({
    proxy_mode: mode(), proxy: inputs.proxy.value.trim(), timeout_ms: Math.round(inputs.timeout_ms.value * 1000),
    concurrency_number: Number(inputs.concurrency_number.value), interval_time_ms: Math.round(inputs.interval_time_ms.value * 1000), increment: inputs.increment.checked,
    // What was not touched stays as it is, to the byte.
    bandwidth_limit: inputs.bandwidth_limit.value === mebibytes(base) ? base.bandwidth_limit ?? 0 : Math.round(inputs.bandwidth_limit.value * 1048576),
    daily_cap: Number(inputs.daily_cap.value), quiet_hours: inputs.quiet_hours.value.trim(),
  });
  const mebibytes = (env) => (env.bandwidth_limit ? String(Number((env.bandwidth_limit / 1048576).toFixed(2))) : "");
  function show(env) {
    base = env;
    modes[env.proxy_mode].checked = true;
    inputs.proxy.value = env.proxy ?? "";
    inputs.timeout_ms.value = env.timeout_ms / 1000;
    inputs.concurrency_number.value = env.concurrency_number;
    inputs.interval_time_ms.value = env.interval_time_ms / 1000;
    inputs.increment.checked = env.increment;
    inputs.bandwidth_limit.value = mebibytes(env);
    inputs.daily_cap.value = env.daily_cap || "";
    inputs.quiet_hours.value = env.quiet_hours ?? "";
    followMode();
  }
  const save = guarded(inputs, async () => {
    const now = values();
    const before = valuesOf(base);
    const patch = Object.fromEntries(Object.entries(now).filter(([name, value]) => value !== before[name]));
    if (now.proxy_mode !== 1) delete patch.proxy;
    show(await api.patchEnvironment(patch));
    notify(t("env.done"));
  });
  const element = el("form", { class: "sheet form", onsubmit: save, "aria-label": t("env.title") },
    el("h2", {}, t("env.title")),
    el("fieldset", { class: "modes" }, el("legend", { class: "legend" }, t("env.mode")),
      modes.map((each, at) => el("label", { class: "choice", for: each.id }, each, el("span", {}, t(`env.mode.${at}`), " ", el("span", { class: "small muted" }, t(`env.mode.${at}.hint`)))))),
    proxyField,
    el("div", { class: "pair" }, field(t("env.timeout"), inputs.timeout_ms), field(t("env.interval"), inputs.interval_time_ms), field(t("env.number"), inputs.concurrency_number)),
    el("label", { class: "choice", for: "increment" }, inputs.increment, el("span", {}, t("env.increment"), " ", el("span", { class: "small muted" }, t("env.increment.hint")))),
    el("div", { class: "pair" }, field(t("env.bandwidth"), inputs.bandwidth_limit), field(t("env.cap"), inputs.daily_cap), field(t("env.quiet"), inputs.quiet_hours)),
    el("div", { class: "row" }, el("button", { class: "main", id: "save-environment" }, t("env.save"))));
  show(environment);
  return { element, show: (env) => env && JSON.stringify(env) !== JSON.stringify(base) && !dirty() && show(env) };
}

// settingsPage shows the page; it returns what ends it.
export async function settingsPage(main) {
  document.title = `${t("nav.settings")} · pixivoc`;
  const [environment, account] = await Promise.all([api.environment(), api.account()]);
  state.account = account.account ?? null;
  const sheets = [accountSheet(), environmentSheet(environment)];
  fill(main, el("div", { class: "stack" }, el("h1", {}, t("nav.settings")), el("div", { class: "settings" }, sheets.map((sheet) => sheet.element))));
  const show = () => {
    sheets[0].show();
    sheets[1].show(state.environment);
  };
  show();
  return watch((tids) => tids === null && show());
}
