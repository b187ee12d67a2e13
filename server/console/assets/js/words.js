// Languages, and how numbers and times are written in them.

const languages = ["en", "zh"];
let words = {};
let current = "en";

function wished() {
  const kept = localStorage.getItem("language");
  if (languages.includes(kept)) return kept;
  return navigator.language?.toLowerCase().startsWith("zh") ? "zh" : "en";
}

// loadWords fetches the words of a language; without one, of the wished one.
export async function loadWords(language) {
  if (language) localStorage.setItem("language", language);
  current = language ?? wished();
  const answer = await fetch(`words/${current}.json`);
  words = await answer.json();
  document.documentElement.lang = current === "zh" ? "zh-Hans" : "en";
}

export const language = () => current;
export const otherLanguage = () => (current === "en" ? "zh" : "en");
export const knows = (key) => Object.hasOwn(words, key);

// t returns the words for a key, with {name} replaced.
export function t(key, values = {}) {
  return (words[key] ?? key).replace(/\{(\w+)\}/g, (whole, name) => values[name] ?? whole);
}

const locale = () => (current === "zh" ? "zh-CN" : "en-GB");

export const number = (n) => new Intl.NumberFormat(locale()).format(n);

export function bytes(n) {
  const units = ["B", "KiB", "MiB", "GiB", "TiB"];
  let at = 0;
  while (n >= 1024 && at < units.length - 1) {
    n /= 1024;
    at++;
  }
  return `${at === 0 || n >= 100 ? Math.round(n) : n.toFixed(1)} ${units[at]}`;
}

export const speed = (n) => (n > 0 ? `${bytes(n)}/s` : "–");

// duration writes seconds in the two largest units.
export function duration(seconds) {
  if (!Number.isFinite(seconds) || seconds < 0) return "–";
  const s = Math.round(seconds);
  if (s < 60) return t("time.s", { s });
  if (s < 3600) return t("time.ms", { m: Math.floor(s / 60), s: s % 60 });
  if (s < 86400) return t("time.hm", { h: Math.floor(s / 3600), m: Math.floor((s % 3600) / 60) });
  return t("time.dh", { d: Math.floor(s / 86400), h: Math.floor((s % 86400) / 3600) });
}

export function moment(text) {
  if (!text) return "–";
  const at = new Date(text);
  const year = at.getFullYear() === new Date().getFullYear() ? undefined : "numeric";
  return new Intl.DateTimeFormat(locale(), { year, month: "short", day: "numeric", hour: "2-digit", minute: "2-digit" }).format(at);
}
