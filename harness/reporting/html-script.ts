// Decides what the page does beside being read: search, filters, keys, opening what a link leads to. Nothing of a report is in it, it makes
// no markup, keeps nothing and asks nobody; without it the page is whole. Old enough words that no browser of ten years refuses it.

import { diffScript } from "./html-diff-script.ts";

/** Runs in the page. It must hold no `</`. */
export const script = `"use strict";
(function () {
  var find = function (id) { return document.getElementById(id); };
  var tests = Array.prototype.slice.call(document.querySelectorAll("details.test"));
  var files = Array.prototype.slice.call(document.querySelectorAll(".file"));
  var filters = find("filters"), search = find("search"), file = find("file"), shown = find("shown"), none = find("none"), keys = find("keys");
  var buttons = Array.prototype.slice.call(document.querySelectorAll("#filters button[data-outcome]"));
  var words = null;
  function textOf(test) { return (test.parentNode.getAttribute("data-file") + " " + test.textContent).toLowerCase(); }
  function apply() {
    var wanted = search.value.toLowerCase().split(/\\s+/).filter(Boolean);
    if (wanted.length > 0 && words === null) words = tests.map(textOf);
    var outcomes = {};
    buttons.forEach(function (button) { if (button.getAttribute("aria-pressed") === "true") outcomes[button.getAttribute("data-outcome")] = true; });
    var count = 0, inFile = new Map();
    tests.forEach(function (test, index) {
      var fits = outcomes[test.getAttribute("data-outcome")] === true &&
        (file.value === "" || test.parentNode.getAttribute("data-file") === file.value) &&
        wanted.every(function (word) { return words[index].indexOf(word) !== -1; });
      if (test.hidden === fits) test.hidden = !fits;
      if (fits) { count += 1; inFile.set(test.parentNode, true); }
    });
    files.forEach(function (each) { each.hidden = !inFile.has(each); });
    none.hidden = count > 0;
    shown.textContent = count + " of " + tests.length + (tests.length === 1 ? " test" : " tests") + " shown";
  }
  function reset() {
    search.value = ""; file.value = "";
    buttons.forEach(function (button) { button.setAttribute("aria-pressed", "true"); });
    apply();
  }
  function open(all) { tests.forEach(function (test) { if (!test.hidden) test.open = all; }); }
  function visible() { return tests.filter(function (test) { return !test.hidden; }); }
  function step(by, wrong) {
    var some = visible().filter(function (test) { return !wrong || /failed|errored/.test(test.getAttribute("data-outcome")); });
    if (some.length === 0) return;
    var here = document.activeElement && document.activeElement.closest ? document.activeElement.closest("details.test") : null;
    var at = some.indexOf(here);
    if (at === -1 && here !== null && wrong) at = some.filter(function (test) { return here.compareDocumentPosition(test) & 2; }).length - (by > 0 ? 1 : 0);
    var next = some[Math.max(0, Math.min(some.length - 1, at === -1 ? (by > 0 ? 0 : some.length - 1) : at + by))];
    if (wrong) next.open = true;
    next.querySelector("summary").focus();
    next.scrollIntoView({ block: "nearest" });
  }
  function follow() {
    var target = location.hash.length > 1 ? find(decodeURIComponent(location.hash.slice(1))) : null;
    if (target === null || !target.matches("details.test")) return;
    if (target.hidden) reset();
    target.open = true;
    target.scrollIntoView();
    target.querySelector("summary").focus();
  }
  if (filters !== null) {
    filters.hidden = false;
    filters.addEventListener("submit", function (event) { event.preventDefault(); });
    search.addEventListener("input", apply);
    file.addEventListener("change", apply);
    buttons.forEach(function (button) {
      button.addEventListener("click", function () {
        button.setAttribute("aria-pressed", button.getAttribute("aria-pressed") === "true" ? "false" : "true");
        apply();
      });
    });
    find("open-all").addEventListener("click", function () { open(true); });
    find("close-all").addEventListener("click", function () { open(false); });
    find("reset").addEventListener("click", reset);
    apply();
  }
  document.addEventListener("keydown", function (event) {
    if (event.ctrlKey || event.altKey || event.metaKey || filters === null) return;
    if (event.key === "Escape" && document.activeElement === search) { if (search.value === "") search.blur(); else reset(); return; }
    if (/^(INPUT|SELECT|TEXTAREA)$/.test(document.activeElement.tagName)) return;
    if (event.key === "/") { search.focus(); search.scrollIntoView({ block: "center" }); }
    else if (event.key === "j") step(1, false);
    else if (event.key === "k") step(-1, false);
    else if (event.key === "n") step(1, true);
    else if (event.key === "p") step(-1, true);
    else if (event.key === "e") open(true);
    else if (event.key === "c") open(false);
    else if (event.key === "Escape") reset();
    else if (event.key === "?") keys.open = !keys.open;
    else return;
    event.preventDefault();
  });
  window.addEventListener("hashchange", follow);
  follow();
  document.documentElement.setAttribute("data-ready", String(Math.round(performance.now())));
})();
${diffScript}`;
