// The benchmarks of bench.lua, for JavaScript; and WebAssembly, typed arrays, shared memory
// and optimisations that turn out to be wrong.
'use strict';
function nbody(n) {
  const DAYS = 365.24, M = 4 * Math.PI * Math.PI;
  class Body { constructor(x, y, z, u, v, w, m) { this.x = x; this.y = y; this.z = z; this.u = u * DAYS; this.v = v * DAYS; this.w = w * DAYS; this.m = m * M } }
  const b = [
    new Body(0, 0, 0, 0, 0, 0, 1),
    new Body(4.84143144246472090e+00, -1.16032004402742839e+00, -1.03622044471123109e-01, 1.66007664274403694e-03, 7.69901118419740425e-03, -6.90460016972063023e-05, 9.54791938424326609e-04),
    new Body(8.34336671824457987e+00, 4.12479856412430479e+00, -4.03523417114321381e-01, -2.76742510726411e-03, 4.99852801234917238e-03, 2.30417297573763929e-05, 2.85885980666130812e-04),
    new Body(1.28943695621391310e+01, -1.51111514016986312e+01, -2.23307578892655734e-01, 2.96460137564761618e-03, 2.37847173959480950e-03, -2.96589568540237556e-05, 4.36624404335156298e-05),
    new Body(1.53796971148509165e+01, -2.59193146099879641e+01, 1.79258772950371181e-01, 2.68067772490389322e-03, 1.62824170038242295e-03, -9.51592254519715870e-05, 5.15138902046611451e-05),
  ];
  let px = 0, py = 0, pz = 0;
  for (const q of b) { px += q.u * q.m; py += q.v * q.m; pz += q.w * q.m }
  b[0].u = -px / M; b[0].v = -py / M; b[0].w = -pz / M;
  const energy = () => {
    let e = 0;
    b.forEach((q, i) => {
      e += 0.5 * q.m * (q.u * q.u + q.v * q.v + q.w * q.w);
      for (const r of b.slice(i + 1)) e -= q.m * r.m / Math.hypot(q.x - r.x, q.y - r.y, q.z - r.z);
    });
    return e.toFixed(9);
  };
  const before = energy();
  for (let k = 0; k < n; k++) {
    for (let i = 0; i < b.length; i++) {
      const q = b[i];
      for (let j = i + 1; j < b.length; j++) {
        const r = b[j], dx = q.x - r.x, dy = q.y - r.y, dz = q.z - r.z, d = dx * dx + dy * dy + dz * dz, m = 0.01 / (d * Math.sqrt(d));
        q.u -= dx * r.m * m; q.v -= dy * r.m * m; q.w -= dz * r.m * m;
        r.u += dx * q.m * m; r.v += dy * q.m * m; r.w += dz * q.m * m;
      }
    }
    for (const q of b) { q.x += 0.01 * q.u; q.y += 0.01 * q.v; q.z += 0.01 * q.w }
  }
  return [before, energy()];
}
function fannkuch(n) {
  const p = [], q = [], s = [];
  let sign = 1, max = 0, sum = 0;
  for (let i = 0; i < n; i++) p[i] = q[i] = s[i] = i;
  for (;;) {
    let q0 = p[0];
    if (q0 !== 0) {
      for (let i = 1; i < n; i++) q[i] = p[i];
      for (let flips = 1; ; flips++) {
        const qq = q[q0];
        if (qq === 0) { sum += sign * flips; if (flips > max) max = flips; break }
        q[q0] = q0;
        if (q0 >= 3) for (let i = 1, j = q0 - 1; i < j; i++, j--) [q[i], q[j]] = [q[j], q[i]];
        q0 = qq;
      }
    }
    if (sign === 1) { [p[0], p[1]] = [p[1], p[0]]; sign = -1; continue }
    [p[1], p[2]] = [p[2], p[1]]; sign = 1;
    for (let i = 2; i < n; i++) {
      const sx = s[i];
      if (sx !== 0) { s[i] = sx - 1; break }
      if (i === n - 1) return [sum, max];
      s[i] = i;
      p.splice(i + 1, 0, p.shift());
    }
  }
}
function spectral(n) {
  const A = (i, j) => 1 / ((i + j) * (i + j + 1) / 2 + i + 1);
  const mul = (x, y, t) => { for (let i = 0; i < n; i++) { let a = 0; for (let j = 0; j < n; j++) a += x[j] * (t ? A(j, i) : A(i, j)); y[i] = a } };
  const u = new Float64Array(n).fill(1), v = new Float64Array(n), t = new Float64Array(n);
  for (let i = 0; i < 10; i++) { mul(u, t); mul(t, v, true); mul(v, t); mul(t, u, true) }
  let a = 0, b = 0;
  for (let i = 0; i < n; i++) { a += u[i] * v[i]; b += v[i] * v[i] }
  return Math.sqrt(a / b).toFixed(9);
}
function trees(n) {
  const make = d => d === 0 ? { l: null } : { l: make(d - 1), r: make(d - 1) };
  const check = t => t.l === null ? 1 : 1 + check(t.l) + check(t.r);
  const out = [check(make(n + 1))], long = make(n);
  for (let d = 4; d <= n; d += 4) { const it = 2 ** (n - d + 4); let c = 0; for (let i = 0; i < it; i++) c += check(make(d)); out.push(c) }
  return [...out, check(long)];
}
// strings has numbers formatted, searched by regular expressions and replaced.
function strings(n) {
  const s = Array.from({ length: n }, (_, i) => (i + 1) + ':' + ((i + 1) * (i + 1)).toString(16)).join();
  return [s.length, s.match(/\d+:[0-9a-f]*ff/g).join('').length, s.replace(/7/g, '').length];
}
// shapes calls a hot function with what it has not been optimised for.
function shapes() {
  const f = (a, b) => a.x + b;
  let s = 0;
  for (let i = 0; i < 100000; i++) s += f({ x: i }, 1);
  let t = '';
  for (const o of [{ y: 0, x: 'a' }, { x: 1.5 }, { x: 2n }]) { try { t += f(o, typeof o.x === 'bigint' ? 3n : 'b') } catch (e) { t += e.name } }
  for (let i = 0; i < 100000; i++) s += f({ x: i + 0.5, z: 1 }, -1);
  return [s, t];
}
// wasm runs a loop of WebAssembly that stores and loads: it adds up the first n squares.
function wasm(n) {
  const code = new Uint8Array([0, 97, 115, 109, 1, 0, 0, 0, 1, 6, 1, 96, 1, 127, 1, 126, 3, 2, 1, 0, 5, 3, 1, 0, 1, 7, 5, 1, 1, 115, 0, 0, 10, 42, 1, 40, 1, 1, 126,
    3, 64, // loop
    65, 8, 32, 0, 173, 32, 0, 173, 126, 55, 3, 0, // mem[8] = n * n
    32, 1, 65, 8, 41, 3, 0, 124, 33, 1, // s += mem[8]
    32, 0, 65, 1, 107, 34, 0, 13, 0, 11, // if --n: again
    32, 1, 11]);
  return new WebAssembly.Instance(new WebAssembly.Module(code)).exports.s(n).toString();
}
// trap has WebAssembly access what is outside of its memory, hot: a host's fault, that V8 turns into an error.
function trap(n) {
  const code = new Uint8Array([0, 97, 115, 109, 1, 0, 0, 0, 1, 6, 1, 96, 1, 127, 1, 127, 3, 2, 1, 0, 5, 3, 1, 0, 1, 7, 5, 1, 1, 108, 0, 0, 10, 9, 1, 7, 0, 32, 0, 40, 2, 0, 11]);
  const load = new WebAssembly.Instance(new WebAssembly.Module(code)).exports.l;
  let traps = 0;
  for (let i = 0; i < n; i++) { try { load(i % 10 ? i : 65533 + i * 64) } catch (e) { traps += e instanceof WebAssembly.RuntimeError } }
  return traps;
}
const { Worker, isMainThread, workerData } = require('worker_threads');
const count = (a, n) => { for (let i = 0; i < n; i++) Atomics.add(a, 0, 1); Atomics.notify(a, 0) };
if (!isMainThread) {
  count(workerData, 100000);
} else {
  console.log(nbody(500000).join(' '));
  console.log(fannkuch(9).join(' '));
  console.log(spectral(100));
  console.log(trees(12).join(' '));
  console.log(strings(200000).join(' '));
  console.log(shapes().join(' '));
  console.log(wasm(1000000), trap(20000));
  const a = new Int32Array(new SharedArrayBuffer(4));
  const workers = [1, 2, 3].map(() => new Worker(__filename, { workerData: a }));
  Promise.all(workers.map(w => new Promise(done => w.on('exit', done)))).then(() => console.log(a[0]));
  count(a, 100000);
}
