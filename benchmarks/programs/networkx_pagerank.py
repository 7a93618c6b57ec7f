# SPDX-License-Identifier: Apache-2.0
"""Pagerank, betweenness and components of a random graph of NODES nodes with networkx.

Pagerank is the one in Python that networkx keeps beside that of scipy.
"""

import sys

import networkx
from networkx.algorithms.link_analysis.pagerank_alg import _pagerank_python

nodes = int(sys.argv[1])
graph = networkx.barabasi_albert_graph(nodes, 4, seed=1)
rank = _pagerank_python(graph)
print([(node, round(value, 9)) for node, value in
       sorted(rank.items(), key=lambda item: -item[1])[:10]])
between = networkx.betweenness_centrality(graph, k=20, seed=2)
print(round(sum(between.values()), 9))
print(len(list(networkx.connected_components(graph))), networkx.core_number(graph)[0])
print(len(networkx.shortest_path(graph, 0, nodes - 1)))
