"""Counts of the product's code: python tests/benchmarks/house.py [ROOT]

Prints modules per folder, lines per module, importers per module, import cycles, and the share of
relative words in docstrings. ROOT is any checkout; without it, the one that holds this file.
"""

import ast
import re
import statistics
import sys
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path

PACKAGES = ("core", "training", "synchformer_gui")
RELATIVE_WORDS = frozenset({"what", "which", "that", "where", "whose"})
N_LARGEST = 5

_WORD = re.compile(r"[A-Za-z']+")

Importers = Mapping[str, frozenset[str]]
"""Modules by name, each with the modules that import it."""


def modules_of(folder: Path) -> list[Path]:
    """Python files below a folder, without `__init__.py`."""
    return sorted(path for path in folder.rglob("*.py") if path.name != "__init__.py")


def n_lines(path: Path) -> int:
    """Number of lines, blank ones and comments included."""
    return len(path.read_text(encoding="utf-8").splitlines())


def docstrings_of(path: Path) -> Iterator[tuple[int, str]]:
    """Docstrings with their line numbers, those below attributes included."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        match node:
            case ast.Expr(value=ast.Constant(value=str() as text)):
                yield node.lineno, text


def relative_words_per_1000(folder: Path) -> float:
    """Relative words per 1,000 words of all docstrings below a folder."""
    words = [
        word.lower()
        for path in folder.rglob("*.py")
        for _, text in docstrings_of(path)
        for word in _WORD.findall(text)
    ]
    return 1000 * sum(word in RELATIVE_WORDS for word in words) / max(len(words), 1)


def importers(root: Path) -> Importers:
    """Who imports each module of the product, imports for type checking included."""
    names = {
        ".".join(path.relative_to(root).with_suffix("").parts): path
        for package in PACKAGES
        for path in modules_of(root / package)
    }
    found: dict[str, set[str]] = {name: set() for name in names}
    for name, path in names.items():
        for imported in _imported_names(path):
            if imported in found and imported != name:
                found[imported].add(name)
    return {name: frozenset(others) for name, others in found.items()}


def _imported_names(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        match node:
            case ast.Import(names=names):
                yield from (one.name for one in names)
            case ast.ImportFrom(module=str() as module, names=names):
                yield module
                yield from (f"{module}.{one.name}" for one in names)


def cycles(by_module: Importers) -> list[list[str]]:
    """Groups of modules that import each other, directly or through others."""
    reachable = {name: _reachable_from(name, by_module) for name in by_module}
    groups = {
        frozenset(other for other in reached if name in reachable[other])
        for name, reached in reachable.items()
        if name in reached
    }
    return sorted(sorted(group) for group in groups)


def _reachable_from(name: str, by_module: Importers) -> set[str]:
    reached: set[str] = set()
    waiting = list(by_module[name])
    while waiting:
        current = waiting.pop()
        if current not in reached:
            reached.add(current)
            waiting.extend(by_module[current])
    return reached


def modules_per_folder(root: Path) -> Counter[str]:
    """Number of modules that lie directly in each folder."""
    return Counter(
        str(path.parent.relative_to(root))
        for package in PACKAGES
        for path in modules_of(root / package)
    )


def report(root: Path) -> Iterator[str]:
    """Lines of the report on a checkout."""
    for package in PACKAGES:
        yield from _report_package(root / package)
    by_module = importers(root)
    n_product = sum(
        n_lines(path) for package in PACKAGES for path in (root / package).rglob("*.py")
    )
    yield f"all: {len(by_module)} modules, {n_product} lines"
    n_single = sum(len(others) == 1 for others in by_module.values())
    yield f"  modules with a single importer: {n_single}"
    yield f"  largest folders: {_listed(modules_per_folder(root))}"
    found = cycles(by_module)
    yield f"  import cycles: {len(found)}"
    for group in found:
        yield f"    {' <-> '.join(group)}"


def _report_package(folder: Path) -> Iterator[str]:
    sizes = Counter({str(p.relative_to(folder.parent)): n_lines(p) for p in modules_of(folder)})
    yield f"{folder.name}: {len(sizes)} modules, median {statistics.median(sizes.values()):g} lines"
    yield f"  largest modules: {_listed(sizes)}"
    yield f"  relative words per 1,000 of docstrings: {relative_words_per_1000(folder):.1f}"


def _listed(counts: Counter[str]) -> str:
    return ", ".join(f"{name} {count}" for name, count in counts.most_common(N_LARGEST))


def main() -> None:
    """Print the report on the checkout that the command line names."""
    root = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parents[2]
    for line in report(root.resolve()):
        sys.stdout.write(f"{line}\n")


if __name__ == "__main__":
    main()
