"""Differences of inputs, as azure-native finds them."""

from typing import Any

import pytest

from cse_component.testing.input_diff import differences


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ({"a": {"b": 1}}, {"a": {"b": 1}}, {}),
        ({"a": {"b": 1}}, {"a": {"b": 2, "c": 3}}, {"a.b": "update", "a.c": "add"}),
        ({"a": {"b": 1}}, {}, {"a": "delete"}),
        ({"f": ["x", "y"]}, {"f": ["x", "z"]}, {"f[1]": "update"}),
        ({"f": ["x", "y"]}, {"f": ["y"]}, {"f[0]": "update", "f[1]": "delete"}),
        ({"f": []}, {"f": [{"g": 1}]}, {"f[0]": "add"}),
        ({"f": [{"g": 1}]}, {"f": [{"g": 2}]}, {"f[0].g": "update"}),
        ({"a": 1}, {"a": True}, {"a": "update"}),
        ({"a": None}, {"a": {}}, {"a": "update"}),
        ({"__defaults": ["a"]}, {"__defaults": []}, {}),
        ({"tags": {"cost center": "1"}}, {"tags": {"cost center": "2"}}, {'tags["cost center"]': "update"}),
        ({"location": "West Europe"}, {"location": "westeurope"}, {}),
        ({"location": "westeurope"}, {"location": "northeurope"}, {"location": "update"}),
        ({"resourceGroupName": "RG"}, {"resourceGroupName": "rg"}, {}),
        ({"vmName": "VM"}, {"vmName": "vm"}, {"vmName": "update"}),
        ({"settings": {"location": "A"}}, {"settings": {"location": "a"}}, {"settings.location": "update"}),
    ],
)
def test_finds_the_changed_leaves(old: dict[str, Any], new: dict[str, Any], expected: dict[str, str]) -> None:
    """Paths down to the leaf, arrays by position, case only where it counts."""
    assert differences(old, new) == expected
