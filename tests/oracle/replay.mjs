#!/usr/bin/env node
// replay.mjs URL [options]: replays transcripts/*.json (recorded from the real Rails ActionCable) against another server, and compares.
//   URL                      ws://127.0.0.1:9292/cable   (the cable endpoint; its host:port also serves the plain HTTP cases)
//   --dir DIR                transcripts folder (default: beside this file)
//   --only RE / --skip RE    case names or tags by regular expression
//   --secret S               HS256 secret of the tokens (default: the oracle's)
//   --claims JSON            claims template; {{id}} is replaced (default {"sub":"{{id}}","community_member_id":{{id}}})
//   --broadcast WHAT         http:URL (POST {stream,message}) | cmd:SHELL (env STREAM, MESSAGE) | none     (default http: on the URL's host, /broadcast)
//   --control WHAT           http:URL-prefix (POST prefix/NAME body) | cmd:SHELL (env NAME, BODY) | none   (default http: on the URL's host)
//   --stop-cmd C --start-cmd C   needed by the cases that shut the server down; without them those are SKIPped
//   --strict                 frame texts must be byte-equal (default: equal as JSON; byte differences are reported as "~")
//   --strict-headers         also compare every response header's name (default: status, websocket headers, content-type, body)
//   --json FILE              write the full result (observed frames too)
//   --deviations FILE        steps that are replaced, per case (its form: deviations.json)
// Prints one line a case: "PASS case", "PASS~ case (n byte differences)", "FAIL case: why", "SKIP case: why", then "N passed, N failed, N skipped".
import fs from 'node:fs'; import path from 'node:path'; import net from 'node:net'; import crypto from 'node:crypto'; import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url'; import WebSocket from '../integration/node_modules/ws/wrapper.mjs';
const here = path.dirname(fileURLToPath(import.meta.url));
export const sleep = ms => new Promise(r => setTimeout(r, ms));
const b64u = x => Buffer.from(x).toString('base64url');
export function jwt(claims, secret, alg = 'HS256') {
  const h = b64u(JSON.stringify({ alg, typ: 'JWT' })), p = b64u(JSON.stringify(claims));
  const s = alg === 'none' ? '' : crypto.createHmac('sha256', secret).update(`${h}.${p}`).digest('base64url');
  return `${h}.${p}.${s}`;
}
export function makeEnv(url, o = {}) {
  const u = new URL(url), http = `http://${u.host}`;
  return { url: u, http, secret: o.secret ?? 'oracle-secret-oracle-secret-32by', claims: o.claims ?? '{"sub":"{{id}}","community_member_id":{{id}}}',
    broadcast: o.broadcast ?? `http:${http}/broadcast`, control: o.control ?? `http:${http}`, stopCmd: o.stopCmd, startCmd: o.startCmd };
}
const claimsFor = (env, id, exp) => ({ ...JSON.parse(env.claims.replaceAll('{{id}}', id)), iat: Math.floor(Date.now() / 1000) - 10, exp: Math.floor(Date.now() / 1000) + exp });
export function tpl(s, env) {
  if (typeof s !== 'string') return s;
  return s.replace(/\{\{(\w+)(?::(\w+))?\}\}/g, (_, k, a) => ({
    jwt: () => jwt(claimsFor(env, a, 3600), env.secret), jwt_expired: () => jwt(claimsFor(env, a, -60), env.secret),
    jwt_badsig: () => jwt(claimsFor(env, a, 3600), 'another-secret'), jwt_none: () => jwt(claimsFor(env, a, 3600), env.secret, 'none'),
    self_origin: () => env.http, host: () => env.url.host, cable: () => env.url.pathname,
  }[k] ?? (() => _))());
}
const sh = (cmd, extra = {}) => new Promise((res, rej) => execFile('bash', ['-c', cmd], { env: { ...process.env, ...extra } }, (e, so, se) => e ? rej(new Error(`${cmd}: ${se || e.message}`)) : res(so)));
const post = async (url, body) => { const r = await fetch(url, { method: 'POST', body: JSON.stringify(body ?? {}), headers: { 'content-type': 'application/json' } }); if (!r.ok) throw new Error(`${url}: HTTP ${r.status}`); await r.text(); };
export async function doBroadcast(env, b) {
  const w = env.broadcast; if (w === 'none') throw new Skip('no --broadcast');
  if (w.startsWith('http:')) return post(w.slice(5), b);
  return sh(w.slice(4), { STREAM: b.stream, MESSAGE: JSON.stringify(b.message) });
}
export async function doControl(env, name, body) {
  const w = env.control; if (w === 'none') throw new Skip('no --control');
  if (w.startsWith('http:')) return post(`${w.slice(5)}/${name}`, body);
  return sh(w.slice(4), { NAME: name, BODY: JSON.stringify(body ?? {}) });
}
export class Skip extends Error {}
// one websocket (or raw HTTP) exchange; everything that arrives is queued as an event {k:'open'|'reject'|'text'|'binary'|'pong'|'closed', ...}
export class Conn {
  constructor(env, req, patience = 2500) {
    this.patience = patience; this.q = []; this.pings = []; this.waiters = []; this.t0 = performance.now(); this.req = req; this.env = env;
    const headers = Object.fromEntries(Object.entries(req.headers ?? {}).map(([k, v]) => [k, tpl(v, env)]));
    const p = tpl(req.path, env);
    if (req.raw !== undefined) return this.rawHttp(tpl(req.raw, env));
    const ws = this.ws = new WebSocket(`ws://${env.url.host}${p}`, (req.protocols ?? []).map(x => tpl(x, env)), { headers, perMessageDeflate: req.deflate ?? false, maxPayload: 1 << 28, autoPong: true, closeTimeout: Math.max(5000, patience), skipUTF8Validation: false });
    ws._autoProtocolCheck = false;
    let res;
    ws.on('upgrade', r => { res = r; });
    ws.on('open', () => this.ev({ k: 'open', status: 101, http: 'HTTP/' + res.httpVersion, raw_headers: pairs(res.rawHeaders), protocol: ws.protocol, extensions: ws.extensions }));
    ws.on('unexpected-response', (_, r) => { let b = ''; r.on('data', d => b += d); r.on('end', () => { this.ev({ k: 'reject', status: r.statusCode, http: 'HTTP/' + r.httpVersion, raw_headers: pairs(r.rawHeaders), body: b }); }); });
    ws.on('message', (d, bin) => { const s = d.toString(); if (!bin && /^\{"type":\s*"ping"/.test(s)) { this.pings.push({ t: this.now(), s }); this.wake(); } else this.ev(bin ? { k: 'binary', b64: d.toString('base64') } : { k: 'text', text: s }); });
    ws.on('pong', d => this.ev({ k: 'pong', data: d.toString() }));
    ws.on('error', e => { this.err = e.message; });
    ws.on('close', (code, reason) => this.ev({ k: 'closed', code, reason: reason.toString(), error: this.err }));
  }
  rawHttp(text) {
    const s = this.sock = net.connect({ host: this.env.url.hostname, port: +this.env.url.port || 80 }); let b = Buffer.alloc(0), done = false;
    const fin = why => { if (done) return; done = true; const t = b.toString('latin1').replace(/[\x81\x00].?\{"type":"ping","message":\d+\}\xff?/g, ''), i = t.indexOf('\r\n\r\n'); if (i < 0) return this.ev({ k: 'reject', status: 0, raw_headers: [], body: t, end: why });
      const [l, ...hs] = t.slice(0, i).split('\r\n'); this.ev({ k: 'reject', status: +l.split(' ')[1], http: l.split(' ')[0], raw_headers: hs.map(h => { const c = h.indexOf(':'); return [h.slice(0, c), h.slice(c + 1).trim()]; }), body: dechunk(t.slice(i + 4), hs), end: why }); };
    s.on('connect', () => s.write(text)); s.on('data', d => { b = Buffer.concat([b, d]); clearTimeout(this.tm); this.tm = setTimeout(() => { fin('open'); }, 400); });
    s.on('end', () => { clearTimeout(this.tm); fin('server closed'); }); s.on('error', e => { clearTimeout(this.tm); fin(e.code); }); this.tm = setTimeout(() => fin('no answer'), this.patience);
  }
  now() { return Math.round(performance.now() - this.t0); }
  ev(e) { e.t = this.now(); this.q.push(e); this.wake(); }
  wake() { for (const w of this.waiters.splice(0)) w(); }
  async next(ms) { const end = performance.now() + ms; for (;;) { if (this.q.length) return this.q.shift(); const left = end - performance.now(); if (left <= 0) return null; await new Promise(r => { const t = setTimeout(r, left); this.waiters.push(() => { clearTimeout(t); r(); }); }); } }
  async pingsN(n, ms) { const end = performance.now() + ms; while (this.pings.length < n) { const left = end - performance.now(); if (left <= 0 || this.q.some(e => e.k === 'closed')) break; await new Promise(r => { const t = setTimeout(r, left); this.waiters.push(() => { clearTimeout(t); r(); }); }); } return this.pings; }
  kill() { try { this.ws?.terminate(); } catch {} this.sock?.destroy(); }
}
const pairs = a => { const o = []; for (let i = 0; i < a.length; i += 2) o.push([a[i], a[i + 1]]); return o; };
const dechunk = (b, hs) => { if (!hs.some(h => /^transfer-encoding:\s*chunked/i.test(h))) return b; let o = '', i = 0; for (;;) { const j = b.indexOf('\r\n', i); const n = parseInt(b.slice(i, j), 16); if (!n) return o; o += b.slice(j + 2, j + 2 + n); i = j + 4 + n; } };
// performs a step that acts; true when it was one
export async function act(conns, env, s, kase, patience) {
  const c = conns[s.on ?? 'a'], ws = c?.ws;
  if (s.connect) { conns[s.connect] = new Conn(env, kase.also[s.connect], patience); return true; }
  if (s.send !== undefined) { ws.send(tpl(s.send, env)); return true; }
  if (s.sendMany) { for (const x of s.sendMany) ws.send(tpl(x, env)); return true; }
  if (s.sendBinary !== undefined) { ws.send(Buffer.from(s.sendBinary, 'base64'), { binary: true }); return true; }
  if (s.sendHex !== undefined) { ws._socket.write(Buffer.from(s.sendHex.replace(/\s/g, ''), 'hex')); return true; }   // raw frame bytes, exactly as given
  if (s.sendFill) { ws.send((s.sendFill.pre ?? '') + (s.sendFill.ch ?? 'x').repeat(s.sendFill.n) + (s.sendFill.post ?? '')); return true; }
  if (s.sendHeaderOnly) { const h = Buffer.alloc(14); h[0] = 0x81; h[1] = 0x80 | 127; h.writeBigUInt64BE(BigInt(s.sendHeaderOnly.length), 2); ws._socket.write(h); return true; }
  if (s.sendPing !== undefined) { ws.ping(s.sendPing); return true; }
  if (s.close) { if (s.close.code === undefined) ws.close(); else ws.close(s.close.code, s.close.reason ?? ''); return true; }
  if (s.drop) { ws._socket.destroy(); return true; }
  if (s.wait) { await sleep(s.wait); return true; }
  if (s.broadcast) { await doBroadcast(env, s.broadcast); return true; }
  if (s.control) { await doControl(env, s.control, s.body); return true; }
  if (s.server === 'stop') { if (!env.stopCmd) throw new Skip('no --stop-cmd'); c.stopping = sh(env.stopCmd).catch(() => {}); return true; }
  if (s.server === 'start') { await c?.stopping; await sh(env.startCmd); return true; }
  return false;
}
const canon = v => Array.isArray(v) ? v.map(canon) : v && typeof v === 'object' ? Object.fromEntries(Object.keys(v).sort().map(k => [k, canon(v[k])])) : v;
const sameJson = (a, b) => { try { return JSON.stringify(canon(JSON.parse(a))) === JSON.stringify(canon(JSON.parse(b))); } catch { return false; } };
const H = (hs, n) => hs.filter(([k]) => k.toLowerCase() === n).map(([, v]) => v).join(', ') || null;
const show = e => e === null ? 'nothing' : JSON.stringify(Object.fromEntries(Object.entries(e).filter(([k]) => !['t', 'raw_headers'].includes(k))));
export async function runCase(kase, env, o = {}) {
  const conns = {}, log = []; let diffs = 0; const fails = [];
  const note = m => fails.push(m);
  try {
    if (kase.steps.some(s => s.server) && (!env.stopCmd || !env.startCmd)) throw new Skip('needs --stop-cmd and --start-cmd');
    if (kase.steps.some(s => s.broadcast) && env.broadcast === 'none') throw new Skip('needs --broadcast');
    if (kase.steps.some(s => s.control) && env.control === 'none') throw new Skip('needs --control');
    conns.a = new Conn(env, kase.request, o.timeout);
    let i = 0, bag = null;
    for (const s of kase.steps) {
      i++; const c = conns[s.on ?? 'a'];
      if (await act(conns, env, s, kase, o.timeout)) continue;
      if (s.silence) { const e = await c.next(s.silence); if (e) { log.push(e); note(`step ${i}: expected silence for ${s.silence} ms, got ${show(e)}`); break; } continue; }
      if (s.pings) { const a = c.pings.length; const p = await c.pingsN(s.pings + a, Math.max(3500 * (s.pings + 1), o.timeout ?? 0)); const got = p.slice(a); if (got.length < s.pings) { note(`step ${i}: ${got.length} pings of ${s.pings}`); break; }
        for (const g of got) { let j; try { j = JSON.parse(g.s); } catch {} if (!j || Object.keys(j).join() !== 'type,message' || !Number.isInteger(j.message) || Math.abs(j.message - Date.now() / 1000) > 30) note(`step ${i}: odd ping ${g.s}`); }
        for (let k = 1; k < got.length; k++) { const d = got[k].t - got[k - 1].t; if (Math.abs(d - s.interval_ms) > 700) note(`step ${i}: ping interval ${d} ms`); } continue; }
      if (s.recvAny) {      // these texts in any order
        const want = [...s.recvAny]; while (want.length) { const e = await c.next(o.timeout ?? 3000); if (!e || e.k !== 'text') { note(`step ${i}: expected one of ${JSON.stringify(want)}, got ${show(e)}`); break; } log.push(e); let j = want.indexOf(e.text); if (j < 0) { j = want.findIndex(w => sameJson(w, e.text)); if (j >= 0) diffs++; } if (j < 0) { note(`step ${i}: unexpected ${e.text}`); break; } want.splice(j, 1); } if (fails.length) break; continue; }
      const e = await c.next(s.closed ? (o.timeout ?? 8000) : (o.timeout ?? 3000)); log.push(e);
      if (s.open) { if (e?.k !== 'open') { note(`step ${i}: expected 101, got ${show(e)}`); break; }
        if (e.protocol !== s.open.protocol) note(`step ${i}: subprotocol ${JSON.stringify(e.protocol)}, not ${JSON.stringify(s.open.protocol)}`);
        if (e.extensions !== s.open.extensions) note(`step ${i}: extensions ${JSON.stringify(e.extensions)}, not ${JSON.stringify(s.open.extensions)}`);
        if (o.strictHeaders) { const f = hs => hs.map(([k]) => k.toLowerCase()).sort().join(); if (f(e.raw_headers) !== f(s.open.raw_headers)) note(`step ${i}: headers ${f(e.raw_headers)} not ${f(s.open.raw_headers)}`); } }
      else if (s.reject) { if (e?.k !== 'reject') { note(`step ${i}: expected HTTP ${s.reject.status}, got ${show(e)}`); break; }
        for (const k of ['status', 'body', ...(s.reject.end && o.strictHeaders ? ['end'] : [])]) if (e[k] !== s.reject[k]) note(`step ${i}: ${k} ${JSON.stringify(e[k])}, not ${JSON.stringify(s.reject[k])}`);
        const ct = x => { const v = H(x.raw_headers, 'content-type'); return o.strictHeaders ? v : v?.split(';')[0].trim() ?? null; }; if (ct(e) !== ct(s.reject)) note(`step ${i}: content-type ${ct(e)}, not ${ct(s.reject)}`);
        if (o.strictHeaders) { const f = hs => hs.map(([k]) => k.toLowerCase()).sort().join(); if (f(e.raw_headers) !== f(s.reject.raw_headers)) note(`step ${i}: headers ${f(e.raw_headers)} not ${f(s.reject.raw_headers)}`); } }
      else if (s.recv !== undefined) { if (e?.k !== 'text') { note(`step ${i}: expected ${s.recv}, got ${show(e)}`); break; }
        if (e.text !== s.recv) { if (!o.strict && sameJson(e.text, s.recv)) diffs++; else { note(`step ${i}: expected ${s.recv}, got ${e.text}`); break; } } }
      else if (s.recvBinary !== undefined) { if (e?.k !== 'binary' || e.b64 !== s.recvBinary) { note(`step ${i}: expected binary, got ${show(e)}`); break; } }
      else if (s.recvPong !== undefined) { if (e?.k !== 'pong' || e.data !== s.recvPong) { note(`step ${i}: expected pong, got ${show(e)}`); break; } }
      else if (s.closed) { if (e?.k !== 'closed') { note(`step ${i}: expected close ${s.closed.code}, got ${show(e)}`); break; }
        if (e.code !== s.closed.code) note(`step ${i}: close code ${e.code} ${JSON.stringify(e.reason)}, not ${s.closed.code} ${JSON.stringify(s.closed.reason)}`);
        else if (e.reason !== s.closed.reason) { if (o.strict) note(`step ${i}: close reason ${JSON.stringify(e.reason)}, not ${JSON.stringify(s.closed.reason)}`); else diffs++; } }
      else throw new Error('unknown step ' + JSON.stringify(s));
    }
  } catch (e) { if (e instanceof Skip) return { case: kase.case, result: 'SKIP', why: e.message }; note('error: ' + e.message); }
  finally { for (const c of Object.values(conns)) c.kill(); }
  return { case: kase.case, result: fails.length ? 'FAIL' : 'PASS', why: fails.join('; '), diffs, log };
}
export function loadCases(dir, deviations = {}) { return fs.readdirSync(dir).filter(f => f.endsWith('.json')).sort().map(f => deviate(JSON.parse(fs.readFileSync(path.join(dir, f), 'utf8')), deviations)); }
// replaces the steps that a deviation names (numbered as in the messages above, from 1); a deviation that fits nothing is a mistake
function deviate(kase, deviations) {
  const d = deviations[kase.case]; if (!d) return kase;
  const steps = kase.steps.flatMap((s, i) => d.steps[i + 1] ?? [s]);
  if (Object.keys(d.steps).some(i => !(i >= 1 && i <= kase.steps.length))) throw new Error(`deviations: ${kase.case} has no such step`);
  return { ...kase, steps };
}
if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const a = process.argv.slice(2), url = a.find((x, i) => !x.startsWith('--') && !(i && a[i - 1].startsWith('--') && !['--strict', '--strict-headers'].includes(a[i - 1])));
  const opt = n => { const i = a.indexOf('--' + n); return i < 0 ? undefined : a[i + 1]; };
  if (!url) { console.error('usage: replay.mjs ws://HOST:PORT/cable [options]; see the head of this file'); process.exit(2); }
  const env = makeEnv(url, { secret: opt('secret'), claims: opt('claims'), broadcast: opt('broadcast'), control: opt('control'), stopCmd: opt('stop-cmd'), startCmd: opt('start-cmd') });
  const only = opt('only') && new RegExp(opt('only')), skip = opt('skip') && new RegExp(opt('skip'));
  const res = []; let n = { PASS: 0, FAIL: 0, SKIP: 0 };
  const cases = loadCases(opt('dir') ?? path.join(here, 'transcripts'), opt('deviations') && JSON.parse(fs.readFileSync(opt('deviations'), 'utf8')).cases);
  cases.sort((x, y) => x.steps.some(s => s.server) - y.steps.some(s => s.server));   // the ones that stop the server come last
  for (const k of cases) {
    const names = [k.case, ...(k.tags ?? [])];
    if (only && !names.some(x => only.test(x)) || skip && names.some(x => skip.test(x))) continue;
    const t = Date.now(), r = await runCase(k, env, { strict: a.includes('--strict'), strictHeaders: a.includes('--strict-headers') });
    n[r.result]++; res.push({ ...r, ms: Date.now() - t });
    console.log(`${r.result}${r.result === 'PASS' && r.diffs ? '~' : ''} ${k.case}${r.result === 'PASS' ? (r.diffs ? ` (${r.diffs} byte differences, equal as JSON)` : '') : ': ' + r.why}`);
  }
  if (opt('json')) fs.writeFileSync(opt('json'), JSON.stringify(res, null, 1));
  console.log(`${n.PASS} passed, ${n.FAIL} failed, ${n.SKIP} skipped`);
  process.exit(n.FAIL ? 1 : 0);
}
