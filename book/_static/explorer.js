// The explorer of book/here/explore.md: a reader chooses a test and a threshold, and sees what follows from it. All is
// computed here, from the scores that the page holds; the definitions are those of thb/core/metrics.py.
(() => {
  "use strict";

  // ---- what a threshold does: pure functions of two sides, each an array of {name, score, frame} from the highest score down

  const reach = (clips, threshold) => clips.filter((clip) => clip.score >= threshold).length;

  // The lowest score of a clip at which at most this rate of the reals is called fake; infinite if there is none.
  function thresholdAt({ reals, fakes }, rate) {
    const allowed = Math.floor(rate * reals.length + 1e-9);
    const bound = allowed < reals.length ? reals[allowed].score : -Infinity;
    return [...reals, ...fakes].reduce((low, { score }) => (score > bound ? Math.min(low, score) : low), Infinity);
  }

  // The chance that a fake scores above a real, ties counting half.
  function auc({ reals, fakes }) {
    let won = 0;
    for (const fake of fakes) for (const real of reals) won += (Math.sign(fake.score - real.score) + 1) / 2;
    return won / (reals.length * fakes.length);
  }

  // The curve's corners, a pair of rates for every score from the highest down.
  function corners({ reals, fakes }) {
    const every = [...new Set([...reals, ...fakes].map((clip) => clip.score))].sort((a, b) => b - a);
    let [accused, caught] = [0, 0];
    return every.map((score) => {
      while (accused < reals.length && reals[accused].score >= score) accused++;
      while (caught < fakes.length && fakes[caught].score >= score) caught++;
      return [accused / reals.length, caught / fakes.length];
    });
  }

  // ---- words ----------------------------------------------------------------------------------------

  const decimal = (value, places = 2) => value.toFixed(places);
  const percent = (rate) => `${Number((100 * rate).toPrecision(2))} %`;
  const score = (value) => (value === Infinity ? "above every score" : decimal(value, 4));
  const count = (number) => number.toLocaleString("en");

  // 'about 1 of 100'; of a thousand or more where the rate is small.
  function inRoundNumbers(rate) {
    const whole = rate === 0 || rate >= 0.005 ? 100 : 10 ** Math.ceil(-Math.log10(rate));
    return `about ${Math.round(rate * whole)} of ${count(whole)}`;
  }

  // ---- small pieces of a page -----------------------------------------------------------------------

  const SVG = "http://www.w3.org/2000/svg";

  function drawn(tag, attributes, words) {
    const node = document.createElementNS(SVG, tag);
    for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
    if (words !== undefined) node.textContent = words;
    return node;
  }

  function made(tag, content = [], attributes = {}) {
    const node = document.createElement(tag);
    node.append(...[content].flat());
    for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
    return node;
  }

  // A clip's name, which may break between its parts: a phone has no room for the whole.
  const breakable = (name) => name.split(/(?<=--|\/)/).flatMap((part, i) => (i ? [made("wbr"), part] : [part]));

  const linear = (from, to, start, end) => (value) => start + ((value - from) / (to - from)) * (end - start);

  // ---- the page -------------------------------------------------------------------------------------

  function start(block, data) {
    const part = (name) => block.querySelector(`[data-part="${name}"]`);
    const selects = ["detector", "protocol", "generator", "second"];
    const known = new Map();
    let state = { ...data.start };       // `rate` or `threshold` says which threshold; the other is absent
    let view;

    // Reals and fakes of the chosen test that a detector scored, the highest first; null if it scored none.
    function sides(detector) {
      const trial = data.trials[state.protocol][state.generator];
      const key = [detector, state.protocol, state.generator].join(" ");
      if (!known.has(key)) {
        const of = data.scores[detector]?.[trial.fit] ?? {};
        const [reals, fakes] = [trial.reals, trial.fakes].map((group) =>
          (of[group] ?? [])
            .map((value, i) => ({ name: data.groups[group][i], score: value, frame: (data.frames?.starts[group] ?? 0) + i }))
            .filter((clip) => clip.score !== null)
            .sort((a, b) => b.score - a.score));
        const both = { reals, fakes, cell: data.cells[[state.protocol, state.generator, detector].join(" ")] ?? {} };
        known.set(key, reals.length && fakes.length ? Object.assign(both, { auc: auc(both), corners: corners(both) }) : null);
      }
      return known.get(key);
    }

    // What one detector does at a threshold.
    function at(detector, threshold) {
      const of = sides(detector);
      return of && { ...of, detector, threshold, label: data.detectors[detector].label,
        accused: reach(of.reals, threshold), caught: reach(of.fakes, threshold) };
    }

    function look() {
      const own = sides(state.detector);
      const first = at(state.detector, state.threshold ?? thresholdAt(own, state.rate));
      const rate = state.rate ?? first.accused / first.reals.length;
      const beside = state.second && sides(state.second);
      return { first, rate, second: beside ? at(state.second, thresholdAt(beside, rate)) : null };
    }

    // ---- choices

    function options(name, entries) {
      part(name).replaceChildren(...entries.map(([value, words]) => made("option", words, { value })));
      if (!entries.some(([value]) => value === state[name])) state[name] = entries[0][0];
      part(name).value = state[name];
    }

    function offer() {
      options("detector", Object.entries(data.detectors).map(([key, one]) => [key, one.control ? `${one.label} (control)` : one.label]));
      const scored = (protocol) => Object.entries(data.trials[protocol])
        .filter(([, trial]) => data.scores[state.detector][trial.fit]?.[trial.fakes]).map(([generator]) => generator);
      options("protocol", Object.entries(data.protocols).filter(([name]) => scored(name).length));
      options("generator", scored(state.protocol).map((name) => [name, data.generators[name]]));
      const others = Object.entries(data.detectors).filter(([key]) => key !== state.detector);
      options("second", [["", "no other"], ...others.map(([key, one]) => [key, one.label])]);
    }

    // ---- words and numbers

    function said({ first, second, rate }) {
      const [n, m] = [first.reals.length, first.fakes.length];
      const [accused, caught] = [first.accused / n, first.caught / m];
      part("said").textContent =
        `${first.label} accuses ${count(first.accused)} of ${count(n)} real clips (${inRoundNumbers(accused)}) and catches ` +
        `${count(first.caught)} of ${count(m)} fakes by ${data.generators[state.generator]} (${inRoundNumbers(caught)}).`;
      const words = [];
      if (rate * n < 1 - 1e-9) words.push(`${count(n)} reals cannot tell rates below ${percent(1 / n)}: no accused one here may be luck.`);
      if (state.second && !second) words.push(`${data.detectors[state.second].label} scored none of these fakes.`);
      if (second) words.push(compared(first, second));
      part("more").textContent = words.join(" ");
    }

    function compared(first, second) {
      const theirs = new Map(second.fakes.map((clip) => [clip.name, clip.score >= second.threshold]));
      const both = first.fakes.filter((clip) => theirs.has(clip.name));
      const many = (own, other) =>
        count(both.filter((clip) => clip.score >= first.threshold === own && theirs.get(clip.name) === other).length);
      return `Allowed the same rate, ${second.label} accuses ${count(second.accused)} of ${count(second.reals.length)} and catches ` +
        `${count(second.caught)} of ${count(second.fakes.length)}. Of ` +
        `${count(both.length)} fakes that both scored, both catch ${many(true, true)}, ${first.label} alone ${many(true, false)}, ` +
        `${second.label} alone ${many(false, true)}, neither ${many(false, false)}.`;
    }

    function number(value, [lo, hi, printed, resolved] = [null, null, null, ""]) {
      if (resolved === "untold") return made("td", data.marks.untold, { title: "not resolvable: too few test reals", class: "unknown" });
      const ends = lo === null ? "" : `${decimal(lo)}–${decimal(hi)}`;
      const paper = printed === null ? "" : `printed ${decimal(printed)}`;
      return made("td", [`${decimal(value)}${data.marks[resolved] ?? ""}`, ...[ends, paper].filter(Boolean).map((w) => made("small", w))],
        { "data-value": value, class: "told" });
    }

    function row(one) {
      const rates = Object.entries(data.rates).map(([name, rate]) =>
        number(reach(one.fakes, thresholdAt(one, rate)) / one.fakes.length, one.cell[name]));
      const share = (k, clips) => made("td", [`${count(k)} of ${count(clips.length)}`, made("small", percent(k / clips.length))],
        { "data-value": k, class: "told" });
      return made("tr", [made("th", one.label, { scope: "row" }), number(one.auc, one.cell.AUC), ...rates,
        made("td", score(one.threshold), { "data-value": one.threshold }), share(one.accused, one.reals), share(one.caught, one.fakes)]);
    }

    function numbers({ first, second }) {
      const heads = ["Detector", "AUC", ...Object.keys(data.rates), "Threshold", "Reals accused", "Fakes caught"];
      part("numbers").replaceChildren(
        made("caption", `With ${data.confidence * 100} % intervals where the tables have them`),
        made("thead", made("tr", heads.map((head) => made("th", head, { scope: "col" })))),
        made("tbody", [first, second].filter(Boolean).map(row)));
    }

    // The clip's frame, cut out of the one picture that holds all.
    function framed(clip) {
      if (!data.frames) return [];
      const { side, columns } = data.frames, at = [clip.frame % columns, Math.floor(clip.frame / columns)];
      return [made("span", [], { class: "frame", style: `background-position: ${at.map((n) => `${-side * n}px`).join(" ")}` })];
    }

    function lists({ first, second }) {
      const theirs = second ? [...second.reals, ...second.fakes].filter((clip) => clip.score >= second.threshold) : [];
      const also = new Set(theirs.map((clip) => clip.name));
      const over = (clips, is) => clips.filter((clip) => clip.score >= first.threshold === is);
      const shown = { accused: over(first.reals, true), caught: over(first.fakes, true), missed: over(first.fakes, false) };
      for (const [name, clips] of Object.entries(shown)) {
        const place = block.querySelector(`[data-list="${name}"]`);
        place.querySelector("b").textContent = count(clips.length);
        place.querySelector("ol").replaceChildren(...clips.map((clip) => made("li", [
          ...framed(clip), made("span", score(clip.score), { class: "n" }), " ", ...breakable(clip.name),
          ...(also.has(clip.name) ? [made("small", ` ${second.label} too`)] : [])])));
      }
    }

    // ---- plots

    const HEIGHT = 250, [LEFT, RIGHT, TOP, BOTTOM] = [44, 20, 10, 38];

    // An empty plot as wide as its place, with an axis below: [svg, width, group to draw into].
    function blank(name, words, ticks, x) {
      const svg = part(name), width = Math.max(svg.parentNode.clientWidth, 240);
      svg.replaceChildren();
      svg.setAttribute("viewBox", `0 0 ${width} ${HEIGHT}`);
      const place = x(LEFT, width - RIGHT), foot = HEIGHT - BOTTOM;
      for (const [value, shown] of ticks) {
        svg.append(drawn("line", { x1: place(value), x2: place(value), y1: TOP, y2: foot, class: "grid" }),
          drawn("text", { x: place(value), y: foot + 15, "text-anchor": "middle" }, shown));
      }
      svg.append(drawn("text", { x: (LEFT + width - RIGHT) / 2, y: HEIGHT - 4, "text-anchor": "middle" }, words));
      return { svg, width, place, foot };
    }

    function upright(svg, width, ticks, y) {
      for (const [value, shown] of ticks) {
        svg.append(drawn("line", { x1: LEFT, x2: width - RIGHT, y1: y(value), y2: y(value), class: "grid" }),
          drawn("text", { x: LEFT - 5, y: y(value) + 4, "text-anchor": "end" }, shown));
      }
    }

    const decades = (reals) => Math.ceil(Math.log10(reals));

    function drawRoc({ first, second, rate }) {
      const low = -decades(first.reals.length);
      const scale = (left, right) => { const line = linear(low, 0, left, right); return (r) => line(Math.max(low, Math.log10(r))); };
      const ticks = Array.from({ length: 1 - low }, (_, i) => [10 ** (low + i), percent(10 ** (low + i))]);
      const { svg, width, place, foot } = blank("roc", "reals accused (logarithmic)", ticks, scale);
      const y = linear(0, 1, foot, TOP);
      svg.append(drawn("rect", { x: LEFT, y: TOP, width: place(1 / first.reals.length) - LEFT, height: foot - TOP, class: "untold" }));
      upright(svg, width, [0, 0.25, 0.5, 0.75, 1].map((v) => [v, percent(v)]), y);
      const chance = Array.from({ length: 41 }, (_, i) => 10 ** (low - (low * i) / 40)).map((r) => `${place(r)},${y(r)}`);
      svg.append(drawn("polyline", { points: chance.join(" "), class: "chance" }));
      for (const [one, css] of [[second, "second"], [first, "first"]]) {
        if (!one) continue;
        const steps = one.corners.map(([r, c]) => `H${place(r).toFixed(1)}V${y(c).toFixed(1)}`);
        svg.append(drawn("path", { d: `M${LEFT},${foot}${steps.join("")}`, class: `curve ${css}` }),
          drawn("circle", { cx: place(one.accused / one.reals.length), cy: y(one.caught / one.fakes.length), r: 5, class: `dot ${css}` }));
      }
      svg.append(drawn("line", { x1: place(rate), x2: place(rate), y1: TOP, y2: foot, class: "chosen" }));
      [[first, "first"], [second, "second"]].filter(([one]) => one).forEach(([one, css], i) =>
        svg.append(drawn("text", { x: LEFT + 8, y: TOP + 14 + 16 * i, class: `name ${css}` }, one.label)));
      svg.dragged = (share) => choose({ rate: rounded(10 ** (low * (1 - share))) });
    }

    // Where the scores of a test lie: from 0 to 1 if none lies beyond.
    function span({ reals, fakes }) {
      const ends = [reals, fakes].flatMap((clips) => [clips[0].score, clips.at(-1).score]);
      return [Math.min(0, ...ends), Math.max(1, ...ends)];
    }

    const BINS = 40;

    function drawScores({ first }) {
      const [low, high] = span(first);
      const binned = [first.fakes, first.reals].map((clips) => {
        const bins = Array(BINS).fill(0);
        for (const clip of clips) bins[Math.min(BINS - 1, Math.floor(linear(low, high, 0, BINS)(clip.score)))] += 1 / clips.length;
        return bins;
      });
      const top = Math.max(...binned.flat());
      const ticks = Array.from({ length: 5 }, (_, i) => low + ((high - low) * i) / 4).map((v) => [v, decimal(v)]);
      const scale = (left, right) => linear(low, high, left, right);
      const { svg, width, place, foot } = blank("scores", "score: higher is more fake", ticks, scale);
      const y = linear(-top, top, foot, TOP), cut = Math.min(place(first.threshold), width - RIGHT);
      upright(svg, width, [-top, 0, top].map((v) => [v, percent(Math.abs(v))]), y);
      for (const [id, from, to] of [["thb-below", 0, cut], ["thb-above", cut, width]]) {
        const seen = drawn("clipPath", { id });
        seen.append(drawn("rect", { x: from, y: 0, width: to - from, height: HEIGHT }));
        svg.append(seen);
      }
      for (const side of ["below", "above"]) {
        const group = drawn("g", { "clip-path": `url(#thb-${side})`, class: side });
        binned.forEach((bins, which) => bins.forEach((value, i) => {
          const height = y(0) - y(value);
          const box = { x: place(low + ((high - low) * i) / BINS), y: which ? y(0) : y(value), width: (width - LEFT - RIGHT) / BINS - 1, height };
          if (value) group.append(drawn("rect", { ...box, class: which ? "real" : "fake" }));
        }));
        svg.append(group);
      }
      svg.append(drawn("line", { x1: cut, x2: cut, y1: TOP, y2: foot, class: "chosen" }),
        drawn("text", { x: LEFT + 8, y: TOP + 14, class: "name fake" }, `fakes: ${count(first.fakes.length)}`),
        drawn("text", { x: LEFT + 8, y: foot - 8, class: "name real" }, `reals: ${count(first.reals.length)}`));
      svg.dragged = (share) => choose({ threshold: low + share * (high - low) });
    }

    function draggable(svg) {
      const move = (event) => {
        const box = svg.getBoundingClientRect();
        svg.dragged(Math.min(1, Math.max(0, (event.clientX - box.left - LEFT) / (box.width - LEFT - RIGHT))));
      };
      svg.addEventListener("pointerdown", (event) => { svg.setPointerCapture(event.pointerId); move(event); });
      svg.addEventListener("pointermove", (event) => { if (svg.hasPointerCapture(event.pointerId)) move(event); });
    }

    // ---- from a choice to the page

    const rounded = (rate) => Number(rate.toPrecision(3));

    function sliders({ first, rate }) {
      const [low, high] = span(first);
      Object.assign(part("rate"), { min: -decades(first.reals.length), value: rate > 0 ? Math.log10(rate) : -9 });
      Object.assign(part("threshold"), { min: low, max: high, step: (high - low) / 1000, value: Math.min(first.threshold, high) });
      const allowed = count(Math.floor(rate * first.reals.length + 1e-9));
      const shown = { rate: `${percent(rate)}, ${allowed} of ${count(first.reals.length)}`, threshold: score(first.threshold) };
      for (const [name, words] of Object.entries(shown)) {
        part(`${name}-shown`).textContent = words;
        part(name).setAttribute("aria-valuetext", words);
      }
    }

    function show() {
      offer();
      view = look();
      for (const draw of [sliders, said, numbers, lists, drawRoc, drawScores]) draw(view);
    }

    // The page's own address leads back to what it shows.
    function remember() {
      const named = Object.entries(state).filter(([, value]) => value !== undefined);
      history.replaceState(null, "", `#${new URLSearchParams(named)}`);
    }

    function choose(change) {
      if ("rate" in change) state.threshold = undefined;
      if ("threshold" in change) state.rate = undefined;
      Object.assign(state, change);
      show();
      remember();
    }

    // What an address asks for, as far as it is known here; the first view for the rest.
    function asked() {
      const given = Object.fromEntries(new URLSearchParams(location.hash.slice(1)));
      const found = { ...data.start };
      for (const name of ["detector", "protocol", "generator"])
        if (Object.hasOwn(data[`${name}s`], given[name] ?? "")) found[name] = given[name];
      if (given.second === "" || Object.hasOwn(data.detectors, given.second ?? "")) found.second = given.second;
      const [rate, threshold] = [given.rate, given.threshold].map(Number);
      if (rate >= 0 && rate <= 1) found.rate = rate;
      else if (Number.isFinite(threshold)) Object.assign(found, { rate: undefined, threshold });
      return found;
    }

    block.hidden = false;
    if (data.frames) block.append(made("style", `.thb-explorer .frame { background-image: url(${data.frames.picture}); }`));
    for (const name of selects) part(name).addEventListener("change", () => choose({ [name]: part(name).value }));
    part("rate").addEventListener("input", () => choose({ rate: rounded(10 ** part("rate").value) }));
    part("threshold").addEventListener("input", () => choose({ threshold: Number(part("threshold").value) }));
    part("presets").replaceChildren(...Object.entries(data.rates).map(([name, rate]) => {
      const button = made("button", `${name}: ${percent(rate)}`, { type: "button" });
      button.addEventListener("click", () => choose({ rate }));
      return button;
    }));
    part("reset").addEventListener("click", () => { state = {}; choose(data.start); history.replaceState(null, "", location.pathname); });
    for (const name of ["roc", "scores"]) draggable(part(name));
    window.addEventListener("hashchange", () => { if (location.hash.includes("=")) { state = asked(); show(); } });
    new ResizeObserver(() => { drawRoc(view); drawScores(view); }).observe(block);
    state = asked();
    show();
  }

  document.addEventListener("DOMContentLoaded", () => {
    const block = document.getElementById("thb-explorer");
    if (block) start(block, JSON.parse(document.getElementById("thb-explorer-data").textContent));
  });
})();
