package paneltest

import (
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

// Accessible checks the page shown: ids are unique, each field has a label and
// each button, link, image and drawing a name, headings go down one level at a
// time from a single h1, there is one main and a language, references of ARIA lead
// somewhere, text has a contrast of at least 4.5:1 (large text 3:1), nothing is
// wider than the window, and the Tab key reaches everything that can be used, with
// a mark to be seen.
func (b *Browser) Accessible(tb testing.TB) {
	tb.Helper()
	problems := Evaluate[[]string](tb, b, checkPage)
	at := b.Path(tb)
	for _, p := range problems {
		tb.Errorf("%s: %s", at, p)
	}
	b.tabs(tb, at)
}

// tabs goes through the page with the Tab key.
func (b *Browser) tabs(tb testing.TB, at string) {
	tb.Helper()
	type focus struct {
		Reached int
		Bare    string
	}
	want := Evaluate[int](tb, b, prepareTabs)
	for range want + 2 {
		b.Do(tb, chromedp.KeyEvent(kb.Tab))
		state := Evaluate[focus](tb, b, lookAtFocus)
		if state.Bare != "" {
			tb.Errorf("%s: focus cannot be seen on %s", at, state.Bare)
		}
		if state.Reached >= want {
			return
		}
	}
	if missed := Evaluate[[]string](tb, b, notReached); len(missed) > 0 {
		tb.Errorf("%s: the Tab key does not reach %s", at, strings.Join(missed, ", "))
	}
}

// The scripts run in the page, also where its own may not.
const shared = `
const visible = (e) => e.checkVisibility({ checkOpacity: true, checkVisibilityCSS: true }) && e.getClientRects().length > 0;
const show = (e) => '<' + e.tagName.toLowerCase() + (e.id ? ' id=' + e.id : '') + (e.getAttribute('name') ? ' name=' + e.getAttribute('name') : '') + '> ' + (e.textContent || '').trim().slice(0, 40);
const usable = () => [...document.querySelectorAll('a[href], button, input:not([type=hidden]), select, textarea, summary, [tabindex="0"]')]
  .filter((e) => visible(e) && !e.disabled && e.tabIndex >= 0 && !(e.type === 'radio' && !e.checked && document.querySelector('input[type=radio][name="' + CSS.escape(e.name) + '"]:checked')));
`

const prepareTabs = `(() => {` + shared + `
  document.activeElement?.blur(); window.getSelection()?.removeAllRanges(); window.scrollTo(0, 0);
  const first = document.body; first.tabIndex = -1; first.focus(); first.removeAttribute('tabindex');
  for (const e of document.querySelectorAll('[data-reached]')) e.removeAttribute('data-reached');
  const radios = new Set();
  return usable().filter((e) => { if (e.type !== 'radio') return true; if (radios.has(e.name)) return false; radios.add(e.name); return true; }).length;
})()`

const lookAtFocus = `(() => {` + shared + `
  const e = document.activeElement;
  let bare = '';
  if (e && e !== document.body) {
    if (e.type === 'radio') for (const r of document.querySelectorAll('input[type=radio][name="' + CSS.escape(e.name) + '"]')) r.removeAttribute('data-reached');
    e.setAttribute('data-reached', '');
    const s = getComputedStyle(e);
    if ((s.outlineStyle === 'none' || parseFloat(s.outlineWidth) === 0) && s.boxShadow === 'none') bare = show(e);
  }
  return { Reached: document.querySelectorAll('[data-reached]').length, Bare: bare };
})()`

const notReached = `(() => {` + shared + ` return usable().filter((e) => !e.hasAttribute('data-reached')).map(show); })()`

const checkPage = `(() => {` + shared + `
const out = [];
const say = (what, e) => out.push(what + (e ? ': ' + show(e) : ''));
if (!document.documentElement.lang) say('no language');
if (!document.title.trim()) say('no title');
if (document.querySelectorAll('main').length !== 1) say('not one main');
if (!document.querySelector('a.skip[href="#main"]')) say('no link to skip to the content');
const seen = new Set();
for (const e of document.querySelectorAll('[id]')) { if (seen.has(e.id)) say('the id is there twice', e); seen.add(e.id); }
for (const name of ['aria-describedby', 'aria-labelledby', 'aria-controls', 'for', 'list']) {
  for (const e of document.querySelectorAll('[' + name + ']')) for (const id of e.getAttribute(name).split(/\s+/)) {
    if (id && !document.getElementById(id)) say(name + ' leads nowhere (' + id + ')', e);
  }
}
const name = (e) => {
  const by = (e.getAttribute('aria-labelledby') || '').split(/\s+/).filter(Boolean).map((id) => document.getElementById(id)?.textContent || '').join(' ');
  const labels = e.labels ? [...e.labels].map((l) => l.textContent).join(' ') : '';
  return (e.getAttribute('aria-label') || by || labels || e.getAttribute('alt') || e.textContent || e.querySelector?.('img')?.alt || '').trim();
};
for (const e of document.querySelectorAll('input:not([type=hidden]), select, textarea')) {
  const labelled = (e.labels && [...e.labels].some((l) => l.textContent.trim())) || e.getAttribute('aria-label') || e.getAttribute('aria-labelledby');
  if (!labelled) say('a field without a label', e);
}
for (const e of document.querySelectorAll('button, a[href], summary')) if (!name(e)) say('no name', e);
for (const e of document.querySelectorAll('img')) if (!e.hasAttribute('alt')) say('an image without alt', e);
for (const e of document.querySelectorAll('svg')) {
  const hidden = e.closest('[aria-hidden=true]');
  if (!hidden && !(e.getAttribute('role') === 'img' && name(e))) say('a drawing without role=img and a name', e);
}
for (const e of document.querySelectorAll('fieldset')) if (!e.querySelector('legend')?.textContent.trim()) say('a fieldset without a legend', e);
for (const e of document.querySelectorAll('table')) if (!e.querySelector('th')) say('a table without headings', e);
for (const e of document.querySelectorAll('form[method=post]')) if (!e.action.endsWith('/app/login') && !e.querySelector('input[name=csrf]')) say('a form without its token', e);
for (const e of document.querySelectorAll('[style], [onclick], [onchange], [onsubmit]')) say('style or script in an attribute', e);
let level = 0;
const headings = [...document.querySelectorAll('h1, h2, h3, h4, h5, h6')];
if (headings.filter((h) => h.tagName === 'H1').length !== 1) say('not one h1');
for (const h of headings) {
  const n = Number(h.tagName[1]);
  if (n > level + 1) say('a heading skips a level', h);
  level = n;
}
if (document.documentElement.scrollWidth > window.innerWidth + 1) {
  const wide = [...document.querySelectorAll('main *')].find((e) => e.getBoundingClientRect().right > window.innerWidth + 1 && !e.closest('.table, .code, .strip, .nav'));
  say('the page is wider than the window (' + document.documentElement.scrollWidth + ' > ' + window.innerWidth + ')', wide);
}
const canvas = document.createElement('canvas').getContext('2d', { willReadFrequently: true });
const parse = (c) => {
  const m = c.match(/^rgba?\(([\d.]+), ([\d.]+), ([\d.]+)(?:, ([\d.]+))?\)$/);
  if (m) return [+m[1], +m[2], +m[3], m[4] === undefined ? 1 : +m[4]];
  canvas.clearRect(0, 0, 1, 1); canvas.fillStyle = c; canvas.fillRect(0, 0, 1, 1);
  const d = canvas.getImageData(0, 0, 1, 1).data;
  return [d[0], d[1], d[2], d[3] / 255];
};
const over = (a, b) => [0, 1, 2].map((i) => a[i] * a[3] + b[i] * (1 - a[3])).concat(1);
const ground = (e) => {
  const layers = [];
  for (let p = e; p; p = p.parentElement) layers.push(parse(getComputedStyle(p).backgroundColor));
  let base = matchMedia('(prefers-color-scheme: dark)').matches ? [18, 18, 18, 1] : [255, 255, 255, 1];
  for (const l of layers.reverse()) base = over(l, base);
  return base;
};
const luminance = (c) => {
  const f = (v) => { v /= 255; return v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4; };
  return 0.2126 * f(c[0]) + 0.7152 * f(c[1]) + 0.0722 * f(c[2]);
};
const contrast = (a, b) => { const [x, y] = [luminance(a), luminance(b)].sort((p, q) => q - p); return (x + 0.05) / (y + 0.05); };
const told = new Set();
const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
while (walker.nextNode()) {
  const e = walker.currentNode.parentElement;
  if (!walker.currentNode.nodeValue.trim() || !e || !visible(e) || e.closest('.visually-hidden, script, style')) continue;
  const s = getComputedStyle(e), back = ground(e);
  const svg = e.closest('svg');
  const color = over(parse(svg ? s.fill : s.color), back);
  const size = parseFloat(s.fontSize), large = size >= 24 || (size >= 18.66 && Number(s.fontWeight) >= 700);
  const c = contrast(color, back);
  const key = s.color + '|' + back.join() + '|' + e.className;
  if (c < (large ? 3 : 4.5) && !told.has(key)) { told.add(key); say('contrast ' + c.toFixed(2), e); }
}
for (const e of document.querySelectorAll('input:not([type=hidden], [type=checkbox], [type=radio]), textarea, select')) {
  if (!visible(e)) continue;
  const s = getComputedStyle(e), c = contrast(over(parse(s.color), ground(e)), ground(e));
  if (c < 4.5) say('contrast of a field ' + c.toFixed(2), e);
}
return out;
})()`
