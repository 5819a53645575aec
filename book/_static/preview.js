// What lies behind a link within the book, shown beside it: by mouse or by focus, never by touch. Escape hides it.
(() => {
  "use strict";

  const WAIT = 300, GRACE = 200;                    // ms before it shows, and in which the mouse may move onto it
  const root = new URL(document.documentElement.dataset.content_root || "./", location.href);
  const card = Object.assign(document.createElement("div"), { id: "thb-preview", hidden: true });
  card.setAttribute("role", "tooltip");
  let link = null, timer = 0, loading = null;

  // A script of the book's own, since a page opened as a file may not read its neighbours.
  const load = () => (loading ||= new Promise((done) => {
    const script = Object.assign(document.createElement("script"), { src: new URL("_static/previews.js", root).href });
    script.addEventListener("load", done);
    document.head.append(script);
  }));

  // `page` or `page#place`, as previews.js names what it has; null for what leads out of the book, or nowhere.
  function place(anchor) {
    const url = new URL(anchor.href, location.href);
    if (!url.href.startsWith(root.href) || !url.pathname.endsWith(".html") || anchor.matches(".headerlink")) return null;
    if (!url.hash && url.pathname === location.pathname) return null;
    return decodeURIComponent(url.pathname.slice(root.pathname.length, -".html".length) + url.hash);
  }

  function hide() {
    clearTimeout(timer);
    card.hidden = true;
    if (link) link.removeAttribute("aria-describedby");
    link = null;
  }

  async function show(anchor) {
    await load();
    const found = globalThis.PREVIEWS[place(anchor)];
    if (!found || link !== anchor) return;
    const title = Object.assign(document.createElement("strong"), { textContent: found.title });
    card.replaceChildren(title, Object.assign(document.createElement("p"), { textContent: found.words }));
    if (found.picture) {
      const picture = Object.assign(new Image(), { src: new URL(found.picture, root).href, alt: "" });
      picture.addEventListener("load", () => link === anchor && lay());
      card.append(picture);
    }
    card.hidden = false;
    anchor.setAttribute("aria-describedby", card.id);
    lay();
  }

  // Below the link, or above where there is no room.
  function lay() {
    const line = link.getClientRects()[0], below = line.bottom + card.offsetHeight + 12 < innerHeight;
    card.style.left = `${Math.max(8, Math.min(line.left, innerWidth - card.offsetWidth - 8))}px`;
    card.style.top = `${below ? line.bottom + 6 : Math.max(8, line.top - card.offsetHeight - 6)}px`;
  }

  function ask(anchor, wait) {
    if (anchor === link) return card.hidden || clearTimeout(timer);    // which would hide it
    hide();
    link = anchor;
    timer = setTimeout(() => show(anchor), wait);
  }

  const leave = () => { clearTimeout(timer); timer = setTimeout(hide, GRACE); };
  const wanted = (target) => {
    const anchor = target.closest?.(".bd-article a[href]");
    return anchor && place(anchor) !== null ? anchor : null;
  };

  document.addEventListener("pointerover", (event) => {
    if (event.pointerType !== "mouse") return;
    const anchor = wanted(event.target);
    if (anchor) ask(anchor, WAIT);
    else if (card.contains(event.target)) clearTimeout(timer);
    else if (link && link !== document.activeElement) leave();
  });
  document.addEventListener("focusin", (event) => {
    const anchor = wanted(event.target);
    if (anchor && anchor.matches(":focus-visible")) ask(anchor, 0);
  });
  document.addEventListener("focusout", hide);
  document.addEventListener("keydown", (event) => { if (event.key === "Escape") hide(); });
  document.addEventListener("scroll", () => card.hidden || lay(), { passive: true });   // as focus itself may cause
  document.addEventListener("DOMContentLoaded", () => document.body.append(card));
})();
