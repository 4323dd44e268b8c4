// Comfort for the form of a webhook; all of it can be done without.

const form = document.getElementById('webhook');
const typed = () => form.dispatchEvent(new Event('input', { bubbles: true }));
const show = (into, text) => into.replaceChildren(...new DOMParser().parseFromString(text, 'text/html').body.childNodes);

if (form) {
  // Fields that the chosen format, or kind of body, does not use are hidden.
  const fit = () => {
    const format = form.querySelector('[name=format]:checked')?.value;
    const body = form.querySelector('[name=body]:checked')?.value;
    for (const e of form.querySelectorAll('[data-formats]')) {
      const other = format === 'document' && e.dataset.body && e.dataset.body !== body;
      e.hidden = !e.dataset.formats.split(' ').includes(format) || other;
    }
  };
  form.addEventListener('change', (e) => { if (e.target.name === 'format' || e.target.name === 'body') fit(); });
  for (const b of form.querySelectorAll('[data-fit]')) b.hidden = true;
  fit();

  // Rows are added, moved and taken out in place.
  const ready = (row) => { for (const b of row.querySelectorAll('.row-tools button')) b.hidden = false; };
  for (const row of form.querySelectorAll('.row')) ready(row);
  const add = (rows) => {
    rows.dataset.next ??= String(rows.querySelectorAll('.row').length);
    const n = Number(rows.dataset.next);
    rows.dataset.next = String(n + 1);
    const row = rows.querySelector('template').content.firstElementChild.cloneNode(true);
    for (const e of row.querySelectorAll('*')) {
      for (const a of e.attributes) a.value = a.value.replaceAll('__n__', n).replaceAll('__no__', n + 1);
      for (const t of e.childNodes) if (t.nodeType === Node.TEXT_NODE) t.data = t.data.replaceAll('__no__', n + 1);
    }
    ready(row);
    rows.querySelector('template').before(row);
    row.querySelector('input').focus();
  };
  form.addEventListener('click', (e) => {
    const button = e.target.closest('[data-row]');
    if (!button) return;
    const rows = button.closest('[data-rows]');
    const row = button.closest('.row');
    e.preventDefault();
    if (button.dataset.row === 'add') return add(rows);
    if (button.dataset.row === 'remove') {
      (row.nextElementSibling?.querySelector('input') ?? rows.querySelector('input'))?.focus();
      row.remove();
    } else {
      // The values change places: names and ids stay where they are.
      const above = row.previousElementSibling;
      if (!above?.matches('.row')) return;
      const [mine, theirs] = [row, above].map((r) => [...r.querySelectorAll('input')]);
      mine.forEach((input, i) => { [input.value, theirs[i].value] = [theirs[i].value, input.value]; });
      above.querySelector('[data-row=up]').focus();
    }
    typed();
  });
  // A path that was chosen gives an empty key its name. Who goes there finds it
  // marked, so that typing takes its place; it follows the path until then.
  const suggested = (key) => key.value !== '' && key.value === key.dataset.suggested;
  form.addEventListener('change', (e) => {
    if (!e.target.name?.endsWith('].fieldname')) return;
    const key = e.target.closest('.row').querySelectorAll('input')[1];
    if ((key.value === '' || suggested(key)) && /^[\w.#-]+$/.test(e.target.value)) {
      key.value = key.dataset.suggested = e.target.value.replaceAll('.#', '');
      typed();
    }
  });
  let entered = null; // a click puts the cursor down after the focus: it is marked once more
  form.addEventListener('focusin', (e) => {
    entered = null;
    if (e.target.name?.endsWith('].key') && suggested(e.target)) { e.target.select(); entered = e.target; }
  });
  form.addEventListener('click', (e) => {
    if (e.target === entered && suggested(entered)) entered.select();
    entered = null;
  });
  form.addEventListener('input', (e) => { if (e.target.dataset?.suggested !== undefined) delete e.target.dataset.suggested; });

  // Variables are written where the cursor was last.
  let last = form.querySelector('[name=webhook_json]');
  form.addEventListener('focusin', (e) => {
    if (['webhook_json', 'headers_template', 'request_url'].includes(e.target.name) || e.target.name?.endsWith('].value')) last = e.target;
  });
  for (const b of form.querySelectorAll('[data-insert]')) {
    b.hidden = false;
    b.addEventListener('click', () => { last.setRangeText(b.dataset.insert, last.selectionStart, last.selectionEnd, 'end'); last.focus(); typed(); });
  }

  // Scrapers are searched for while the keyword is typed.
  const button = form.querySelector('[data-search]');
  const search = form.querySelector('[name=scraper_search]');
  const list = form.querySelector('[name=scraper]');
  let timer = 0;
  const find = async () => {
    const answer = await fetch(`${button.dataset.search}?${new URLSearchParams({ search: search.value, scraper: list.value })}`, { credentials: 'same-origin', redirect: 'error' });
    if (!answer.ok) return;
    const chosen = list.value;
    list.replaceChildren(...new DOMParser().parseFromString(`<select>${await answer.text()}</select>`, 'text/html').querySelectorAll('option'));
    list.value = chosen;
    form.querySelector('[name=searched]').value = search.value.trim();
  };
  search.addEventListener('input', (e) => { e.stopPropagation(); clearTimeout(timer); timer = setTimeout(find, 250); });
  search.addEventListener('keydown', (e) => { if (e.key === 'Enter') { e.preventDefault(); find(); } });
  button.addEventListener('click', (e) => { e.preventDefault(); find(); });

  // A test is sent without leaving the page.
  const test = form.querySelector('[data-test]');
  test.addEventListener('click', async (e) => {
    e.preventDefault();
    const body = new URLSearchParams(new FormData(form, test));
    test.disabled = true;
    try {
      const answer = await fetch(test.dataset.test, { method: 'POST', body, credentials: 'same-origin', redirect: 'error' });
      if (answer.ok) show(document.getElementById('preview'), await answer.text());
    } finally {
      test.disabled = false;
    }
  });
}
