"""Draw docs/rooms.svg, the library's rooms and what each imports, from the code: `make picture`.

A room stands one floor above the highest room that it imports. Its line leaves its box and runs
down a lane of its own, with a dot on the level of each room that it imports: no line can run up.
"""

import ast
import sys
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import FancyBboxPatch
from matplotlib.textpath import TextPath

from nodules.base import closure
from nodules.report import plotting

TARGET = Path(__file__).with_name("rooms.svg")
COLOURS = (*plotting.CYCLE[:-1], plotting.GREY)  # of the lanes, by turns

# In inches: a row a room, its box, then the lanes; a title above.
ROW, HEIGHT, LANE, FIRST_LANE = 0.5, 0.39, 0.24, 0.4
LEFT, TOP, EDGE = 0.72, 0.66, 0.12
NAME, PURPOSE = 0.12, 1.16  # where a box's texts begin
OUT, IN = 0.09, -0.07  # where lines leave a box and reach it, above and below its middle
SMALL = 7.8  # points
SAID = "Follow a room's line: at each dot it imports the room at the arrow's end. No line runs up."


def room(path: Path) -> str:
    """The room of a library file: its folder, or the front door for files in none."""
    parts = path.relative_to(closure.LIBRARY).parts
    return parts[0] if len(parts) > 1 else "cli"


def rooms() -> dict[str, set[str]]:
    """The rooms that each room imports, itself left out."""
    found: dict[str, set[str]] = {}
    for path in closure.LIBRARY.rglob("*.py"):
        own = found.setdefault(room(path), set())
        own |= {room(other) for other in closure.modules_in(path)} - {room(path)}
    return found


def purpose(name: str) -> str:
    """A room's one line: the first of the docstring of its package, or of its only module."""
    folder = closure.LIBRARY / name
    file = folder / "__init__.py" if folder.is_dir() else folder.with_suffix(".py")
    text = ast.get_docstring(ast.parse(file.read_text())) or ""
    return text.partition("\n")[0].rstrip(".").replace("`", "")


def floors(imports: dict[str, set[str]]) -> dict[str, int]:
    """Each room's floor, from 0 on; ValueError where rooms import each other in a circle."""
    built: dict[str, int] = {}
    while len(built) < len(imports):
        ready = [name for name in imports if name not in built and imports[name] <= set(built)]
        if not ready:
            raise ValueError(f"in a circle: {sorted(set(imports) - set(built))}")
        built |= {n: max((built[m] + 1 for m in imports[n]), default=0) for n in ready}
    return built


@plotting.styled
def draw() -> Figure:
    """The rooms by floor, the highest on top, and their imports as lines that run down."""
    imports = rooms()
    floor = floors(imports)
    # Of one floor, what imports more stands higher.
    order = sorted(imports, key=lambda name: (-floor[name], -len(imports[name]), name))
    middle = {name: EDGE + ROW * (len(order) - i - 0.5) for i, name in enumerate(order)}
    wall = LEFT + PURPOSE + max(_width(purpose(name)) for name in order) + 2 * NAME
    importing = [name for name in reversed(order) if imports[name]]
    lane = {name: wall + FIRST_LANE + LANE * i for i, name in enumerate(importing)}
    axes = _canvas(max(lane.values()) + FIRST_LANE, EDGE + ROW * len(order) + TOP)
    for level in range(max(floor.values()) + 1):
        _floor(axes, level, [middle[name] for name in order if floor[name] == level])
    for name in order:
        _box(axes, name, middle[name], wall)
        users = [lane[other] for other in importing if name in imports[other]]
        if users:
            _arrow(axes, middle[name] + IN, wall, max(users))
    for i, name in enumerate(reversed(importing)):
        targets = [middle[other] + IN for other in order if other in imports[name]]
        _line(axes, (wall, middle[name] + OUT), lane[name], targets, COLOURS[i % len(COLOURS)])
    return axes.figure


def _width(text: str) -> float:
    """Inches that a purpose takes."""
    return float(TextPath((0, 0), text, size=SMALL).get_extents().width) / 72


def _canvas(width: float, height: float) -> Axes:
    """A figure whose data units are inches, with the title."""
    axes = Figure(figsize=(width, height)).add_axes((0, 0, 1, 1))
    axes.set(xlim=(0, width), ylim=(0, height))
    axes.set_axis_off()
    title = {"fontsize": 12, "fontweight": "bold", "va": "center"}
    axes.text(LEFT, height - 0.22, "The rooms of workflow/nodules", **title)
    axes.text(LEFT, height - 0.47, SAID, fontsize=SMALL, color="0.3", va="center")
    return axes


def _floor(axes: Axes, level: int, heights: list[float]) -> None:
    """A band behind the rooms of one floor, with its number."""
    low, high = min(heights) - ROW / 2, max(heights) + ROW / 2
    axes.axhspan(low, high, color="1" if level % 2 else "0.95", linewidth=0, zorder=0)
    place = {"ha": "right", "va": "center", "color": "0.4", "fontsize": SMALL}
    axes.text(LEFT - 0.13, (low + high) / 2, f"floor {level}", **place)


def _box(axes: Axes, name: str, y: float, wall: float) -> None:
    """A room's box with its name and purpose; wall: its right side."""
    style = {"boxstyle": "round,pad=0,rounding_size=0.06", "edgecolor": "0.35", "linewidth": 0.9}
    corner = (LEFT, y - HEIGHT / 2)
    box = FancyBboxPatch(corner, wall - LEFT, HEIGHT, facecolor="white", zorder=3, **style)
    axes.add_patch(box)
    text = {"va": "center_baseline", "zorder": 4}
    axes.text(LEFT + NAME, y, name, fontsize=10.5, fontweight="bold", **text)
    axes.text(LEFT + PURPOSE, y, purpose(name), fontsize=SMALL, color="0.2", **text)


def _arrow(axes: Axes, y: float, wall: float, start: float) -> None:
    """The arrow into a room's box, from the farthest lane of a room that imports it."""
    axes.plot([wall, start], [y, y], color="0.6", linewidth=1, zorder=0.9)
    axes.plot(wall + 0.05, y, "<", color="0.6", markersize=4.5, zorder=2)


def _line(
    axes: Axes, start: tuple[float, float], lane: float, targets: list[float], colour: str
) -> None:
    """A room's line out of its box and down its lane, with a dot for each room it imports."""
    wall, y = start
    axes.plot([wall, lane, lane], [y, y, min(targets)], color=colour, zorder=1)
    axes.plot([lane] * len(targets), targets, "o", color=colour, markersize=4.5, zorder=2)


if __name__ == "__main__":
    plotting.save(draw(), [Path(sys.argv[1]) if sys.argv[1:] else TARGET])
