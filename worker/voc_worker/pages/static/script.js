"use strict";
// The table of all rows: search, filters, sort, pages and CSV. Without this script every row is simply there.
(() => {
  document.documentElement.classList.add("js");
  const table = document.getElementById("rows");
  if (!table) return;
  const PAGE = 50;
  const body = table.tBodies[0];
  const at = (id) => document.getElementById(id);
  const cell = (row, index) => row.el.cells[index].textContent;
  const rows = Array.from(body.rows, (el, order) => ({ el, order, text: el.textContent.toLowerCase() }));
  const search = at("search"), count = at("count"), pageOf = at("page-of"), back = at("back"), next = at("next");
  const filters = [["by-subject", 2], ["by-work", 3], ["by-done", 5], ["by-review", 6]].map(([id, index]) => ({ el: at(id), index }));
  let shown = rows, page = 0;
  const fill = (text, values) => text.replace(/\{(\w+)\}/g, (_, name) => values[name]);

  // The choices of a filter are what the rows hold, most frequent first.
  for (const { el, index } of filters.filter(({ el }) => el.dataset.distinct !== undefined)) {
    const seen = new Map();
    for (const row of rows) seen.set(cell(row, index), (seen.get(cell(row, index)) || 0) + 1);
    for (const [value, n] of [...seen].sort((a, b) => b[1] - a[1])) {
      const option = document.createElement("option");
      option.value = value;
      option.textContent = `${value} (${n})`;
      el.append(option);
    }
  }
  const passes = (row, { el, index }) => {
    if (!el.value) return true;
    const value = cell(row, index);
    if (el.dataset.distinct !== undefined) return value === el.value;
    const mark = el.selectedOptions[0].dataset;
    if (mark.below !== undefined) return value.endsWith("%") && parseFloat(value) < Number(mark.below);
    return (value === mark.word) === (mark.not === undefined);
  };
  const draw = () => {
    const pages = Math.max(1, Math.ceil(shown.length / PAGE));
    page = Math.min(page, pages - 1);
    const first = page * PAGE, visible = new Set(shown.slice(first, first + PAGE));
    for (const row of rows) row.el.hidden = !visible.has(row);
    count.textContent = fill(table.dataset.count, { shown: shown.length.toLocaleString("ko"), all: rows.length.toLocaleString("ko") });
    pageOf.textContent = fill(table.dataset.page, { page: page + 1, pages });
    back.disabled = page === 0;
    next.disabled = page === pages - 1;
  };
  const sift = () => {
    const words = search.value.toLowerCase().split(/\s+/).filter(Boolean);
    const used = filters.filter(({ el }) => el.value);
    shown = rows.filter((row) => words.every((word) => row.text.includes(word)) && used.every((filter) => passes(row, filter)));
    page = 0;
    draw();
  };

  const collator = new Intl.Collator("ko", { numeric: true });
  const key = (row, index) => {
    const el = row.el.cells[index];
    return el.dataset.v === undefined ? el.textContent : el.dataset.v;
  };
  const sort = (header, index) => {
    const down = header.getAttribute("aria-sort") === "ascending";
    for (const other of table.tHead.rows[0].cells) other.removeAttribute("aria-sort");
    header.setAttribute("aria-sort", down ? "descending" : "ascending");
    const keys = new Map(rows.map((row) => [row, key(row, index)]));
    rows.sort((a, b) => (down ? -1 : 1) * collator.compare(keys.get(a), keys.get(b)) || a.order - b.order);
    body.append(...rows.map((row) => row.el));
    sift();
  };
  Array.from(table.tHead.rows[0].cells).forEach((header, index) => {
    const button = header.querySelector("button");
    if (button) button.addEventListener("click", () => sort(header, index));
  });

  // A cell that a spreadsheet would run as a formula gets an apostrophe first, as in the stored CSV.
  const safe = (text) => `"${(/^'|^\s*[=+\-@＝＋－＠]/.test(text) ? "'" + text : text).replaceAll('"', '""')}"`;
  const download = () => {
    const heads = Array.from(table.tHead.rows[0].cells, (th) => th.dataset.name);
    const lines = [heads, ...shown.map((row) => Array.from(row.el.cells, (td) => td.textContent))];
    const csv = "\ufeff" + lines.map((line) => line.map(safe).join(",")).join("\r\n") + "\r\n";
    const link = document.createElement("a");
    link.href = URL.createObjectURL(new Blob([csv], { type: "text/csv;charset=utf-8" }));
    link.download = table.dataset.file;
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 10000);
  };

  // A link to a row shows the page that the row is on, whatever was searched before.
  const reveal = () => {
    const target = /^#v-./.test(location.hash) && document.getElementById(decodeURIComponent(location.hash.slice(1)));
    if (!target || target.parentNode !== body) return;
    search.value = "";
    for (const { el } of filters) el.value = "";
    sift();
    page = Math.floor(shown.findIndex((row) => row.el === target) / PAGE);
    draw();
    target.scrollIntoView({ block: "center" });
    target.tabIndex = -1;
    target.focus({ preventScroll: true });
  };
  const turn = (by) => { page += by; draw(); };
  search.addEventListener("input", sift);
  for (const { el } of filters) el.addEventListener("change", sift);
  back.addEventListener("click", () => turn(-1));
  next.addEventListener("click", () => turn(1));
  at("clear").addEventListener("click", () => { search.value = ""; for (const { el } of filters) el.value = ""; sift(); search.focus(); });
  at("csv").addEventListener("click", download);
  window.addEventListener("hashchange", reveal);
  draw();
  reveal();
})();
