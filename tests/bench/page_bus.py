# SPDX-License-Identifier: PostgreSQL
"""What tests/bench/bus found."""
import plot
from figures import choose, column, extent, keys, middle, slope, spread, table


def bus(lines, draw):
    roles = ('edge', 'all')
    rows, subscribe = choose(lines, kind='rows'), choose(lines, kind='subscribe')
    if not rows:
        return
    yield ('The load average of the machine was '
           f'{" – ".join(f"{value:.1f}" for value in extent(rows, "load"))} meanwhile.')
    yield ''
    cost, shares = {}, []
    base = {line['turn']: line for line in choose(rows, role='edge', daemons=1)}
    for count in keys(rows, 'daemons'):
        at = {role: choose(rows, role=role, daemons=count) for role in roles}
        joined = {role: choose(subscribe, role=role, daemons=count) for role in roles}
        ratio = [line['sessions_us'] / base[line['turn']]['sessions_us'] for line in at['edge']
                 if line['turn'] in base]
        for role, name in zip(roles, ('edges', 'role = all')):
            cost.setdefault(name, []).append((count, middle(at[role], 'sessions_us') / 1000))
        shares.append((
            count, *(thousandfold(at[role], 'statements', 1) for role in roles),
            *(thousandfold(at[role], 'sessions_us', 1000) for role in roles),
            spread(ratio, '{:.2f}') if ratio else '-',
            *(thousandfold(joined[role], 'statements', 1) for role in roles),
            *(thousandfold(joined[role], 'sessions_us', 1000) for role in roles)))
    yield 'What PostgreSQL does for them:'
    yield ''
    yield from table(('edges, or daemons', 'statements per 1,000 rows, edges', 'role = all',
                      'ms of processor time per 1,000 rows, edges', 'role = all', '× one edge',
                      'statements per 1,000 subscriptions, edges', 'role = all',
                      'ms per 1,000 subscriptions, edges', 'role = all'), shares)
    yield from draw('bus', plot.lines, 'What reading takes of PostgreSQL', 'edges, or daemons',
                    'ms per 1,000 rows', cost)
    yield from bus_latency(rows)
    yield from bus_hops(lines)


def thousandfold(lines, name, unit):
    return spread([line[name] * 1000 / unit for line in lines], '{:,.0f}')


def bus_latency(rows):
    found = []
    for count in keys(rows, 'daemons'):
        own = choose(rows, daemons=count)
        through = {line['turn']: line for line in choose(own, role='edge')}
        straight = [line for line in choose(own, role='all') if line['turn'] in through]
        for p in ('p50_ms', 'p99_ms'):
            added = [through[line['turn']][p] - line[p] for line in straight]
            found.append((count, p[:3], *(column(choose(own, role=role), p, '{:.1f}')
                                          for role in ('edge', 'all')), spread(added, '{:+.1f}')))
    yield 'From when a row is written until its clients have it:'
    yield ''
    yield from table(('edges, or daemons', '', 'ms, edges', 'role = all', 'more in the same turn'),
                     found)


def bus_hops(lines):
    """µs of each process for a row."""
    hops = ('sessions', 'feed', 'nats', 'edge', 'all')

    def cells(own):
        return (*(column(own, f'{hop}_us', '{:.1f}') for hop in hops),
                *(column(own, f'{hop}_thread_us', '{:.1f}') for hop in ('feed', 'edge')),
                column(own, 'ticks', '{:.3f}'), column(own, 'bytes'))

    rated = choose(lines, kind='rate')
    found = [(f'{rate:,}', role, *(column(own, name) for name in (
        'per_s', 'behind_ms', 'p50_ms', 'p99_ms')), *cells(own))
             for rate in keys(rated, 'rate') for role in keys(rated, 'role')
             for own in [choose(rated, rate=rate, role=role)]]
    pile = choose(lines, kind='pile')
    if pile:
        found.append(('a pile', 'edge', column(pile, 'per_s'), '-', '-', '-', *cells(pile)))
    yield 'One edge, or one daemon, µs of processor time for a row:'
    yield ''
    yield from table(('rows/s wanted', 'role', 'rows/s that came through', 'behind at the end, ms',
                      'to the client, p50 ms', 'p99 ms', 'PostgreSQL', 'feed', 'nats-server',
                      'edge', 'role = all', 'busiest thread of the feed', 'of the edge',
                      'ticks for a row', 'bytes of a row in the stream'), found)
    edges = choose(lines, kind='rows', role='edge')
    if len(keys(edges, 'daemons')) > 1:
        base, each = slope([(line['daemons'], line['nats_us'] / line['ticks']) for line in edges])
        yield (f'By the number of edges nats-server takes {base:.0f} µs for a tick, and {each:.0f} '
               f'more for each edge (least squares, {edges[0]["rate"]} rows a second).')
        yield ''
    yield from bus_viewers(choose(lines, kind='viewers'))
    yield from bus_takeover(choose(lines, kind='takeover'))


def bus_viewers(lines):
    told, idle = [line for line in lines if line['viewers'] > 0], choose(lines, viewers=0)
    if not told or not idle:
        return
    yield from table(
        ('members that listen to their own stream', *(f'µs of {name} a second' for name in (
            'PostgreSQL', 'the feed', 'nats-server', 'the edge')), 'MiB of the feed', 'of the edge'),
        [(f'{own[0]["viewers"]:,}', *(column(own, f'{hop}_us') for hop in (
            'sessions', 'feed', 'nats', 'edge')), *(f'{middle(own, name) / 2**20:.1f}'
            for name in ('feed_memory', 'edge_memory'))) for own in (idle, told)])
    count = told[0]['viewers']
    more = {name: middle(told, name) - middle(idle, name) for name in (
        'feed_us', 'feed_memory', 'edge_us')}
    yield (f'For each of them the edge takes {more["edge_us"] / count:.2f} µs a second, its pings '
           f'included, and the feed, which is told of all of them every 10 s, '
           f'{more["feed_us"] * 10 / count:.2f} µs each time, and {more["feed_memory"] / count:.0f} '
           'bytes.')
    yield ''


def bus_takeover(lines):
    if not lines:
        return
    yield (f'The feed that leads is killed (SIGKILL) {len(lines)} times while {lines[0]["rate"]} rows a '
           'second are written: what waited longest for the other one was with its clients after '
           f'{column(lines, "max_ms")} ms.')
    yield ''
