"""A line chart as SVG, for the documentation: no library for one picture."""

import math

WIDTH, HEIGHT, LEFT, RIGHT, TOP, BOTTOM = 720, 360, 70, 30, 40, 60


def curve(title, unit, names, points):
    """A chart of several rates over a size, which is drawn by its logarithm.

    :param names: what the lines are
    :param points: ``[(size, rate of the first line, rate of the second, …)]``
    :return: the text of an SVG file
    """
    low, high = (math.log10(points[place][0]) for place in (0, -1))
    most = max(max(rates) for _size, *rates in points) * 1.15

    def x(size):
        return LEFT + (math.log10(size) - low) / (high - low) * (WIDTH - LEFT - RIGHT)

    def y(rate):
        return HEIGHT - BOTTOM - rate / most * (HEIGHT - TOP - BOTTOM)

    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" font-family="sans-serif"'
        ' font-size="13" fill="#333">',
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="#fff"/>',
        f'<text x="{LEFT}" y="22" font-size="15">{title}</text>',
    ]
    step = 10 ** math.floor(math.log10(most)) / 2
    for turn in range(int(most / step) + 1):
        rate = turn * step
        parts.append(
            f'<path d="M{LEFT} {y(rate):.1f}H{WIDTH - RIGHT}" stroke="#ddd"/>'
            f'<text x="{LEFT - 8}" y="{y(rate) + 4:.1f}" text-anchor="end">{rate:,.0f}</text>'
        )
    for size, *_rates in points:
        parts.append(
            f'<text x="{x(size):.1f}" y="{HEIGHT - BOTTOM + 20}" text-anchor="middle">{size:,}</text>'
        )
    for place, (name, colour) in enumerate(zip(names, ("#714b67", "#999"), strict=False)):
        spots = [(x(size), y(rates[place])) for size, *rates in points]
        path = " ".join(f"{across:.1f},{down:.1f}" for across, down in spots)
        parts.append(
            f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2.5"/>'
        )
        for (across, down), (_size, *rates) in zip(spots, points, strict=True):
            parts.append(
                f'<circle cx="{across:.1f}" cy="{down:.1f}" r="4" fill="{colour}"/>'
                f'<text x="{across:.1f}" y="{down - 10:.1f}" text-anchor="middle">{rates[place]:,.0f}</text>'
            )
        parts.append(
            f'<text x="{LEFT + place * 220}" y="{HEIGHT - 12}" fill="{colour}">— {name} ({unit})</text>'
        )
    return "\n".join([*parts, "</svg>"]) + "\n"
