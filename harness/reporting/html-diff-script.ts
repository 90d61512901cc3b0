// Decides what the page does with differences of images beside showing them: search, and filters by change and topic. Works as html-script.ts
// does, and under its rules; without it all of them are there.

/** Runs in the page, after the page's own. It must hold no `</`. */
export const diffScript = `(function () {
  var find = function (id) { return document.getElementById(id); };
  var form = find("diff-filters");
  if (form === null) return;
  var all = function (selector, place) { return Array.prototype.slice.call((place || document).querySelectorAll(selector)); };
  var search = find("diff-search"), topic = find("diff-topic"), shown = find("diff-shown"), none = find("diff-none");
  var buttons = all("button[data-kind]", form);
  var tables = all("details.diff").map(function (table) {
    return { table: table, topic: table.getAttribute("data-topic"), open: table.open, rows: all("tr.diff", table), words: null };
  });
  var total = tables.reduce(function (sum, each) { return sum + each.rows.length; }, 0);
  function apply() {
    var wanted = search.value.toLowerCase().split(/\\s+/).filter(Boolean);
    var kinds = {};
    buttons.forEach(function (button) { if (button.getAttribute("aria-pressed") === "true") kinds[button.getAttribute("data-kind")] = true; });
    var count = 0;
    tables.forEach(function (each) {
      if (wanted.length > 0 && each.words === null)
        each.words = each.rows.map(function (row) { return row.textContent.toLowerCase(); });
      var fitting = 0;
      each.rows.forEach(function (row, index) {
        var fits = (topic.value === "" || topic.value === each.topic) && kinds[row.getAttribute("data-kind")] === true &&
          wanted.every(function (word) { return each.words[index].indexOf(word) !== -1; });
        if (row.hidden === fits) row.hidden = !fits;
        if (fits) fitting += 1;
      });
      each.table.hidden = fitting === 0;
      if (wanted.length > 0 && fitting > 0) each.table.open = true;
      count += fitting;
    });
    none.hidden = count > 0;
    shown.textContent = count + " of " + total + (total === 1 ? " difference" : " differences") + " shown";
  }
  function reset() {
    search.value = ""; topic.value = "";
    buttons.forEach(function (button) { button.setAttribute("aria-pressed", "true"); });
    tables.forEach(function (each) { each.table.open = each.open; });
    apply();
  }
  form.hidden = false;
  search.addEventListener("input", apply);
  search.addEventListener("keydown", function (event) { if (event.key === "Escape") { event.preventDefault(); reset(); } });
  topic.addEventListener("change", apply);
  buttons.forEach(function (button) {
    button.addEventListener("click", function () {
      button.setAttribute("aria-pressed", button.getAttribute("aria-pressed") === "true" ? "false" : "true");
      apply();
    });
  });
  find("diff-reset").addEventListener("click", reset);
  form.addEventListener("submit", function (event) { event.preventDefault(); });
  apply();
})();
`;
