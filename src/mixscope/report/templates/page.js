// What the page does beyond showing itself: sort tables, change light and dark, look closer at matrices, and
// open what is folded before printing. Without scripts everything is there all the same.
"use strict";
(() => {
  const root = document.documentElement;
  root.classList.remove("no-script");

  const dark = () => root.dataset.theme
    ? root.dataset.theme === "dark"
    : matchMedia("(prefers-color-scheme: dark)").matches;
  for (const button of document.querySelectorAll("[data-theme-switch]")) {
    button.addEventListener("click", () => { root.dataset.theme = dark() ? "light" : "dark"; });
  }

  const value = (row, column) => {
    const cell = row.cells[column];
    const given = cell.dataset.sort;
    if (given === undefined) return cell.textContent.trim();
    return given === "" ? null : Number(given);
  };
  const sort = (table, column, direction) => {
    const body = table.tBodies[0];
    const rows = [...body.rows];
    rows.sort((a, b) => {
      const x = value(a, column), y = value(b, column);
      if (x === null || y === null) return (x === null) - (y === null); // what is missing stays last
      const order = typeof x === "number" ? x - y : x.localeCompare(y, undefined, { numeric: true });
      return direction === "ascending" ? order : -order;
    });
    body.append(...rows);
  };
  for (const table of document.querySelectorAll("table[data-sortable]")) {
    const heads = [...table.tHead.rows[0].cells];
    heads.forEach((head, column) => {
      const button = head.querySelector("button");
      if (!button) return;
      button.addEventListener("click", () => {
        const first = head.classList.contains("n") ? "descending" : "ascending";
        const other = first === "ascending" ? "descending" : "ascending";
        const direction = head.getAttribute("aria-sort") === first ? other : first;
        for (const each of heads) each.removeAttribute("aria-sort");
        head.setAttribute("aria-sort", direction);
        sort(table, column, direction);
      });
    });
  }

  const unpack = (text, entries) => {
    const bytes = Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
    return bytes.length === entries ? bytes : new Uint16Array(bytes.buffer);
  };
  const names = {};
  for (const script of document.querySelectorAll("script[data-classes]")) {
    names[script.dataset.classes] = JSON.parse(script.textContent);
  }
  for (const matrix of document.querySelectorAll(".matrix")) {
    const image = matrix.querySelector("img");
    const output = matrix.querySelector("output");
    const classes = names[matrix.dataset.data];
    const n = classes.length;
    let zoom = 1, counts = null;
    for (const button of matrix.querySelectorAll("[data-zoom]")) {
      button.addEventListener("click", () => {
        zoom = Math.min(8, Math.max(1, zoom * Number(button.dataset.zoom)));
        image.style.width = `${zoom * 100}%`;
        matrix.classList.toggle("zoomed", zoom > 1); // names beside the matrix would not stand at its rows
      });
    }
    image.addEventListener("pointermove", (event) => {
      const area = image.getBoundingClientRect();
      const row = Math.min(n - 1, Math.floor(((event.clientY - area.top) / area.height) * n));
      const column = Math.min(n - 1, Math.floor(((event.clientX - area.left) / area.width) * n));
      counts ??= unpack(matrix.dataset.counts, n * n);
      let all = 0;
      for (let j = 0; j < n; j++) all += counts[row * n + j];
      const count = counts[row * n + column];
      const said = { t: classes[row], p: classes[column], n: count, all, share: all ? ((100 * count) / all).toFixed(1) : "0" };
      output.textContent = matrix.dataset.read.replace(/\{(\w+)\}/g, (_, key) => said[key]);
    });
  }

  addEventListener("beforeprint", () => {
    for (const folded of document.querySelectorAll("details")) folded.open = true;
  });
})();
