"""Options by name, as the library's table of options describes them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from eplb._call import check, to_text
from eplb._eplb import ffi, lib
from eplb.errors import ArgumentTypeError


@dataclass(frozen=True)
class Option:
    """One option. `structure` is "plan", "payback" or "trigger"; `value` is what help calls its value; `default` is
    written as a user writes it; `needs_current`: it matters only where there is a current placement."""

    structure: str
    name: str
    value: str
    help: str
    default: str
    needs_current: bool


def _rows() -> dict[str, dict[str, Any]]:
    rows: dict[str, dict[str, Any]] = {}
    number = 0
    while True:
        row = lib.eplb_option_describe(number)
        if not row:
            return rows
        rows.setdefault(ffi.string(row.structure).decode(), {})[ffi.string(row.name).decode()] = row
        number += 1


_ROWS = _rows()


def prepare(structure: str) -> Any:
    """The C struct with its defaults."""
    options = ffi.new(
        {"plan": "eplb_plan_options_t *", "payback": "eplb_payback_t *", "trigger": "eplb_trigger_t *"}[structure]
    )
    {"plan": lib.eplb_plan_options_init, "payback": lib.eplb_payback_init, "trigger": lib.eplb_trigger_init}[structure](
        options
    )
    return options


def write_option(value: Any) -> str:
    """A value as a user writes it. Python's numbers and numpy's are written in full."""
    if hasattr(value, "item") and not isinstance(value, (str, bool, int, float)):
        value = value.item()
    return repr(value) if isinstance(value, float) else str(value)


def names_of(structure: str, name: str) -> list[str]:
    """The names of an option's values, by number."""
    row = _ROWS[structure][name]
    return [ffi.string(row.names[i]).decode() for i in range(int(row.most) + 1)]


def set_option(structure: str, options: Any, name: str, value: Any) -> None:
    row = _ROWS[structure].get(name)
    if row is None:
        raise ArgumentTypeError(f"there is no option {name}; expected one of {', '.join(_ROWS[structure])}")
    if isinstance(value, bool) or not isinstance(value, (str, int, float)) and not hasattr(value, "item"):
        raise ArgumentTypeError(f"{name} is a {type(value).__name__}; expected a number or a name")
    label, text = to_text(name, "name"), to_text(write_option(value), name)
    check(lib.eplb_option_set(row, options, label, text))


def show_option(structure: str, options: Any, name: str) -> str:
    text = ffi.new("char[]", lib.EPLB_OPTION_TEXT_MAX)
    return ffi.string(lib.eplb_option_show(_ROWS[structure][name], options, text)).decode()


def show_options(structure: str, options: Any) -> dict[str, str]:
    return {name: show_option(structure, options, name) for name in _ROWS[structure]}


def list_options(structure: str = "plan") -> list[Option]:
    """The options that `plan` and `rebalance_experts` ("plan"), `Payback` ("payback") or `Trigger` ("trigger") take by
    keyword. ArgumentTypeError: no such structure."""
    if structure not in _ROWS:
        raise ArgumentTypeError(f"structure is {structure!r}; expected one of {', '.join(_ROWS)}")
    defaults = prepare(structure)
    return [
        Option(
            structure,
            name,
            ffi.string(row.value).decode(),
            ffi.string(row.help).decode(),
            show_option(structure, defaults, name),
            bool(row.needs_current),
        )
        for name, row in _ROWS[structure].items()
    ]
