// SPDX-License-Identifier: PostgreSQL
// The page on the admin address: asks /stats.json each second and draws what it says.  What comes
// from the database (names of streams and events) becomes text, never markup.
'use strict';

const SAMPLES = 600; // ten minutes, as many as the daemon keeps
const SAMPLES_LEAST = 60; // a chart is not narrower than that
const TAIL_ROWS = 300;
const TICK_MS = 1000;
const PATIENCE_MS = 5000;
const TOKEN = 'pgcable.admin_token';

const $ = (id) => document.getElementById(id);

function element(tag, attributes = {}, ...children) {
    const made = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes)) {
        made.setAttribute(name, value);
    }
    made.append(...children);
    return made;
}

function svg(tag, attributes = {}, ...children) {
    const made = document.createElementNS('http://www.w3.org/2000/svg', tag);
    for (const [name, value] of Object.entries(attributes)) {
        made.setAttribute(name, value);
    }
    made.append(...children);
    return made;
}

/* ---- how things are written ---- */

const plain = new Intl.NumberFormat('en', { maximumFractionDigits: 0 });
const fine = new Intl.NumberFormat('en', { maximumFractionDigits: 1 });

const count = (value) => (value === null ? '–' : (value < 10 ? fine : plain).format(value));
const rate = (value) => `${count(value)}/s`;

function bytes(value) {
    const units = ['B', 'kB', 'MB', 'GB', 'TB'];
    let unit = 0;
    let rest = value;
    while (rest >= 1000 && unit < units.length - 1) {
        rest /= 1000;
        unit++;
    }
    return `${rest < 10 && unit > 0 ? fine.format(rest) : plain.format(rest)} ${units[unit]}`;
}

function micros(value) {
    if (value === null) {
        return '–';
    }
    if (value < 1000) {
        return `${plain.format(value)} µs`;
    }
    return value < 1e6 ? `${fine.format(value / 1000)} ms` : `${fine.format(value / 1e6)} s`;
}

function seconds(value) {
    if (value < 120) {
        return `${plain.format(value)} s`;
    }
    if (value < 7200) {
        return `${plain.format(value / 60)} min`;
    }
    return value < 172800 ? `${plain.format(value / 3600)} h` : `${plain.format(value / 86400)} days`;
}

const clock = (ms) => new Date(ms).toLocaleTimeString('en-GB');
const clockOfRow = (ms) => `${clock(ms)}.${String(ms % 1000).padStart(3, '0')}`;

/* ---- what is known ---- */

// Each column of the trend by name, at most SAMPLES values.
const trend = { next: 0, startedAt: 0, at_ms: [] };

function takeTrend(stats) {
    const { names, rows, next } = stats.trend;
    if (stats.started_at !== trend.startedAt) {
        names.forEach((name) => (trend[name] = []));
        trend.startedAt = stats.started_at;
    }
    for (const row of rows) {
        names.forEach((name, i) => trend[name].push(row[i]));
    }
    names.forEach((name) => trend[name].splice(0, trend[name].length - SAMPLES));
    trend.next = next;
}

const latest = (name) => trend[name]?.at(-1) ?? null;
const metric = (stats, name, labels = '') => stats.metrics[name]?.[labels] ?? 0;

/* ---- lines ---- */

const span = () => Math.max(trend.at_ms.length, SAMPLES_LEAST);
const x = (i, length, width) => width - ((length - 1 - i) * width) / (span() - 1);

// "M…L…": a gap where nothing is known.
function path(values, top, width, height) {
    let drawn = '';
    let pen = 'M';
    values.forEach((value, i) => {
        if (value === null) {
            pen = 'M';
            return;
        }
        drawn += `${pen}${x(i, values.length, width).toFixed(1)} ${(height - (value / top) * height).toFixed(1)}`;
        pen = 'L';
    });
    return drawn;
}

function area(values, top, width, height) {
    if (values.length < 2 || values.includes(null)) {
        return '';
    }
    return `${path(values, top, width, height)}L${width} ${height}L${x(0, values.length, width).toFixed(1)} ${height}Z`;
}

// The next of 1, 2, 5, 10, … above all of them.
function ceiling(lists, least) {
    const most = Math.max(least, ...lists.flat().filter((value) => value !== null));
    const power = 10 ** Math.floor(Math.log10(most));
    return [1, 2, 5, 10].map((step) => step * power).find((step) => step >= most);
}

/* ---- tiles ---- */

const TILES = [
    { title: 'Connections', of: 'connections', as: count, note: () => `${count(latest('subscriptions'))} subscriptions` },
    { title: 'Streams', of: 'streams', as: count, note: () => 'somebody listens to' },
    { title: 'Events', of: 'events', as: rate, note: () => `${rate(latest('deliveries'))} deliveries` },
    { title: 'Lag', of: 'lag_us', as: micros, note: () => 'row written to worker' },
    { title: 'Latency, p99', of: 'socket_p99_us', as: micros, note: () => 'row written to socket' },
    { title: 'Waiting for clients', of: 'queue_bytes', as: bytes, note: () => `${count(latest('batches_waiting'))} batches for workers` },
];

function makeTiles() {
    for (const tile of TILES) {
        tile.value = element('b', {}, '–');
        tile.small = element('span', { class: 'quiet' });
        tile.area = svg('path', { class: 'area' });
        tile.line = svg('path', { class: 'line one' });
        const spark = svg('svg', { viewBox: '0 0 100 26', preserveAspectRatio: 'none', 'aria-hidden': 'true' }, tile.area, tile.line);
        $('tiles').append(element('div', { class: 'tile' }, element('span', {}, tile.title), tile.value, tile.small, spark));
    }
}

function drawTiles() {
    for (const tile of TILES) {
        const values = trend[tile.of];
        const top = ceiling([values], 1) * 1.1;
        tile.value.textContent = latest(tile.of) === null ? '–' : tile.as(latest(tile.of));
        tile.small.textContent = tile.note();
        tile.area.setAttribute('d', area(values, top, 100, 26));
        tile.line.setAttribute('d', path(values, top, 100, 26));
    }
}

/* ---- charts ---- */

const CHARTS = [
    { title: 'Connections', as: count, least: 10, lines: [['connections', 'connections'], ['subscriptions', 'subscriptions'], ['streams', 'streams']] },
    { title: 'Events and deliveries a second', as: count, least: 10, lines: [['deliveries', 'deliveries'], ['events', 'events']] },
    { title: 'Latency: row written to socket', as: micros, least: 1000, lines: [['socket_p50_us', 'p50'], ['socket_p95_us', 'p95'], ['socket_p99_us', 'p99']] },
    { title: 'Waiting for clients', as: bytes, least: 10_000, lines: [['queue_bytes', 'queues']] },
    { title: 'Outbox', as: bytes, least: 100_000, lines: [['outbox_bytes', 'on disk']] },
    { title: 'Refused a second', as: count, least: 5, lines: [['refused', 'connections'], ['rejected', 'subscriptions']] },
];
const CLASSES = ['one', 'two', 'three'];
const WIDTH = 600;
const HEIGHT = 120;

function makeChart(chart) {
    chart.marked = null; // samples before the newest that is pointed at
    chart.area = svg('path', { class: 'area' });
    chart.mark = svg('path', { class: 'mark' });
    chart.paths = chart.lines.map((_, i) => svg('path', { class: `line ${CLASSES[i]}` }));
    chart.top = element('span', { class: 'top', 'aria-hidden': 'true' });
    chart.from = element('span');
    chart.to = element('span');
    chart.svg = svg('svg', { viewBox: `0 0 ${WIDTH} ${HEIGHT + 1}`, preserveAspectRatio: 'none', role: 'img', tabindex: '0' },
        svg('path', { class: 'rule', d: `M0 ${HEIGHT}H${WIDTH}M0 0.5H${WIDTH}M0 ${HEIGHT / 2}H${WIDTH}` }), chart.area, ...chart.paths, chart.mark);
    chart.values = chart.lines.map(() => element('b'));
    chart.rows = element('tbody');
    chart.details = element('details', {}, element('summary', {}, 'As a table'),
        element('table', {}, element('caption', {}, `${chart.title}, of the last ten minutes`),
            element('thead', {}, element('tr', {}, element('th', { scope: 'col' }, 'Time'),
                ...chart.lines.map(([, name]) => element('th', { scope: 'col', class: 'number' }, name)))), chart.rows));
    chart.legend = element('ul', { class: 'legend' },
        ...chart.lines.map(([, name], i) => element('li', {}, svg('svg', { 'aria-hidden': 'true' },
            svg('path', { class: `line ${CLASSES[i]}`, d: 'M0 4H18' })), `${name} `, chart.values[i])));
    $('charts').append(element('section', { class: 'card chart', 'aria-label': chart.title },
        element('h2', {}, chart.title), chart.legend, element('div', { class: 'plot' }, chart.svg, chart.top),
        element('div', { class: 'axis', 'aria-hidden': 'true' }, chart.from, chart.to), chart.details));
    chart.svg.addEventListener('pointermove', (event) => {
        const box = chart.svg.getBoundingClientRect();
        markChart(chart, Math.round((1 - (event.clientX - box.left) / box.width) * (span() - 1)));
    });
    chart.svg.addEventListener('pointerleave', () => markChart(chart, null));
    chart.svg.addEventListener('blur', () => markChart(chart, null));
    chart.svg.addEventListener('keydown', (event) => {
        const step = { ArrowLeft: 10, ArrowRight: -10, Home: SAMPLES, End: -SAMPLES }[event.key];
        if (step) {
            event.preventDefault();
            markChart(chart, (chart.marked ?? 0) + step);
        }
    });
    chart.details.addEventListener('toggle', () => tabulate(chart));
}

function markChart(chart, back) {
    chart.marked = back === null ? null : Math.max(0, Math.min(back, trend.at_ms.length - 1));
    drawChart(chart);
}

function tabulate(chart) {
    const every = 30;
    const rows = [];
    for (let i = trend.at_ms.length - 1; chart.details.open && i >= 0; i -= every) {
        rows.push(element('tr', {}, element('th', { scope: 'row' }, clock(trend.at_ms[i])),
            ...chart.lines.map(([name]) => element('td', { class: 'number' }, chart.as(trend[name][i])))));
    }
    chart.rows.replaceChildren(...rows);
}

function drawChart(chart) {
    const lists = chart.lines.map(([name]) => trend[name]);
    const top = ceiling(lists, chart.least);
    const length = trend.at_ms.length;
    const at = length - 1 - (chart.marked ?? 0);
    chart.paths.forEach((line, i) => line.setAttribute('d', path(lists[i], top, WIDTH, HEIGHT)));
    chart.area.setAttribute('d', area(lists[0], top, WIDTH, HEIGHT));
    chart.mark.setAttribute('d', chart.marked === null ? '' : `M${x(at, length, WIDTH).toFixed(1)} 0V${HEIGHT}`);
    chart.values.forEach((value, i) => (value.textContent = lists[i].length ? chart.as(lists[i][at]) : '–'));
    chart.top.textContent = chart.as(top);
    chart.from.textContent = `${seconds(span())} ago`;
    chart.to.textContent = chart.marked === null ? 'now' : `at ${clock(trend.at_ms[at])}`;
    chart.svg.setAttribute('aria-label', `${chart.title}, up to ten minutes; ${chart.to.textContent}: ${
        chart.lines.map(([, name], i) => `${name} ${chart.values[i].textContent}`).join(', ')}; arrow keys go back and forth`);
}

/* ---- lists ---- */

function cells(...values) {
    return values.map((value) => (value instanceof Node ? value : element('td', {}, value)));
}

const number = (value) => element('td', { class: 'number' }, value);

const tail = { next: 0, held: false, filter: '' };

function drawTail({ events, next, left_out: leftOut }) {
    tail.next = next;
    if (tail.held) {
        return;
    }
    const rows = events.map((event) => element('tr', {}, ...cells(clockOfRow(event.at_ms), event.event || '(a value)', event.stream,
        number(plain.format(event.bytes)), event.trace)));
    if (leftOut > 0) {
        rows.unshift(element('tr', {}, element('td', { colspan: '5', class: 'quiet' }, `${plain.format(leftOut)} more are not listed`)));
    }
    $('tail-rows').prepend(...rows.reverse());
    while ($('tail-rows').rows.length > TAIL_ROWS) {
        $('tail-rows').lastChild.remove();
    }
    $('tail-empty').hidden = $('tail-rows').rows.length > 0;
}

function emptyTail() {
    tail.next = 0;
    $('tail-rows').replaceChildren();
    $('tail-empty').hidden = false;
}

function drawBusiest({ events, since_ms: since, streams }) {
    $('busy-note').textContent = events > 0 ? `${plain.format(events)} events in ${seconds(since / 1000)}` : 'no events in the last minute';
    $('busy-rows').replaceChildren(...streams.map((stream) => {
        const width = `${(100 * stream.events) / streams[0].events}%`;
        return element('tr', {}, element('td', { class: 'share code' }, stream.stream,
            svg('svg', { 'aria-hidden': 'true' }, svg('rect', { width, height: '100%', rx: 3 }))),
        number(plain.format(stream.events)), number(bytes(stream.bytes)));
    }));
}

function drawPostgres(stats) {
    const notify = metric(stats, 'pgcable_notify_queue_ratio');
    const facts = [
        ['Connected', stats.ready ? 'yes, and reading' : 'not ready'],
        ['Last answer', stats.answered_ms < 0 ? 'none yet' : `${fine.format(stats.answered_ms / 1000)} s ago`],
        ['Tick', plain.format(metric(stats, 'pgcable_feed_tick'))],
        ['Writers', metric(stats, 'pgcable_feed_asleep') ? 'ring at each commit' : 'write silently, the daemon is awake'],
        ['Capturing', stats.pause || 'yes'],
        ['Outbox', bytes(metric(stats, 'pgcable_outbox_bytes'))],
        ['Oldest row', seconds(metric(stats, 'pgcable_outbox_age_seconds'))],
        ['Ticks kept', plain.format(metric(stats, 'pgcable_outbox_ticks'))],
        ['Queue of NOTIFY', `${fine.format(notify * 100)} % full`],
        ['Connected again', `${plain.format(metric(stats, 'pgcable_feed_reconnects_total'))} times`],
        ['Complaints', plain.format(metric(stats, 'pgcable_feed_complaints_total'))],
    ];
    $('pg').replaceChildren(...facts.flatMap(([name, value]) => [element('dt', {}, name), element('dd', {}, value)]));
}

const REFUSALS = {
    pgcable_ws_refused_total: 'connection refused',
    pgcable_ws_ended_total: 'connection ended',
    pgcable_rate_limited_total: 'connection ended',
    pgcable_rights_ended_total: 'right ended',
    pgcable_subscriptions_rejected_total: 'subscription rejected',
    pgcable_admin_refused_total: 'admin request refused',
};
const atOpening = new Map();

function drawRefusals(stats) {
    const reasons = [];
    for (const [name, what] of Object.entries(REFUSALS)) {
        for (const [labels, times] of Object.entries(stats.metrics[name] ?? {})) {
            const key = `${stats.started_at} ${name} ${labels}`;
            if (!atOpening.has(key)) {
                atOpening.set(key, times);
            }
            if (times > 0) {
                const reason = /"(.*)"/.exec(labels)?.[1].replaceAll('_', ' ') ?? 'commands too fast';
                reasons.push({ what, reason, times, more: times - atOpening.get(key) });
            }
        }
    }
    reasons.sort((a, b) => b.more - a.more || b.times - a.times);
    $('reason-rows').replaceChildren(...reasons.map(({ what, reason, times, more }) =>
        element('tr', {}, ...cells(what, reason, number(plain.format(times)), number(more > 0 ? `+${plain.format(more)}` : '')))));
    if (reasons.length === 0) {
        $('reason-rows').append(element('tr', {}, element('td', { colspan: '4', class: 'quiet' }, 'None.')));
    }
    $('refusal-rows').replaceChildren(...stats.refusals.slice(0, 20).map(({ at_ms: at, who, conn, why }) =>
        element('tr', {}, element('td', { class: 'time' }, clock(at)), element('td', { class: 'code' }, who),
            ...cells(conn > 0 ? `${conn}` : '', why.replace(/ \(0 more( refused)?\)$/, '')))));
    if (stats.refusals.length === 0) {
        $('refusal-rows').append(element('tr', {}, element('td', { colspan: '4', class: 'quiet' }, 'None.')));
    }
}

/* ---- the state of it all ---- */

// Said again only when it changes, or a screen reader would hear it each second.
function say(kind, text) {
    if ($('state').textContent !== text) {
        $('state').className = `state ${kind}`;
        $('state').textContent = text;
    }
}

function draw(stats) {
    takeTrend(stats);
    $('version').textContent = stats.version;
    $('uptime').textContent = seconds(stats.uptime_s);
    if (!stats.ready) {
        say('broken', `Not ready: ${stats.why}`);
    } else if (stats.pause) {
        say('broken', `${stats.pause}: changes are dropped`);
    } else {
        say('good', 'Ready');
    }
    document.title = stats.ready ? 'pgcable' : 'not ready – pgcable';
    drawTiles();
    CHARTS.forEach(drawChart);
    drawTail(stats.tail);
    drawBusiest(stats.busiest);
    drawPostgres(stats);
    drawRefusals(stats);
    $('main').classList.remove('stale');
}

function askForToken(wrong) {
    $('login').hidden = false;
    $('main').hidden = true;
    $('login-error').textContent = wrong ? 'That is not the token.' : '';
    say('unknown', 'Waiting for the token');
    $('token').focus();
}

/* ---- asking ---- */

let asked = 0;

async function ask() {
    const mine = ++asked;
    const token = sessionStorage.getItem(TOKEN);
    const params = new URLSearchParams({ trend: trend.next, tail: tail.next, filter: tail.filter });
    const response = await fetch(`stats.json?${params}`, {
        headers: token ? { Authorization: `Bearer ${token}` } : {},
        signal: AbortSignal.timeout(PATIENCE_MS),
    });
    if (response.status === 401) {
        sessionStorage.removeItem(TOKEN);
        askForToken(token !== null);
        return false;
    }
    if (!response.ok) {
        throw new Error(await response.text());
    }
    const stats = await response.json();
    if (mine === asked) { // else somebody has asked again meanwhile
        $('login').hidden = true;
        $('main').hidden = false;
        draw(stats);
    }
    return true;
}

let timer = null;
let paused = false;

async function turn() {
    let goesOn = true;
    clearTimeout(timer);
    try {
        goesOn = await ask();
    } catch (error) {
        say('unknown', `No answer: ${error.message}`);
        $('main').classList.add('stale');
    }
    clearTimeout(timer);
    if (goesOn && !paused && !document.hidden) {
        timer = setTimeout(turn, TICK_MS);
    }
}

function toggle(button, pressed, [off, on]) {
    button.setAttribute('aria-pressed', pressed);
    button.textContent = pressed ? on : off;
}

function start() {
    makeTiles();
    CHARTS.forEach(makeChart);
    $('pause').addEventListener('click', () => {
        paused = !paused;
        toggle($('pause'), paused, ['Pause', 'Go on']);
        turn();
    });
    $('hold').addEventListener('click', () => {
        tail.held = !tail.held;
        toggle($('hold'), tail.held, ['Hold', 'Let go']);
    });
    $('filter').addEventListener('input', () => {
        tail.filter = $('filter').value.trim();
        emptyTail();
        turn();
    });
    $('login').addEventListener('submit', (event) => {
        event.preventDefault();
        sessionStorage.setItem(TOKEN, $('token').value.trim());
        $('token').value = '';
        turn();
    });
    document.addEventListener('visibilitychange', () => !document.hidden && turn());
    turn();
}

start();
