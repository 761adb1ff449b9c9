from __future__ import annotations

from hpsearch.data.names import did_you_mean, listed


def test_only_the_first_of_many_names_are_listed():
    assert listed(["a", 1]) == "'a', 1"
    assert listed(range(12), most=3) == "0, 1, 2, ... (12 in all)"


def test_the_nearest_name_is_proposed_whatever_its_case():
    assert did_you_mean("LABLE", ["age", "Label"]) == " (did you mean 'Label'?)"
    assert did_you_mean("label", ["age", "height"]) == ""
