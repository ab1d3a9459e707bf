"""Tables in Markdown, so that they can go into docs/ as they are."""


def rate(value):
    """Three significant digits: 1,740,000."""
    digits = len(str(int(value)))
    return f"{int(round(value, min(0, 3 - digits))):,}"


def time(us):
    return f"{us / 1000:.1f} ms" if us >= 1000 else f"{us:.0f} µs"


def markdown(title, columns, rows):
    """`rows` are a name and a cell for each column."""
    lines = [f"| {title} | " + " | ".join(columns) + " |"]
    lines.append("| --- " * (len(columns) + 1) + "|")
    lines += [f"| {name} | " + " | ".join(cells) + " |" for name, *cells in rows]
    return "\n".join(lines) + "\n"
