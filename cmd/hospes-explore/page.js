'use strict';
// The page of hospes explore. Names in the data are the guest's: they become text, never markup.

const tiers = ['optimised', 'translated', 'native', 'interpreter', 'system'];
const $ = id => document.getElementById(id);
const state = { data: null, process: null, fn: null, pc: null, sort: {}, running: true };

// make makes an element with text.
function make(tag, text, cls) {
	const e = document.createElement(tag);
	if (text !== undefined) e.textContent = text;
	if (cls) e.className = cls;
	return e;
}

// draw makes an element of a picture.
function draw(tag, attrs, text) {
	const e = document.createElementNS('http://www.w3.org/2000/svg', tag);
	for (const [k, v] of Object.entries(attrs)) e.setAttribute(k, v);
	if (text !== undefined) e.textContent = text;
	return e;
}

const sum = list => list.reduce((a, b) => a + b, 0);
const count = (n, what) => n + ' ' + what + (n === 1 ? '' : 's');
const percent = (n, all) => all ? (100 * n / all).toFixed(1) : '0.0';

// table shows rows in place of what is in an element. A column is a title, what it says of a row, and whether that is a number.
function table(id, columns, rows, pick, isOn) {
	const place = $(id), sort = state.sort[id] ?? (state.sort[id] = { column: -1, down: true });
	const t = make('table'), head = t.createTHead().insertRow(), body = t.createTBody();
	columns.forEach((c, i) => {
		const th = make('th', c.title, (c.number ? 'n ' : '') + (sort.column === i ? (sort.down ? 'down' : 'up') : ''));
		th.onclick = () => {
			sort.down = sort.column === i ? !sort.down : !!c.number;
			sort.column = i;
			show();
		};
		head.append(th);
	});
	rows = [...rows];
	if (sort.column >= 0) {
		const c = columns[sort.column];
		const key = c.key ?? c.of, sign = sort.down ? -1 : 1;
		rows.sort((a, b) => sign * (c.number ? key(a) - key(b) : String(key(a)).localeCompare(String(key(b)))));
	}
	for (const row of rows.slice(0, 1000)) {
		const tr = body.insertRow();
		for (const c of columns) {
			const td = make('td', c.of(row), c.number ? 'n' : '');
			td.title = td.textContent;
			tr.append(td);
		}
		if (pick) {
			tr.className = 'row' + (isOn(row) ? ' on' : '');
			tr.onclick = () => pick(row);
		}
	}
	const top = place.scrollTop;
	place.replaceChildren(t);
	place.scrollTop = top;
}

function showFunctions(p) {
	const list = p.Function ?? [], all = sum(list.map(f => f.Flat));
	table('functiontable', [
		{ title: 'function', of: f => f.Name },
		{ title: 'self %', of: f => percent(f.Flat, all), key: f => f.Flat, number: true },
		{ title: 'with callees %', of: f => percent(f.Cum, all), key: f => f.Cum, number: true },
		{ title: 'seconds', of: f => (f.Flat * p.Period).toFixed(2), key: f => f.Flat, number: true },
		{ title: 'optimised %', of: f => percent(f.Tiers.optimised ?? 0, f.Flat), key: f => (f.Tiers.optimised ?? 0) / (f.Flat || 1), number: true },
		{ title: 'file', of: f => f.File.split('/').pop() },
	], list, f => chooseFunction(f.Name), f => f.Name === state.fn);
}

function showBlocks(p) {
	const list = p.Block ?? [], all = sum((p.Function ?? []).map(f => f.Flat));
	table('blocktable', [
		{ title: 'address', of: b => b.PC, key: b => Number(b.PC), number: true },
		{ title: 'place', of: b => b.Name },
		{ title: 'tier', of: b => b.Kind },
		{ title: 'time %', of: b => percent(b.Samples, all), key: b => b.Samples, number: true },
		{ title: 'instructions', of: b => b.Insts, number: true },
		{ title: 'host bytes', of: b => b.Bytes, number: true },
		{ title: 'links', of: b => (b.Exits ?? []).filter(e => e.Linked).length + ' of ' + (b.Exits ?? []).length },
	], list, b => { state.fn = b.Function; choose(b.PC); }, b => b.PC === state.pc);
}

// hottest is the translation of the chosen function with the most samples, by which they are sorted.
const hottest = () => state.data.Processes?.find(p => p.Name === state.process)?.Data.Block?.find(b => b.Function === state.fn);

// chooseFunction shows a function, and the code of its hottest translation.
function chooseFunction(name) {
	state.fn = name;
	state.pc = null;
	const b = hottest();
	if (b) choose(b.PC);
	else show();
}

// choose shows the code of the translation at an address.
function choose(pc) {
	state.pc = pc;
	show();
	showCode();
}

async function showCode() {
	const pc = state.pc, r = await fetch('code?process=' + encodeURIComponent(state.process) + '&pc=' + encodeURIComponent(pc));
	const list = await r.json(), last = list[list.length - 1];
	$('codename').textContent = 'Code at ' + pc + (last?.Name ? ' ' + last.Name : '');
	const columns = last ? [['guest', last.Guest], ['intermediate representation', last.IR], ['host', last.Host]] : [['', 'There is no text of this translation.']];
	$('columns').replaceChildren(...columns.map(([title, text]) => {
		const d = make('div');
		d.append(make('h3', title), make('pre', text));
		return d;
	}));
}

// heat is a colour between white and red.
const heat = share => 'hsl(' + (50 - 50 * share) + ' 95% ' + (94 - 34 * Math.sqrt(share)) + '%)';

// showFlow draws the translations of a function, in the order of addresses, and where they lead.
function showFlow(p) {
	const byPC = new Map();
	for (const b of p.Block ?? []) {
		if (b.Function !== state.fn) continue;
		const known = byPC.get(b.PC);
		if (!known || b.Kind === 'optimised') byPC.set(b.PC, b);
	}
	const list = [...byPC.values()].sort((a, b) => Number(a.PC) - Number(b.PC)).slice(0, 200);
	$('flowname').textContent = 'Control flow' + (state.fn ? ' of ' + state.fn : '');
	const w = 310, h = 30, gap = 26, left = 160, y = i => 10 + i * (h + gap);
	const svg = draw('svg', { width: left + w + 190, height: y(list.length) + 10 });
	const at = new Map(list.map((b, i) => [b.PC, i])), most = Math.max(1, ...list.map(b => b.Samples));
	list.forEach((b, i) => (b.Exits ?? []).forEach((e, k) => {
		const to = at.get(e.PC);
		if (to === undefined) return;
		const back = to <= i, x = back ? left : left + w, out = (back ? -1 : 1) * Math.min(150, 24 + 9 * Math.abs(to - i) + 6 * k);
		const from = y(i) + h - 6, end = y(to) + 8;
		svg.append(draw('path', { d: `M${x} ${from} C${x + out} ${from} ${x + out} ${end} ${x} ${end}`, class: 'edge' + (e.Linked ? '' : ' loose') }));
		svg.append(draw('circle', { cx: x, cy: end, r: 3, fill: '#06a' }));
	}));
	list.forEach((b, i) => {
		const g = draw('g', { class: 'block' + (b.PC === state.pc ? ' on' : ''), 'data-pc': b.PC });
		g.append(draw('rect', { x: left, y: y(i), width: w, height: h, rx: 4, fill: heat(b.Samples / most) }));
		g.append(draw('text', { x: left + 8, y: y(i) + 13 }, b.PC + '  +0x' + (b.Name.split('+0x')[1] ?? '0')));
		g.append(draw('text', { x: left + 8, y: y(i) + 26 }, b.Kind + ', ' + b.Insts + ' instructions, ' + count(b.Samples, 'sample')));
		g.onclick = () => choose(b.PC);
		svg.append(g);
	});
	$('graph').replaceChildren(list.length ? svg : make('p', state.fn ? 'No translations of it are there.' : '', 'note'));
}

// showTime draws which tier the samples are of, and how much was chained and unchained, over time.
function showTime(p) {
	const list = p.Time ?? [], width = 1400, height = 140, end = Math.max(p.Elapsed, 0.1);
	const svg = draw('svg', { viewBox: `0 0 ${width} ${height + 20}`, width: '100%', role: 'img' });
	const most = Math.max(1, ...list.map(m => sum(Object.values(m.Tiers ?? {}))));
	const links = Math.max(1, ...list.map(m => Math.max(m.Chained, m.Unchained)));
	const paths = { chained: '', unchained: '' };
	let before = 0;
	for (const m of list) {
		const x = before / end * width, w = Math.max(1, (m.At - before) / end * width - 1);
		let base = height;
		for (const tier of tiers) {
			const n = m.Tiers?.[tier] ?? 0;
			if (!n) continue;
			const tall = n / most * height;
			base -= tall;
			const r = draw('rect', { x, y: base, width: w, height: tall, class: tier });
			r.append(draw('title', {}, tier + ': ' + count(n, 'sample')));
			svg.append(r);
		}
		for (const [name, n] of [['chained', m.Chained], ['unchained', m.Unchained]]) {
			paths[name] += (paths[name] ? 'L' : 'M') + (x + w / 2) + ' ' + (height - n / links * height);
		}
		before = m.At;
	}
	for (const [name, d] of Object.entries(paths)) if (d) svg.append(draw('path', { d, class: name, fill: 'none', 'stroke-width': 2 }));
	svg.append(draw('text', { x: 0, y: height + 14 }, '0 s'), draw('text', { x: width - 60, y: height + 14 }, p.Elapsed.toFixed(1) + ' s'));
	$('chart').replaceChildren(svg);
	const legend = $('legend');
	const sign = (kind, text) => [make('span', '', kind), text];
	legend.replaceChildren('samples: ', ...tiers.flatMap(t => sign(t, t)), '; links: ', ...sign('chained', 'made, at most ' + links + ' in a piece'), ...sign('unchained', 'taken back'));
	table('eventtable', [
		{ title: 'until, s', of: m => m.At.toFixed(1), key: m => m.At, number: true },
		...['Translated', 'Regions', 'Chained', 'Unchained', 'Invalidated', 'Refused'].map(n => ({ title: n.toLowerCase(), of: m => m[n], number: true })),
	], list.filter(m => m.Translated || m.Regions || m.Chained || m.Unchained || m.Invalidated));
}

function showRest(p) {
	table('calltable', [
		{ title: 'call', of: c => c.Name },
		{ title: 'count', of: c => c.Count, number: true },
		{ title: 'failed', of: c => c.Errors, number: true },
		{ title: 'ms', of: c => (1000 * c.Seconds).toFixed(2), key: c => c.Seconds, number: true },
		{ title: 'µs each', of: c => (1e6 * c.Seconds / c.Count).toFixed(1), key: c => c.Seconds / c.Count, number: true },
	], p.Call ?? []);
	table('memorytable', [
		{ title: 'start', of: m => m.Start, key: m => Number(m.Start), number: true },
		{ title: 'end', of: m => m.End, key: m => Number(m.End), number: true },
		{ title: 'KiB', of: m => (Number(m.End) - Number(m.Start)) / 1024, number: true },
		{ title: 'access', of: m => m.Prot },
		{ title: 'what', of: m => m.Name },
	], p.Map ?? []);
}

// show shows what is known of the chosen process.
function show() {
	const processes = state.data?.Processes ?? [];
	const chosen = processes.find(p => p.Name === state.process) ?? processes[0];
	if (!chosen) return;
	state.process = chosen.Name;
	const select = $('process');
	if (select.children.length !== processes.length) {
		select.replaceChildren(...processes.map(p => {
			const o = make('option', p.Data.PID + ' ' + (p.Data.Args ?? []).join(' '));
			o.value = p.Name;
			return o;
		}));
	}
	select.value = chosen.Name;
	const p = chosen.Data;
	$('state').textContent = (p.Ended || !state.data.Running ? 'ended after ' : 'running for ') + p.Elapsed.toFixed(1) + ' s';
	$('regions').href = 'regions?process=' + encodeURIComponent(chosen.Name);
	state.fn ??= p.Function?.find(f => (p.Block ?? []).some(b => b.Function === f.Name))?.Name ?? null;
	showTime(p);
	showFunctions(p);
	showFlow(p);
	showBlocks(p);
	showRest(p);
}

async function refresh() {
	try {
		state.data = await (await fetch('data')).json();
		show();
		if (!state.pc) {
			const b = hottest();
			if (b) choose(b.PC);
		}
	} catch (e) {
		$('state').textContent = 'hospes explore has ended: ' + e.message;
		return;
	}
	if (state.data.Running) setTimeout(refresh, 1000);
	else if (state.running) { state.running = false; setTimeout(refresh, 1000); } // what came last
}

$('process').onchange = e => {
	state.process = e.target.value;
	state.fn = state.pc = null;
	show(); // chooses a function
	chooseFunction(state.fn);
};
refresh();
