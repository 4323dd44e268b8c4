// What the pages do besides, where there is JavaScript. Everything here is an
// addition: without it the same can be done and seen, by a reload or a form.

const token = document.querySelector('meta[name="csrf-token"]')?.content ?? '';

// The first mistake of a form that came back is where the reader goes on.
document.querySelector('[data-focus]')?.focus();

// Times that are told as "3 min ago" stay true while the page is open.
function ago(ms) {
  const future = ms < 0;
  const s = Math.abs(ms) / 1000;
  let words;
  if (s < 1) return 'now';
  if (s < 60) words = `${Math.floor(s)} s`;
  else if (s < 3600) words = `${Math.floor(s / 60)} min`;
  else if (s < 48 * 3600) words = `${Math.floor(s / 3600)} h`;
  else words = `${Math.floor(s / 86400)} days`;
  return future ? `in ${words}` : `${words} ago`;
}

setInterval(() => {
  for (const t of document.querySelectorAll('time[datetime]:not(.exact)')) {
    const at = Date.parse(t.dateTime);
    if (!Number.isNaN(at)) t.textContent = ago(Date.now() - at);
  }
}, 15000);

// Copying what stands in a block.
for (const button of document.querySelectorAll('[data-copy]')) {
  if (!navigator.clipboard) continue;
  button.hidden = false;
  button.addEventListener('click', async () => {
    const label = button.textContent;
    try {
      await navigator.clipboard.writeText(document.getElementById(button.dataset.copy).textContent);
      button.textContent = 'Copied';
    } catch {
      button.textContent = 'Copy it by hand';
    }
    setTimeout(() => { button.textContent = label; }, 2000);
  });
}

// A question that is open closes with Escape, and when another one opens.
document.addEventListener('keydown', (e) => {
  if (e.key !== 'Escape') return;
  for (const d of document.querySelectorAll('details.confirm[open]')) {
    d.open = false;
    d.querySelector('summary').focus();
  }
});
document.addEventListener('toggle', (e) => {
  if (!e.target.matches?.('details.confirm') || !e.target.open) return;
  for (const d of document.querySelectorAll('details.confirm[open]')) if (d !== e.target) d.open = false;
}, true);

// A list that can be chosen from is applied at once.
for (const form of document.querySelectorAll('form[data-auto]')) {
  form.addEventListener('change', () => form.requestSubmit());
}

// A form with data-preview="URL" is posted there while it is typed in; the answer,
// a piece of a page, replaces the content of #data-preview-into.
for (const form of document.querySelectorAll('form[data-preview]')) {
  const into = document.getElementById(form.dataset.previewInto);
  if (!into) continue;
  let timer = 0;
  let running = null;
  const show = async () => {
    running?.abort();
    running = new AbortController();
    into.setAttribute('aria-busy', 'true');
    try {
      const answer = await fetch(form.dataset.preview, {
        method: 'POST', body: new URLSearchParams(new FormData(form)), headers: { 'X-CSRF-Token': token, 'X-Fragment': '1' },
        signal: running.signal, credentials: 'same-origin', redirect: 'error',
      });
      const text = await answer.text();
      if (answer.ok || answer.status === 422) {
        into.replaceChildren(...new DOMParser().parseFromString(text, 'text/html').body.childNodes);
      }
    } catch (e) {
      if (e.name === 'AbortError') return;
    }
    into.removeAttribute('aria-busy');
  };
  form.addEventListener('input', () => {
    clearTimeout(timer);
    timer = setTimeout(show, 350);
  });
}

// A list with data-live="URL" gets what the server sends as events: each one is
// the markup of items, put first; at most data-live-most items stay.
for (const list of document.querySelectorAll('[data-live]')) {
  const state = document.getElementById(list.dataset.liveState);
  const say = (text) => { if (state) state.textContent = text; };
  const source = new EventSource(list.dataset.live);
  source.addEventListener('open', () => say('live'));
  source.addEventListener('error', () => say(source.readyState === EventSource.CLOSED ? 'not live: reload the page' : 'connecting again'));
  source.addEventListener('item', (e) => {
    const items = [...new DOMParser().parseFromString(e.data, 'text/html').body.children];
    list.prepend(...items);
    while (list.children.length > Number(list.dataset.liveMost || 30)) list.lastElementChild.remove();
    document.getElementById(list.dataset.liveEmpty)?.remove();
  });
  addEventListener('pagehide', () => source.close());
}

// What has data-refresh="URL" is asked for anew while the page is looked at,
// until an answer holds something with data-over. With no URL there is nothing to ask.
for (const part of document.querySelectorAll('[data-refresh]:not([data-refresh=""])')) {
  const look = async () => {
    if (!document.hidden) {
      try {
        const answer = await fetch(part.dataset.refresh, { headers: { 'X-Fragment': '1' }, credentials: 'same-origin', redirect: 'error' });
        if (answer.status >= 400 && answer.status < 500) return;
        if (answer.ok) part.replaceChildren(...new DOMParser().parseFromString(await answer.text(), 'text/html').body.childNodes);
      } catch { /* the next time, perhaps */ }
    }
    if (!part.querySelector('[data-over]')) setTimeout(look, Number(part.dataset.refreshEvery || 2000));
  };
  setTimeout(look, Number(part.dataset.refreshEvery || 2000));
}
