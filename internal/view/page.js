'use strict';
// Shows the regions that the elements script.region hold, as page_region.go has made them.
// All text gets into the page as text, never as markup.
//
// What can be followed has one or more keys, in data-k: v12 a value or operation, b3 a block,
// g5 a guest instruction (by its index), n10 a variable. Clicks select keys, each in a colour of
// its own, in all columns at once; the fragment of the address tells which are selected, and
// may have guest addresses, too: #r2:v12,b3,0x10484.

const colours = 8;
let regions = [];
let shown = -1;             // index of the region that is to be seen
const selected = new Map(); // colours by key

// el makes an element of nodes and texts.
function el(name, cls, ...children) {
  const e = document.createElement(name);
  if (cls) e.className = cls;
  e.append(...children);
  return e;
}

// mark makes an element one that can be followed.
function mark(e, ...keys) {
  e.dataset.k = keys.join(' ');
  return e;
}

const token = (key, text) => mark(el('span', '', text), key);
const value = v => token('v' + v, 'v' + v);
const variable = (r, n) => token('n' + n, r.vars[n]);
const block = k => token('b' + k, 'b' + k);
const times = n => n ? '×' + n.toLocaleString('en') : '';
const about = n => n ? '×' + n.toLocaleString('en', { notation: 'compact' }) : '';

// commas puts nodes in a row.
const commas = nodes => nodes.flatMap((n, k) => k ? [', ', n] : [n]);

// operation is the text of instruction i: "v3 = add v1, v2", "setx v3, a0", or "v7 = phi a0, b1 v3, b2 v6"
// with an argument for each of the blocks preds.
function operation(r, i, preds) {
  const line = [];
  if (i.result) line.push(value(i.v), ' = ');
  line.push(i.v ? token('v' + i.v, i.op) : i.op);
  const args = (i.args || []).map((a, k) => preds ? el('span', '', block(preds[k]), ' ', value(a)) : value(a));
  if (i.var) args.splice(preds ? 0 : args.length, 0, variable(r, i.var));
  if (i.imm) args.push(i.imm);
  if (args.length) line.push(' ', ...commas(args));
  return line;
}

// gutter is what leads from a line to guest instruction g.
const gutter = g => g ? mark(el('i'), 'g' + g) : '';

// guestText is guest instruction g in one line.
function guestText(r, g) {
  const i = r.guest[g];
  return mark(el('span', '', i.pc, ': ', i.text), 'g' + g);
}

// edges say where a block leads.
function edges(next) {
  return (next || []).map(e => {
    const to = e.to >= 0 ? block(e.to) : 'out to ' + e.pc;
    return el('p', 'edge', '→ ', to, ' ', times(e.count));
  });
}

function heading(b) {
  const loop = b.depth ? 'in ' + b.depth + (b.depth > 1 ? ' loops' : ' loop') + ', of b' + b.head : '';
  return el('h3', '', block(b.key), ' ', el('small', '', [b.pc, times(b.count), loop].filter(s => s).join(', ')));
}

// instruction is the line of instruction k.
function instruction(r, k, preds) {
  const i = r.instrs[k];
  if (i.op === 'inst') return el('p', 'inst', i.g ? guestText(r, i.g) : i.imm);
  return el('p', '', gutter(i.g), ...operation(r, i, preds));
}

// showStep shows the region's blocks after a pass; before is what instructions there have been.
function showStep(div, r, step, before) {
  const dead = new Set(step.dead);
  for (const b of step.blocks) {
    const box = mark(el('div', 'block', heading(b)), 'b' + b.key);
    const unused = [];
    const line = (k, preds) => {
      const i = r.instrs[k];
      if (dead.has(i.v) && i.var) { // a phi or a read of a variable
        unused.push(el('span', '', value(i.v), ' ', variable(r, i.var)));
        return;
      }
      const p = instruction(r, k, preds);
      p.classList.toggle('dead', dead.has(i.v));
      p.classList.toggle('new', Boolean(before) && !before.has(k));
      box.append(p);
    };
    (b.phis || []).forEach(k => line(k, b.preds));
    b.code.forEach(k => line(k));
    if (unused.length) {
      const list = el('p', 'unused', ...commas(unused));
      box.firstChild.after(el('details', '', el('summary', 'unused', unused.length + ' unused'), list));
    }
    box.append(...edges(b.next));
    div.append(box);
  }
}

function showChains(div, r) {
  r.chains.forEach((c, n) => {
    const title = el('h3', '', 'chain ' + n + ' ', el('small', '', c.pc + ', weight ' + c.weight.toLocaleString('en') + (c.entered ? ', entered from outside' : '')));
    div.append(el('div', 'block', title));
    let at = 0;
    for (const { blocks = [], code } of c.groups) {
      const box = el('div', 'block', el('p', 'label', ...blocks.map(block)));
      for (const k of code) {
        const p = instruction(r, k), way = (c.ways || []).find(w => w.from === at);
        if (way) p.append(el('small', '', ' → chain ' + way.to));
        box.append(p);
        at++;
      }
      div.append(mark(box, ...blocks.map(b => 'b' + b)));
    }
  });
}

const contents = step => new Set(step.blocks.flatMap(b => [...(b.phis || []), ...b.code]));

// change says how many instructions a pass has made and removed.
function change(before, now) {
  if (!before) return '';
  const added = [...now].filter(k => !before.has(k)).length;
  return '+' + added + ' −' + [...before].filter(k => !now.has(k)).length;
}

function showGuest(div, r) {
  for (const { name, groups } of r.sources) {
    (groups || []).forEach(({ blocks = [], code }, n) => {
      const title = el('h3', '', ...blocks.flatMap(b => [block(b), ' ']), el('small', '', n ? '' : name));
      const lines = code.map(g => el('p', '', gutter(g), guestText(r, g)));
      div.append(mark(el('div', 'block', title, ...lines), ...blocks.map(b => 'b' + b)));
    });
  }
}

function showHost(div, r) {
  let box, last;
  for (const i of r.host) {
    if (i.block !== last) {
      box = el('div', 'block');
      if (i.block >= 0) mark(box, 'b' + i.block).append(el('p', 'label', block(i.block)));
      div.append(box);
      last = i.block;
    }
    if (i.label) box.append(el('p', 'label', i.label + ':'));
    const text = el('span', '', i.text);
    const keys = (i.values || []).map(v => 'v' + v);
    if (i.g) keys.push('g' + i.g);
    if (keys.length) mark(text, ...keys);
    box.append(el('p', '', gutter(i.g), i.addr + '  ', text));
  }
}

function showHomes(div, r) {
  const row = h => el('tr', '', el('td', '', variable(r, h.var)), el('td', '', h.reg || 'memory'),
    el('td', 'number', h.weight.toLocaleString('en')), el('td', '', h.set ? 'written' : ''));
  const names = ['variable', 'home', 'weight', ''].map(n => el('th', '', n));
  div.append(el('table', '', el('thead', '', el('tr', '', ...names)), el('tbody', '', ...r.homes.map(row))));
}

// A picture of the blocks after a pass: in rows, in their order, further right the more loops they are
// in. Ways to the next row are arrows, ways back are on the left, others on the right, each in a lane
// that is free between its ends, and counts stand where they begin.
const row = 46, height = 30, width = 150, indent = 14, lane = 9, label = 42;

function draw(name, attributes, ...children) {
  const e = document.createElementNS('http://www.w3.org/2000/svg', name);
  for (const a in attributes) e.setAttribute(a, attributes[a]);
  e.append(...children);
  return e;
}

// lanes gives each way of a list, from row a to row b, the first lane that is free: short ways first.
function lanes(ways) {
  const used = [];
  for (const w of [...ways].sort((x, y) => Math.abs(x.a - x.b) - Math.abs(y.a - y.b))) {
    const lo = Math.min(w.a, w.b), hi = Math.max(w.a, w.b);
    w.lane = used.findIndex(u => u.every(([l, h]) => hi < l || lo > h));
    if (w.lane < 0) w.lane = used.push([]) - 1;
    used[w.lane].push([lo, hi]);
  }
  return used.length;
}

// waysOf sorts the edges of blocks.
function waysOf(blocks) {
  const at = new Map(blocks.map((b, n) => [b.key, n]));
  const ways = { next: [], back: [], skip: [], out: [] };
  blocks.forEach((b, a) => (b.next || []).forEach((e, k) => {
    const to = at.get(e.to);
    const w = { a, b: to, k, pc: e.pc, count: e.count };
    if (to === undefined) ways.out.push(w);
    else if (to <= a) ways.back.push(w);
    else if (to === a + 1) ways.next.push(w);
    else ways.skip.push(w);
  }));
  return ways;
}

function showGraph(div, step) {
  const blocks = step.blocks, ways = waysOf(blocks);
  const left = label + lane * lanes(ways.back) + 4;
  const deepest = Math.max(...blocks.map(b => b.depth));
  const right = left + deepest * indent + width;
  const out = ways.out.length ? 130 : label;
  const full = right + out + lane * lanes(ways.skip) + 12;
  const x = n => left + blocks[n].depth * indent;
  const top = n => n * row + 2;
  const svg = draw('svg', { width: full, height: blocks.length * row + 4 },
    draw('defs', {}, draw('marker', { id: 'tip', markerWidth: 7, markerHeight: 6, refX: 6, refY: 3, orient: 'auto' },
      draw('path', { d: 'M0,0L6,3L0,6', style: 'fill:#777;stroke:none' }))));
  const path = (d, cls) => svg.append(draw('path', { d, class: cls, 'marker-end': 'url(#tip)' }));
  const count = (n, atX, atY, before) => {
    svg.append(draw('text', { x: atX, y: atY, class: 'count', 'text-anchor': before ? 'end' : 'start' }, about(n)));
  };
  for (const w of ways.next) {
    const from = x(w.a) + 40, to = Math.max(from, x(w.b) + 8);
    path(`M${from},${top(w.a) + height}L${to},${top(w.b)}`, '');
    count(w.count, Math.max(from, to) + 6, top(w.b) - 5);
  }
  for (const w of ways.back) {
    const lx = left - label - w.lane * lane, from = top(w.a) + 20, to = top(w.b) + 10;
    path(`M${x(w.a)},${from}H${lx}V${to}H${x(w.b)}`, 'back');
    count(w.count, x(w.a) - 3, from + 10, true);
  }
  for (const w of ways.skip) {
    const lx = right + out + w.lane * lane, from = top(w.a) + 8, to = top(w.b) + 15;
    path(`M${x(w.a) + width},${from}H${lx}V${to}H${x(w.b) + width}`, '');
    count(w.count, x(w.a) + width + 4, from - 2);
  }
  for (const w of ways.out) {
    const from = top(w.a) + 22;
    path(`M${x(w.a) + width},${from}h14`, 'exit');
    svg.append(draw('text', { x: x(w.a) + width + 17, y: from + 3, class: 'count' }, w.pc + ' ' + about(w.count)));
  }
  blocks.forEach((b, n) => {
    const g = draw('g', { class: 'depth' + Math.min(b.depth, 3) },
      draw('rect', { x: x(n), y: top(n), width, height, rx: 3 }),
      draw('text', { x: x(n) + 5, y: top(n) + 12 }, 'b' + b.key + ' ' + b.pc),
      draw('text', { x: x(n) + 5, y: top(n) + 25, class: 'count' }, times(b.count)));
    svg.append(mark(g, 'b' + b.key));
  });
  div.append(svg);
}

// columns are what there is to be seen of a region: a title, a note, whether it is open at first, and
// how to fill it.
function columns(r) {
  const list = [{ title: 'guest', note: r.guest.length - 1 + ' instructions', open: true, fill: div => showGuest(div, r) }];
  const last = r.steps.findLast(s => s.blocks);
  list.push({ title: 'blocks', note: last.blocks.length, open: true, fill: div => showGraph(div, last) });
  let step, before;
  for (const s of r.steps) {
    const known = before, same = !s.blocks;
    if (!same) {
      step = s;
      before = contents(s);
    }
    const blocks = step, note = (s.took || '') + ' ' + (same ? 'no change' : change(known, before));
    list.push({ title: s.name, note, open: !known || s === last, same, fill: div => showStep(div, r, blocks, !same && known) });
  }
  if (r.chains) list.push({ title: 'lowered', note: r.chains.length + ' chains', open: true, fill: div => showChains(div, r) });
  if (r.homes) list.push({ title: 'homes', note: '', open: true, fill: div => showHomes(div, r) });
  if (r.host) list.push({ title: 'host', note: r.host.length + ' instructions', open: true, fill: div => showHost(div, r) });
  return list;
}

// column makes a column, which is filled when it is first opened.
function column(c) {
  const div = el('div'), title = el('h2', '', c.title, el('small', '', c.note));
  const section = el('section', c.same ? 'closed same' : 'closed', title, div);
  section.dataset.column = c.title;
  title.onclick = () => {
    if (!section.classList.toggle('closed') && !div.firstChild) c.fill(div);
    paint();
    if (selected.size) reveal([...selected.keys()].pop());
  };
  if (c.open) {
    section.classList.remove('closed');
    c.fill(div);
  }
  return section;
}

// having are the elements of a key.
const having = key => document.querySelectorAll(`main [data-k~="${key}"]`);

// paint gives what is selected its colours.
function paint() {
  for (const e of document.querySelectorAll('main .on')) {
    e.classList.remove('on', ...[...e.classList].filter(c => /^c\d$/.test(c)));
  }
  for (const [key, colour] of selected) {
    for (const e of having(key)) {
      e.classList.remove(...[...e.classList].filter(c => /^c\d$/.test(c)));
      e.classList.add('on', 'c' + colour);
    }
  }
}

// reveal scrolls each column to where a key is, unless that can be seen.
function reveal(key) {
  for (const div of document.querySelectorAll('main section:not(.closed) > div')) {
    const found = [...div.querySelectorAll(`[data-k~="${key}"]`)].map(e => e.getBoundingClientRect());
    const box = div.getBoundingClientRect();
    if (found.length && !found.some(f => f.bottom > box.top && f.top < box.bottom)) {
      div.scrollTop += found[0].top - box.top - box.height / 3;
    }
  }
}

// toggle selects a key, or selects it no longer.
function toggle(key) {
  if (selected.has(key)) {
    selected.delete(key);
  } else {
    const used = [...selected.values()];
    let colour = 0;
    while (colour < colours - 1 && used.includes(colour)) colour++;
    selected.set(key, colour);
  }
}

// note has the page's address tell what is selected.
function note() {
  const keys = [...selected.keys()].join(',');
  history.replaceState(null, '', '#' + (regions.length > 1 ? 'r' + shown + (keys && ':') : '') + keys);
}

// recall selects what the page's address tells.
function recall() {
  const parts = /^#(?:r(\d+)(?::|$))?(.*)$/.exec(location.hash) || [];
  show(parts[1] in regions ? Number(parts[1]) : hottest());
  const keys = (parts[2] || '').split(',').map(k => {
    const g = regions[shown].guest.findIndex(i => i.pc === k);
    return g > 0 ? 'g' + g : k;
  }).filter(k => /^[vbgn]\d+$/.test(k));
  keys.forEach(k => selected.has(k) || toggle(k));
  paint();
  if (keys.length) reveal(keys[0]);
}

const hottest = () => regions.reduce((best, r, n) => r.heat > regions[best].heat ? n : best, 0);

// show shows a region, with nothing selected.
function show(n) {
  const r = regions[n];
  shown = n;
  selected.clear();
  document.title = 'hospes: ' + (r.name || r.pc);
  document.querySelector('h1').textContent = r.pc + ' ' + r.name;
  document.querySelectorAll('header tbody tr').forEach((tr, k) => {
    if (tr.classList.toggle('shown', k === n)) tr.scrollIntoView({ block: 'nearest' });
  });
  document.querySelector('main').replaceChildren(...columns(r).map(column));
}

// index is a table of all regions, with what is known of any.
function index() {
  const columns = [
    ['executed', r => r.heat],
    ['guest instructions', r => r.guest.length - 1],
    ['blocks', r => r.steps.findLast(s => s.blocks).blocks.length],
    ['host bytes', r => r.bytes],
  ].filter(([, of]) => regions.some(of));
  const rows = regions.map((r, n) => {
    const numbers = columns.map(([, of]) => el('td', 'number', of(r).toLocaleString('en')));
    const tr = el('tr', '', el('td', '', r.pc + ' ' + r.name), ...numbers);
    tr.onclick = () => { show(n); note(); };
    return tr;
  });
  const titles = columns.map(([title]) => el('th', 'number', title));
  return el('div', '', el('table', '', el('thead', '', el('tr', '', el('th', '', 'region'), ...titles)), el('tbody', '', ...rows)));
}

// listen has the mouse follow keys.
function listen(main) {
  const keysAt = e => (e.target.closest('[data-k]:not(.block)')?.dataset.k || '').split(' ').filter(k => k);
  main.addEventListener('click', e => {
    const keys = keysAt(e);
    if (!keys.length || e.target.closest('h2')) return;
    toggle(keys[0]);
    paint();
    note();
    if (selected.has(keys[0])) reveal(keys[0]);
  });
  const hover = (e, on) => keysAt(e).forEach(k => having(k).forEach(h => h.classList.toggle('hover', on)));
  main.addEventListener('mouseover', e => hover(e, true));
  main.addEventListener('mouseout', e => hover(e, false));
  addEventListener('keydown', e => {
    if (e.key === 'Escape') { selected.clear(); paint(); note(); }
  });
}

addEventListener('DOMContentLoaded', () => {
  for (const s of document.querySelectorAll('script.region')) {
    try { regions.push(JSON.parse(s.textContent)); } catch { /* cut off: the program was killed */ }
  }
  const help = 'Click values, blocks, variables and guest instructions to follow them, titles to open and close columns; Esc: none.';
  const header = el('header', '', el('h1'), el('span', '', regions.length ? help : 'No region has been optimised.'));
  const more = document.querySelector('noscript.more');
  if (more) header.append(el('p', '', more.textContent));
  if (regions.length > 1) header.append(index());
  const main = el('main');
  document.body.append(header, main);
  if (!regions.length) return;
  listen(main);
  recall();
  addEventListener('hashchange', recall);
});
