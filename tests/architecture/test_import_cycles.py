"""No file imports itself, directly or through others; imports for types count."""

import grimp
import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components


def cycles(graph):
    """Groups of modules that import each other: strongly connected components."""
    modules = sorted(graph.modules)
    number = {module: i for i, module in enumerate(modules)}
    pairs = [
        (number[module], number[other])
        for module in modules
        for other in graph.find_modules_directly_imported_by(module)
    ]
    links = coo_array(
        (np.ones(len(pairs), bool), np.transpose(pairs)), [len(modules)] * 2
    )
    count, group = connected_components(links, directed=True, connection="strong")
    found = [[m for m, g in zip(modules, group, strict=True) if g == k]
             for k in range(count)]  # fmt: skip
    return [some for some in found if len(some) > 1]


def test_a_cycle_is_found():
    graph = grimp.ImportGraph()
    for importer, imported in ("ab", "bc", "ca", "cd"):
        graph.add_import(importer=importer, imported=imported)
    assert cycles(graph) == [["a", "b", "c"]]


def test_no_file_imports_itself_through_others():
    graph = grimp.build_graph("napari_hqsam", cache_dir=None)
    assert not cycles(graph)
