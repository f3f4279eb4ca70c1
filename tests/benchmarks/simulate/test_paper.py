from dataclasses import replace

from tests.benchmarks.simulate.plain import PAPER, blank


def test_ruled_paper_has_lines_across_and_squared_paper_both_ways():
    def lined(kind):
        marked = blank(paper=replace(PAPER, kind=kind, line_width=0.5)) < 220
        return marked.mean(axis=1).max() > 0.9, marked.mean(axis=0).max() > 0.9

    assert lined("plain") == (False, False)
    assert lined("ruled") == (True, False)
    assert lined("squared") == (True, True)
