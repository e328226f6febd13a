"use strict";
(() => {
  const PAGE = 300;
  const MARKS = {Succeeded: ["✔", "good"], Failed: ["✖", "bad"], Error: ["⚠", "bad"], Running: ["●", "busy"], Pending: ["◷", "busy"]};
  const $ = (id) => document.getElementById(id);
  const foldedAnchors = new Set();
  let running = null, left = 0, width = 1000, shownBefore = PAGE;

  // Runs again if the live page (ui.js) has replaced the content: what the reader chose stays.
  async function start() {
  const isFirst = running === null;
  running?.abort();
  running = new AbortController();
  const {signal} = running;
  const data = $("data"), body = $("rows"), query = $("query"), phase = $("phase"), found = $("found"), more = $("more");

  document.querySelectorAll("#zoom button").forEach((button) => button.addEventListener("click", () => zoom(button.value)));
  function zoom(how) {
    const middle = left + width / 2;
    if (how === "in") width = Math.max(width / 2, 4);
    if (how === "out") width = Math.min(width * 2, 1000);
    if (how === "all") width = 1000;
    left = middle - width / 2 + (how === "left" ? -width / 4 : how === "right" ? width / 4 : 0);
    left = Math.min(Math.max(left, 0), 1000 - width);
    document.querySelectorAll("#times svg").forEach((svg) => svg.setAttribute("viewBox", `${left} 0 ${width} 16`));
  }
  if ($("zoom")) { $("zoom").hidden = false; zoom(""); }
  if (!data) return;

  const packed = Uint8Array.from(atob(data.textContent), (char) => char.charCodeAt(0));
  const stream = new Blob([packed]).stream().pipeThrough(new DecompressionStream("deflate"));
  const {words, rows} = await new Response(stream).json();
  if (signal.aborted) return;
  const workflow = data.dataset.workflow;
  const steps = rows.map((row) => {
    const [depth, name, phase, kind, template, anchor, offset, seconds, waited, exit, message, pod, critical] = row;
    const step = {depth, name, phase: words[phase], kind: words[kind], template: words[template], anchor, offset, seconds, waited, exit, message: words[message], critical};
    step.pod = pod === 0 ? `${workflow}-${step.template}-${anchor}` : pod;
    return step;
  });
  steps.forEach((step, index) => { step.group = index + 1 < steps.length && steps[index + 1].depth > step.depth; });
  const hay = steps.map((step) => `${step.name}\n${step.template}\n${step.message}\n${step.pod}\n${step.phase}`.toLowerCase());
  const folded = new Set();
  steps.forEach((step, index) => { if (foldedAnchors.has(step.anchor)) folded.add(index); });
  let matches = [], shown = 0;

  function element(tag, className, text) {
    const made = document.createElement(tag);
    if (className) made.className = className;
    if (text !== undefined) made.textContent = text;
    return made;
  }
  function time(seconds) {
    if (seconds === null) return "";
    const two = (number) => String(number).padStart(2, "0");
    const s = seconds % 60, m = Math.floor(seconds / 60) % 60, h = Math.floor(seconds / 3600) % 24, d = Math.floor(seconds / 86400);
    if (d) return `${d}d${two(h)}h`;
    if (h) return `${h}h${two(m)}m`;
    return m ? `${m}m${two(s)}s` : `${s}s`;
  }
  function render(index) {
    const step = steps[index], [mark, tone] = MARKS[step.phase] || ["○", "idle"];
    const row = element("tr"), name = element("th", "name"), inner = element("div", `d${step.depth}`), link = element("a", `steplink ${step.critical ? "critical" : ""}`, step.name);
    row.id = `step-${step.anchor}`;
    name.scope = "row";
    if (step.group && !filtered()) {
      const fold = element("button", "fold", folded.has(index) ? "▸" : "▾");
      fold.type = "button";
      fold.setAttribute("aria-expanded", String(!folded.has(index)));
      fold.setAttribute("aria-label", `Steps inside ${step.name}`);
      fold.addEventListener("click", () => { folded.has(index) ? folded.delete(index) : folded.add(index); show(Math.max(shown, PAGE)); ($(row.id)?.querySelector("button") || query).focus(); });
      inner.append(fold);
    }
    const sign = element("span", `mark ${tone}`, mark);
    sign.setAttribute("aria-hidden", "true");
    link.href = `#step-${step.anchor}`;
    inner.append(sign, link);
    name.append(inner);
    const state = element("td", tone, step.phase + (step.exit === null ? "" : ` (exit ${step.exit})`));
    const about = element("td", "", [step.template, step.message].filter(Boolean).join(" · "));
    row.append(name, state, element("td", "num", step.offset === null ? "" : `+${time(step.offset)}`), element("td", "num", time(step.seconds)), element("td", "num", step.waited ? time(step.waited) : ""), about);
    return row;
  }
  const filtered = () => query.value.trim() !== "" || phase.value !== "";
  function select() {
    const text = query.value.trim().toLowerCase(), wanted = phase.value;
    const result = [];
    let hiddenBelow = Infinity;
    for (let index = 0; index < steps.length; index++) {
      const step = steps[index];
      if (text || wanted) {
        if ((!wanted || step.phase === wanted || (wanted === "critical" && step.critical)) && hay[index].includes(text)) result.push(index);
        continue;
      }
      if (step.depth > hiddenBelow) continue;
      hiddenBelow = folded.has(index) ? step.depth : Infinity;
      result.push(index);
    }
    return result;
  }
  function show(count) {
    matches = select();
    shown = 0;
    body.replaceChildren();
    extend(count);
  }
  function extend(count) {
    const part = document.createDocumentFragment(), end = Math.min(shown + count, matches.length);
    for (; shown < end; shown++) part.append(render(matches[shown]));
    body.append(part);
    shownBefore = Math.max(shown, PAGE);
    foldedAnchors.clear();
    folded.forEach((index) => foldedAnchors.add(steps[index].anchor));
    more.hidden = shown >= matches.length;
    found.textContent = filtered() ? `${matches.length} of ${steps.length} rows match` : `${steps.length} rows`;
  }
  function remember() {
    const state = new URLSearchParams();
    if (query.value) state.set("q", query.value);
    if (phase.value) state.set("phase", phase.value);
    history.replaceState(null, "", `#${state}`);
  }
  function follow(event) {
    const fragment = decodeURIComponent(location.hash.slice(1));
    document.querySelectorAll(".there").forEach((row) => row.classList.remove("there"));
    if (fragment.startsWith("step-")) {
      const index = steps.findIndex((step) => `step-${step.anchor}` === fragment);
      if (index < 0) return;
      query.value = phase.value = "";
      let depth = steps[index].depth;
      for (let above = index - 1; above >= 0 && depth > 0; above--) {
        if (steps[above].depth < depth) { depth = steps[above].depth; folded.delete(above); }
      }
      show(Math.max(PAGE, select().indexOf(index) + 50));
      const row = $(fragment);
      row.classList.add("there");
      if (isFirst || event) row.scrollIntoView({block: "center"});
      return;
    }
    const state = new URLSearchParams(fragment);
    query.value = state.get("q") || "";
    phase.value = [...phase.options].some((option) => option.value === state.get("phase")) ? state.get("phase") : "";
    show(isFirst || event ? PAGE : shownBefore);
  }
  [...new Set(steps.map((step) => step.phase))].sort().forEach((name) => { const option = element("option", "", name); option.value = name; phase.append(option); });
  const typed = () => { show(PAGE); remember(); };
  query.addEventListener("input", typed);
  phase.addEventListener("change", typed);
  more.addEventListener("click", () => extend(PAGE));
  $("fold-all").addEventListener("click", () => { query.value = phase.value = ""; const open = folded.size > 0; folded.clear(); if (!open) steps.forEach((step, index) => { if (step.group) folded.add(index); }); typed(); });
  addEventListener("hashchange", follow, {signal});
  addEventListener("keydown", (event) => { if (event.key === "/" && !/^(INPUT|SELECT)$/.test(document.activeElement.tagName)) { event.preventDefault(); query.focus(); } }, {signal});
  $("tools").hidden = false;
  follow();
  document.documentElement.dataset.ready = "true";
  document.dispatchEvent(new Event("wfreport-ready"));
  }
  start();
  document.addEventListener("wfreport-view", start);
})();
