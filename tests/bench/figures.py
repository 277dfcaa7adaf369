# SPDX-License-Identifier: PostgreSQL
"""Of lines that benchmarks recorded: which, how they spread, and as a table."""
import statistics


def choose(lines, **wanted):
    return [line for line in lines if all(line.get(k) == v for k, v in wanted.items())]


def keys(lines, name):
    """The values of that name, in the order in which they came."""
    return list(dict.fromkeys(line[name] for line in lines if name in line))


def middle(lines, name):
    return statistics.median(line[name] for line in lines)


def extent(lines, name):
    values = [line[name] for line in lines]
    return min(values), statistics.median(values), max(values)


def spread(values, form):
    """min – median – max, or one figure if there is one only."""
    least, median, greatest = min(values), statistics.median(values), max(values)
    if len(values) == 1:
        return form.format(median)
    return ' – '.join(form.format(value) for value in (least, median, greatest))


def column(lines, name, form='{:,.0f}'):
    values = [line[name] for line in lines if name in line]
    return spread(values, form) if values else '-'


def table(heads, rows):
    yield '| ' + ' | '.join(heads) + ' |'
    yield '|' + ' --- |' * len(heads)
    for row in rows:
        yield '| ' + ' | '.join(str(cell) for cell in row) + ' |'
    yield ''


def slope(points):
    """Least squares: y = a + b x."""
    mean_x = statistics.fmean(x for x, _ in points)
    mean_y = statistics.fmean(y for _, y in points)
    b = (sum((x - mean_x) * (y - mean_y) for x, y in points)
         / sum((x - mean_x) ** 2 for x, _ in points))
    return mean_y - b * mean_x, b
