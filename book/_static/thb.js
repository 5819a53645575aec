// Two conveniences that pages work without: tables that sort, figures that open large.

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

function openLarge(image) {
  const dialog = document.createElement("dialog");
  dialog.className = "thb-large";
  dialog.append(Object.assign(new Image(), { src: image.src, alt: image.alt }));
  dialog.addEventListener("click", () => dialog.close());
  dialog.addEventListener("close", () => dialog.remove());
  document.body.append(dialog);
  dialog.showModal();
}

document.addEventListener("DOMContentLoaded", () => {
  document.querySelectorAll("table.sortable").forEach(makeSortable);
  document.querySelectorAll(".cell_output img, figure img").forEach((image) =>
    image.addEventListener("click", () => openLarge(image)));
});
