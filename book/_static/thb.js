// Conveniences that pages work without: tables that sort, figures that open large, search without a server.

const number = (cell) => (cell && cell.dataset.value !== undefined ? Number(cell.dataset.value) : null);

// Order two bodies by one column of their first row: numbers before dashes, text by alphabet.
function compare(a, b, column, sign) {
  const [left, right] = [a, b].map((body) => body.rows[0].cells[column]);
  const [x, y] = [number(left), number(right)];
  if (x !== null && y !== null) return sign * (x - y);
  if (x !== null || y !== null) return x === null ? 1 : -1;
  return sign * left.textContent.localeCompare(right.textContent);
}

// Controls stay below the detectors and totals below their parts, whatever the order.
const fixed = (body) => body.classList.contains("control") || body.querySelector("tr.total") !== null;

function sort(table, head, column) {
  const numeric = [...table.tBodies].some((body) => number(body.rows[0].cells[column]) !== null);
  const before = head.getAttribute("aria-sort");
  const falling = before === null ? numeric : before === "ascending";      // numbers best first, names from A
  table.querySelectorAll("th[aria-sort]").forEach((th) => th.removeAttribute("aria-sort"));
  head.setAttribute("aria-sort", falling ? "descending" : "ascending");
  const bodies = [...table.tBodies];
  const moving = bodies.filter((body) => !fixed(body));
  moving.sort((a, b) => compare(a, b, column, falling ? -1 : 1));
  [...moving, ...bodies.filter(fixed)].forEach((body) => table.append(body));
}

function makeSortable(table) {
  [...table.tHead.rows[0].cells].forEach((head, column) => {
    if (!head.textContent.trim()) return;
    const button = document.createElement("button");
    button.className = "sort";
    button.type = "button";
    button.append(...head.childNodes);
    button.addEventListener("click", () => sort(table, head, column));
    head.append(button);
  });
}

// A table with a column of editions shows one at a time, or all.
function makeFilter(table) {
  const column = [...table.tHead.rows[0].cells].findIndex((head) => head.textContent.trim() === "Edition");
  if (column < 0) return;
  const of = (body) => body.rows[0].cells[column].textContent.trim();
  const choice = document.createElement("select");
  choice.append(new Option("all", ""));
  [...new Set([...table.tBodies].map(of))].sort().reverse().forEach((name) => choice.append(new Option(name, name)));
  choice.addEventListener("change", () => {
    for (const body of table.tBodies) body.hidden = choice.value !== "" && of(body) !== choice.value;
  });
  const label = Object.assign(document.createElement("label"), { className: "thb-filter", textContent: "edition " });
  label.append(choice);
  table.closest(".thb-scroll").before(label);
}

// A modal dialog: Escape closes it and the browser gives the focus back to the figure.
function openLarge(image) {
  const dialog = document.createElement("dialog");
  dialog.className = "thb-large";
  dialog.setAttribute("aria-label", "figure, large");
  const close = Object.assign(document.createElement("button"), { type: "button", textContent: "×", title: "close (Escape)" });
  dialog.append(Object.assign(new Image(), { src: image.src, alt: image.alt }), close);
  dialog.addEventListener("click", () => dialog.close());
  dialog.addEventListener("close", () => { dialog.remove(); image.focus(); });
  document.body.append(dialog);
  dialog.showModal();
}

function makeLarge(image) {
  Object.assign(image, { tabIndex: 0, title: "open large" });
  image.setAttribute("role", "button");
  image.setAttribute("aria-haspopup", "dialog");
  image.addEventListener("click", () => openLarge(image));
  image.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" && event.key !== " ") return;
    event.preventDefault();
    openLarge(image);
  });
}

// A page opened as a file may not read its neighbours: search then lists titles without excerpts.
if (location.protocol === "file:" && typeof DOCUMENTATION_OPTIONS === "object") DOCUMENTATION_OPTIONS.SHOW_SEARCH_SUMMARY = false;

document.addEventListener("DOMContentLoaded", () => {
  document.querySelectorAll("table.sortable").forEach((table) => [makeFilter, makeSortable].forEach((make) => make(table)));
  document.querySelectorAll(".cell_output img, figure img").forEach(makeLarge);
});
