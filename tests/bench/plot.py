# SPDX-License-Identifier: PostgreSQL
"""plot.py - lines and bars as SVG, for light and dark pages, with the standard library alone."""
import html
import math

WIDTH, HEIGHT = 720, 360
LEFT, RIGHT, TOP, BOTTOM = 64, 150, 44, 48

STYLE = """
  text { font: 12px system-ui, sans-serif; fill: #333 }
  .title { font-size: 14px; font-weight: 600 }
  .grid { stroke: #ddd } .axis { stroke: #888 }
  .line { fill: none; stroke-width: 2 }
  .s0 { stroke: #0072b2; fill: #0072b2 } .s1 { stroke: #d55e00; fill: #d55e00 }
  .s2 { stroke: #009e73; fill: #009e73 } .s3 { stroke: #aa4499; fill: #aa4499 }
  .s4 { stroke: #777777; fill: #777777 } .s5 { stroke: #b8860b; fill: #b8860b }
  .s6 { stroke: #8c564b; fill: #8c564b } .s7 { stroke: #17a2b8; fill: #17a2b8 }
  .line { fill: none } .whisker { stroke: #333 }
  @media (prefers-color-scheme: dark) {
    text { fill: #ddd } .grid { stroke: #3a3a3a } .axis, .whisker { stroke: #aaa }
    .s0 { stroke: #56b4e9; fill: #56b4e9 } .s1 { stroke: #f08a4b; fill: #f08a4b }
    .s2 { stroke: #2fc79b; fill: #2fc79b } .s3 { stroke: #dd88cc; fill: #dd88cc }
    .line { fill: none }
  }"""


def number(value):
    if value >= 1000:
        return f'{value:,.0f}'
    return f'{value:.3g}'


class Axis:
    """From values to pixels, linear from 0 or by powers of ten."""

    def __init__(self, values, first, last, is_log):
        self.first, self.last, self.is_log = first, last, is_log
        if is_log:
            self.low = math.floor(math.log10(min(values)) + 1e-9)
            self.high = max(math.ceil(math.log10(max(values)) - 1e-9), self.low + 1)
            self.ticks = [10.0 ** n for n in range(self.low, self.high + 1)]
        else:
            step = 10.0 ** math.floor(math.log10(max(values)))
            if max(values) / step < 2:
                step /= 5
            elif max(values) / step < 5:
                step /= 2
            self.low, self.high = 0, math.ceil(max(values) / step - 1e-9) * step
            self.ticks = [step * n for n in range(round(self.high / step) + 1)]

    def __call__(self, value):
        at = math.log10(value) if self.is_log else value
        return self.first + (at - self.low) / (self.high - self.low) * (self.last - self.first)


class Plot:
    def __init__(self, title):
        self.parts = []
        self.text(LEFT, 20, title, 'title')

    def text(self, x, y, text, style='', anchor='start'):
        self.parts.append(f'<text x="{x:.1f}" y="{y:.1f}" class="{style}" '
                          f'text-anchor="{anchor}">{html.escape(text)}</text>')

    def rule(self, x1, y1, x2, y2, style):
        self.parts.append(f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" '
                          f'class="{style}"/>')

    def y_axis(self, axis, label):
        for tick in axis.ticks:
            self.rule(LEFT, axis(tick), WIDTH - RIGHT, axis(tick), 'grid')
            self.text(LEFT - 6, axis(tick) + 4, number(tick), anchor='end')
        self.text(LEFT, 36, label)

    def legend(self, names):
        for i, name in enumerate(names):
            y = TOP + 14 + 18 * i
            self.parts.append(f'<rect x="{WIDTH - RIGHT + 12}" y="{y - 10}" width="11" height="11" '
                              f'class="s{i % 8}"/>')
            self.text(WIDTH - RIGHT + 28, y, name)

    def write(self, path):
        body = '\n'.join(self.parts)
        with open(path, 'w', encoding='utf-8') as file:
            file.write(f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" '
                       f'role="img"><style>{STYLE}\n</style>\n{body}\n</svg>\n')


def lines(path, title, x_label, y_label, series, log_x=False, log_y=False):
    """series: name to [(x, y)]."""
    plot = Plot(title)
    points = [point for values in series.values() for point in values]
    x_axis = Axis([x for x, _ in points], LEFT, WIDTH - RIGHT, log_x)
    y_axis = Axis([y for _, y in points], HEIGHT - BOTTOM, TOP, log_y)
    plot.y_axis(y_axis, y_label)
    for tick in x_axis.ticks:
        plot.text(x_axis(tick), HEIGHT - BOTTOM + 18, number(tick), anchor='middle')
    plot.rule(LEFT, HEIGHT - BOTTOM, WIDTH - RIGHT, HEIGHT - BOTTOM, 'axis')
    plot.text((LEFT + WIDTH - RIGHT) / 2, HEIGHT - 8, x_label, anchor='middle')
    for i, values in enumerate(series.values()):
        path_text = ' '.join(f'{x_axis(x):.1f},{y_axis(y):.1f}' for x, y in sorted(values))
        plot.parts.append(f'<polyline points="{path_text}" class="s{i % 8} line"/>')
        for x, y in values:
            plot.parts.append(f'<circle cx="{x_axis(x):.1f}" cy="{y_axis(y):.1f}" r="3" '
                              f'class="s{i % 8}"/>')
    plot.legend(series)
    plot.write(path)


def bars(path, title, y_label, groups, is_stacked=False):
    """groups: label to {name: (least, median, greatest)}; stacked ones have no whiskers."""
    plot = Plot(title)
    names = list(dict.fromkeys(name for bar in groups.values() for name in bar))
    tops = [sum(bar[name][1] for name in bar) if is_stacked else max(v[2] for v in bar.values())
            for bar in groups.values()]
    axis = Axis(tops, HEIGHT - BOTTOM, TOP, False)
    plot.y_axis(axis, y_label)
    room = (WIDTH - RIGHT - LEFT) / len(groups)
    width = room * 0.7 / (1 if is_stacked else len(names))
    for g, (label, bar) in enumerate(groups.items()):
        base = 0
        for i, name in enumerate(names):
            if name not in bar:
                continue
            least, middle, greatest = bar[name]
            x = LEFT + room * (g + 0.15) + (0 if is_stacked else i * width)
            plot.parts.append(f'<rect x="{x:.1f}" y="{axis(base + middle):.1f}" '
                              f'width="{width - 1:.1f}" '
                              f'height="{axis(base) - axis(base + middle):.1f}" class="s{i % 8}"/>')
            if is_stacked:
                base += middle
            elif least < greatest:
                plot.rule(x + width / 2, axis(least), x + width / 2, axis(greatest), 'whisker')
        plot.text(LEFT + room * (g + 0.5), HEIGHT - BOTTOM + 18, label, anchor='middle')
    plot.rule(LEFT, HEIGHT - BOTTOM, WIDTH - RIGHT, HEIGHT - BOTTOM, 'axis')
    plot.legend(names)
    plot.write(path)
