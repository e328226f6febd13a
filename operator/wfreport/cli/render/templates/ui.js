"use strict";
(() => {
  const view = document.getElementById("view"), live = document.getElementById("live"), form = document.getElementById("filters");
  const events = document.body.dataset.events;
  if (!events || !view) return;
  let source = null, digest = view.dataset.digest, typing = 0;

  const tell = (text) => { if (live.textContent !== text) live.textContent = text; };

  // The reader's focus and unfolded parts stay where they are.
  function replace(html) {
    const active = document.activeElement, id = view.contains(active) ? active.id : "";
    const range = id && "selectionStart" in active ? [active.selectionStart, active.selectionEnd] : null;
    const open = [...view.querySelectorAll("details")].map((part) => part.open);
    const scrolled = [...view.querySelectorAll(".scroll, pre")].map((part) => [part.scrollLeft, part.scrollTop]);
    const at = scrollY;
    view.innerHTML = html;
    [...view.querySelectorAll("details")].forEach((part, index) => { if (index < open.length) part.open = open[index]; });
    document.dispatchEvent(new Event("wfreport-view"));
    [...view.querySelectorAll(".scroll, pre")].forEach((part, index) => { if (scrolled[index]) [part.scrollLeft, part.scrollTop] = scrolled[index]; });
    const focus = () => {
      const focused = id && document.getElementById(id);
      if (!focused || document.activeElement === focused) return;
      focused.focus({preventScroll: true});
      try { if (range) focused.setSelectionRange(...range); } catch { /* a select has no selection */ }
    };
    focus();
    // the filter of steps is shown only when they are unpacked
    document.addEventListener("wfreport-ready", focus, {once: true});
    scrollTo({top: at, behavior: "instant"});
  }
  function open() {
    source?.close();
    const url = new URL(events, location.href);
    url.search = location.search;
    url.searchParams.set("have", digest);
    source = new EventSource(url);
    source.onopen = () => tell("live");
    source.addEventListener("view", (event) => {
      digest = event.lastEventId;
      view.dataset.digest = digest;
      replace(JSON.parse(event.data));
      tell("live");
    });
    source.addEventListener("problem", (event) => {
      source.close();
      tell(JSON.parse(event.data));
    });
    source.onerror = () => tell(source.readyState === EventSource.CLOSED ? "not live: reload the page" : "reconnecting…");
  }
  function filter() {
    const state = new URLSearchParams([...new FormData(form)].filter(([, value]) => value !== ""));
    history.replaceState(null, "", `${form.getAttribute("action")}${state.size ? `?${state}` : ""}`);
    open();
  }
  form?.addEventListener("submit", (event) => { event.preventDefault(); clearTimeout(typing); filter(); });
  form?.addEventListener("input", () => { clearTimeout(typing); typing = setTimeout(filter, 250); });
  // A browser opens few connections to one server: a hidden tab gives its own back.
  document.addEventListener("visibilitychange", () => {
    if (!document.hidden) open();
    else { source?.close(); tell("paused"); }
  });
  if (!document.hidden) open();
  document.documentElement.dataset.live = "true";
})();
